"""Schema of one raw file, found the way a Glue crawler finds it: from a sample, by format.

CSV takes its names from the header and its types from up to 1,000 records; JSON lines likewise, with nested
values as ``struct`` and ``array``; Parquet is read from the footer.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

SAMPLE_RECORDS = 1000
SAMPLE_BYTES = 1 << 20
_DELIMITERS = ",\t|;"
# Length that a column's type may have in the Data Catalog
# (docs.aws.amazon.com/glue/latest/webapi/API_Column.html: Type, at most 131,072 characters).
MAX_TYPE = 131_072
# Values that are nested deeper are taken for text: no type of a table says anything by then.
MAX_DEPTH = 50
# Type of a column without a value: replaced by the type that another file gives it, and by string where none does.
UNKNOWN = "unknown"

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_TIMESTAMP = re.compile(
    _DATE.pattern + r"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?"
)
_TEXT_TYPES = {
    "boolean": re.compile(r"(?i:true|false)"),
    "bigint": _INTEGER,
    "double": _NUMBER,
    "date": _DATE,
    "timestamp": _TIMESTAMP,
}


class UnreadableError(Exception):
    """A file whose schema cannot be found; the crawl reports it and goes on."""


@dataclass(frozen=True)
class FileSchema:
    """Columns and format of one file.

    Attributes:
        classification: ``csv``, ``json`` or ``parquet``.
        columns: names and types in file order.
        records: number of records, estimated when only a part was read.
        compression: ``none`` or ``gzip``.
        delimiter: of CSV files.
    """

    classification: str
    columns: tuple[tuple[str, str], ...] = field(default=())
    records: int = 0
    compression: str = "none"
    delimiter: str = ","


def classify(key: str) -> tuple[str, str] | None:
    """Format and compression that a file name announces; None for markers and other files.

    Names that start with ``_`` or ``.`` are hidden, as for Spark and Athena.
    """
    name = key.rpartition("/")[2].lower()
    if not name or name[0] in "_.":
        return None
    found = re.search(r"\.(csv|json|jsonl|ndjson|parquet)(\.gz)?$", name)
    if not found or (found.group(1) == "parquet" and found.group(2)):
        return None
    kind = {"jsonl": "json", "ndjson": "json"}.get(found.group(1), found.group(1))
    return kind, "gzip" if found.group(2) else "none"


def infer(key: str, size: int, opener: Callable[[], BinaryIO]) -> FileSchema | None:
    """Schema of a file, or None when it is not data (a marker, an empty object).

    Raises:
        UnreadableError: the content is not what its name says.
    """
    announced = classify(key)
    if announced is None or size == 0:
        return None
    kind, compression = announced
    try:
        with opener() as file:
            if kind == "parquet":
                return _parquet(file)
            text, whole = _sample(file, compression)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
    if not text.strip():
        return None
    schema = _csv(text, compression) if kind == "csv" else _json(text, compression)
    if whole:
        return schema
    # Compressed bytes per record are unknown without reading on; text of this kind shrinks about fivefold.
    factor = size * (5 if compression == "gzip" else 1) / max(len(text), 1)
    return FileSchema(
        schema.classification,
        schema.columns,
        round(schema.records * max(factor, 1)),
        compression,
        schema.delimiter,
    )


def _sample(file: BinaryIO, compression: str) -> tuple[str, bool]:
    """The first megabyte as text, cut at a line end, and whether that was all."""
    stream: Any = gzip.GzipFile(fileobj=file) if compression == "gzip" else file
    data = stream.read(SAMPLE_BYTES)
    whole = len(data) < SAMPLE_BYTES or not stream.read(1)
    if b"\0" in data:
        raise UnreadableError("binary content")
    if not whole:
        data = data[: data.rfind(b"\n") + 1] or data
    text = data.decode("utf-8-sig", "replace")
    head = text[:2000]
    if head.count("\ufffd") * 10 > len(head):
        raise UnreadableError("not UTF-8 text")
    return text, whole


def _csv(text: str, compression: str) -> FileSchema:
    first = text.splitlines()[0]
    bare = re.sub(r'"[^"]*"', "", first)
    delimiter = max(_DELIMITERS, key=bare.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        header = next(reader)
        names = column_names(header)
        kinds = [UNKNOWN] * len(names)
        count = 0
        for row in reader:
            if not row:
                continue
            count += 1
            if count > SAMPLE_RECORDS:
                continue
            for index, value in enumerate(row[: len(names)]):
                kind = kinds[index]
                # Most values are like the one above them; the whole search is for those that are not.
                if kind != "string" and not (kind in _TEXT_TYPES and _TEXT_TYPES[kind].fullmatch(value)):
                    kinds[index] = merge_types(kind, text_type(value))
    except csv.Error as error:
        raise UnreadableError(f"not CSV: {error}") from error
    return FileSchema("csv", tuple(zip(names, kinds, strict=True)), count, compression, delimiter)


def column_names(header: Sequence[str]) -> list[str]:
    """Catalog column names of a header: lower case, never empty, never twice."""
    names: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for index, raw in enumerate(header):
        name = base = raw.strip().lower() or f"col{index}"
        number = numbers.get(base, 1)
        while name in names:
            name, number = f"{base}_{number}", number + 1
        numbers[base] = number
        names[name] = None
    return list(names)


def text_type(value: str) -> str:
    """Type of one CSV value."""
    value = value.strip()
    if not value:
        return UNKNOWN
    return next((kind for kind, pattern in _TEXT_TYPES.items() if pattern.fullmatch(value)), "string")


def merge_types(left: str, right: str) -> str:
    """The narrowest type that holds the values of both."""
    if right in (left, UNKNOWN):
        return left
    if left == UNKNOWN:
        return right
    pair = {left, right}
    if pair <= {"tinyint", "smallint", "int", "bigint"}:
        return "bigint"
    if pair <= {"tinyint", "smallint", "int", "bigint", "float", "double"}:
        return "double"
    if pair == {"date", "timestamp"}:
        return "timestamp"
    return "string"


def _json(text: str, compression: str) -> FileSchema:
    columns: dict[str, str] = {}
    count = bad = 0
    for record in _json_records(text):
        if not isinstance(record, dict):
            bad += 1
            continue
        count += 1
        if count > SAMPLE_RECORDS:
            continue
        for raw, value in record.items():
            name = raw.strip().lower()
            kind = _json_type(value)
            columns[name] = merge_types(columns.get(name, UNKNOWN), kind if len(kind) <= MAX_TYPE else "string")
    if not count:
        raise UnreadableError(f"no JSON object in the first {bad} lines")
    return FileSchema("json", tuple(columns.items()), count, compression)


def _json_records(text: str) -> Iterable[Any]:
    if text.lstrip().startswith("["):
        try:
            yield from json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"not JSON: {error}") from error
        return
    for line in text.splitlines():
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield None  # one bad line does not hide the schema of the others


def _json_type(value: Any, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return "string"
    if isinstance(value, list):
        inner = UNKNOWN
        for item in value:
            inner = merge_types(inner, _json_type(item, depth + 1))
        return f"array<{'string' if inner == UNKNOWN else inner}>"
    if isinstance(value, dict):
        parts = (
            f"{k.lower()}:{_json_type(v, depth + 1)}".replace(f":{UNKNOWN}", ":string")
            for k, v in value.items()
        )
        return f"struct<{','.join(parts)}>"
    return {type(None): UNKNOWN, bool: "boolean", int: "bigint", float: "double"}.get(type(value), "string")


def _parquet(file: BinaryIO) -> FileSchema:
    import pyarrow as pa  # late import: heavy, and most lakes are CSV
    import pyarrow.parquet as pq

    try:
        footer = pq.ParquetFile(file)
        schema, records = footer.schema_arrow, footer.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError(f"not Parquet: {error}") from error
    names = column_names(schema.names)
    columns = tuple((name, _arrow_type(pa, field.type)) for name, field in zip(names, schema, strict=True))
    return FileSchema("parquet", columns, records)


def _arrow_type(pa: Any, kind: Any) -> str:
    """Hive name of an Arrow type."""
    types = pa.types
    simple = {
        "bool": "boolean",
        "int8": "tinyint",
        "int16": "smallint",
        "int32": "int",
        "int64": "bigint",
        "uint8": "smallint",
        "uint16": "int",
        "uint32": "bigint",
        "uint64": "bigint",
        "float": "float",
        "halffloat": "float",
        "double": "double",
        "date32[day]": "date",
        "date64[ms]": "date",
    }
    if name := simple.get(str(kind)):
        return name
    if types.is_timestamp(kind):
        return "timestamp"
    if types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "binary"
    if types.is_list(kind) or types.is_large_list(kind):
        return f"array<{_arrow_type(pa, kind.value_type)}>"
    if types.is_map(kind):
        return f"map<{_arrow_type(pa, kind.key_type)},{_arrow_type(pa, kind.item_type)}>"
    if types.is_struct(kind):
        return f"struct<{','.join(f'{part.name.lower()}:{_arrow_type(pa, part.type)}' for part in kind)}>"
    if types.is_dictionary(kind):
        return _arrow_type(pa, kind.value_type)
    return "string"


def merge_columns(schemas: Iterable[Iterable[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Columns of several files together, in order of appearance."""
    merged: dict[str, str] = {}
    for columns in schemas:
        for name, kind in columns:
            merged[name] = merge_types(merged.get(name, UNKNOWN), kind)
    return list(merged.items())
