"""Limits of one raw file, so that no delivered file can cost more than bounded time and memory.

A file over a limit is refused by name, with the limit; nothing of its day is loaded. The option ``raw_limits`` of the
section ``[ecommerce_dwh]`` raises or lowers them (``rows=200000000,columns=2000``); the daily run hands them to the
processing job as ``--raw_limits``.

Nothing here needs Airflow or Spark; the module travels to Glue in the library zip.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields


class RawLimitsError(ValueError):
    """A text that cannot be read as limits; the message names the wrong part."""


@dataclass(frozen=True)
class RawLimits:
    """Limits of one raw file.

    Attributes:
        rows: rows of a Parquet file; lines, blank ones included, of a text file.
        bytes: bytes of text, or of values of a Parquet file, when nothing is compressed any more.
        ratio: how many times larger than the stored file that may be. Text of a shop shrinks by 3 to 30 times, gzip
            at most about a thousand times. Files that grow to less than `FREE_BYTES` are not held against it.
        columns: columns of a file.
        depth: how deep the values of a JSON line may be nested; a deeper line is quarantined.
    """

    rows: int = 50_000_000
    bytes: int = 64 << 30
    ratio: int = 200
    columns: int = 1000
    depth: int = 32

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise RawLimitsError(f"{name}={value}: a limit is 1 or more")
        if self.columns > MAX_COLUMNS or self.depth > MAX_DEPTH:
            raise RawLimitsError(f"columns are at most {MAX_COLUMNS:,}, depth at most {MAX_DEPTH}")

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in asdict(self).items())

    def expanded(self, size: int) -> int:
        """Bytes to which a file of ``size`` stored bytes may grow."""
        return min(self.bytes, max(FREE_BYTES, self.ratio * size))


# Expanding to this size is cheap, however small the stored file is, so it is never refused.
FREE_BYTES = 64 << 20
# Spark's CSV parser and the generated code take no more columns; Python's JSON parser no deeper values.
MAX_COLUMNS = 10_000
MAX_DEPTH = 500


DEFAULT_LIMITS = RawLimits()


def read_limits(text: str) -> RawLimits:
    """Limits from ``name=number`` pairs separated by commas; what is not named keeps its default.

    Raises:
        RawLimitsError: a name is unknown, or a value is no whole number of 1 or more.
    """
    known = {each.name for each in fields(RawLimits)}
    given: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in known:
            raise RawLimitsError(f"{part!r}: the limits are {', '.join(sorted(known))}")
        if not (value.isascii() and value.isdigit()):
            raise RawLimitsError(f"{part!r}: give a whole number")
        given[name] = int(value[:18])
    return RawLimits(**given)
