"""Compares the columns that a crawler found with a source's contract. Pure: no Airflow, no AWS.

A column is **retyped** when the crawler found a type that the processing job cannot read as the contract's: dates
where numbers are agreed, numbers where dates are, lists where single values are. In text files the crawler takes a
type only when all sampled values have it. Text instead of numbers is therefore no finding (one bad row causes it):
such rows go to quarantine, and too many of them close the gate.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.contracts.types import family_of

if TYPE_CHECKING:
    from ecommerce_dwh.contracts import Column, SourceContract


# Fewer rows of a text file than this may look alike by accident; as many may be rejected without closing the gate.
FEW_RECORDS = 20


@dataclass(frozen=True)
class Crawled:
    """A day of a source as the catalogue has it.

    Attributes:
        columns: type in Hive's spelling by column.
        records: rows that the crawler counted; None without a count.
        is_typed: the files themselves carry the types (Parquet).
    """

    columns: Mapping[str, str]
    records: int | None = None
    is_typed: bool = False


@dataclass
class Drift:
    """Differences from the contracts, each finding as (source, column) → days.

    Types follow the column: (source, column, type found, type agreed).
    """

    missing_required: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    retyped: dict[tuple[str, str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    looks_retyped: dict[tuple[str, str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    unknown: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    missing_optional: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    without_header: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    not_crawled: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    partitions: int = 0

    def failures(self) -> list[str]:
        """Findings that fail the day, as sentences."""
        return [
            f"{source}: the required column {column} is missing on {_days(days)}"
            for (source, column), days in sorted(self.missing_required.items())
        ] + [_retyped(*what, days) for what, days in sorted(self.retyped.items())]

    def warnings(self) -> list[str]:
        """Findings without consequence: new columns, files whose header the crawler did not recognise."""
        return (
            [
                f"{source}: column {column} is not in the contract and was kept out, on {_days(days)}"
                for (source, column), days in sorted(self.unknown.items())
            ]
            + [
                f"{_retyped(*what, days)}; rows that cannot be read go to quarantine"
                for what, days in sorted(self.looks_retyped.items())
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


def compare(drift: Drift, contract: SourceContract, day: str, crawled: Crawled) -> None:
    """Add the findings of one crawled day of a source to ``drift``."""
    types = {column.strip().strip("\ufeff").lower(): kind for column, kind in crawled.columns.items()}
    found = set(types)
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
    is_sure = crawled.is_typed or crawled.records is None or crawled.records >= FEW_RECORDS
    for name in known.keys() & found:
        if not _is_readable(types[name], known[name]):
            retyped = drift.retyped if is_sure else drift.looks_retyped
            retyped[(contract.name, name, types[name], known[name].type)].append(day)


def _is_readable(kind: str, column: Column) -> bool:
    """Whether values of a crawled type can be read as a column's."""
    family = family_of(kind)
    if column.formats and family in ("integer", "number"):
        return True  # a declared pattern such as yyyyMMdd
    return family in column.kind.crawled


def _retyped(source: str, column: str, found: str, agreed: str, days: list[str]) -> str:
    return f"{source}: the column {column} holds {found} on {_days(days)}, the contract says {agreed}"


def partition_day(table: Mapping[str, Any], partition: Mapping[str, Any]) -> str | None:
    """The value of a catalogue partition's ``dt`` key."""
    keys = [key["Name"] for key in table.get("PartitionKeys", ())]
    values = dict(zip(keys, partition.get("Values", ()), strict=False))
    return values.get("dt")


def _days(days: list[str], limit: int = 5) -> str:
    shown = sorted(days)
    text = ", ".join(shown[:limit])
    return text if len(shown) <= limit else f"{text} and {len(shown) - limit} more days"
