"""Uploads of extracted rows: a day's files appear in the raw bucket all at once, or not at all."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ecommerce_dwh.lake.layout import EMPTY_MARKER, folder
from ecommerce_dwh.lake.s3 import LIST_BYTES, read_object

FILE_STEM = "shop"
NOTE = "_shop.json"
PART_BYTES = 16 * 1024 * 1024  # 10,000 parts of this size make a file of 160 GB
# A gzip file cannot be split: a larger one would keep one Spark task busy and the others idle.
ROWS_PER_FILE = 2_000_000
_CHUNK = 1024 * 1024
_GZIP = 31  # zlib's window bits for a gzip wrapper
_OWN_FILE = re.compile(rf"{FILE_STEM}-\d{{5}}\.csv\.gz")


@dataclass(frozen=True)
class Extraction:
    """The result of extracting a source and day.

    Attributes:
        source: the source.
        day: ``YYYY-MM-DD``.
        rows: rows in the files of the day.
        size: bytes of the files.
        files: their keys; ``_EMPTY`` for a day without activity.
        kept: whether an earlier extraction was left in place because it holds more rows.
    """

    source: str
    day: str
    rows: int
    size: int
    files: tuple[str, ...]
    kept: bool = False


@dataclass
class GzipUpload:
    """A gzip file that grows in parts under a key and is seen there only when it is completed.

    Attributes:
        client: boto3 S3 client.
        bucket: the raw bucket.
        key: the file.
    """

    client: Any
    bucket: str
    key: str
    size: int = 0
    _upload: str = ""
    _parts: list[dict[str, Any]] = field(default_factory=list)
    _waiting: bytearray = field(default_factory=bytearray)
    _zip: Any = None

    def __post_init__(self) -> None:
        self._zip = zlib.compressobj(
            level=1, wbits=_GZIP
        )  # the wrapper's time stamp is zero: equal rows, equal bytes

    def write(self, data: bytes) -> None:
        """Compress data and send what fills a part."""
        self._waiting += self._zip.compress(data)
        while len(self._waiting) >= PART_BYTES:
            self._send(bytes(self._waiting[:PART_BYTES]))
            del self._waiting[:PART_BYTES]

    def close(self) -> None:
        """Send the rest; the file is complete, and not visible yet."""
        self._waiting += self._zip.flush()
        self._send(bytes(self._waiting))
        self._waiting.clear()

    def complete(self) -> None:
        """Make the file appear under its key, in place of an older one."""
        self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=self.key, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
        )
        self._upload = ""

    def abort(self) -> None:
        """Abort the upload; an earlier object of the key stays."""
        if self._upload:
            with suppress(Exception):  # the bucket's lifecycle rule removes what is left
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self._upload)
            self._upload = ""

    def _send(self, body: bytes) -> None:
        if not self._upload:
            self._upload = self.client.create_multipart_upload(
                Bucket=self.bucket, Key=self.key, ContentType="application/gzip"
            )["UploadId"]
        number = len(self._parts) + 1
        answer = self.client.upload_part(
            Bucket=self.bucket, Key=self.key, UploadId=self._upload, PartNumber=number, Body=body
        )
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})
        self.size += len(body)


class DayUpload:
    """The files of a source's day, as they are being written; a context manager that gives up on an error.

    Args:
        client: boto3 S3 client.
        bucket: the raw bucket.
        source: the source.
        day: ``YYYY-MM-DD``.
        header: first line of every file.
        note: kept in the day's ``_shop.json`` together with row count and files.
        rows_per_file: where the next file begins.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        source: str,
        day: str,
        *,
        header: bytes,
        note: Mapping[str, str],
        rows_per_file: int = ROWS_PER_FILE,
    ) -> None:
        self.client = client
        self.bucket = bucket
        self.source = source
        self.day = day
        self.header = header
        self.note = note
        self.rows_per_file = rows_per_file
        self.rows = 0
        self._files: list[GzipUpload] = []
        self._chunk: list[bytes] = []
        self._chunk_size = 0
        self._room = 0

    def __enter__(self) -> DayUpload:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.abort()

    def take(self, row: bytes) -> None:
        """One row, with its line end."""
        if not self._room:
            self._next_file()
        self._room -= 1
        self.rows += 1
        self._chunk.append(row)
        self._chunk_size += len(row)
        if self._chunk_size >= _CHUNK or not self._room:
            self._flush()

    def abort(self) -> None:
        """Abort all uploads; the day stays as it was."""
        for file in self._files:
            file.abort()

    def close(self) -> None:
        """Finish all uploads; none of the files is visible yet."""
        if self._files:
            self._flush()
            self._files[-1].close()

    def publish(self, *, replace: bool = False) -> Extraction:
        """Make the day's files appear and remove those of an earlier extraction that they do not replace.

        A row that changed again since is no longer part of its earlier day. So a repetition that holds fewer rows
        than the files that are there would lose versions: it is dropped, unless ``replace`` says otherwise.
        """
        present, before = self._present(), self._note()
        if present and self.rows < before.get("rows", 0) and not replace:
            self.abort()
            return Extraction(self.source, self.day, before["rows"], 0, tuple(before["files"]), kept=True)
        for file in self._files:
            file.complete()
        keys = [file.key for file in self._files]
        marker = self._key(EMPTY_MARKER)
        if keys:
            self.client.delete_object(Bucket=self.bucket, Key=marker)
        else:
            self.client.put_object(Bucket=self.bucket, Key=marker, Body=b"")
            keys = [marker]
        for key in sorted(set(present) - set(keys)):
            self.client.delete_object(Bucket=self.bucket, Key=key)
        note = {**self.note, "rows": self.rows, "files": keys}
        self.client.put_object(
            Bucket=self.bucket, Key=self._key(NOTE), Body=json.dumps(note, indent=1).encode()
        )
        return Extraction(self.source, self.day, self.rows, sum(f.size for f in self._files), tuple(keys))

    def _key(self, name: str) -> str:
        return folder(self.source, self.day) + name

    def _present(self) -> list[str]:
        """The files that an earlier extraction of the day left."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._key(FILE_STEM)
        )
        keys = [str(entry["Key"]) for page in pages for entry in page.get("Contents", ())]
        return [key for key in keys if _OWN_FILE.fullmatch(key.removeprefix(self._key("")))]

    def _note(self) -> dict[str, Any]:
        """The note of an earlier extraction of the day; empty without one."""
        body = read_object(self.client, self.bucket, self._key(NOTE), LIST_BYTES)
        return {} if body is None else dict(json.loads(body))

    def _next_file(self) -> None:
        if self._files:
            self._files[-1].close()
        name = f"{FILE_STEM}-{len(self._files):05d}.csv.gz"
        file = GzipUpload(self.client, self.bucket, self._key(name))
        file.write(self.header)
        self._files.append(file)
        self._room = self.rows_per_file

    def _flush(self) -> None:
        if self._chunk:
            self._files[-1].write(b"".join(self._chunk))
            self._chunk.clear()
            self._chunk_size = 0
