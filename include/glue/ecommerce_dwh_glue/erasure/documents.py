"""Texts that jobs wrote about rows: quarantined rows, messages, reports."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence

from ecommerce_dwh.erasure.person import CERTAIN, Person, crossed_out
from ecommerce_dwh_glue.erasure.csv_row import csv_row
from ecommerce_dwh_glue.erasure.json_row import json_row
from ecommerce_dwh_glue.erasure.rows import Table
from ecommerce_dwh_glue.erasure.torn import torn_text
from ecommerce_dwh_glue.reading.text import BLANKS

_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def erase_raw_text(
    text: str, source: str, header: Sequence[str], table: Table, person: Person, decided: Collection[str]
) -> tuple[str, str]:
    """A quarantined row's raw text after the erasure, and a question about it (or empty).

    Args:
        text: the row as delivered.
        source: key of the raw file.
        header: columns of that file; empty where it is gone or has none.
    """
    data = text.encode("utf-8", "surrogatepass")
    if text.lstrip(BLANKS).startswith("{") and not source.lower().endswith((".csv", ".csv.gz")):
        left, row = json_row(data, table, person, decided)
    elif header:
        left, row = csv_row(data, header, table, person, decided)
    else:
        left, row = torn_text(data, person, decided)
    return left.decode("utf-8", "surrogatepass"), row.question


def erase_message(text: str, person: Person) -> str:
    """A message that a job wrote, without values of the person."""
    found = person.read(text)
    return crossed_out(text, found.hits) if found.verdict == CERTAIN else text


def erase_json(body: bytes, person: Person) -> bytes:
    """A JSON document after the erasure: texts with values of the person change, all others keep their bytes."""

    def token(match: re.Match[bytes]) -> bytes:
        try:
            text = json.loads(match[0])
        except ValueError:
            return match[0]
        left = erase_message(text, person)
        return match[0] if left == text else json.dumps(left).encode()

    return _JSON_STRING.sub(token, body)


def erase_report(body: bytes, person: Person, sources: Collection[str]) -> bytes:
    """A quality report after the erasure: also without the person's key among the samples of rules.

    Args:
        body: the report, as the quality job writes it.
        person: whom to erase.
        sources: those whose rows are persons, so that a sample is a person's key.
    """
    body = erase_json(body, person)
    try:
        report = json.loads(body)
        changed = False
        for table in report["tables"]:
            for rule in table["rules"] if table["source"] in sources else ():
                samples = rule.get("samples") or []
                if person.customer_id in samples:
                    rule["samples"] = [
                        person.pseudonym if key == person.customer_id else key for key in samples
                    ]
                    changed = True
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return body
    return json.dumps(report, indent=1, ensure_ascii=False).encode() if changed else body
