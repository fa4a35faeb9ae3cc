"""How a raw file that cannot be read is told."""

from __future__ import annotations


class FileError(ValueError):
    """A file that cannot be read; the message says what is wrong and what to do."""


def over(found: str, name: str, limit: int) -> FileError:
    """The error of a file over one of `ecommerce_dwh.lake.limits.RawLimits`.

    Args:
        found: what the file has, as the beginning of a sentence about it.
        name: the limit's name.
        limit: its value.
    """
    return FileError(
        f"{found}, over the limit {name}={limit} for one raw file; send it in parts, or raise the option raw_limits"
    )
