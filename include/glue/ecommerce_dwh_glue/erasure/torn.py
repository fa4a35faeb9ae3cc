"""Erasure from a row that cannot be cut into fields: judged by its text."""

from __future__ import annotations

from collections.abc import Collection

from ecommerce_dwh.erasure.person import CERTAIN, Person, crossed_out
from ecommerce_dwh_glue.erasure.rows import UNCLEAR_ROW, Row


def torn_text(
    text: bytes, person: Person, decided: Collection[str] = (), *, has_key: bool = False
) -> tuple[bytes, Row]:
    """A text without fields after the erasure; ``changes`` of the row is empty when nothing changes."""
    read = decoded(text)
    found = person.read(read)
    row = Row()
    if found.verdict == CERTAIN or (UNCLEAR_ROW in decided and (found.verdict or has_key)):
        left = encoded(crossed_out(read, found.hits))
        if left != text or has_key:
            row.changes[0] = None
        return left, row
    if found.verdict or has_key:
        row.question = UNCLEAR_ROW
    return text, row


def decoded(text: bytes) -> str:
    """Bytes as text; bytes that are no UTF-8 survive the way back by `encoded`."""
    return text.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes of a text that `decoded` gave."""
    return text.encode("utf-8", "surrogateescape")
