"""The one way to read small objects from S3: absent, too large or whole.

The writer of an object is not trusted with its size: an object over the limit is refused by its announced length, and
again by the bytes that arrive. The size of decompressed content is limited likewise.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dwh.aws import error_code

MIB = 1024 * 1024
REPORT_BYTES = 8 * MIB  # a day of 5 sources with 12 rules each has 26 KB; a year of 100 sources with 30, 6.1 MB
RECORD_BYTES = MIB  # gate_override.json
LIST_BYTES = (
    64 * MIB
)  # COPY manifests, notes of ingestion, findings of an erasure: some 200 bytes for each file or row
# GetObject's code of an absent object; HEAD answers have no body, so botocore takes the status for their code
# (docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). An absent bucket is NoSuchBucket, and an error.
_ABSENT = ("NoSuchKey", "404", "NotFound")
_CHUNK = 256 * 1024
_PATIENCE = 20.0  # seconds for one object; a connection that drips would otherwise never end


class TooLarge(ValueError):
    """The object is larger than what it should hold; the message is a clause for people."""


class TooSlow(OSError):
    """The object did not arrive in time."""


def read_object(client: Any, bucket: str, key: str, limit: int) -> bytes | None:
    """Content of an object; None where there is none.

    Args:
        client: boto3 client of S3.
        limit: most bytes.

    Raises:
        TooLarge: the object is longer.
        TooSlow: it did not arrive within 20 seconds.
        ClientError: S3 refused for another reason, for example ``AccessDenied``: the answer for an absent object, too,
            where the permission ``s3:ListBucket`` is missing.
    """
    try:
        response = client.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    return read_body(response, limit)


async def read_object_async(client: Any, bucket: str, key: str, limit: int) -> bytes | None:
    """`read_object` for a client of aiobotocore; the caller's own deadline bounds the time."""
    try:
        response = await client.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    return await _read_body_async(response, limit)


def written_at(client: Any, bucket: str, key: str) -> datetime | None:
    """The time at which an object was written; None where there is none.

    Raises:
        ClientError: as in `read_object`.
    """
    try:
        return client.head_object(Bucket=bucket, Key=key)["LastModified"]
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise


def read_body(response: Mapping[str, Any], limit: int) -> bytes:
    """Content of an answer to ``GetObject``; errors as in `read_object`."""
    _check_length(response.get("ContentLength"), limit)
    body, parts, size = response["Body"], [], 0
    deadline = time.monotonic() + _PATIENCE
    while part := body.read(min(_CHUNK, limit + 1 - size)):
        parts.append(part)
        size += len(part)
        _check_length(size, limit)
        if time.monotonic() > deadline:
            body.close()
            raise TooSlow(f"only {size:,} bytes arrived within {_PATIENCE:.0f} s")
    return b"".join(parts)


async def _read_body_async(response: Mapping[str, Any], limit: int) -> bytes:
    _check_length(response.get("ContentLength"), limit)
    parts, size = [], 0
    while part := await response["Body"].read(min(_CHUNK, limit + 1 - size)):
        parts.append(part)
        size += len(part)
        _check_length(size, limit)
    return b"".join(parts)


def gunzip(body: bytes, limit: int) -> bytes:
    """Content of one gzip member; never more than ``limit`` bytes in memory.

    Raises:
        TooLarge: it holds more.
        ValueError: it is not whole, or something follows it.
    """
    inflate = zlib.decompressobj(wbits=31)
    try:
        found = inflate.decompress(body, limit + 1)
    except zlib.error as error:
        raise ValueError(f"no gzip: {error}") from None
    _check_length(len(found), limit)
    if not inflate.eof or inflate.unused_data:
        raise ValueError("no whole gzip member")
    return found


def _check_length(size: object, limit: int) -> None:
    if isinstance(size, int) and size > limit:
        raise TooLarge(f"it has {size:,} bytes or more; at most {limit:,} are read")
