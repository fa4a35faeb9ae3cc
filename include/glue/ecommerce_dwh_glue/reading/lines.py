"""A text file cut into lines, and what a reader in plain Python makes of a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ecommerce_dwh_glue.reading.text import MAX_ROW_BYTES


class Line(NamedTuple):
    """A line of a file: 1-based number, bytes without line feed (cut if over-long), whether it was cut."""

    number: int
    text: bytes
    cut: bool


class Record(NamedTuple):
    """A record: line on which it starts, raw text, what is wrong with it (or None), field texts (or None)."""

    line: int
    raw: str
    defect: str | None
    fields: list[str | None] | None


def cut_lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Lines of a text; keeps no more than `MAX_ROW_BYTES` of a line in memory."""
    number, size = 1, 0
    parts: list[bytes] = []
    for chunk in chunks:
        pieces = chunk.split(b"\n")
        for index, piece in enumerate(pieces):
            if index:
                yield Line(number, b"".join(parts), size > MAX_ROW_BYTES)
                number, parts, size = number + 1, [], 0
            if size <= MAX_ROW_BYTES:
                parts.append(piece[: MAX_ROW_BYTES + 1 - size] if len(piece) > MAX_ROW_BYTES else piece)
            size += len(piece)
    if size:
        yield Line(number, b"".join(parts), size > MAX_ROW_BYTES)


def readable(raw: bytes) -> str:
    """Bytes as text for a person: what is not UTF-8, and NUL, is escaped."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
