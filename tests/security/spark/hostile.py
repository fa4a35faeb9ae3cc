"""Makers of files that mean harm: small where they lie, large or wrong where they are read."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import struct
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ITEMS = b"order_item_id,order_id,product_id,quantity,unit_price,line_total\n"
ITEM = b"i1,o1,p1,1,2.50,2.50\n"
ROW_METADATA = b"org.apache.spark.sql.parquet.row.metadata"


def zipped(pieces: Iterable[bytes]) -> bytes:
    """A gzip file out of pieces, so that what it grows to is never held."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(piece) for piece in pieces) + packer.flush()


def item_columns(rows: int = 1, **more: Any) -> dict[str, Any]:
    """Columns of order items, with others or more."""
    return {
        "order_item_id": pa.array([f"i{number}" for number in range(rows)]),
        "order_id": pa.array(["o1"] * rows),
        "product_id": pa.array(["p1"] * rows),
        "quantity": pa.array([1] * rows, pa.int32()),
        "unit_price": pa.array([2.5] * rows),
        **more,
    }


def parquet(columns: Mapping[str, Any], metadata: Mapping[bytes, bytes] | None = None, **options: Any) -> bytes:
    """A Parquet file of Arrow columns."""
    table = pa.table(dict(columns))
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), sink, **options)
    return sink.getvalue()


def with_footer(content: bytes, change: Any) -> bytes:
    """The file with another footer; ``change`` takes and gives the footer's bytes."""
    (length,) = struct.unpack("<I", content[-8:-4])
    footer = change(content[-8 - length : -8])
    return content[: -8 - length] + footer + struct.pack("<I", len(footer)) + b"PAR1"


def with_footer_length(content: bytes, length: int) -> bytes:
    """The file with a lie about the length of its footer."""
    return content[:-8] + struct.pack("<I", length) + b"PAR1"


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def spark_metadata(names: Iterable[str], kind: Any) -> dict[bytes, bytes]:
    """Spark's row metadata that gives every column a type."""
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name in names]
    return {ROW_METADATA: json.dumps({"type": "struct", "fields": fields}).encode()}


def pickled_type(marker: str) -> dict[str, Any]:
    """A user-defined type whose class is unpickled where it is believed."""
    code = base64.b64encode(pickle.dumps(Touch(marker))).decode()
    return {"type": "udt", "pyClass": "os.Absent", "serializedClass": code, "sqlType": "string"}


def long_value(rows: int, length: int) -> pa.Array:
    """The same long text in every row, stored once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * length]))


@cache
def many_rows(rows: int) -> bytes:
    """A Parquet file of equal rows, a few bytes per million."""
    names = ("order_item_id", "order_id", "product_id", "quantity", "unit_price")

    def group(length: int) -> pa.Table:
        column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), length), pa.array(["1"]))
        return pa.table(dict.fromkeys(names, column))

    sink = io.BytesIO()
    whole = group(min(rows, 1_000_000))
    with pq.ParquetWriter(sink, whole.schema, write_statistics=False) as writer:
        for _ in range(rows // 1_000_000):
            writer.write_table(whole)
        if rows % 1_000_000:
            writer.write_table(group(rows % 1_000_000))
    return sink.getvalue()


def gzip_in_gzip(depth: int, content: bytes) -> bytes:
    for _ in range(depth):
        content = gzip.compress(content, mtime=0)
    return content
