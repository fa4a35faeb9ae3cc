"""A month of quality reports in the few kilobytes that overview, trends and search need.

Two years of daily reports are some 50 MB, too much for a page to read. Each month has one index object in S3 that
holds, by day, the report's ETag, the states of its tables and the ledger, and by rule the figures of each day. An
entry counts only while its ETag is still the report's, so an index can be stale, deleted or written by two servers at
once without harm: an entry that does not match is read again.
"""

from __future__ import annotations

import gzip
import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, with_config
from typing_extensions import TypedDict

from ecommerce_dwh.lake.s3 import MIB, gunzip
from ecommerce_dwh.ledger import ROWS
from ecommerce_dwh.quality.report import ReportNotReady, read_report
from ecommerce_dwh.quality.report_model import (
    Count,
    Day,
    Figure,
    Name,
    NotAsDocumented,
    Share,
    checked,
    parse_json,
)

VERSION = 1
INDEX_BYTES = 4 * MIB  # compressed
MOST_RULES = 20_000  # of a month, of all tables
_INDEX_CONTENT_BYTES = 64 * MIB
PASSED, FAILED, UNKNOWN, NOT_JUDGED = "p", "f", "-", "n"


class IndexUnusable(ValueError):
    """An index object has another form or version; it is built again."""


@dataclass
class DayEntry:
    """The figures of a day's newest report for the overview.

    Attributes:
        etag: of the report object that this was made from.
        problem: why the report could not be read; empty when it could.
        start: first day of the report's window; the last day is the entry's own.
        tables: per source: rows, rules, failed rules of severity error, failed rules of severity warning.
        ledger: per day of the window and source: raw, accepted, superseded and quarantined rows.
    """

    etag: str
    problem: str = ""
    run_id: str = ""
    status: str = ""
    start: str = ""
    generated_at: str = ""
    tables: dict[str, list[int]] = field(default_factory=dict)
    ledger: dict[str, dict[str, list[int]]] = field(default_factory=dict)


@dataclass
class RuleMonth:
    """A rule's figures of a month; lists and verdicts have one place per day of the month."""

    dimension: str
    severity: str
    description: str
    threshold: float
    checked: list[int | None]
    failed: list[int | None]
    verdicts: str
    # Of rules against history, by day of the month: value, least and greatest value in line.
    measures: dict[str, list[float | None]] = field(default_factory=dict)


@dataclass
class Month:
    """The index of one month (``YYYY-MM``)."""

    name: str
    days: dict[str, DayEntry] = field(default_factory=dict)
    rules: dict[tuple[str, str], RuleMonth] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of days of the month."""
        return monthrange(int(self.name[:4]), int(self.name[5:7]))[1]

    def forget(self, day: str) -> None:
        """Remove a day whose report is deleted or has changed."""
        self.days.pop(day, None)
        place = int(day[8:]) - 1
        for rule in self.rules.values():
            rule.checked[place] = rule.failed[place] = None
            rule.verdicts = rule.verdicts[:place] + UNKNOWN + rule.verdicts[place + 1 :]
            rule.measures.pop(str(place), None)

    def apply(self, day: str, etag: str, body: bytes, problem: str = "") -> None:
        """Enter a report as read from S3; one that cannot be read is entered with the reason.

        Args:
            day: of the folder in which it lies.
            etag: of the object.
            body: its content; not looked at when there is a problem.
            problem: why it could not be read at all.
        """
        self.forget(day)
        if problem:
            self.days[day] = DayEntry(etag, problem=problem)
            return
        try:
            entry, figures = _digest(read_day_report(body, day), etag)
        except ReportNotReady as why:
            self.days[day] = DayEntry(etag, problem=str(why))
            return
        if len(self.rules.keys() | figures.keys()) > MOST_RULES:
            self.days[day] = DayEntry(
                etag, problem=f"the month's reports name more than {MOST_RULES:,} different rules"
            )
            return
        self.days[day] = entry
        place = int(day[8:]) - 1
        for key, (meta, seen, failed, verdict, measure) in figures.items():
            rule = self.rules.get(key)
            if rule is None:
                nothing: list[int | None] = [None] * self.length
                rule = RuleMonth(*meta, nothing, list(nothing), UNKNOWN * self.length)
                self.rules[key] = rule
            # The newest day's words describe the rule; days come in any order, so the later one wins.
            if UNKNOWN * (self.length - place - 1) == rule.verdicts[place + 1 :]:
                rule.dimension, rule.severity, rule.description, rule.threshold = meta
            rule.checked[place], rule.failed[place] = seen, failed
            rule.verdicts = rule.verdicts[:place] + verdict + rule.verdicts[place + 1 :]
            if measure:
                rule.measures[str(place)] = measure

    def dump(self) -> bytes:
        """The index object's content."""
        content = {
            "version": VERSION,
            "month": self.name,
            "days": {day: vars(entry) for day, entry in self.days.items()},
            "rules": [[*key, *vars(rule).values()] for key, rule in self.rules.items()],
        }
        return gzip.compress(
            json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), 6, mtime=0
        )

    @classmethod
    def load(cls, name: str, body: bytes) -> Month:
        """Read an index object.

        Raises:
            IndexUnusable: it is not the index of that month in this version.
        """
        try:
            content = checked(_content(), parse_json(gunzip(body, _INDEX_CONTENT_BYTES)))
        except (ValueError, NotAsDocumented) as error:
            raise IndexUnusable(str(error)) from None
        if content["month"] != name:
            raise IndexUnusable(f"it is of {content['month']}")
        month = cls(name, {day: DayEntry(**entry) for day, entry in content["days"].items()})
        for source, rule, *values in content["rules"]:
            month.rules[source, rule] = RuleMonth(*values)
        month._check()
        return month

    def _check(self) -> None:
        """Refuse what the form alone does not show.

        Raises:
            IndexUnusable: a day lies outside of the month, or a list has not one place per day.
        """
        if any(day[:7] != self.name or entry.start > day for day, entry in self.days.items()):
            raise IndexUnusable("a day lies outside of its month or before its start")
        for rule in self.rules.values():
            if {len(rule.verdicts), len(rule.checked), len(rule.failed)} != {self.length}:
                raise IndexUnusable("a rule has not one place per day")
            if any(int(place) >= self.length for place in rule.measures):
                raise IndexUnusable("a rule was measured on a day that the month has not")


_Short = Annotated[str, StringConstraints(max_length=2100)]
_Counts = dict[Name, Annotated[list[Count], Field(min_length=4, max_length=4)]]
_Places = Annotated[list[Count | None], Field(max_length=31)]


@with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class _Entry(TypedDict):
    etag: _Short
    problem: _Short
    run_id: _Short
    status: Literal["", "passed", "warned", "failed"]
    start: Day | Literal[""]
    generated_at: _Short
    tables: _Counts
    ledger: dict[Day, _Counts]


# Source, rule, then the fields of `RuleMonth`; JSON has lists only, so the tuples are not strict.
_RuleLine = Annotated[
    tuple[
        Name,
        Name,
        _Short,
        _Short,
        _Short,
        Share,
        _Places,
        _Places,
        Annotated[str, StringConstraints(pattern="^[pfn-]{28,31}$")],
        dict[
            Annotated[str, StringConstraints(pattern="^[0-9]{1,2}$")],
            Annotated[list[Figure | None], Field(min_length=3, max_length=3)],
        ],
    ],
    Field(strict=False),
]


@with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class _Content(TypedDict):
    version: Literal[1]
    month: Annotated[str, StringConstraints(pattern="^[0-9]{4}-[0-9]{2}$")]
    days: dict[Day, _Entry]
    rules: Annotated[list[_RuleLine], Field(max_length=MOST_RULES)]


@cache
def _content() -> TypeAdapter[Any]:
    return TypeAdapter(_Content)


def read_day_report(body: bytes, day: str) -> dict[str, Any]:
    """Parse the report that lies in a day's folder.

    Raises:
        ReportNotReady: it is truncated, of another schema, or of another day.
    """
    report = read_report(body, None, day)
    if "start_date" not in report:
        raise ReportNotReady("the report is not as documented: it lacks start_date")
    return report


_Meta = tuple[str, str, str, float]
_Figures = dict[tuple[str, str], tuple[_Meta, int, int, str, list[float | None]]]


def _digest(report: Mapping[str, Any], etag: str) -> tuple[DayEntry, _Figures]:
    figures: _Figures = {}
    entry = DayEntry(
        etag,
        run_id=report["run_id"],
        status=report["status"],
        start=report["start_date"],
        generated_at=report.get("generated_at", ""),
    )
    for table in report["tables"]:
        source = table["source"]
        state = entry.tables[source] = [table.get("rows", 0), len(table["rules"]), 0, 0]
        for rule in table["rules"]:
            passed = rule["passed"]
            severity = rule.get("severity", "error")
            if not passed:
                state[3 if severity == "warning" else 2] += 1
            meta = rule.get("dimension", ""), severity, rule.get("description", ""), rule.get("threshold", 0.0)
            counts = rule.get("rows_checked", 0), rule.get("rows_failed", 0)
            verdict = NOT_JUDGED if not rule.get("judged", True) else PASSED if passed else FAILED
            past = rule.get("history")
            measure = [past[name] for name in ("value", "low", "high")] if past else []
            figures[source, rule["rule"]] = (meta, *counts, verdict, measure)
    for line in report.get("ledger", ()):
        entry.ledger.setdefault(line["delivery_date"], {})[line["source"]] = [line[name] for name in ROWS]
    return entry, figures
