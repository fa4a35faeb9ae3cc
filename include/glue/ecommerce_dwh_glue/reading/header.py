"""The header line of a CSV file: which columns the file has, and why it cannot be read."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from dataclasses import replace

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.limits import RawLimits
from ecommerce_dwh.privacy.masking import shown_name
from ecommerce_dwh_glue.reading.cutting import check_header_line
from ecommerce_dwh_glue.reading.errors import FileError, over
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.likely import renames
from ecommerce_dwh_glue.reading.text import BLANKS, BOM

MAX_HEADER = 1 << 16


def read_header(head: bytes, file: SourceFile, contract: SourceContract, limits: RawLimits) -> SourceFile:
    """Read and check a CSV header."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError("is UTF-16 text; save it as UTF-8")
    if head.startswith((b"PK\x03\x04", b"PAR1", b"\x1f\x8b")):
        kind = {b"PK": "a zip file", b"PA": "a Parquet file", b"\x1f\x8b": "gzip-compressed"}[head[:2]]
        raise FileError(f"is {kind} although its name says CSV; rename it or send CSV")
    while head.startswith(BOM):  # some programs write one before the one that they were given
        head = head[len(BOM) :]
    end = head.find(b"\n", 0, MAX_HEADER)
    if end < 0 and (len(head) >= MAX_HEADER or b"\r" in head.rstrip(b"\r")):
        raise FileError(
            "has no line end in its first 64 KiB; a CSV file starts with one header line ending in LF or CRLF"
        )
    try:
        text = head[: MAX_HEADER + (end < 0)].decode("utf-8", "strict" if end < 0 else "ignore")
        head[: end if end >= 0 else None].decode("utf-8")
    except UnicodeDecodeError:
        raise FileError("has a header line that is not UTF-8 text; save the file as UTF-8 CSV") from None
    if "\0" in text[: end if end >= 0 else None]:
        raise FileError("has NUL bytes in its header line; it is no CSV text")
    check_header_line(head[: end if end >= 0 else None])
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = tuple(name.strip(BLANKS).lower() for name in next(reader, []))
    except csv.Error as error:
        raise FileError(f"has a header line that is not CSV ({error})") from None
    known = {column.name for column in contract.columns}
    if not any(header):
        raise FileError("starts with a blank line; the first line must name the columns")
    if not known & set(header):
        for other, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if len(header) == 1 and known & {name.strip() for name in header[0].split(other)}:
                raise FileError(f"separates columns by {word}; send it separated by commas")
        raise FileError(
            f"has no header: none of the first line's {len(header)} fields is a column of {contract.name}; "
            "the first line must name the columns"
        )
    twice = sorted(name for name, count in Counter(header).items() if name and count > 1)
    if twice:
        raise FileError(
            f"names column(s) twice in its header: {', '.join(map(shown_name, twice[:20]))}; each may appear once"
        )
    missing = [name for name in contract.required_columns if name not in header]
    if len(header) > limits.columns:
        raise over(f"has {len(header):,} columns", "columns", limits.columns)
    if missing:
        likely = renames(header, contract, missing)
        raise FileError(
            f"lacks required column(s) {', '.join(missing)}{f' ({likely})' if likely else ''}; "
            f"its header has {', '.join(map(shown_name, header))[:300]}"
        )
    return replace(file, header=header, header_lines=reader.line_num)
