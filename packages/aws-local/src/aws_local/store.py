"""Objects on disk: the bytes as files, the index in SQLite.

A write is acknowledged after its index row is committed, so a killed server loses nothing it confirmed. (It
survives the death of the process; when the machine itself dies, the last moments may be lost.)
Nothing here knows about HTTP.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from .stored import (
    Blob,
    Listing,
    StoredObject,
    StoreError,
    after_prefix,
    no_such_bucket,
    no_such_key,
    no_such_upload,
)

BLOCK = 1 << 18

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created REAL NOT NULL, region TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, headers TEXT NOT NULL, tags TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, started REAL NOT NULL,
    headers TEXT NOT NULL, tags TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""


class ObjectStore:
    """Buckets and objects under one folder."""

    def __init__(self, folder: Path, region: str) -> None:
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._region = region
        self._database = folder / "index.sqlite"
        self._local = threading.local()
        self._write_lock = threading.Lock()
        self._writer = self._connect()
        self._writer.executescript(_SCHEMA)
        self._stale = [path.name for shard in self._blobs.iterdir() for path in shard.iterdir()]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._database, isolation_level=None, check_same_thread=False, timeout=30, cached_statements=64
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    @property
    def _reader(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def _path(self, blob: str) -> Path:
        return self._blobs / blob[:2] / blob

    # -- buckets ---------------------------------------------------------------------------------------------

    def create_bucket(self, name: str, region: str | None = None) -> bool:
        """Create a bucket; False when it is there already."""
        with self._write_lock:
            cursor = self._writer.execute(
                "INSERT OR IGNORE INTO buckets VALUES (?, ?, ?)", (name, time.time(), region or self._region)
            )
            return cursor.rowcount == 1

    def buckets(self) -> list[tuple[str, float, str]]:
        """Name, creation time and region of each bucket."""
        return self._reader.execute("SELECT name, created, region FROM buckets ORDER BY name").fetchall()

    def bucket_region(self, name: str) -> str:
        """Region of a bucket.

        Raises:
            StoreError: no such bucket.
        """
        row = self._reader.execute("SELECT region FROM buckets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise no_such_bucket(name)
        return row[0]

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket.

        Raises:
            StoreError: no such bucket, or it holds objects.
        """
        with self._write_lock:
            self.bucket_region(name)
            if self._writer.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise StoreError("BucketNotEmpty", f"The bucket you tried to delete is not empty: {name}", 409)
            self._writer.execute("DELETE FROM buckets WHERE name = ?", (name,))

    # -- bytes -----------------------------------------------------------------------------------------------

    def receive(self, chunks: Iterable[bytes]) -> Blob:
        """Write bytes to a new file that no object names yet."""
        name = uuid.uuid4().hex
        path = self._path(name)
        path.parent.mkdir(exist_ok=True)
        md5, crc, size = hashlib.md5(usedforsecurity=False), 0, 0
        try:
            with path.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    md5.update(chunk)
                    crc = zlib.crc32(chunk, crc)
                    size += len(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Blob(name, size, md5.digest(), crc)

    def discard(self, blob: Blob) -> None:
        """Forget received bytes."""
        self._path(blob.name).unlink(missing_ok=True)

    def open(self, stored: StoredObject) -> BinaryIO:
        """Open an object's bytes.

        Raises:
            FileNotFoundError: the object was overwritten or deleted since it was looked up.
        """
        return self._path(stored.blob).open("rb")

    # -- objects ---------------------------------------------------------------------------------------------

    def put(
        self,
        bucket: str,
        key: str,
        blob: Blob,
        headers: dict[str, str],
        tags: dict[str, str] | None = None,
        *,
        etag: str = "",
        only_if_absent: bool = False,
    ) -> StoredObject:
        """Name received bytes.

        Raises:
            StoreError: no such bucket; or the key exists and ``only_if_absent``.
        """
        stored = StoredObject(
            bucket, key, blob.name, blob.size, etag or blob.etag, time.time(), headers, dict(tags or {})
        )
        try:
            with self._write_lock:
                self.bucket_region(bucket)
                old = self._writer.execute(
                    "SELECT blob FROM objects WHERE bucket = ? AND key = ?", (bucket, key)
                ).fetchone()
                if old and only_if_absent:
                    raise StoreError("PreconditionFailed", "The object already exists", 412)
                self._insert(stored)
        except StoreError:
            self.discard(blob)
            raise
        if old:
            self._path(old[0]).unlink(missing_ok=True)
        return stored

    def _insert(self, stored: StoredObject) -> None:
        self._writer.execute(
            "REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stored.bucket,
                stored.key,
                stored.blob,
                stored.size,
                stored.etag,
                stored.modified,
                json.dumps(stored.headers),
                json.dumps(stored.tags),
            ),
        )

    def get(self, bucket: str, key: str) -> StoredObject:
        """Look an object up.

        Raises:
            StoreError: no such bucket or key.
        """
        row = self._reader.execute(
            "SELECT blob, size, etag, modified, headers, tags FROM objects WHERE bucket = ? AND key = ?",
            (bucket, key),
        ).fetchone()
        if row is None:
            self.bucket_region(bucket)
            raise no_such_key(key)
        blob, size, etag, modified, headers, tags = row
        return StoredObject(bucket, key, blob, size, etag, modified, json.loads(headers), json.loads(tags))

    def read(self, bucket: str, key: str) -> bytes:
        """All bytes of an object."""
        for _ in range(3):
            stored = self.get(bucket, key)
            try:
                with self.open(stored) as file:
                    return file.read()
            except FileNotFoundError:
                continue  # overwritten between the two steps
        raise no_such_key(key)

    def set_tags(self, bucket: str, key: str, tags: dict[str, str]) -> None:
        """Replace an object's tags."""
        self.get(bucket, key)
        with self._write_lock:
            self._writer.execute(
                "UPDATE objects SET tags = ? WHERE bucket = ? AND key = ?", (json.dumps(tags), bucket, key)
            )

    def copy(
        self, source: StoredObject, bucket: str, key: str, headers: dict[str, str], tags: dict[str, str]
    ) -> StoredObject:
        """Copy an object's bytes under another (or the same) name, keeping its etag."""
        with self.open(source) as file:
            blob = self.receive(iter(lambda: file.read(BLOCK), b""))
        return self.put(bucket, key, blob, headers, tags, etag=source.etag)

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects; absent keys are not an error.

        Raises:
            StoreError: no such bucket.
        """
        with self._write_lock:
            self.bucket_region(bucket)
            self._writer.execute("BEGIN")
            try:
                blobs = [
                    row[0]
                    for key in keys
                    for row in self._writer.execute(
                        "DELETE FROM objects WHERE bucket = ? AND key = ? RETURNING blob", (bucket, key)
                    ).fetchall()
                ]
            finally:
                self._writer.execute("COMMIT")
        for blob in blobs:
            self._path(blob).unlink(missing_ok=True)

    def list_page(
        self, bucket: str, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing:
        """One page of keys after ``after``, folded at the delimiter; cost follows the page, not the bucket.

        Raises:
            StoreError: no such bucket.
        """
        self.bucket_region(bucket)
        end = after_prefix(prefix) if prefix else None
        position, inclusive = (prefix, True) if prefix > after else (after, False)
        if delimiter and after.startswith(prefix) and (cut := after.find(delimiter, len(prefix))) >= 0:
            # The last page ended with this common prefix: everything under it has been answered.
            folded = after[: cut + len(delimiter)]
            if folded == after and (skipped := after_prefix(folded)):
                position, inclusive = skipped, True
        objects: list[StoredObject] = []
        prefixes: list[str] = []
        last = ""
        while True:
            room = limit - len(objects) - len(prefixes)
            rows = self._reader.execute(
                f"SELECT key, blob, size, etag, modified FROM objects WHERE bucket = ? AND key "
                f"{'>=' if inclusive else '>'} ? {'AND key < ?' if end else ''} ORDER BY key LIMIT ?",
                (bucket, position, *([end] if end else []), min(room + 1, 200 if delimiter else room + 1)),
            ).fetchall()
            if not rows:
                return Listing(objects, prefixes, None)
            for key, blob, size, etag, modified in rows:
                if len(objects) + len(prefixes) >= limit:
                    return Listing(objects, prefixes, last)
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                if cut < 0:
                    objects.append(StoredObject(bucket, key, blob, size, etag, modified))
                    last, position, inclusive = key, key, False
                    continue
                last = key[: cut + len(delimiter)]
                prefixes.append(last)
                skipped = after_prefix(last)
                if skipped is None:
                    return Listing(objects, prefixes, None)
                position, inclusive = skipped, True
                break  # jump over everything under the common prefix

    def scan(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Every object under a prefix, in key order."""
        after = ""
        while True:
            page = self.list_page(bucket, prefix, after=after)
            yield from page.objects
            if page.next_marker is None:
                return
            after = page.next_marker

    # -- multipart uploads -----------------------------------------------------------------------------------

    def start_upload(self, bucket: str, key: str, headers: dict[str, str], tags: dict[str, str]) -> str:
        """Open a multipart upload and return its id."""
        self.bucket_region(bucket)
        upload = uuid.uuid4().hex
        with self._write_lock:
            self._writer.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
                (upload, bucket, key, time.time(), json.dumps(headers), json.dumps(tags)),
            )
        return upload

    def put_part(self, upload: str, number: int, blob: Blob) -> None:
        """Add or replace a part.

        Raises:
            StoreError: no such upload.
        """
        try:
            with self._write_lock:
                if not self._writer.execute("SELECT 1 FROM uploads WHERE id = ?", (upload,)).fetchone():
                    raise no_such_upload()
                old = self._writer.execute(
                    "SELECT blob FROM parts WHERE upload = ? AND number = ?", (upload, number)
                ).fetchone()
                self._writer.execute(
                    "REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                    (upload, number, blob.name, blob.size, blob.etag, time.time()),
                )
        except StoreError:
            self.discard(blob)
            raise
        if old:
            self._path(old[0]).unlink(missing_ok=True)

    def parts(self, upload: str) -> list[tuple[int, str, int, str, float]]:
        """Number, blob, size, etag and time of each part.

        Raises:
            StoreError: no such upload.
        """
        if not self._reader.execute("SELECT 1 FROM uploads WHERE id = ?", (upload,)).fetchone():
            raise no_such_upload()
        return self._reader.execute(
            "SELECT number, blob, size, etag, modified FROM parts WHERE upload = ? ORDER BY number", (upload,)
        ).fetchall()

    def uploads(self, bucket: str) -> list[tuple[str, str, float]]:
        """Id, key and start of each open upload of a bucket."""
        return self._reader.execute(
            "SELECT id, key, started FROM uploads WHERE bucket = ? ORDER BY key, started", (bucket,)
        ).fetchall()

    def complete_upload(self, upload: str, wanted: list[tuple[int, str]], smallest: int = 0) -> StoredObject:
        """Join the named parts into the object.

        Args:
            upload: the upload.
            wanted: number and etag of each part, in order.
            smallest: bytes that each part but the last must have.

        Raises:
            StoreError: no such upload; a part that was not uploaded or has another etag; or one before the last that is
                too small.
        """
        row = self._reader.execute(
            "SELECT bucket, key, headers, tags FROM uploads WHERE id = ?", (upload,)
        ).fetchone()
        if row is None:
            raise no_such_upload()
        have = {number: (blob, etag, size) for number, blob, size, etag, _ in self.parts(upload)}
        if not wanted or [number for number, _ in wanted] != sorted({number for number, _ in wanted}):
            raise StoreError("InvalidPartOrder", "The list of parts was not in ascending order")
        for number, etag in wanted:
            if number not in have or (etag and have[number][1] != etag):
                raise StoreError("InvalidPart", f"Part {number} was not uploaded, or its entity tag differs")
        if any(have[number][2] < smallest for number, _ in wanted[:-1]):
            raise StoreError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")

        def joined() -> Iterator[bytes]:
            for number, _ in wanted:
                with self._path(have[number][0]).open("rb") as file:
                    while block := file.read(BLOCK):
                        yield block

        digests = b"".join(bytes.fromhex(have[number][1]) for number, _ in wanted)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(wanted)}"
        blob = self.receive(joined())
        bucket, key, headers, tags = row
        stored = self.put(bucket, key, blob, json.loads(headers), json.loads(tags), etag=etag)
        self.abort_upload(upload)
        return stored

    def abort_upload(self, upload: str) -> None:
        """Drop an upload and its parts."""
        with self._write_lock:
            blobs = self._writer.execute(
                "DELETE FROM parts WHERE upload = ? RETURNING blob", (upload,)
            ).fetchall()
            self._writer.execute("DELETE FROM uploads WHERE id = ?", (upload,))
        for (blob,) in blobs:
            self._path(blob).unlink(missing_ok=True)

    # -- upkeep ----------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Delete files that no row names: what a killed server was receiving. Returns how many."""
        named = {
            row[0] for row in self._reader.execute("SELECT blob FROM objects UNION ALL SELECT blob FROM parts")
        }
        stale = [name for name in self._stale if name not in named]
        for name in stale:
            self._path(name).unlink(missing_ok=True)
        self._stale = []
        return len(stale)

    def close(self) -> None:
        """Close the index."""
        with self._write_lock:
            self._writer.close()
