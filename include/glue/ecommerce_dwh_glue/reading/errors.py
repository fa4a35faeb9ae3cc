"""The error of a raw file that cannot be read, and the one line about all such files."""

from __future__ import annotations

from collections.abc import Sequence

from ecommerce_dwh.lake.layout import shown


class FileError(ValueError):
    """A file that cannot be read; the message says what is wrong and what to do."""


def over(found: str, name: str, limit: int) -> FileError:
    """The error of a file over one of `ecommerce_dwh.limits.RawLimits`.

    Args:
        found: what the file has, as the beginning of a sentence about it.
        name: the limit's name.
        limit: its value.
    """
    return FileError(
        f"{found}, over the limit {name}={limit} for one raw file; send it in parts, or raise the option raw_limits"
    )


def problems_text(bucket: str, problems: Sequence[tuple[str, str]]) -> str:
    """All problems of a window in one line: at most ten, the rest counted.

    Args:
        bucket: raw bucket.
        problems: pairs of key and what is wrong with it.
    """
    found = "; ".join(f"s3://{bucket}/{shown(key)} {what}" for key, what in problems[:10])
    more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
    return f"{len(problems)} problem(s) with the raw files, nothing was loaded: {found}{more}".replace(
        "\n", " "
    )
