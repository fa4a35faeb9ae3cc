"""Random numbers that are looked up, not drawn.

A value is a hash of (seed, stream name, index, …): any row of any day can be computed on its own, in any order
and by any process, and always comes out the same. That is what lets a later day repeat an order of an earlier
day, with its new status, without generating the earlier day.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

U64: TypeAlias = NDArray[np.uint64]
I64: TypeAlias = NDArray[np.int64]
F64: TypeAlias = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ODD = np.uint64(0xD6E8FEB86659FD93)


def mix(values: U64) -> U64:
    """The splitmix64 finaliser: every input bit changes about half of the output bits."""
    result = values ^ (values >> np.uint64(30))
    result *= _FIRST
    result ^= result >> np.uint64(27)
    result *= _SECOND
    result ^= result >> np.uint64(31)
    return result


def stream(seed: int, name: str) -> np.uint64:
    """Start value of a named stream; a cryptographic hash, so names and seeds never come out related."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def keyed(start: np.uint64, *keys: NDArray[np.generic] | int) -> U64:
    """Hash of a stream and one or more integer keys (arrays or scalars, broadcast)."""
    result = np.atleast_1d(start)
    for key in keys:
        number = np.atleast_1d(np.asarray(key)).astype(np.int64, copy=False).view(np.uint64)
        result = mix((result ^ (number * _ODD)) + _GOLDEN)
    return result


def salted(base: U64, salt: int) -> U64:
    """Another independent hash of the same thing, one per attribute."""
    return mix(base + np.uint64((salt * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF))


def uniform(hashes: U64) -> F64:
    """Numbers in [0, 1)."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(hashes: U64, limit: NDArray[np.generic] | int) -> I64:
    """Whole numbers in [0, limit)."""
    return (uniform(hashes) * np.asarray(limit)).astype(np.int64)


def cumulative(weights: object) -> F64:
    """Cumulative shares of weights, ready for `pick`."""
    sums = np.cumsum(np.asarray(weights, dtype=np.float64))
    return sums / sums[-1]


def pick(hashes: U64, shares: F64) -> I64:
    """Indexes chosen by cumulative shares."""
    return np.minimum(np.searchsorted(shares, uniform(hashes), side="right"), len(shares) - 1)
