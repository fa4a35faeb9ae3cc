"""Cuts CSV bytes into records without changing a byte.

Line ends inside quotes belong to the record. A quote that never closes must not swallow the rest of a file:
after `MAX_LINES` lines the first line is taken for a record by itself, and reading goes on behind it.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

MAX_LINES = 100
BOM = b"\xef\xbb\xbf"
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


class UnreadableFileError(ValueError):
    """A file that cannot be cut into rows; the message names it."""


def fields(record: bytes) -> list[bytes] | None:
    """The record's fields, unquoted; None when a quoted field does not end.

    Text behind a closing quote is kept with the field: whether that is an error is for the pipeline to say.
    """
    text = record.rstrip(b"\r\n")
    if b'"' not in text:
        return text.split(b",")
    result, position = [], 0
    while True:
        value = b""
        if text[position : position + 1] == b'"':
            match = _QUOTED.match(text, position)
            if match is None:
                return None
            value = match[0][1:-1].replace(b'""', b'"')
            position = match.end()
        comma = text.find(b",", position)
        if comma < 0:
            result.append(value + text[position:])
            return result
        result.append(value + text[position:comma])
        position = comma + 1


def split_records(lines: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Records of a CSV text: their bytes, line end included, and their fields.

    Args:
        lines: the text cut behind every line feed.
    """
    source = iter(lines)
    waiting: deque[bytes] = deque()

    def pull() -> bytes | None:
        return waiting.popleft() if waiting else next(source, None)

    while (first := pull()) is not None:
        record, values = first, fields(first)
        ahead: list[bytes] = []
        while values is None and len(ahead) + 1 < MAX_LINES and (following := pull()) is not None:
            ahead.append(following)
            record += following
            if b'"' in following:
                values = fields(record)
        if values is None:
            waiting.extendleft(reversed(ahead))
            record, values = first, first.rstrip(b"\r\n").split(b",")
        yield record, values


def read_records(path: Path) -> Iterator[tuple[bytes, list[bytes]]]:
    """Records of a ``.csv`` or ``.csv.gz`` file, the header first.

    Raises:
        UnreadableFileError: the file is empty, no gzip file, or cut short.
    """
    empty = True
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            for record in split_records(file):
                empty = False
                yield record
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"{path} cannot be read to its end: {error}") from error
    if empty:
        raise UnreadableFileError(f"{path} is empty; a file without rows has a header line")


def header_names(record: list[bytes]) -> list[str]:
    """Column names of a header record, as the pipeline compares them."""
    names = [name.decode("utf-8", "replace").strip().lower() for name in record]
    names[0] = names[0].lstrip("\ufeff")
    return names
