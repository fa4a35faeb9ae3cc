"""Sizes in a Parquet footer are claims of whoever wrote the file: held against the file and against the limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.limits import RawLimits
from ecommerce_dwh.privacy.masking import shown_name
from ecommerce_dwh_glue.reading.errors import FileError, over
from ecommerce_dwh_glue.reading.parquet_types import ParquetColumn

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# Bytes of values, at most about, that are decoded at a time to be counted.
_BATCH_BYTES = 256 << 20
_CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4", "LZ4_RAW")


def check_rows(metadata: pq.FileMetaData, limits: RawLimits) -> None:
    """Hold the number of rows in the footer against its row groups and the limit.

    Raises:
        FileError: the numbers contradict each other, or are over the limit.
    """
    counts = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows:
        raise FileError(
            f"is not a readable Parquet file (its footer speaks of {metadata.num_rows:,} rows, its row groups of "
            f"{sum(counts):,}); send it again"
        )
    if metadata.num_rows > limits.rows:
        raise over(f"has {metadata.num_rows:,} rows", "rows", limits.rows)


def check_sizes(
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
                # In the worst case, one value of a dictionary that fills the column is in every row.
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
