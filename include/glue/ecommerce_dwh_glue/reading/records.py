"""The authoritative way to cut a text file into records, in plain Python, streaming.

Used for what cutting at line ends cannot honour: quoted line breaks, stray quotes, damaged bytes, lines of any
length, and JSON lines (whose numbers must stay as written). CSV is read as RFC 4180: a field that begins with a
quote ends with one, a doubled quote inside stands for one, and a quote elsewhere is an ordinary character.

A quote that is never closed must not swallow the rest of a file: a record may span `MAX_LINES` lines; if it does
not close by then, its first line is the broken record and reading goes on with the second.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ecommerce_dwh.lake.limits import RawLimits
from ecommerce_dwh_glue.reading.survey import BOM, MAX_ROW_BYTES

MAX_LINES = 100
_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


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


class Malformed(ValueError):
    """Text after a closing quote."""


class TooDeep(ValueError):
    """Values of a JSON text are nested too deeply."""


class Unclosed(ValueError):
    """A quote is open at the end of the text."""


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


def field_spans(text: bytes) -> list[tuple[int, int]]:
    """Begin and end of each field of one CSV record, quotes included.

    Raises:
        Malformed: something stands between a closing quote and the next comma.
        Unclosed: a quoted field does not end.
    """
    spans, position = [], 0
    while True:
        if text[position : position + 1] == b'"':
            match = _QUOTED.match(text, position)
            if match is None:
                raise Unclosed
            end = match.end()
            if end < len(text) and text[end : end + 1] != b",":
                raise Malformed
        else:
            comma = text.find(b",", position)
            end = len(text) if comma < 0 else comma
        spans.append((position, end))
        if end == len(text):
            return spans
        position = end + 1


def unquoted(field: bytes) -> bytes:
    """A field's text without the quotes that may stand around it."""
    return field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field


def split_fields(text: bytes) -> list[bytes]:
    """Fields of one CSV record.

    Raises:
        Malformed, Unclosed: as `field_spans`.
    """
    return [unquoted(text[begin:end]) for begin, end in field_spans(text)]


def readable(raw: bytes) -> str:
    """Bytes as text for a person: what is not UTF-8, and NUL, is escaped."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def csv_records(chunks: Iterable[bytes], width: int) -> Iterator[Record]:
    """Records of a CSV file behind its header.

    Args:
        chunks: the file's text in pieces.
        width: number of columns of the header.
    """
    source = cut_lines(chunks)
    waiting: deque[Line] = deque()
    header = True

    def line_at(index: int) -> Line | None:
        while len(waiting) <= index:
            following = next(source, None)
            if following is None:
                return None
            waiting.append(following)
        return waiting[index]

    while (first := line_at(0)) is not None:
        text, used = first.text, 1
        if header and text.startswith(BOM):
            text = text[len(BOM) :]
        text = text.removesuffix(b"\r")
        if not header and not text.strip(b" \t\r"):
            waiting.popleft()
            continue
        defect, fields = None, None
        if first.cut or len(text) > MAX_ROW_BYTES:
            defect = "row_too_long"
        else:
            fields, defect = _fields(text)
            if defect == "unclosed_quote":
                longer = text
                if first.text.endswith(b"\r"):
                    longer += b"\r"
                while used < MAX_LINES and len(longer) <= MAX_ROW_BYTES:
                    more = line_at(used)
                    if more is None or more.cut:
                        break
                    longer += b"\n" + more.text
                    used += 1
                    if b'"' not in more.text:
                        continue
                    fields, found = _fields(longer.removesuffix(b"\r"))
                    if found is None:
                        text, defect = longer.removesuffix(b"\r"), None
                        break
                    if found != "unclosed_quote":
                        break
                if defect:
                    used, fields = 1, None
        for _ in range(used):
            waiting.popleft()
        if header:
            header = False
            continue
        yield _record(first.number, text, defect, fields, width)


def _fields(text: bytes) -> tuple[list[bytes] | None, str | None]:
    try:
        return split_fields(text), None
    except Unclosed:
        return None, "unclosed_quote"
    except Malformed:
        return None, "malformed_quotes"


def _record(line: int, text: bytes, defect: str | None, fields: list[bytes] | None, width: int) -> Record:
    if defect != "row_too_long":
        if b"\0" in text:
            defect = "nul_byte"
        elif not text.isascii():
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                defect = "invalid_utf8"
    if defect is None and fields is not None and len(fields) != width:
        defect = "wrong_field_count"
    raw = readable(text[: 1 << 16])
    if defect is not None or fields is None:
        return Record(line, raw, defect, None)
    return Record(line, raw, None, [field.decode("utf-8") for field in fields])


def json_records(
    chunks: Iterable[bytes], columns: Sequence[str], depth: int = RawLimits.depth
) -> Iterator[Record]:
    """Records of a JSON-lines file; numbers keep the spelling of the file.

    Args:
        chunks: the file's text in pieces.
        columns: names whose values are wanted; other members are ignored.
        depth: how deep values may be nested.
    """
    for line in cut_lines(chunks):
        text = line.text.removeprefix(BOM) if line.number == 1 else line.text
        text = text.strip(b" \t\r")
        if not text:
            continue
        defect, values = None, None
        if line.cut:
            defect = "row_too_long"
        elif b"\0" in text:
            defect = "nul_byte"
        else:
            try:
                _check_depth(text, depth)
                values = _json_values(text.decode("utf-8"), columns)
                if any(value and "\0" in value for value in values):
                    defect = "nul_byte"
                "".join(value for value in values if value).encode("utf-8")
            except UnicodeError:  # bytes that are no UTF-8, or a lone surrogate written as \ud800
                defect = "invalid_utf8"
            except (TooDeep, RecursionError):
                defect = "json_too_deep"
            except ValueError:
                defect = "malformed_json"
        yield Record(line.number, readable(text[: 1 << 16]), defect, None if defect else values)


def _check_depth(text: bytes, depth: int) -> None:
    """Raise `TooDeep` when brackets are open deeper than ``depth``, before a parser follows them."""
    if text.count(b"[") + text.count(b"{") <= depth:
        return
    level = 0
    for bracket in _BRACKETS.finditer(_JSON_TEXT.sub(b"", text)):
        level += 1 if bracket[0] in b"[{" else -1
        if level > depth:
            raise TooDeep


def _json_values(text: str, columns: Sequence[str]) -> list[str | None]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = {name.strip().lower(): value for name, value in pairs}
        if len(members) != len(pairs):
            raise ValueError("a member is given twice")
        return members

    found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=unique)
    if not isinstance(found, dict):
        raise ValueError("not an object")

    def as_text(value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    return [as_text(found.get(name)) for name in columns]
