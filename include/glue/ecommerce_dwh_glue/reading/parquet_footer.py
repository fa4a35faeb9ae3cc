"""What a Parquet file's footer says, read by pyarrow, before Spark sees the file.

Spark is handed an explicit schema of plain types, made here from the footer's physical types. It never looks for a
schema of its own: writers may put one into the footer's key-value metadata, and Spark would create the classes that it
names and unpickle the Python objects in it (``org.apache.spark.sql.parquet.row.metadata``, ``serializedClass`` of a
user-defined type). pyarrow takes no class from a file either, since version 14.0.1 (CVE-2023-47248).

The footer is also held against the file itself and against the limits: sizes and row counts in it are claims of
whoever wrote it, and dictionary encoding lets a few bytes stand for millions of long values.
"""

from __future__ import annotations

import io
import json
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.limits import RawLimits
from ecommerce_dwh.privacy.masking import shown_name
from ecommerce_dwh_glue.reading.errors import FileError, over

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# A footer is read as a whole; one of a thousand columns and some hundred row groups has about 10 MiB.
MAX_FOOTER = 32 << 20
# Values are decoded in batches of at most about so many bytes when they are counted.
_BATCH_BYTES = 256 << 20
_MAGIC = b"PAR1"
_CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4", "LZ4_RAW")
# What Spark's Parquet library knows of; it stops at any other, wherever it stands in the file.
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
# Timestamps are read as the whole numbers they are stored as: Spark would stop at one that is too large.
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


@dataclass(frozen=True)
class Footer:
    """What a footer says.

    Attributes:
        names: names of all columns, lower case and trimmed, in file order; of nested ones the outermost.
        columns: columns to read: those of the contract, and others of plain types (they are kept as raw text).
        rows: number of rows.
        text_bytes: size without compression.
    """

    names: tuple[str, ...]
    columns: tuple[ParquetColumn, ...]
    rows: int
    text_bytes: int


class RangedFile(io.RawIOBase):
    """An object of the store as a file that is read where it is asked for; its end is kept, since footers lie there.

    Args:
        read: reads ``length`` bytes from ``start``.
        size: bytes of the object.
        tail: the object's last bytes.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int, tail: bytes) -> None:
        self._read, self._size, self._tail = read, size, tail
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        length = left if size < 0 else min(size, left)
        if not length:
            return b""
        begin = self._position - (self._size - len(self._tail))
        found = self._tail[begin : begin + length] if begin >= 0 else self._read(self._position, length)
        self._position += len(found)
        return found


def read_footer(source: RangedFile, size: int, contract: SourceContract, limits: RawLimits) -> Footer:
    """Read and check a file's footer.

    Args:
        source: the file.
        size: its bytes.
        contract: the contract of its source.
        limits: how much it may be.

    Raises:
        FileError: the file cannot be read, or is over a limit.
    """
    import pyarrow as pa  # late import: needed where Parquet is delivered
    import pyarrow.parquet as pq

    end = _check_frame(source, size)
    source.seek(0)
    try:
        with pq.ParquetFile(source) as file:
            metadata = file.metadata
            if metadata.num_columns > limits.columns:
                raise over(f"has {metadata.num_columns:,} columns", "columns", limits.columns)
            _check_rows(metadata, limits)
            columns = _columns(file, contract)
            _check_sizes(file, size, end, columns, limits)
            top = dict.fromkeys(
                metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)
            )
            flat = [metadata.schema.column(i).name for i in _flat(metadata)]
            names = [name for name in top if name not in {each.split(".")[0] for each in flat}] + flat
            stored = sum(
                metadata.row_group(g).total_byte_size for g in range(metadata.num_row_groups)
            )  # already held against the limits, column by column
            return Footer(
                tuple(name.strip().lower() for name in names),
                tuple(columns.values()),
                metadata.num_rows,
                stored,
            )
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        if isinstance(error, FileError):
            raise
        why = " ".join(str(error).split())[:200]
        raise FileError(f"is not a readable Parquet file ({why}); send it again") from None


def _check_frame(source: RangedFile, size: int) -> int:
    """Check the magic words and the footer's length; gives the place where the footer begins."""
    head = source.read(4)
    source.seek(-min(8, size), io.SEEK_END)
    end = source.read(8)
    if b"PARE" in (head, end[4:]):
        raise FileError("is an encrypted Parquet file; send it without encryption")
    if size < 12 or head != _MAGIC or end[4:] != _MAGIC:
        raise FileError("is not a complete Parquet file although its name says so; send it again")
    (length,) = struct.unpack("<I", end[:4])
    if not 0 < length <= size - 12:
        raise FileError(
            f"is not a readable Parquet file (its footer would have {length:,} bytes of the file's {size:,}); "
            "send it again"
        )
    if length > MAX_FOOTER:
        raise FileError(
            f"has a footer of {length:,} bytes, more than the {MAX_FOOTER:,} that are read; send it with fewer row "
            "groups or columns"
        )
    return size - 8 - length


def _check_rows(metadata: pq.FileMetaData, limits: RawLimits) -> None:
    counts = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows:
        raise FileError(
            f"is not a readable Parquet file (its footer speaks of {metadata.num_rows:,} rows, its row groups of "
            f"{sum(counts):,}); send it again"
        )
    if metadata.num_rows > limits.rows:
        raise over(f"has {metadata.num_rows:,} rows", "rows", limits.rows)


def _flat(metadata: pq.FileMetaData) -> Iterator[int]:
    """Places of the columns that hold one value per row."""
    for index in range(metadata.num_columns):
        column = metadata.schema.column(index)
        if column.path == column.name and column.max_repetition_level == 0:
            yield index


def _columns(file: pq.ParquetFile, contract: SourceContract) -> dict[int, ParquetColumn]:
    """The columns to read by their places; a column that no contract names never condemns a file."""
    schema = file.metadata.schema
    wanted = {column.name for column in contract.columns}
    flat = set(_flat(file.metadata))
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
        raise FileError(f"lacks required column(s) {', '.join(missing)}")
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


def _check_sizes(
    file: pq.ParquetFile, size: int, end: int, columns: dict[int, ParquetColumn], limits: RawLimits
) -> None:
    """Hold the footer's claims about the columns to read against the file, and what they grow to against the limits."""
    metadata, allowed = file.metadata, limits.expanded(size)
    stored = grown = 0
    doubtful: list[tuple[int, int, int]] = []
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for index, column in columns.items():
            chunk = rows.column(index)
            begin = chunk.data_page_offset
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                begin = min(begin, chunk.dictionary_page_offset)
            packed, unpacked = chunk.total_compressed_size, chunk.total_uncompressed_size
            if (
                begin < 4
                or packed < 0
                or unpacked < 0
                or begin + packed > end
                or chunk.num_values != rows.num_rows
            ):
                raise FileError(
                    f"is not a readable Parquet file (its footer places column {shown_name(column.name)} of row group "
                    f"{group + 1} where it cannot be); send it again"
                )
            if chunk.compression not in _CODECS:
                raise FileError(
                    f"is compressed by {chunk.compression}, which is not read; use snappy, gzip, zstd or none"
                )
            stored += unpacked
            if column.kind == "string":
                # In the worst case, one value of a dictionary that fills the column stands in every row.
                grown += unpacked * rows.num_rows
                doubtful.append((group, index, unpacked))
    if stored > allowed:
        raise _grows(stored, size, limits)
    if grown > allowed:
        _count_text(file, doubtful, size, limits)


def _count_text(
    file: pq.ParquetFile, chunks: Iterable[tuple[int, int, int]], size: int, limits: RawLimits
) -> None:
    """Decode the texts a few at a time, until they are over the limit or at their end."""
    allowed, total = limits.expanded(size), 0
    for group, index, unpacked in chunks:
        batch_rows = min(65_536, max(16, _BATCH_BYTES // max(1, unpacked)))
        path = file.metadata.schema.column(index).path
        for batch in file.iter_batches(batch_rows, row_groups=[group], columns=[path], use_threads=False):
            total += sum(map(_text_bytes, batch.columns))
            if total > allowed:
                raise _grows(total, size, limits)


def _text_bytes(array: Any) -> int:
    """Bytes of all values, each time that they occur."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(array.type):
        return int(array.nbytes)
    lengths = pc.binary_length(array.dictionary)
    return int(pc.sum(pc.cast(lengths.take(array.indices), pa.int64())).as_py() or 0)


def _grows(reached: int, size: int, limits: RawLimits) -> FileError:
    allowed = limits.expanded(size)
    name = "bytes" if allowed == limits.bytes else "ratio"
    return over(
        f"grows from {size:,} to at least {reached:,} bytes when it is read", name, getattr(limits, name)
    )
