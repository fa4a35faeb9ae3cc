"""Look for people and credentials in what a local stack tells: ``python tools/find_leaks.py [--home .local]``.

Looked at are the logs of all components, tasks and Glue runs, every mail, the quality reports, what the jobs wrote of
each run, and, while the stack's database runs, Airflow's XComs and the check results and audits of the warehouse. What
is looked for comes from the stack itself: the personal columns of every raw file that lies in its lake (which columns
those are, the contracts say), with people's full names; addresses and numbers in the names of these files; and every
password and key that it works with. Names are looked for in any case, telephone numbers in any spelling. Run it with
the Python of ``.venv/local`` after a run; the exit code is 1 when any of them was found, 2 when there was nothing to
look at.
"""

from __future__ import annotations

import argparse
import csv
import email
import email.policy
import gzip
import io
import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins")]

from aws_local.store import ObjectStore  # noqa: E402
from ecommerce_dwh.contracts import SourceContract, load_contracts  # noqa: E402
from ecommerce_dwh.privacy.contact_data import personal_spans  # noqa: E402 - needs the repository on the path
from ecommerce_dwh.settings import load_settings  # noqa: E402
from local.config import LocalConfig, load_config  # noqa: E402

# Shorter values (a first name, a gender, a year) are ordinary words of a log; a leaked row shows by its longer ones.
_SHORTEST = 9
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T].*)?")
# Together they tell a person from others; each alone is an ordinary word.
_NAMES = ("first_name", "last_name")
# A log is cut into pieces at these; people's values are cut the same way, so that each piece is one look-up in a set.
_NUMBER = re.compile(r"\+?[(]?[0-9](?:[-. ()/]{0,3}[0-9]){9,16}")
_PREFIXES = ("", "0", "91", "091", "0091")
_NO_DIGIT = re.compile(r"[^0-9]")
_PIECE = re.compile(r"[^\s\"'<>()\[\]{},;|]+")


@dataclass(frozen=True)
class Leak:
    """A value that must not be where it was found; the value itself is not repeated."""

    place: str
    line: int
    kind: str


def personal_values(contract: SourceContract, text: Iterable[str]) -> set[str]:
    """Values of the contract's personal columns in a CSV file that are long enough to be told from a log's words."""
    columns = {column.name for column in contract.columns if column.pii}
    values: set[str] = set()
    for row in csv.DictReader(text):
        values |= {
            (value or "").strip() for name, value in row.items() if name in columns and isinstance(value, str)
        }
        names = [(row.get(name) or "").strip() for name in _NAMES if name in columns]
        if len(names) == len(_NAMES) and all(names):
            values.add(" ".join(names))
    return {value for value in values if len(value) >= _SHORTEST and not _DATE.fullmatch(value)}


def people(config: LocalConfig) -> set[str]:
    """Personal values of everybody in the stack's raw bucket."""
    contracts = load_contracts(REPO / "include" / "sources")
    bucket = load_settings(os.environ).raw_bucket
    store = ObjectStore(config.aws_dir / "s3", "ap-south-1")
    found: set[str] = set()
    for name, contract in contracts.items():
        for stored in store.scan(bucket, f"{name}/"):
            found |= people_of_name(stored.key)
            if not any(column.pii for column in contract.columns):
                continue
            if stored.key.endswith((".csv", ".csv.gz")):
                body = store.read(bucket, stored.key)
                data = gzip.decompress(body) if stored.key.endswith(".gz") else body
                found |= personal_values(contract, io.StringIO(data.decode("utf-8", "replace")))
    store.close()
    return found


def people_of_name(key: str) -> set[str]:
    """Addresses and numbers in the name of a raw file."""
    name = key.rpartition("/")[2]
    return {name[start:end] for start, end in personal_spans(name)}


def credentials(config: LocalConfig) -> set[str]:
    """Passwords and keys that the stack works with, where they are not an ordinary word."""
    values = {config.redshift_password}
    keys = config.airflow_home / "keys.json"
    if keys.exists():
        values |= {str(value) for value in json.loads(keys.read_text()).values()}
    return {value for value in values if len(value) >= _SHORTEST}


def told(config: LocalConfig) -> Iterator[tuple[str, str]]:
    """What people get to read of a stack, by place: logs, mails, quality reports."""
    for path in sorted(config.logs_dir.rglob("*")):
        if path.is_file():
            yield str(path), path.read_text(encoding="utf-8", errors="replace")
    for path in sorted(config.mail_dir.rglob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
        yield str(path), "\n".join([*(f"{name}: {value}" for name, value in mail.items()), *parts])
    if not (config.aws_dir / "s3").is_dir():
        return
    bucket = load_settings(os.environ).processed_bucket
    store = ObjectStore(config.aws_dir / "s3", "ap-south-1")
    for folder in ("quality/", "runs/"):
        for stored in store.scan(bucket, folder):
            if stored.key.endswith((".json", ".html")):
                yield f"s3://{bucket}/{stored.key}", store.read(bucket, stored.key).decode("utf-8", "replace")
    store.close()


# What people read of the databases: query by place. Airflow shows XComs to whoever may read a DAG.
_AIRFLOW = {
    "XCom": "select concat_ws('/', dag_id, run_id, task_id, key), value::text from xcom",
    "Airflow's audit log": "select event, extra from log where extra is not null",
}
_WAREHOUSE = {
    "check results": "select distinct source || '.' || rule, message from quality.check_results",
    "audits": "select distinct audit, sample from quality.audit_results where sample is not null",
}


def kept(config: LocalConfig) -> Iterator[tuple[str, str]]:
    """What people get to read of a running stack's databases, by place; nothing when they do not run."""
    import psycopg  # late import: drivers that only the environment of a stack has

    from local.postgres import answers, sqlalchemy_url
    from local.stack.summary import connect

    if not answers(config):
        return
    with psycopg.connect(sqlalchemy_url(config, "airflow").replace("+psycopg2", "")) as airflow:
        for place, query in _AIRFLOW.items():
            for number, (name, text) in enumerate(airflow.execute(query).fetchall()):
                yield f"{place} {number} {name}", str(text)
    with socket.socket() as probe:
        probe.settimeout(5)
        if probe.connect_ex((config.host, config.redshift_port)):
            return  # its server is down, or listens on a port that is not the configuration's
    with closing(connect(config)) as warehouse:
        cursor = warehouse.cursor()
        for place, query in _WAREHOUSE.items():
            cursor.execute(query)
            for number, (name, text) in enumerate(cursor.fetchall()):
                yield f"{place} {number} {name}", str(text)


def find_leaks(texts: Iterable[tuple[str, str]], persons: set[str], secrets: set[str]) -> Iterator[Leak]:
    """Where texts, given by their place, hold personal values or credentials."""
    folded = {value.casefold() for value in persons}
    words = {piece for value in folded if len(pieces := _PIECE.findall(value)) == 1 for piece in pieces}
    # Addresses and the like consist of several words: looked for by their longest word, then whole.
    by_word: dict[str, list[str]] = {}
    for value in folded:
        pieces = _PIECE.findall(value)
        if len(pieces) > 1:
            by_word.setdefault(max(pieces, key=len), []).append(value)
    # A number is told by its last ten digits, however the others and the separators are written.
    numbers = {digits[-10:] for value in persons if len(digits := _phone_digits(value)) >= 10}
    for place, text in texts:
        for number, line in enumerate(text.split("\n"), 1):
            if any(secret in line for secret in secrets):
                yield Leak(place, number, "credential")
            if _has_person(line.casefold(), words, by_word, numbers):
                yield Leak(place, number, "personal data")


def _has_person(line: str, words: set[str], by_word: Mapping[str, list[str]], numbers: set[str]) -> bool:
    for piece in _PIECE.findall(line):
        if piece.strip(".:=") in words or any(value in line for value in by_word.get(piece, ())):
            return True
    # Whole numbers only: in a long run of digits, some ten would be somebody's by chance.
    return any(
        digits[-10:] in numbers and digits[:-10] in _PREFIXES
        for found in _NUMBER.finditer(line)
        for digits in [_NO_DIGIT.sub("", found[0])]
    )


def _phone_digits(value: str) -> str:
    """The digits of a value that looks like a telephone number, else none."""
    return _NO_DIGIT.sub("", value) if _NUMBER.fullmatch(value.strip()) else ""


def main(argv: list[str] | None = None) -> int:
    """Look, and say what was looked at."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="the stack's folder (default: DWH_LOCAL_HOME, else .local)")
    options = parser.parse_args(argv)
    config = load_config({**os.environ, "DWH_LOCAL_HOME": str(options.home)} if options.home else os.environ)
    texts = dict(told(config))
    if (config.aws_dir / "s3").is_dir():
        texts |= dict(kept(config))
    persons = people(config) if (config.aws_dir / "s3").is_dir() else set()
    if not texts or not persons:
        print(
            f"Nothing to look at: {len(texts)} texts and {len(persons)} personal values in {config.home}",
            file=sys.stderr,
        )
        return 2
    found = list(find_leaks(texts.items(), persons, credentials(config)))
    for leak in found[:50]:
        print(f"{leak.place}:{leak.line}: {leak.kind}")
    size = sum(map(len, texts.values()))
    print(
        f"{len(found)} leaks; looked for {len(persons):,} personal values in {len(texts)} logs, mails, reports and "
        f"XComs, {size:,} characters"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
