"""Rows and columns as the Redshift Data API returns them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import Column

Document = dict[str, Any]


class _Type(NamedTuple):
    oid: int
    name: str
    text: bool  # the warehouse's own text is returned


COMMON_NAMES = (
    _Type(16, "bool", False),
    _Type(20, "int8", False),
    _Type(21, "int2", False),
    _Type(23, "int4", False),
    _Type(26, "oid", False),
    _Type(700, "float4", False),
    _Type(701, "float8", False),
    _Type(1700, "numeric", True),
    _Type(1042, "bpchar", True),
    _Type(1043, "varchar", True),
    _Type(25, "varchar", True),
    _Type(19, "name", True),
    _Type(1082, "date", True),
    _Type(1083, "time", True),
    _Type(1266, "timetz", True),
    _Type(1114, "timestamp", True),
    _Type(1184, "timestamptz", True),
    _Type(1186, "interval", True),
    _Type(4000, "super", True),
    _Type(6551, "varbyte", True),
)
_NAMES = {kind.oid: kind.name for kind in COMMON_NAMES}
_SIGNED = {"int2", "int4", "int8", "float4", "float8", "numeric"}


def column_metadata(column: Column) -> Document:
    """ColumnMetadata of one column."""
    kind = _NAMES.get(column.type_code, "varchar")
    precision = column.precision or column.display_size or 0
    return {
        "name": column.name,
        "label": column.name,
        "typeName": kind,
        "nullable": 1,
        "precision": precision,
        "scale": column.scale or 0,
        "length": 0,
        "isSigned": kind in _SIGNED,
        "isCurrency": False,
        "isCaseSensitive": kind in {"varchar", "bpchar", "super"},
        "schemaName": "",
        "tableName": "",
    }


def record(row: Sequence[Any], columns: Sequence[Document]) -> list[Document]:
    """One row: whole numbers, floats and truth values as such, all else as text."""
    return [_field(value, column["typeName"]) for value, column in zip(row, columns, strict=True)]


def _field(value: Any, kind: str) -> Document:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, dt.timedelta) or kind == "interval":
        return {"stringValue": str(value)}
    return {"stringValue": value if isinstance(value, str) else str(value)}
