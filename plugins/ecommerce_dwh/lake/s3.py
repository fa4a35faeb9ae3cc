"""Reads small objects from S3 without trusting their size, whoever wrote them.

An object is refused by its announced length, and again by what really arrives. The size of decompressed content is
limited likewise.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from typing import Any

MIB = 1024 * 1024
REPORT_BYTES = 8 * MIB  # a day of 5 sources with 12 rules each has 26 KB; a year of 100 sources with 30, 6.1 MB
RECORD_BYTES = MIB  # gate_override.json, processing.json
_CHUNK = 256 * 1024
_PATIENCE = 20.0  # seconds for one object; a connection that drips would otherwise never end


class TooLarge(ValueError):
    """The object is larger than what it should hold; the message is a clause for people."""


class TooSlow(OSError):
    """The object did not arrive in time."""


def read_body(response: Mapping[str, Any], limit: int) -> bytes:
    """Content of a ``GetObject`` response.

    Args:
        response: as boto3 returns it.
        limit: most bytes.

    Raises:
        TooLarge: it is longer.
        TooSlow: it did not arrive within 20 seconds.
    """
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


async def read_body_async(response: Mapping[str, Any], limit: int) -> bytes:
    """`read_body` for aiobotocore; the caller's own deadline bounds the time."""
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
