"""A raw text file, CSV or JSON lines: streamed, and copied byte by byte but for the rows that change."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, BinaryIO

from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.csv_row import csv_row
from ecommerce_dwh_glue.erasure.json_row import json_row
from ecommerce_dwh_glue.erasure.rows import UNCLEAR_ROW, Table
from ecommerce_dwh_glue.erasure.tally import Tally, Unreadable
from ecommerce_dwh_glue.reading.csv_records import MAX_LINES, Malformed, Unclosed, field_spans
from ecommerce_dwh_glue.reading.lookahead import Lookahead
from ecommerce_dwh_glue.reading.text import BOM, MAX_ROW_BYTES


def lines_of(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Lines with their ends; a line over `MAX_ROW_BYTES` comes in pieces, each but the last marked True."""
    while line := stream.readline(MAX_ROW_BYTES + 2):
        yield line, not line.endswith(b"\n") and len(line) > MAX_ROW_BYTES


def _cut(line: bytes) -> tuple[bytes, bytes]:
    content = line.removesuffix(b"\n").removesuffix(b"\r")
    return content, line[len(content) :]


def csv_records(lines: Iterable[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool, int]]:
    """Records of a CSV file with their line ends, cut where the processing job cuts them.

    Yields:
        The record, whether it is a piece of an over-long line, and how many lines it takes.
    """
    ahead = Lookahead(lines)

    def closed(line: bytes) -> tuple[bytes, int]:
        """The record that begins with the current line; only that line where its quote does not close."""
        record, used = line, 1
        while used < MAX_LINES and len(record) <= MAX_ROW_BYTES:
            more = ahead.at(used)
            if more is None or more[1]:
                break
            record, used = record + more[0], used + 1
            if b'"' in more[0]:
                state = _is_open(record)
                if state is False:
                    return record, used
                if state is None:
                    break
        return line, 1

    while (first := ahead.at(0)) is not None:
        line, piece = first
        record, used = closed(line) if b'"' in line and not piece and _is_open(line) else (line, 1)
        ahead.drop(used)
        yield record, piece, used


def _is_open(line: bytes) -> bool | None:
    """Whether a quote is open at the line's end; None for misplaced quotes."""
    try:
        field_spans(_cut(line)[0])
    except Unclosed:
        return True
    except Malformed:
        return None
    return False


def header_of(line: bytes) -> tuple[str, ...]:
    """Column names of a CSV header line.

    Raises:
        Unreadable: the line is no text.
    """
    text = _cut(line)[0].removeprefix(BOM)
    if b"\0" in text or text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("its first line is no UTF-8 text")
    names = next(csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline="")), [])
    return tuple(name.strip().lower() for name in names)


def erase_text(
    stream: BinaryIO,
    kind: str,
    table: Table,
    person: Person,
    take: Callable[[bytes], Any],
    decided: Collection[str] = (),
) -> Tally:
    """Copy a raw text file, row by row, without values of the person.

    Args:
        stream: its text.
        kind: ``csv`` or ``json``.
        table: its source.
        person: whom to erase.
        take: takes each piece of the outcome.
        decided: questions that were answered by *erase*.

    Raises:
        Unreadable: the file is no text.
    """
    tally = Tally()
    number, over_long = 1, b""
    records = csv_records(lines_of(stream)) if kind == "csv" else ((*line, 1) for line in lines_of(stream))
    for record, piece, used in records:
        content, end = _cut(record)
        if kind == "csv" and number == 1 and not tally.header:
            tally.header = header_of(record)
            take(record)
        elif piece or over_long:
            _look_at_piece(over_long[-512:] + content, person, tally, number)
            over_long = content if piece else b""
            take(record)
        else:
            if person.may_be_in(content):
                if kind == "csv":
                    content, row = csv_row(content, tally.header, table, person, decided)
                else:
                    content, row = json_row(content, table, person, decided)
                tally.add(row, number)
            take(content + end)
        number += 0 if piece else used
    return tally


def _look_at_piece(text: bytes, person: Person, tally: Tally, number: int) -> None:
    """Search a piece of a line that is too long to be a row; a value of the person becomes a question."""
    if person.may_be_in(text) and person.read(text.decode("utf-8", "surrogateescape")).verdict:
        tally.ask(UNCLEAR_ROW, number)
