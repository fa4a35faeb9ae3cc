"""Compares the columns that a crawler found with a source's contract. Pure: no Airflow, no AWS."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecommerce_dwh.contracts import SourceContract


@dataclass
class Drift:
    """What differs from the contracts, each finding as (source, column) → days."""

    missing_required: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    unknown: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    missing_optional: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    without_header: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    not_crawled: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    partitions: int = 0

    def failures(self) -> list[str]:
        """Findings that stop the day, in words."""
        return [
            f"{source}: the required column {column} is missing on {_days(days)}"
            for (source, column), days in sorted(self.missing_required.items())
        ]

    def warnings(self) -> list[str]:
        """Findings to know of: new columns, files whose header the crawler did not recognise."""
        return (
            [
                f"{source}: column {column} is not in the contract and was kept out, on {_days(days)}"
                for (source, column), days in sorted(self.unknown.items())
            ]
            + [
                f"{source}: the crawler saw no header line on {_days(days)}; the processing job reads it itself"
                for (source, _), days in sorted(self.without_header.items())
            ]
            + [
                f"{source}: the catalogue lacks the files of {_days(days)}; the processing job reads them anyway"
                for (source, _), days in sorted(self.not_crawled.items())
            ]
        )

    def notes(self) -> list[str]:
        """Findings that are allowed: optional columns left out."""
        return [
            f"{source}: the optional column {column} is absent on {_days(days)} and loaded as null"
            for (source, column), days in sorted(self.missing_optional.items())
        ]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form for XCom."""
        return {
            "partitions": self.partitions,
            "failures": self.failures(),
            "warnings": self.warnings(),
            "notes": self.notes(),
        }


def compare(drift: Drift, contract: SourceContract, day: str, columns: Iterable[str]) -> None:
    """Add what one crawled day of a source tells to ``drift``."""
    found = {column.strip().strip("\ufeff").lower() for column in columns}
    drift.partitions += 1
    if not found:
        return  # a declared empty day
    if all(re.fullmatch(r"col\d+|_c\d+", column) for column in found):
        drift.without_header[(contract.name, "")].append(day)
        return
    known = {column.name: column for column in contract.columns}
    for name in found - known.keys() - {"dt"}:
        drift.unknown[(contract.name, name)].append(day)
    for name in known.keys() - found:
        kind = drift.missing_required if known[name].required else drift.missing_optional
        kind[(contract.name, name)].append(day)


def partition_day(table: Mapping[str, Any], partition: Mapping[str, Any]) -> str | None:
    """The value of a catalogue partition's ``dt`` key."""
    keys = [key["Name"] for key in table.get("PartitionKeys", ())]
    values = dict(zip(keys, partition.get("Values", ()), strict=False))
    return values.get("dt")


def _days(days: list[str], limit: int = 5) -> str:
    shown = sorted(days)
    text = ", ".join(shown[:limit])
    return text if len(shown) <= limit else f"{text} and {len(shown) - limit} more days"
