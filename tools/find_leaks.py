"""Look for people and credentials in what a local stack tells: ``python tools/find_leaks.py [--home .local]``.

Looked at are the logs of all components, tasks and Glue runs, every mail, and the quality reports. What is looked for
comes from the stack itself: the personal columns of every raw file that lies in its lake (which columns those are, the
contracts say), and every password and key that it works with. Run it with the Python of ``.venv/local`` after a run;
the exit code is 1 when any of them was found, 2 when there was nothing to look at.
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
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins")]

from ecommerce_dwh.contracts import SourceContract, load_contracts  # noqa: E402 - needs the repository on the path
from ecommerce_dwh.settings import load_settings  # noqa: E402
from local.aws.store import ObjectStore  # noqa: E402
from local.config import LocalConfig, load_config  # noqa: E402

# Shorter values (a first name, a gender, a year) are ordinary words of a log; a leaked row shows by its longer ones.
_SHORTEST = 9
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T].*)?")
# A log is cut into pieces at these; people's values are cut the same way, so that each piece is one look-up in a set.
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
    return {value for value in values if len(value) >= _SHORTEST and not _DATE.fullmatch(value)}


def people(config: LocalConfig) -> set[str]:
    """Personal values of everybody in the stack's raw bucket."""
    contracts = load_contracts(REPO / "include" / "sources")
    bucket = load_settings(os.environ).raw_bucket
    store = ObjectStore(config.aws_dir / "s3", "ap-south-1")
    found: set[str] = set()
    for name, contract in contracts.items():
        if not any(column.pii for column in contract.columns):
            continue
        for stored in store.scan(bucket, f"{name}/"):
            if stored.key.endswith((".csv", ".csv.gz")):
                body = store.read(bucket, stored.key)
                data = gzip.decompress(body) if stored.key.endswith(".gz") else body
                found |= personal_values(contract, io.StringIO(data.decode("utf-8", "replace")))
    store.close()
    return found


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
    for stored in store.scan(bucket, "quality/"):
        if stored.key.endswith((".json", ".html")):
            yield f"s3://{bucket}/{stored.key}", store.read(bucket, stored.key).decode("utf-8", "replace")
    store.close()


def find_leaks(texts: Iterable[tuple[str, str]], persons: set[str], secrets: set[str]) -> Iterator[Leak]:
    """Where texts, given by their place, hold personal values or credentials."""
    words = {piece for value in persons if len(pieces := _PIECE.findall(value)) == 1 for piece in pieces}
    # Addresses and the like consist of several words: looked for by their longest word, then whole.
    by_word: dict[str, list[str]] = {}
    for value in persons:
        pieces = _PIECE.findall(value)
        if len(pieces) > 1:
            by_word.setdefault(max(pieces, key=len), []).append(value)
    for place, text in texts:
        for number, line in enumerate(text.split("\n"), 1):
            if any(secret in line for secret in secrets):
                yield Leak(place, number, "credential")
            for piece in _PIECE.findall(line):
                if piece.strip(".:=") in words or any(value in line for value in by_word.get(piece, ())):
                    yield Leak(place, number, "personal data")
                    break


def main(argv: list[str] | None = None) -> int:
    """Look, and say what was looked at."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="the stack's folder (default: DWH_LOCAL_HOME, else .local)")
    options = parser.parse_args(argv)
    config = load_config({**os.environ, "DWH_LOCAL_HOME": str(options.home)} if options.home else os.environ)
    texts = dict(told(config))
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
        f"{len(found)} leaks; looked for {len(persons):,} personal values in {len(texts)} logs, mails and reports, "
        f"{size:,} characters"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
