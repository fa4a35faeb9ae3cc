"""Erasure from one CSV record."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.rows import Fields, Row, Table, judge
from ecommerce_dwh_glue.erasure.torn import decoded, encoded, torn_text
from ecommerce_dwh_glue.reading.csv_records import Malformed, Unclosed, field_spans, unquoted
from ecommerce_dwh_glue.reading.text import BLANKS


def csv_row(
    text: bytes, header: Sequence[str], table: Table, person: Person, decided: Collection[str] = ()
) -> tuple[bytes, Row]:
    """A CSV record (without its line end) after the erasure, and the judgement of its fields."""
    try:
        spans = field_spans(text)
    except (Malformed, Unclosed):
        spans = []
    if len(spans) != len(header):
        return _torn(text, header, table, person, decided)
    raw = [text[begin:end] for begin, end in spans]
    texts = [decoded(unquoted(part)) for part in raw]
    row = judge(Fields(header, texts), table, person, decided)
    for place, new in row.changes.items():
        raw[place] = _csv_field(raw[place], texts[place], new)
    return (b",".join(raw) if row.changes else text), row


def _csv_field(raw: bytes, old: str, new: str | None) -> bytes:
    value = encoded(new or "")
    if raw.startswith(b'"'):
        return b'"' + value.replace(b'"', b'""') + b'"' if new is not None else b""
    kept = old.strip(BLANKS)
    return encoded(old.replace(kept, new.strip(BLANKS), 1)) if kept and new is not None else value


def _torn(
    text: bytes, header: Sequence[str], table: Table, person: Person, decided: Collection[str]
) -> tuple[bytes, Row]:
    """A line that cannot be cut into the header's fields."""
    at = header.index(table.key) if table.key and table.key in header else -1
    parts = text.split(b",")
    has_key = 0 <= at < len(parts) and decoded(parts[at]).strip(BLANKS + '"') == person.customer_id
    left, row = torn_text(text, person, decided, has_key=has_key)
    if row.changes and has_key:
        # Crossing out keeps commas, so the key is still at its place.
        parts = left.split(b",")
        parts[at] = text.split(b",")[at].replace(person.customer_id.encode(), person.pseudonym.encode(), 1)
        left = b",".join(parts)
    return left, row
