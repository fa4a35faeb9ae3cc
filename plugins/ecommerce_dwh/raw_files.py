"""The raw bucket's layout, and which days of which sources it holds.

``<source>/dt=YYYY-MM-DD/<any>.{csv,csv.gz,json,json.gz,parquet}``; an object named ``_EMPTY`` declares a day
without activity; every other name that starts with ``_`` or ``.`` is ignored.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

EMPTY_MARKER = "_EMPTY"
DATA_SUFFIXES = (".csv", ".csv.gz", ".json", ".json.gz", ".parquet")
_KEY = re.compile(r"(?P<source>[a-z][a-z0-9_]*)/dt=(?P<day>\d{4}-\d{2}-\d{2})/(?P<name>[^/]+)")


@dataclass(frozen=True)
class RawFile:
    """One object of the raw bucket that says something about a day."""

    source: str
    day: str
    name: str
    size: int = 0

    @property
    def is_empty_marker(self) -> bool:
        return self.name == EMPTY_MARKER


def parse_key(key: str, size: int = 0) -> RawFile | None:
    """The file that a key names, or None where the key is not part of the layout (or to be ignored)."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    name = match["name"]
    if name != EMPTY_MARKER and (name.startswith(("_", ".")) or not name.lower().endswith(DATA_SUFFIXES)):
        return None
    return RawFile(match["source"], match["day"], name, size)


def folder(source: str, day: str) -> str:
    """Key prefix of a source's day."""
    return f"{source}/dt={day}/"


def days_between(start_date: str, end_date: str) -> list[str]:
    """Every day from ``start_date`` to ``end_date``, both included."""
    first, last = date.fromisoformat(start_date), date.fromisoformat(end_date)
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def listing_request(bucket: str, source: str, start_date: str, end_date: str) -> dict[str, Any]:
    """Arguments of ``list_objects_v2`` for a source's days: one listing per source, however many days.

    Keys come back in order, and ISO dates sort like days, so a range is one scan from its first day on.
    """
    if start_date == end_date:
        return {"Bucket": bucket, "Prefix": folder(source, start_date)}
    return {"Bucket": bucket, "Prefix": f"{source}/dt=", "StartAfter": f"{source}/dt={start_date}"}


@dataclass
class Inventory:
    """What the raw bucket holds of a window."""

    files: dict[str, dict[str, list[RawFile]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add_page(
        self, page: Mapping[str, Any], request: dict[str, Any], end_date: str
    ) -> dict[str, Any] | None:
        """Take in one answer of ``list_objects_v2``; returns the next page's request, or None at the end."""
        for entry in page.get("Contents", ()):
            file = parse_key(entry["Key"], int(entry.get("Size", 0)))
            if file is None:
                continue
            if file.day > end_date:
                return None
            self.files[file.source][file.day].append(file)
        if not page.get("IsTruncated"):
            return None
        return {**request, "ContinuationToken": page["NextContinuationToken"]}

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
            request = inventory.add_page(client.list_objects_v2(**request), request, end_date)
    return inventory


def describe_missing(bucket: str, missing: list[str], limit: int = 10) -> str:
    """The missing folders as text for a person: the first ``limit`` and how many more."""
    lines = [f"  s3://{bucket}/{prefix}<file>.csv" for prefix in missing[:limit]]
    if len(missing) > limit:
        lines.append(f"  … and {len(missing) - limit} more")
    return "\n".join(lines)
