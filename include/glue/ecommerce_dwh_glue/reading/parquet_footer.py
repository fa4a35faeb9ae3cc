"""Reads the footer of a Parquet file by pyarrow, before Spark sees the file.

Spark is handed an explicit schema of plain types, made here from the footer's physical types. It never looks for a
schema of its own: writers may put one into the footer's key-value metadata, and Spark would create the classes that it
names and unpickle the Python objects in it (``org.apache.spark.sql.parquet.row.metadata``, ``serializedClass`` of a
user-defined type). pyarrow takes no class from a file either, since version 14.0.1 (CVE-2023-47248).

The footer is also held against the file itself and against the limits: sizes and row counts in it are claims of
whoever wrote it, and dictionary encoding lets a few bytes stand for millions of long values.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.limits import RawLimits
from ecommerce_dwh_glue.ranged_file import RangedFile
from ecommerce_dwh_glue.reading.errors import FileError, over
from ecommerce_dwh_glue.reading.parquet_sizes import check_rows, check_sizes
from ecommerce_dwh_glue.reading.parquet_types import ParquetColumn, columns_to_read, flat_columns

# A footer is read as a whole; one of a thousand columns and some hundred row groups has about 10 MiB.
MAX_FOOTER = 32 << 20
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Footer:
    """The content of a footer.

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
            check_rows(metadata, limits)
            columns = columns_to_read(file, contract)
            check_sizes(file, size, end, columns, limits)
            top = dict.fromkeys(
                metadata.schema.column(i).path.split(".")[0] for i in range(metadata.num_columns)
            )
            flat = [metadata.schema.column(i).name for i in flat_columns(metadata)]
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
