"""Signs that a text file was cut into lines wrongly, put together of several files, or passed through a spreadsheet.

Readers cut lines at line feeds alone. A file whose rows end in something else would become one long row, or none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecommerce_dwh_glue.reading.csv_records import Malformed, Unclosed, split_fields
from ecommerce_dwh_glue.reading.errors import FileError
from ecommerce_dwh_glue.reading.text import BOM

# Characters at which other programs end a line, with their names.
_ENDS = {
    b"\r": "carriage returns (CR)",
    b"\x0b": "vertical tabs",
    b"\x0c": "form feeds",
    b"\xc2\x85": "the character U+0085",
    b"\xe2\x80\xa8": "the line separator U+2028",
    b"\xe2\x80\xa9": "the paragraph separator U+2029",
}
_END = re.compile(b"|".join(_ENDS))
# JSON objects that something else than a line feed keeps apart.
_OBJECTS = re.compile(rb"\}[ \t]*(\r(?!\n)|\x0b|\x0c|\xc2\x85|\xe2\x80[\xa8\xa9])\s*\{")
# The longest beginning of a line that is looked at.
_LOOKED_AT = 1 << 16


def odd_ends(block: bytes) -> bool:
    """Whether a block of whole lines has a character that ends lines elsewhere."""
    returns = block.count(b"\r")
    if returns and returns != block.count(b"\r\n"):
        return True
    if b"\x0b" in block or b"\x0c" in block:
        return True
    return not block.isascii() and (
        b"\xc2\x85" in block or b"\xe2\x80\xa8" in block or b"\xe2\x80\xa9" in block
    )


def check_header_line(line: bytes) -> None:
    """Refuse a header line that other programs take for several lines.

    Raises:
        FileError: it is cut by something else than a line feed.
    """
    if found := _END.search(line.rstrip(b"\r")):
        raise _wrong_ends(found[0], "its header line")


def check_csv_lines(block: bytes, width: int, first_line: int) -> None:
    """Refuse a file of which a line holds several rows.

    Args:
        block: whole lines; the first byte may be the line feed before them.
        width: number of columns.
        first_line: number of the first line.

    Raises:
        FileError: the parts of a line between such characters have as many fields each as the header.
    """
    lines = block.removeprefix(b"\n").split(b"\n")
    for number, line in enumerate(lines, start=first_line):
        found = _END.search(line.rstrip(b"\r")[:_LOOKED_AT])
        if found is None:
            continue
        parts = [part for part in line[:_LOOKED_AT].split(found[0]) if part.strip()]
        if len(line) > _LOOKED_AT:
            parts.pop()
        if len(parts) > 1 and all(_width(part) == width for part in parts):
            raise _wrong_ends(found[0], f"line {number:,}")


def check_json_lines(block: bytes) -> None:
    """Refuse a file of which a line holds several objects.

    Raises:
        FileError: something else than a line feed keeps two objects apart.
    """
    if found := _OBJECTS.search(block):
        raise _wrong_ends(found[1], "a line")


def is_second_header(line: bytes, header: Sequence[str], known: Sequence[str]) -> bool:
    """Whether a line repeats the file's header, as files that were put together have it.

    Args:
        line: a line below the header.
        header: the file's columns.
        known: columns of the contract.

    Raises:
        FileError: it is the header of another file, of other columns or of another order.
    """
    try:
        fields = tuple(
            field.decode("utf-8", "replace").strip().strip("\ufeff").strip().lower()
            for field in split_fields(line.rstrip(b"\r").removeprefix(BOM))
        )
    except (Malformed, Unclosed):
        return False
    if fields == tuple(header):
        return True
    names = set(fields) & set(known)
    if len(names) < 2 or len(names) * 2 < len(fields):
        return False
    raise FileError(
        "holds a second header line with other columns, or in another order; it was put together of several files: "
        "send each by itself"
    )


def _width(part: bytes) -> int:
    try:
        return len(split_fields(part)) if b'"' in part else part.count(b",") + 1
    except (Malformed, Unclosed):
        return -1


def _wrong_ends(end: bytes, where: str) -> FileError:
    return FileError(
        f"was cut into lines wrongly: {where} holds several rows between {_ENDS[end]}; "
        "save it with LF or CRLF at the end of each line and send it again"
    )
