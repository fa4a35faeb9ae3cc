"""Objects as the store knows them, their listings, and the errors of S3."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


class StoreError(Exception):
    """A request that S3 refuses; ``code`` is S3's own error code."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def no_such_bucket(name: str) -> StoreError:
    return StoreError("NoSuchBucket", f"The specified bucket does not exist: {name}", 404)


def no_such_key(key: str) -> StoreError:
    return StoreError("NoSuchKey", f"The specified key does not exist: {key}", 404)


def no_such_upload() -> StoreError:
    return StoreError("NoSuchUpload", "The specified multipart upload does not exist, or was completed", 404)


@dataclass(frozen=True)
class StoredObject:
    """One object as the index knows it; ``headers`` are what a GET gives back (content type, user metadata)."""

    bucket: str
    key: str
    blob: str
    size: int
    etag: str
    modified: float
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Blob:
    """Bytes received but not yet named by the index."""

    name: str
    size: int
    md5: bytes
    crc32: int

    @property
    def etag(self) -> str:
        return self.md5.hex()


@dataclass(frozen=True)
class Listing:
    """One page of a bucket: objects and common prefixes, merged in key order by the caller."""

    objects: list[StoredObject]
    prefixes: list[str]
    next_marker: str | None


def after_prefix(prefix: str) -> str | None:
    """The smallest string that sorts after every string with this prefix; None when there is none.

    Code point order is UTF-8 byte order, which is both SQLite's and S3's.
    """
    for index in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[index])
        if code < 0x10FFFF:
            # The surrogates are not characters: UTF-8 has no bytes for them.
            following = 0xE000 if code == 0xD7FF else code + 1
            return prefix[:index] + chr(following)
    return None


def crc32_text(blob: Blob) -> str:
    """A blob's CRC-32 the way S3 headers carry it."""
    return base64.b64encode(blob.crc32.to_bytes(4, "big")).decode()


def md5_text(blob: Blob) -> str:
    """A blob's MD5 the way ``Content-MD5`` carries it."""
    return base64.b64encode(blob.md5).decode()
