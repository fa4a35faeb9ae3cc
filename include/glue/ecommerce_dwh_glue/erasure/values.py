"""The replacement of a personal value: empty, unless its presence or its form decides about its row."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation

from ecommerce_dwh.contracts import Column
from ecommerce_dwh_glue.reading.text import BLANKS

_ISO = re.compile(
    r"(?!0000)\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?", re.ASCII
)
_TOKENS = {
    "yyyy": "%Y",
    "M": "%m",
    "MM": "%m",
    "MMM": "%b",
    "d": "%d",
    "dd": "%d",
    "H": "%H",
    "HH": "%H",
    "h": "%I",
    "hh": "%I",
    "m": "%M",
    "mm": "%M",
    "s": "%S",
    "ss": "%S",
    "a": "%p",
}


def emptied(column: Column, text: str) -> str | None:
    """The replacement of a personal value: None (empty), or a text of ``x`` where its form decides about the row."""
    bad = unreadable_bytes(text)
    if bad:
        return "x" * (len(text) - len(bad)) + bad
    value = text.strip(BLANKS)
    if not _is_good(column, value):
        return "x" * len(text)
    if not column.required:
        return None
    return column.blank


def unreadable_bytes(text: str) -> str:
    """The characters that keep a row from being text: NUL, and bytes that are no UTF-8 (as surrogate escapes)."""
    return "".join(char for char in text if char == "\0" or "\ud800" <= char <= "\udfff")


def _is_good(column: Column, value: str) -> bool:
    """Whether the value can be read as the column's type, as `rows.values` reads it."""
    base = column.base_type
    if base == "varchar":
        return len(value.encode("utf-8", "replace")) <= (column.length or 65535)
    if base in ("date", "timestamp"):
        return _is_moment(value) or any(_has_format(value, pattern) for pattern in column.formats)
    if base == "boolean":
        return value.lower() in ("t", "true", "y", "yes", "1", "f", "false", "n", "no", "0")
    try:
        number = Decimal(value) if value.isascii() and "_" not in value else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        return False
    if base in ("integer", "bigint"):
        bound = 1 << (31 if base == "integer" else 63)
        return re.fullmatch(r"[+-]?\d+(\.0*)?", value) is not None and -bound <= int(number) < bound
    precision, scale = (int(part) for part in column.type[8:-1].split(","))
    if number.adjusted() > precision:
        return False
    if column.minimum is not None and number < Decimal(column.minimum):
        return False
    return abs(number) < Decimal(10) ** (precision - scale)


def _is_moment(value: str) -> bool:
    match = _ISO.fullmatch(value)
    if match is None:
        return False
    try:
        text = re.sub(r"(\.\d{6})\d+", r"\1", value.replace(" Z", "Z"))
        text = re.sub(r" ([+-])", r"\1", text)
        text = re.sub(r"([+-]\d{2})$", r"\1:00", text) if match[4] else text
        dt.datetime.fromisoformat(re.sub(r"(\d) (\d)", r"\1T\2", text))
    except ValueError:
        return False
    return True


def _has_format(value: str, pattern: str) -> bool:
    parts = re.findall(r"'[^']*'|[A-Za-z]+?(?=(?:[^A-Za-z]|$))|[^A-Za-z']", pattern)
    form = "".join(_TOKENS.get(part, part.strip("'") if part.startswith("'") else part) for part in parts)
    try:
        dt.datetime.strptime(value, form)  # noqa: DTZ007 - only whether it can be read counts
    except ValueError:
        return False
    return True
