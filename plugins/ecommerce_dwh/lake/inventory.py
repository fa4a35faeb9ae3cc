"""The inventory of the raw bucket by source and day; `ecommerce_dwh.lake.layout` reads its keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from ecommerce_dwh.lake.layout import (
    RawObject,
    folder,
    is_behind,
    read_folder,
    read_key,
    read_top_folder,
    window_prefix,
    without_folders_named,
)

# Of objects that are not loaded, a log or message names so many and counts the rest.
SHOWN = 20


def days_between(start_date: str, end_date: str) -> list[str]:
    """Every day from ``start_date`` to ``end_date``, both included."""
    first, last = date.fromisoformat(start_date), date.fromisoformat(end_date)
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def listing_request(bucket: str, source: str, start_date: str, end_date: str) -> dict[str, Any]:
    """Arguments of ``list_objects_v2`` for a source's days: one listing per source, however many days.

    Keys come back in order, and ISO dates sort like days, so a range is one scan from its first day on.
    """
    prefix, after = window_prefix(source, start_date, end_date)
    return {"Bucket": bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}


@dataclass
class Inventory:
    """The objects of a window in the raw bucket.

    Attributes:
        files: files to load and empty markers, by source and day.
        unloaded: objects that are refused or fit no day, in the order of the listing.
        hidden: how many objects are left alone because of their names.
    """

    files: dict[str, dict[str, list[RawObject]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    unloaded: list[RawObject] = field(default_factory=list)
    hidden: int = 0

    def add_page(
        self, page: Mapping[str, Any], request: dict[str, Any], source: str, end_date: str
    ) -> dict[str, Any] | None:
        """Add one answer of ``list_objects_v2``; returns the next page's request, or None at the end."""
        for entry in page.get("Contents", ()):
            if is_behind(entry["Key"], source, end_date):
                return None
            modified = entry.get("LastModified")
            self.add(
                replace(
                    read_key(entry["Key"], int(entry.get("Size", 0))),
                    etag=str(entry.get("ETag", "")).strip('"'),
                    modified=modified.isoformat() if modified else "",
                )
            )
        if not page.get("IsTruncated"):
            return None
        return {**request, "ContinuationToken": page["NextContinuationToken"]}

    def add(self, found: RawObject) -> None:
        """Take in one object."""
        if found.is_named:
            self.unloaded.append(found)
        elif found.is_data or found.is_empty_marker:
            self.files[found.source][found.day].append(found)
        else:
            self.hidden += 1

    def has(self, source: str, day: str) -> bool:
        """Whether the day has a file or is declared empty."""
        return bool(self.files.get(source, {}).get(day))

    def missing(self, sources: Iterable[str], start_date: str, end_date: str) -> list[str]:
        """Folders of the days that neither have a file nor are declared empty, day by day."""
        sources = list(sources)
        return [
            folder(source, day)
            for day in days_between(start_date, end_date)
            for source in sources
            if not self.has(source, day)
        ]

    def days_with_data(self, source: str) -> list[str]:
        """Days for which the source has at least one data file, in order."""
        days = self.files.get(source, {})
        return sorted(day for day, files in days.items() if any(not file.is_empty_marker for file in files))

    def counts(self) -> dict[str, dict[str, int]]:
        """Per source: data files, days with data, days declared empty, bytes."""
        result = {}
        for source, days in sorted(self.files.items()):
            data = [file for files in days.values() for file in files if not file.is_empty_marker]
            days_with_data = self.days_with_data(source)
            result[source] = {
                "files": len(data),
                "days": len(days_with_data),
                "empty_days": len(set(days) - set(days_with_data)),
                "bytes": sum(file.size for file in data),
            }
        return result


def take_inventory(
    client: Any, bucket: str, sources: Iterable[str], start_date: str, end_date: str
) -> Inventory:
    """List the raw bucket for a window with a boto3 S3 client."""
    inventory = Inventory()
    for source in sources:
        request: dict[str, Any] | None = listing_request(bucket, source, start_date, end_date)
        while request is not None:
            request = inventory.add_page(client.list_objects_v2(**request), request, source, end_date)
    return inventory


def describe_missing(bucket: str, missing: list[str], limit: int = 10) -> str:
    """The missing folders as text for a person: the first ``limit`` and how many more."""
    lines = [f"  s3://{bucket}/{prefix}<file>.csv" for prefix in missing[:limit]]
    if len(missing) > limit:
        lines.append(f"  … and {len(missing) - limit} more")
    return "\n".join(lines)


def add_strays(client: Any, bucket: str, sources: Iterable[str], inventory: Inventory) -> None:
    """Add objects outside of day folders: at the top of a source's folder, or of the bucket.

    Folders are listed, not what is in them, so this costs a request per thousand days of a source.
    """
    sources = list(sources)
    pages = client.get_paginator("list_objects_v2")
    for prefix in ("", *(f"{source}/" for source in sources)):
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
            inventory.unloaded += _strays(page, prefix, sources)
    inventory.unloaded = without_folders_named(inventory.unloaded)


def _strays(page: Mapping[str, Any], prefix: str, sources: Iterable[str]) -> Iterator[RawObject]:
    for entry in page.get("Contents", ()):
        found = read_key(entry["Key"], int(entry.get("Size", 0)))
        if found.is_named:
            yield found
    for entry in page.get("CommonPrefixes", ()):
        name = entry["Prefix"]
        if not prefix:
            if stray := read_top_folder(name.removesuffix("/"), sources):
                yield stray
        elif stray := read_folder(name):
            yield stray


def describe_unloaded(bucket: str, unloaded: Iterable[RawObject], limit: int = SHOWN) -> str:
    """The objects that are not loaded as text for a person: the first ``limit`` and how many more."""
    found = list(unloaded)
    lines = [f"  s3://{bucket}/{item.remark}" for item in found[:limit]]
    if len(found) > limit:
        lines.append(f"  … and {len(found) - limit} more")
    return "\n".join(lines)
