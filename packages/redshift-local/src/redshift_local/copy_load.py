"""COPY: reads objects from S3 and turns them into PostgreSQL's CSV, a piece at a time.

All code here blocks, so a thread of the front runs it; the session feeds the yielded pieces into
``COPY … FROM STDIN`` on the client's own server session, so the rows belong to the client's transaction.

Parquet columns are taken by position and their types must be the table's. A file is fetched to disk and read row
group by row group, so memory does not grow with the file.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redshift_local import copy_json
from redshift_local.copy_fields import reader
from redshift_local.copy_model import Column, CopyError, Entry, LoadError, LoadResult
from redshift_local.copy_text import CopyStatement
from redshift_local.settings import S3Access

_BATCH_ROWS = 65_536
_SPOOL_BYTES = 32 << 20
_CSV_ROWS = 5_000


def client(access: S3Access) -> Any:
    """An S3 client."""
    return boto3.client(
        "s3",
        endpoint_url=access.endpoint_url or None,
        aws_access_key_id=access.access_key or None,
        aws_secret_access_key=access.secret_key or None,
        region_name=access.region or None,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
    )


class Load:
    """One COPY.

    Args:
        statement: the parsed COPY.
        columns: target columns in the order in which the file has them.
        s3: an S3 client.
    """

    def __init__(self, statement: CopyStatement, columns: Sequence[Column], s3: Any) -> None:
        self.statement = statement
        self.columns = list(columns)
        self.result = LoadResult()
        self._s3 = s3

    def pieces(self) -> Iterator[bytes]:
        """PostgreSQL's CSV for all rows.

        Raises:
            CopyError: an object or a row cannot be loaded.
        """
        try:
            for entry in self._entries():
                with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
                    if not self._fetch(entry, spool):
                        continue
                    self.result.files += 1
                    if not spool.seek(0, io.SEEK_END):
                        continue  # an object without bytes has no rows, whatever the format
                    spool.seek(0)
                    if self.statement.file_format == "PARQUET":
                        yield from self._parquet(entry, spool)
                    elif self.statement.file_format == "JSON":
                        yield from self._as_csv(entry, self._json(entry, spool))
                    else:
                        yield from self._as_csv(entry, self._delimited(entry, spool))
        except (ClientError, BotoCoreError) as error:
            raise CopyError(f"S3ServiceException: {error}") from error

    # Objects ----------------------------------------------------------------------------------------------------

    def _entries(self) -> list[Entry]:
        bucket, _, key = self.statement.source.removeprefix("s3://").partition("/")
        if self.statement.has("MANIFEST"):
            return self._manifest(bucket, key)
        keys: list[Entry] = []
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            for page in pages:
                for item in page.get("Contents", ()):
                    name = item["Key"].rsplit("/", 1)[-1]
                    if name and not name.startswith(("_", ".")):
                        keys.append(Entry(bucket, item["Key"]))
        except ClientError as error:
            raise CopyError(
                f"S3ServiceException: {error.response['Error'].get('Message', error)}, bucket {bucket}"
            ) from error
        if not keys:
            raise CopyError(f"The specified S3 prefix '{key}' does not exist", f"bucket {bucket}, prefix {key}")
        return keys

    def _manifest(self, bucket: str, key: str) -> list[Entry]:
        try:
            text = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise CopyError(
                f"Problem reading manifest file - S3ServiceException: the manifest s3://{bucket}/{key} does not exist"
            ) from error
        try:
            listed = json.loads(text)["entries"]
            entries = []
            for item in listed:
                name, _, path = item["url"].removeprefix("s3://").partition("/")
                length = item.get("meta", {}).get("content_length")
                entries.append(Entry(name, path, bool(item.get("mandatory", False)), length))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CopyError(
                f"Invalid manifest file - s3://{bucket}/{key}: it must have entries with a url each"
            ) from error
        if self.statement.file_format == "PARQUET":
            for entry in entries:
                if entry.length is None:
                    raise CopyError(
                        f"Invalid manifest file - meta.content_length is missing for {entry.url}, "
                        "which COPY from a columnar format needs"
                    )
        return entries

    def _fetch(self, entry: Entry, spool: Any) -> bool:
        try:
            self._s3.download_fileobj(entry.bucket, entry.key, spool)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NoSuchBucket"}:
                raise
            if not entry.mandatory and self.statement.has("MANIFEST"):
                return False
            raise CopyError(f"Mandatory url is not present in manifest file location: {entry.url}") from error
        # Large objects arrive in parts, in any order: where the last one ended says nothing.
        size = spool.seek(0, io.SEEK_END)
        if entry.length is not None and entry.length != size:
            raise CopyError(
                f"content_length in the manifest is {entry.length}, but {entry.url} has {size} bytes"
            )
        self.result.bytes += size
        spool.seek(0)
        return True

    # Parquet ----------------------------------------------------------------------------------------------------

    def _parquet(self, entry: Entry, spool: Any) -> Iterator[bytes]:
        try:
            file = pq.ParquetFile(spool)
        except pa.ArrowException as error:
            raise CopyError(
                "Spectrum Scan Error", f"File '{entry.url}' is not a valid Parquet file: {error}"
            ) from error
        schema = file.schema_arrow
        missing = len(self.columns) - len(schema)
        if missing < 0 or (missing and not self.statement.has("FILLRECORD")):
            raise CopyError(
                f"Spectrum Scan Error: Unmatched number of columns between table and file. "
                f"Table columns: {len(self.columns)}, Data columns: {len(schema)}, File name: {entry.url}"
            )
        for column, data in zip(self.columns, schema, strict=False):
            if not _compatible(column, data.type):
                raise CopyError(
                    f"Spectrum Scan Error: File '{entry.url}' has an incompatible Parquet schema for column "
                    f"'{column.name}'. Column type: {column.redshift_type}, Parquet schema: {data.name} {data.type}"
                )
        options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            if not batch.num_rows:
                continue
            arrays = [
                self._array(column, batch.column(number), entry)
                for number, column in enumerate(self.columns[: len(schema)])
            ]
            arrays += [pa.nulls(batch.num_rows, pa.string())] * missing
            names = [str(number) for number in range(len(arrays))]
            sink = io.BytesIO()
            pa_csv.write_csv(pa.RecordBatch.from_arrays(arrays, names), sink, options)
            self.result.rows += batch.num_rows
            yield sink.getvalue()

    def _array(self, column: Column, array: pa.Array, entry: Entry) -> pa.Array:
        """A column as CSV can carry it; too long text is an error."""
        if not column.nullable and array.null_count:
            raise CopyError(
                f"Cannot COPY a null value into NOT NULL column {column.name}",
                f"File name: {entry.url}",
                "23502",
            )
        kind = array.type
        if pa.types.is_dictionary(kind):
            array = array.dictionary_decode()
            kind = array.type
        if pa.types.is_decimal(kind):
            return array.cast(pa.string())
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return pa.array([None if value is None else "\\x" + value.hex() for value in array.to_pylist()])
        if pa.types.is_timestamp(kind):
            # a moment in UTC either way; without its zone it reads as TIMESTAMP
            plain = array.cast(pa.timestamp("us", kind.tz), safe=False)
            return (
                plain if kind.tz and column.base.endswith("with time zone") else plain.cast(pa.timestamp("us"))
            )
        if column.base in {"character varying", "character"} and column.sizes:
            longest = pc.max(pc.binary_length(array)).as_py() or 0
            if longest > column.sizes[0]:
                raise CopyError(
                    f"Spectrum Scan Error: The length of the data column {column.name} is longer than the length "
                    f"defined in the table. Table: {column.sizes[0]}, Data: {longest}, File name: {entry.url}"
                )
        return array

    # Text -------------------------------------------------------------------------------------------------------

    def _unpacked(self, spool: Any) -> Any:
        options = self.statement.options
        if "GZIP" in options:
            return gzip.GzipFile(fileobj=spool, mode="rb")
        if "BZIP2" in options:
            return bz2.BZ2File(spool)
        if "ZSTD" in options:
            return io.BytesIO(pa.input_stream(spool, compression="zstd").read())
        return spool

    def _json(self, entry: Entry, spool: Any) -> Iterator[tuple[int, Sequence[str | None]]]:
        """Line and values of each record; a file that cannot be read on ends there."""
        options = self.statement.options
        replacing = "replace" if options.get("ACCEPTINVCHARS") else "strict"
        try:
            text = self._unpacked(spool).read().decode("utf-8-sig", replacing)
            yield from copy_json.rows(text, self.columns, ignore_case="ignorecase" in options["JSON"])
        except (ValueError, EOFError, OSError, pa.ArrowException) as error:
            self._reject(entry, 1, "", str(error))

    # Delimited text ---------------------------------------------------------------------------------------------

    def _delimited(self, entry: Entry, spool: Any) -> Iterator[tuple[int, Sequence[str | None]]]:
        """Line and values of each row."""
        options = self.statement.options
        raw = self._unpacked(spool)
        replacement = options.get("ACCEPTINVCHARS")
        is_csv = self.statement.file_format == "CSV"
        text = io.TextIOWrapper(
            raw, encoding="utf-8-sig", errors="replace" if replacement else "strict", newline=""
        )
        rows = csv.reader(
            text,
            delimiter=options.get("DELIMITER", "," if is_csv else "|").replace("\\t", "\t"),
            quotechar=options.get("QUOTE", '"') if is_csv else None,
            quoting=csv.QUOTE_MINIMAL if is_csv else csv.QUOTE_NONE,
            strict=is_csv,
        )
        skip = int(options.get("IGNOREHEADER", "0"))
        number = 0
        while True:
            try:
                row = next(rows, None)
            except (csv.Error, UnicodeDecodeError, EOFError, OSError) as error:
                self._reject(entry, number + 1, "", str(error))
                if isinstance(error, csv.Error):
                    continue
                raise CopyError(f"{entry.url} cannot be read: {error}") from error
            if row is None:
                break
            number += 1
            if number > skip and (row or not ("IGNOREBLANKLINES" in options or is_csv)):
                yield rows.line_num, row

    def _as_csv(self, entry: Entry, rows: Iterable[tuple[int, Sequence[str | None]]]) -> Iterator[bytes]:
        """Pieces of CSV for PostgreSQL; rows that the table does not take are left out."""
        readers = [reader(column, self.statement.options) for column in self.columns]
        sink, writer = _csv_sink()
        count = 0
        for line, row in rows:
            values = self._row(entry, line, row, readers)
            if values is None:
                continue
            writer(values)
            count += 1
            if count % _CSV_ROWS == 0:
                yield sink.getvalue().encode()
                sink, writer = _csv_sink()
        self.result.rows += count
        if sink.tell():
            yield sink.getvalue().encode()

    def _row(
        self, entry: Entry, line: int, row: Sequence[str | None], readers: Sequence[Callable[[str], str | None]]
    ) -> list[str | None] | None:
        if len(row) > len(readers):
            self._reject(entry, line, "", "Extra column(s) found")
            return None
        if len(row) < len(readers) and not self.statement.has("FILLRECORD"):
            self._reject(entry, line, self.columns[len(row)].name, "Delimiter not found")
            return None
        values: list[str | None] = []
        for column, read, text in zip(self.columns, readers, row, strict=False):
            try:
                value = None if text is None else read(text)
            except (ValueError, ArithmeticError) as error:
                self._reject(entry, line, column.name, str(error))
                return None
            values.append(value)
        values += [None] * (len(readers) - len(row))
        for column, value in zip(self.columns, values, strict=True):
            if value is None and not column.nullable:
                self._reject(entry, line, column.name, "Missing data for not-null field")
                return None
        return values

    def _reject(self, entry: Entry, line: int, name: str, message: str) -> None:
        column = next((c for c in self.columns if c.name == name), Column("", ""))
        length = str(column.sizes[0]) if column.sizes else ""
        self.result.errors.append(LoadError(entry.url, line, name, column.base, length, message))
        limit = int(self.statement.options.get("MAXERROR", "0"))
        if len(self.result.errors) > limit:
            raise CopyError(
                f"Load into table '{self.statement.name[-1]}' failed. "
                "Check 'sys_load_error_detail' system table for details.",
                f"{message} (file {entry.url}, line {line}{f', column {name}' if name else ''})",
            )


def _csv_sink() -> tuple[io.StringIO, Callable[[list[str | None]], None]]:
    sink = io.StringIO()

    def write(values: list[str | None]) -> None:
        sink.write(",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in values))
        sink.write("\n")

    return sink, write


def _compatible(column: Column, kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    base = column.base
    if base in {"character varying", "character", "text"}:
        return pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if base == "numeric":
        return pa.types.is_decimal(kind) and (kind.precision, kind.scale) == column.sizes
    if base in {"timestamp without time zone", "timestamp with time zone"}:
        return pa.types.is_timestamp(kind)
    wanted = {
        "smallint": (pa.int8(), pa.int16()),
        "integer": (pa.int8(), pa.int16(), pa.int32()),
        "bigint": (pa.int64(),),
        "real": (pa.float32(),),
        "double precision": (pa.float64(),),
        "boolean": (pa.bool_(),),
        "date": (pa.date32(),),
        "bytea": (pa.binary(), pa.large_binary()),
    }
    return kind in wanted.get(base, ())
