"""Files of an UNLOAD: rows in PostgreSQL's text become Parquet, CSV, JSON or delimited text, a file at a time.

All code here blocks; a thread of the front runs it.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import tempfile
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from redshift_local.copy_model import CopyError
from redshift_local.unload_text import UnloadStatement

_SPOOL_BYTES = 32 << 20
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_NUMERIC = 1700
_TYPES: dict[int, tuple[str, Callable[[], pa.DataType]]] = {
    16: ("boolean", pa.bool_),
    20: ("bigint", pa.int64),
    21: ("smallint", pa.int16),
    23: ("integer", pa.int32),
    700: ("real", pa.float32),
    701: ("double precision", pa.float64),
    1082: ("date", pa.date32),
    1114: ("timestamp without time zone", lambda: pa.timestamp("us")),
    1184: ("timestamp with time zone", lambda: pa.timestamp("us", "UTC")),
    17: ("binary varying", pa.binary),
    3802: ("super", pa.string),
}


@dataclass(frozen=True)
class OutColumn:
    """A column of the query's answer."""

    name: str
    type_id: int
    modifier: int

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Precision and scale, where the query's type says them."""
        if self.type_id != _NUMERIC or self.modifier < 4:
            return None
        return ((self.modifier - 4) >> 16) & 65535, (self.modifier - 4) & 2047

    @property
    def redshift_type(self) -> str:
        if self.type_id == _NUMERIC:
            return "numeric" if self.decimal is None else "numeric({},{})".format(*self.decimal)
        return _TYPES.get(self.type_id, ("character varying", pa.string))[0]


class _Writer(Protocol):
    def write(self, rows: Sequence[Sequence[str | None]]) -> None: ...

    def close(self) -> None: ...


class Files:
    """Writes the rows of one UNLOAD and uploads the files.

    Args:
        statement: the statement.
        columns: columns of the answer.
        s3: an S3 client.

    Raises:
        CopyError: the target is not empty, or a partition column is not in the answer.
    """

    def __init__(self, statement: UnloadStatement, columns: Sequence[OutColumn], s3: Any) -> None:
        self.statement = statement
        self.rows = 0
        self.entries: list[dict[str, Any]] = []
        self._s3 = s3
        self._bucket, _, self._prefix = statement.target.removeprefix("s3://").partition("/")
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            raise CopyError("UNLOAD: the query's columns must have names of their own", state="42701")
        if missing := [name for name in statement.partitions if name not in names]:
            raise CopyError(f'column "{missing[0]}" of PARTITION BY is not in the query', state="42703")
        self._partition_at = [names.index(name) for name in statement.partitions]
        kept = [n for n in range(len(names)) if statement.include or n not in self._partition_at]
        if not kept:
            raise CopyError("UNLOAD: every column is a partition column", state="42601")
        self._kept = kept
        self._columns = [columns[number] for number in kept]
        self._open: dict[tuple[str | None, ...], _File] = {}
        self._numbers: dict[tuple[str | None, ...], int] = {}
        self._prepare_target()

    def _prepare_target(self) -> None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        found = [item["Key"] for page in pages for item in page.get("Contents", ())]
        if found and self.statement.has("CLEANPATH"):
            for key in found:
                self._s3.delete_object(Bucket=self._bucket, Key=key)
        elif found and not self.statement.has("ALLOWOVERWRITE"):
            raise CopyError(
                "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, "
                "manually removing the target files in S3, or using the ALLOWOVERWRITE option."
            )

    def write(self, rows: Sequence[Sequence[str | None]]) -> None:
        """Take rows in PostgreSQL's text."""
        self.rows += len(rows)
        parts: dict[tuple[str | None, ...], list[list[str | None]]] = {}
        for row in rows:
            key = tuple(row[number] for number in self._partition_at)
            parts.setdefault(key, []).append([row[number] for number in self._kept])
        for key, chosen in parts.items():
            file = self._open.get(key) or self._file(key)
            file.write(chosen)
            if file.size >= self.statement.largest:
                self._upload(self._open.pop(key))

    def finish(self) -> None:
        """Upload what is open, and the manifest. A query without rows leaves one file without rows."""
        if not self.rows and not self._partition_at:
            self._file(())
        for file in self._open.values():
            self._upload(file)
        if self.statement.has("MANIFEST"):
            self._manifest()

    def _file(self, key: tuple[str | None, ...]) -> _File:
        number = self._numbers.get(key, 0)
        self._numbers[key] = number + 1
        folders = "".join(
            f"{name}={urllib.parse.quote(value, safe=' ') if value is not None else _HIVE_NULL}/"
            for name, value in zip(self.statement.partitions, key, strict=True)
        )
        prefix = self._prefix
        if folders and prefix and not prefix.endswith("/"):
            prefix += "/"
        parallel = self.statement.options.get("PARALLEL", "ON") in {"ON", "TRUE"}
        name = f"0000_part_{number:02d}" if parallel else f"{number:03d}"
        file = _File(f"{prefix}{folders}{name}{self._ending()}", self.statement, self._columns)
        self._open[key] = file
        return file

    def _ending(self) -> str:
        if self.statement.has("EXTENSION"):
            return "." + self.statement.options["EXTENSION"].lstrip(".")
        if self.statement.file_format == "PARQUET":
            return ".parquet"
        packed = {"GZIP": ".gz", "BZIP2": ".bz2", "ZSTD": ".zst"}
        return next((ending for option, ending in packed.items() if self.statement.has(option)), "")

    def _upload(self, file: _File) -> None:
        spool, size = file.finished()
        extra = {}
        if self.statement.has("KMS_KEY_ID"):
            extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.statement.options["KMS_KEY_ID"]}
        self._s3.upload_fileobj(spool, self._bucket, file.key, ExtraArgs=extra or None)
        self.entries.append(
            {
                "url": f"s3://{self._bucket}/{file.key}",
                "meta": {"content_length": size, "record_count": file.rows},
            }
        )
        spool.close()

    def _manifest(self) -> None:
        if self.statement.options["MANIFEST"] == "VERBOSE":
            elements = [
                {"name": column.name, "type": {"base": column.redshift_type}} for column in self._columns
            ]
            content = sum(entry["meta"]["content_length"] for entry in self.entries)
            document = {
                "entries": self.entries,
                "schema": {"elements": elements},
                "meta": {"content_length": content, "record_count": self.rows},
                "author": {"name": "Amazon Redshift", "version": "1.0.0"},
            }
        else:
            meta = self.statement.file_format == "PARQUET"
            document = {
                "entries": [
                    {"url": entry["url"]}
                    | ({"meta": {"content_length": entry["meta"]["content_length"]}} if meta else {})
                    for entry in self.entries
                ]
            }
        key = f"{self._prefix}manifest"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(document, indent=2).encode())


class _File:
    """One file that is being written."""

    def __init__(self, key: str, statement: UnloadStatement, columns: Sequence[OutColumn]) -> None:
        self.key = key
        self.rows = 0
        self._spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - closed by the upload
        self._writer: _Writer = _writer(statement, columns, self._spool)

    @property
    def size(self) -> int:
        return self._spool.tell()

    def write(self, rows: Sequence[Sequence[str | None]]) -> None:
        self.rows += len(rows)
        self._writer.write(rows)

    def finished(self) -> tuple[Any, int]:
        self._writer.close()
        size = self._spool.tell()
        self._spool.seek(0)
        return self._spool, size


def _writer(statement: UnloadStatement, columns: Sequence[OutColumn], sink: Any) -> _Writer:
    if statement.file_format == "PARQUET":
        return _Parquet(columns, sink)
    if statement.has("GZIP"):
        sink = gzip.GzipFile(fileobj=sink, mode="wb", mtime=0)
    elif statement.has("BZIP2"):
        sink = bz2.BZ2File(sink, "wb")
    elif statement.has("ZSTD"):
        sink = pa.CompressedOutputStream(pa.PythonFile(_Kept(sink), mode="w"), "zstd")
    return _Text(statement, columns, sink)


class _Kept:
    """A file that its compressor does not close."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.closed = False

    def write(self, data: bytes) -> int:
        return int(self._file.write(data))

    def flush(self) -> None: ...

    def close(self) -> None: ...


class _Text:
    """Delimited text, CSV and lines of JSON."""

    def __init__(self, statement: UnloadStatement, columns: Sequence[OutColumn], sink: Any) -> None:
        self._columns = columns
        self._sink = sink
        self._null = statement.options.get("NULL", "")
        self._json = statement.file_format == "JSON"
        self._csv = statement.file_format == "CSV"
        self._quoted = statement.has("ADDQUOTES")
        self._escaped = statement.has("ESCAPE")
        delimiter = statement.options.get("DELIMITER", "," if self._csv else "|")
        self._delimiter = delimiter.replace("\\t", "\t")
        if statement.has("HEADER"):
            self._put([[column.name for column in columns]])

    def write(self, rows: Sequence[Sequence[str | None]]) -> None:
        if self._json:
            self._sink.write("".join(self._object(row) for row in rows).encode())
        else:
            self._put(rows)

    def _put(self, rows: Sequence[Sequence[str | None]]) -> None:
        sink = io.StringIO()
        if self._csv:
            writer = csv.writer(sink, delimiter=self._delimiter, lineterminator="\n")
            writer.writerows([self._null if value is None else value for value in row] for row in rows)
        else:
            for row in rows:
                sink.write(self._delimiter.join(map(self._plain, row)) + "\n")
        self._sink.write(sink.getvalue().encode())

    def _plain(self, value: str | None) -> str:
        if value is None:
            return self._null
        if self._escaped:
            for mark in ("\\", "\n", "\r", self._delimiter, *(('"', "'") if self._quoted else ())):
                value = value.replace(mark, "\\" + mark)
        return f'"{value}"' if self._quoted else value

    def _object(self, row: Sequence[str | None]) -> str:
        document = {
            column.name: _json_value(column, value) for column, value in zip(self._columns, row, strict=True)
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"

    def close(self) -> None:
        if isinstance(self._sink, gzip.GzipFile | bz2.BZ2File | pa.NativeFile):
            self._sink.close()


def _json_value(column: OutColumn, value: str | None) -> Any:
    if value is None:
        return None
    if column.type_id == 16:
        return value == "t"
    if column.type_id in {20, 21, 23, 700, 701, _NUMERIC, 3802}:
        return json.loads(value)
    return value


class _Parquet:
    """Parquet with snappy, as Redshift writes it."""

    def __init__(self, columns: Sequence[OutColumn], sink: Any) -> None:
        self._columns = columns
        self._sink = _Kept(sink)
        self._schema: pa.Schema | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: Sequence[Sequence[str | None]]) -> None:
        writer = self._opened(rows)
        arrays = [
            _array(column, [row[number] for row in rows], writer.schema.field(number).type)
            for number, column in enumerate(self._columns)
        ]
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=writer.schema))

    def _opened(self, rows: Sequence[Sequence[str | None]]) -> pq.ParquetWriter:
        if self._writer is None:
            fields = [
                pa.field(column.name, _arrow_type(column, [row[number] for row in rows]))
                for number, column in enumerate(self._columns)
            ]
            self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), pa.schema(fields))
        return self._writer

    def close(self) -> None:
        self._opened(()).close()


def _arrow_type(column: OutColumn, values: Sequence[str | None]) -> pa.DataType:
    if column.type_id == _NUMERIC:
        if column.decimal is not None:
            return pa.decimal128(*column.decimal)
        scale = max((len(value.partition(".")[2]) for value in values if value is not None), default=0)
        return pa.decimal128(38, min(scale, 37))
    return _TYPES.get(column.type_id, ("", pa.string))[1]()


def _array(column: OutColumn, values: list[str | None], kind: pa.DataType) -> pa.Array:
    try:
        if column.type_id == 17:
            return pa.array([None if value is None else bytes.fromhex(value[2:]) for value in values], kind)
        if column.type_id == 16:
            return pa.array([None if value is None else value == "t" for value in values], kind)
        if column.type_id == _NUMERIC:
            return pa.array([None if value is None else Decimal(value) for value in values], kind)
        return pa.array(values, pa.string()).cast(kind) if kind != pa.string() else pa.array(values, kind)
    except (pa.ArrowException, ValueError, ArithmeticError) as error:
        raise CopyError(
            f'column "{column.name}" cannot be written as {kind}: {error}', state="22003"
        ) from error
