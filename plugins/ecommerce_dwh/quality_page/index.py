"""A month of quality reports in the few kilobytes that overview, trends and search need.

Two years of daily reports are some 50 MB; nobody waits for that. Each month has one index object in S3 that holds, by
day, the report's ETag, the states of its tables and the ledger, and by rule the figures of each day. An entry counts
only while its ETag is still the report's, so an index can be stale, deleted or written by two servers at once without
any harm: what does not match is read again.
"""

from __future__ import annotations

import gzip
import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ecommerce_dwh.quality_report import ReportNotReady, read_report

VERSION = 1
PASSED, FAILED, UNKNOWN, NOT_JUDGED = "p", "f", "-", "n"


class IndexUnusable(ValueError):
    """An index object is not one of ours, or of another version; it is built anew."""


@dataclass
class DayEntry:
    """What the overview knows of a day's newest report.

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
        """Take a day out: its report is gone or has changed."""
        self.days.pop(day, None)
        place = int(day[8:]) - 1
        for rule in self.rules.values():
            rule.checked[place] = rule.failed[place] = None
            rule.verdicts = rule.verdicts[:place] + UNKNOWN + rule.verdicts[place + 1 :]
            rule.measures.pop(str(place), None)

    def apply(self, day: str, etag: str, body: bytes) -> None:
        """Enter a report as read from S3; one that cannot be read is entered with the reason."""
        self.forget(day)
        try:
            report = read_day_report(body, day)
            entry, figures = _digest(report, etag)
        except ReportNotReady as why:
            self.days[day] = DayEntry(etag, problem=str(why))
            return
        self.days[day] = entry
        place = int(day[8:]) - 1
        for key, (meta, checked, failed, verdict, measure) in figures.items():
            rule = self.rules.get(key)
            if rule is None:
                nothing: list[int | None] = [None] * self.length
                rule = RuleMonth(*meta, nothing, list(nothing), UNKNOWN * self.length)
                self.rules[key] = rule
            # The newest day's words describe the rule; days come in any order, so the later one wins.
            if UNKNOWN * (self.length - place - 1) == rule.verdicts[place + 1 :]:
                rule.dimension, rule.severity, rule.description, rule.threshold = meta
            rule.checked[place], rule.failed[place] = checked, failed
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
            content = json.loads(gzip.decompress(body))
            if content["version"] != VERSION or content["month"] != name:
                raise IndexUnusable(f"version {content['version']} of {content['month']}")
            month = cls(name, {day: DayEntry(**entry) for day, entry in content["days"].items()})
            for source, rule, *values in content["rules"]:
                month.rules[source, rule] = RuleMonth(*values)
            if any(len(rule.verdicts) != month.length for rule in month.rules.values()):
                raise IndexUnusable("a rule has not one place per day")
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IndexUnusable(f"{type(error).__name__}: {error}") from None
        return month


def read_day_report(body: bytes, day: str) -> dict[str, Any]:
    """Parse the report that lies in a day's folder.

    Raises:
        ReportNotReady: it is truncated, of another schema, or of another day.
    """
    report = read_report(body, None)
    if report.get("end_date") != day:
        raise ReportNotReady(f"the report is of {report.get('end_date')!r}, not of {day}")
    try:
        start = date.fromisoformat(str(report.get("start_date")))
    except ValueError:
        raise ReportNotReady(f"the report's start_date is {report.get('start_date')!r}") from None
    if start.isoformat() > day:
        raise ReportNotReady(f"the report begins on {start}, after it ends")
    return report


_Meta = tuple[str, str, str, float]
_Figures = dict[tuple[str, str], tuple[_Meta, int, int, str, list[float | None]]]


def _digest(report: Mapping[str, Any], etag: str) -> tuple[DayEntry, _Figures]:
    figures: _Figures = {}
    entry = DayEntry(
        etag,
        run_id=str(report["run_id"]),
        status=report["status"],
        start=report["start_date"],
        generated_at=str(report.get("generated_at", "")),
    )
    try:
        for table in report["tables"]:
            source = str(table["source"])
            state = entry.tables[source] = [int(table.get("rows") or 0), len(table["rules"]), 0, 0]
            for rule in table["rules"]:
                passed = bool(rule["passed"])
                severity = str(rule.get("severity", "error"))
                if not passed:
                    state[3 if severity == "warning" else 2] += 1
                meta = (
                    str(rule.get("dimension", "")),
                    severity,
                    str(rule.get("description", "")),
                    float(rule.get("threshold") or 0),
                )
                counts = int(rule.get("rows_checked") or 0), int(rule.get("rows_failed") or 0)
                verdict = NOT_JUDGED if not rule.get("judged", True) else PASSED if passed else FAILED
                past = rule.get("history") or {}
                measure = [past.get(name) for name in ("value", "low", "high")] if past else []
                figures[source, str(rule["rule"])] = (meta, *counts, verdict, measure)
        for line in report.get("ledger") or ():
            counts4 = [
                int(line[name]) for name in ("raw_rows", "accepted_rows", "superseded_rows", "quarantined_rows")
            ]
            entry.ledger.setdefault(str(line["delivery_date"]), {})[str(line["source"])] = counts4
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportNotReady(f"the report is not as documented ({type(error).__name__}: {error})") from None
    return entry, figures
