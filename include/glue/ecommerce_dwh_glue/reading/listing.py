"""Lists the objects of the raw bucket that belong to a window of days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ecommerce_dwh.lake.layout import (
    UNFIT,
    RawObject,
    is_behind,
    is_day,
    read_folder,
    read_key,
    read_top_folder,
    window_prefix,
)
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.storage import Storage


@dataclass(frozen=True)
class Listing:
    """The raw files of a window.

    Attributes:
        files: files to read.
        empty_days: (source, day) declared empty by an ``_EMPTY`` object.
        unfit: objects that lie elsewhere than files to load do; they are never loaded.
    """

    files: tuple[SourceFile, ...]
    empty_days: frozenset[tuple[str, str]]
    unfit: tuple[RawObject, ...] = ()


def latest_day(storage: Storage, bucket: str, sources: Iterable[str]) -> str | None:
    """The newest day that any source has a folder for; None in an empty bucket."""
    days = [
        name[3:]
        for source in sources
        for name in storage.level(bucket, f"{source}/").folders
        if name.startswith("dt=") and is_day(name[3:])
    ]
    return max(days, default=None)


def list_strays(storage: Storage, bucket: str, source: str) -> list[RawObject]:
    """Objects and folders of a source beside the folders of its days: no window contains them, so no run loads them.

    Folders are named without a look at their objects, so the cost is a request per thousand days.
    """
    level = storage.level(bucket, f"{source}/")
    objects = [read_key(item.key, item.size) for item in level.objects]
    folders = [read_folder(f"{source}/{name}/") for name in level.folders]
    return [*(found for found in objects if found.is_named), *(found for found in folders if found)]


def list_top(storage: Storage, bucket: str, sources: Iterable[str]) -> list[RawObject]:
    """Objects and folders at the top of the bucket that belong to no source."""
    names, level = list(sources), storage.level(bucket, "")
    objects = [read_key(item.key, item.size) for item in level.objects]
    folders = [read_top_folder(name, names) for name in level.folders]
    return [*(found for found in objects if found.is_named), *(found for found in folders if found)]


def list_window(storage: Storage, bucket: str, source: str, start: str, end: str) -> Listing:
    """List one source's files of the days ``start`` … ``end``.

    A window's folders are neighbours in the order of keys, so one listing serves a window of any length.
    """
    files, empty_days, unfit = [], set(), []
    prefix, after = window_prefix(source, start, end)
    for item in storage.objects(bucket, prefix, after):
        if is_behind(item.key, source, end):
            break
        found = read_key(item.key, item.size)
        if found.is_empty_marker:
            empty_days.add((source, found.day))
        elif found.kind == UNFIT:
            unfit.append(found)
        elif found.is_data or found.is_named:
            files.append(
                SourceFile(
                    source=source,
                    day=found.day,
                    key=found.key,
                    size=found.size,
                    etag=item.etag,
                    modified=item.modified,
                    format=found.format or "csv",
                    gzipped=found.gzipped,
                    problem=found.reason,
                )
            )
    return Listing(tuple(files), frozenset(empty_days), tuple(unfit))
