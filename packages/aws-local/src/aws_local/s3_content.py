"""The content and headers that a request brings, and the object that it copies."""

from __future__ import annotations

import urllib.parse

from .s3_limits import check_version
from .s3_messages import Request
from .store import ObjectStore
from .stored import Blob, StoredObject, StoreError, crc32_text, md5_text

# Headers of a PUT that come back on GET and HEAD.
_KEPT_HEADERS = (
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-language",
    "cache-control",
    "expires",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-crc64nvme",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-server-side-encryption-aws-kms-key-id",
)


def kept_headers(request: Request) -> dict[str, str]:
    """Headers that come back with the object."""
    kept = {
        name: value
        for name, value in request.headers.items()
        if name in _KEPT_HEADERS or name.startswith("x-amz-meta-")
    }
    encodings = [part.strip() for part in kept.pop("content-encoding", "").split(",")]
    if encoding := ",".join(part for part in encodings if part and part != "aws-chunked"):
        kept["content-encoding"] = encoding
    kept.setdefault("content-type", "binary/octet-stream")
    return kept


def received(store: ObjectStore, request: Request) -> Blob:
    """The content of a request, if it has the checksums that the request names.

    Raises:
        StoreError: it has others.
    """
    blob = store.receive(request.chunks())
    wanted = (request.headers.get("content-md5"), request.headers.get("x-amz-checksum-crc32"))
    if (wanted[0] and wanted[0] != md5_text(blob)) or (wanted[1] and wanted[1] != crc32_text(blob)):
        store.discard(blob)
        raise StoreError("BadDigest", "The checksum you specified did not match what was received")
    return blob


def copy_source(store: ObjectStore, request: Request) -> StoredObject:
    """The object that a request copies.

    Raises:
        StoreError: it is not there.
    """
    path, _, version = request.headers["x-amz-copy-source"].partition("?versionId=")
    check_version(version)
    source = urllib.parse.unquote(path)
    bucket, _, key = source.lstrip("/").partition("/")
    return store.get(bucket, key)
