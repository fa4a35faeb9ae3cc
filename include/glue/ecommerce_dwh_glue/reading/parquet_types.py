"""The columns of a Parquet file: which of them can be read, and by which Spark type."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.privacy.masking import shown_name
from ecommerce_dwh_glue.reading.errors import FileError
from ecommerce_dwh_glue.reading.likely import renames

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# Logical types that Spark's Parquet library knows; it stops at any other, in whichever column.
_KNOWN = frozenset(
    [
        "None",
        "Undefined",
        "Null",
        "String",
        "Enum",
        "JSON",
        "BSON",
        "UUID",
        "Decimal",
        "Int",
        "Date",
        "Time",
        "Timestamp",
        "Interval",
        "Map",
        "List",
    ]
)
# Timestamps are read as whole numbers, as they are stored: Spark would stop at one that is too large.
_UNITS = {"milliseconds": "millis", "microseconds": "micros", "nanoseconds": "nanos"}


@dataclass(frozen=True)
class ParquetColumn:
    """A column to read.

    Attributes:
        name: its name in the file.
        kind: its Spark type, or ``millis``, ``micros``, ``nanos`` for a timestamp stored as a whole number.
    """

    name: str
    kind: str

    @property
    def spark_type(self) -> str:
        """The type that Spark is to read."""
        return "bigint" if self.kind in _UNITS.values() else self.kind


def flat_columns(metadata: pq.FileMetaData) -> Iterator[int]:
    """Places of the columns that hold one value per row."""
    for index in range(metadata.num_columns):
        column = metadata.schema.column(index)
        if column.path == column.name and column.max_repetition_level == 0:
            yield index


def columns_to_read(file: pq.ParquetFile, contract: SourceContract) -> dict[int, ParquetColumn]:
    """The columns to read by their places; a column that no contract names never condemns a file."""
    schema = file.metadata.schema
    wanted = {column.name for column in contract.columns}
    flat = set(flat_columns(file.metadata))
    tops = [schema.column(index).path for index in range(len(schema.names))]
    names = Counter(schema.column(index).name.strip().lower() for index in flat)
    for index in range(len(tops)):
        kind = _logical(schema.column(index)).get("Type", "Unknown")
        if kind not in _KNOWN:
            name = shown_name(schema.column(index).path)
            raise FileError(
                f"stores column {name} as {kind}, at which Spark stops; write it as a plain number or text"
            )
    for index, path in enumerate(tops):
        top = path.split(".")[0].strip().lower()
        if index not in flat and top in wanted and top not in names:
            raise FileError(
                f"holds lists or groups in column {top}; write a single value per row (a {contract.column(top).type})"
            )
    twice = sorted(name for name, count in names.items() if count > 1 and name in wanted)
    if twice:
        raise FileError(f"has columns whose names differ only in case or blanks: {', '.join(twice)}")
    missing = [name for name in contract.required_columns if name not in names]
    if missing:
        likely = renames(names, contract, missing)
        raise FileError(f"lacks required column(s) {', '.join(missing)}{f' ({likely})' if likely else ''}")
    found: dict[int, ParquetColumn] = {}
    alike = Counter(schema.column(index).name.lower() for index in flat)
    for index in sorted(flat):
        column = schema.column(index)
        name = column.name.strip().lower()
        kind, stored = spark_kind(column)
        if name in wanted and not kind:
            raise FileError(
                f"stores column {name} as {stored}, which cannot be read; write it as text or as "
                f"{contract.column(name).type}"
            )
        # Spark takes names without regard to case, and gives `_metadata` a meaning of its own.
        if kind and (
            name in wanted or (alike[column.name.lower()] == 1 and column.name.lower() != "_metadata")
        ):
            found[index] = ParquetColumn(column.name, kind)
    return found


def spark_kind(column: Any) -> tuple[str, str]:
    """How a column is read (`ParquetColumn.kind`, empty when it cannot be), and how the file stores it, in words.

    Args:
        column: a ``pyarrow.parquet.ColumnSchema``.
    """
    physical = column.physical_type
    logical = _logical(column)
    kind = logical.get("Type", "Unknown")
    stored = physical if kind == "None" else f"{physical} ({kind})"
    return _kind(column, physical, kind, logical), stored


def _logical(column: Any) -> dict[str, Any]:
    try:
        return dict(json.loads(column.logical_type.to_json()))
    except ValueError:
        return {"Type": "Unknown"}


def _kind(column: Any, physical: str, kind: str, logical: dict[str, Any]) -> str:
    if kind == "Decimal":
        precision, scale = int(logical["precision"]), int(logical["scale"])
        fits = physical in ("INT32", "INT64") or (physical == "FIXED_LEN_BYTE_ARRAY" and column.length <= 16)
        return f"decimal({precision},{scale})" if fits and 0 <= scale <= precision <= 38 else ""
    if physical == "INT32":
        if kind == "Date":
            return "date"
        if kind == "Int" and not logical["isSigned"]:
            return "bigint" if logical["bitWidth"] == 32 else "int"
        return "int" if kind in ("None", "Int", "Null", "Undefined") else ""
    if physical == "INT64":
        if kind == "Timestamp":
            return _UNITS.get(logical["timeUnit"], "")
        if kind == "Int" and not logical["isSigned"]:
            return "decimal(20,0)"
        return "bigint" if kind in ("None", "Int", "Null", "Undefined") else ""
    if physical == "BYTE_ARRAY":
        return "string" if kind in ("None", "String", "Enum", "JSON", "Null", "Undefined") else ""
    plain = {"BOOLEAN": "boolean", "FLOAT": "float", "DOUBLE": "double", "INT96": "timestamp"}
    return plain.get(physical, "") if kind in ("None", "Null", "Undefined") else ""
