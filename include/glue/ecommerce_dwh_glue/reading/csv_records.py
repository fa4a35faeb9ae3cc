"""The authoritative way to cut a CSV file into records, in plain Python, streaming.

Used for files that cannot be cut at line ends: quoted line breaks, stray quotes, damaged bytes, lines of any length.
CSV is read as RFC 4180: a field that begins with a quote ends with one, a doubled quote inside means one, and a quote
elsewhere is an ordinary character.

A quote that is never closed must not swallow the rest of a file: a record may span `MAX_LINES` lines; if it does
not close by then, its first line is the broken record and reading goes on with the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ecommerce_dwh_glue.reading.lines import Record, cut_lines, readable
from ecommerce_dwh_glue.reading.lookahead import Lookahead
from ecommerce_dwh_glue.reading.text import BOM, MAX_ROW_BYTES

MAX_LINES = 100
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


class Malformed(ValueError):
    """Text after a closing quote."""


class Unclosed(ValueError):
    """A quote is open at the end of the text."""


def field_spans(text: bytes) -> list[tuple[int, int]]:
    """Begin and end of each field of one CSV record, quotes included.

    Raises:
        Malformed: text between a closing quote and the next comma.
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
    """A field's text without the quotes around it, if it has any."""
    return field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field


def split_fields(text: bytes) -> list[bytes]:
    """Fields of one CSV record.

    Raises:
        Malformed, Unclosed: as `field_spans`.
    """
    return [unquoted(text[begin:end]) for begin, end in field_spans(text)]


def csv_records(chunks: Iterable[bytes], width: int) -> Iterator[Record]:
    """Records of a CSV file behind its header.

    Args:
        chunks: the file's text in pieces.
        width: number of columns of the header.
    """
    lines = Lookahead(cut_lines(chunks))
    header = True
    while (first := lines.at(0)) is not None:
        text, used = first.text, 1
        if header and text.startswith(BOM):
            text = text[len(BOM) :]
        text = text.removesuffix(b"\r")
        if not header and not text.strip(b" \t\r"):
            lines.drop(1)
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
                    more = lines.at(used)
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
        lines.drop(used)
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
