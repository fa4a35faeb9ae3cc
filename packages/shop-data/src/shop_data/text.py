"""Fast text columns: numbers, money, times and ids as Arrow string arrays, without a Python loop per row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shop_data.hashed import I64

Text: TypeAlias = pa.StringArray
Mask: TypeAlias = NDArray[np.bool_]

_PAISE = pa.array([f"{number:02d}" for number in range(100)])
_SIGN = pa.array(["", "-"])


def ids(*parts: bytes | tuple[I64 | int, int], rows: int) -> Text:
    """Ids of one fixed width: literal pieces and zero-padded numbers ``(values, width)``, side by side."""
    width = sum(len(part) if isinstance(part, bytes) else part[1] for part in parts)
    matrix = np.empty((rows, width), dtype=np.uint8)
    at = 0
    for part in parts:
        if isinstance(part, bytes):
            matrix[:, at : at + len(part)] = np.frombuffer(part, dtype=np.uint8)
            at += len(part)
            continue
        values, digits = part
        rest = np.asarray(values, dtype=np.int64)
        for column in range(at + digits - 1, at - 1, -1):
            rest, digit = np.divmod(rest, 10)
            matrix[:, column] = digit + ord("0")
        at += digits
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(matrix))


def integers(values: I64) -> Text:
    return pc.cast(pa.array(values), pa.string())


def money(paise: I64) -> Text:
    """Amounts in hundredths as ``-12.05``."""
    rupees, rest = np.divmod(np.abs(paise), 100)
    sign = _SIGN.take(pa.array((paise < 0).astype(np.int8)))
    return pc.binary_join_element_wise(
        pc.binary_join_element_wise(sign, integers(rupees), ""), _PAISE.take(pa.array(rest)), "."
    )


def times(seconds: I64, missing: Mask | None = None) -> Text:
    """Seconds since 1970 as ``YYYY-MM-DD HH:MM:SS``."""
    return pc.cast(pa.array(seconds, type=pa.timestamp("s"), mask=missing), pa.string())


def dates(days: I64, missing: Mask | None = None) -> Text:
    """Days since 1970 as ``YYYY-MM-DD``."""
    return pc.cast(pa.array(days.astype(np.int32), type=pa.date32(), mask=missing), pa.string())


def choose(words: Sequence[str | None] | Text, indexes: I64, missing: Mask | None = None) -> Text:
    values = words if isinstance(words, pa.Array) else pa.array(words, type=pa.string())
    return values.take(pa.array(indexes, mask=missing))


def blank(values: Text, missing: Mask) -> Text:
    """Nulls where ``missing``."""
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), values)


def join(*parts: Text | str, separator: str = "") -> Text:
    """Concatenation row by row; null where any part is null."""
    return pc.binary_join_element_wise(
        *[part if isinstance(part, pa.Array) else pa.scalar(part) for part in parts], separator
    )


def constant(value: str | None, rows: int) -> Text:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def epoch_day(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - 719163
