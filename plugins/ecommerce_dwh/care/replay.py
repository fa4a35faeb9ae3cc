"""Rows that a replay would load from quarantine, and rows that it did load. Pure: no Airflow, no AWS.

A replay loads the days of quarantined rows again, from their raw files. With a corrected contract, rule or file the
rows are accepted; without a correction they are quarantined again. Rows are never added to the warehouse one by one,
so a replay can be repeated at any time and a day never mixes two loads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

ALL_SOURCES = "all"


@dataclass(frozen=True)
class Held:
    """Quarantined rows of a source and day.

    Attributes:
        run: run key of the run that counts for the day: the one that loaded it, else the newest that judged it.
        rows: rows in quarantine.
        is_loaded: whether the warehouse holds the day.
        rules: rows by reason, counted over the run's whole window.
        window: days of that window; with one, ``rules`` are exactly the day's.
    """

    day: str
    source: str
    run: str
    rows: int
    is_loaded: bool
    rules: Mapping[str, int]
    window: int = 1


def held_rows(
    days: Sequence[str],
    ledger: Iterable[Mapping[str, Any]],
    reports: Mapping[str, Mapping[str, Any]],
    newest: Mapping[str, Mapping[str, Any]],
) -> list[Held]:
    """Quarantined rows of each day, of the run that counts for it.

    Args:
        days: requested days.
        ledger: rows of the warehouse's ledger for these days (source, delivery_date, run_id, quarantined_rows).
        reports: quality report by run key.
        newest: newest quality report by day, for days that no run has loaded.
    """
    found: dict[tuple[str, str], Held] = {}
    for row in ledger:
        key = str(row["delivery_date"]), str(row["source"])
        run = str(row["run_id"])
        found[key] = _held(*key, run, int(row["quarantined_rows"]), reports.get(run), is_loaded=True)
    for report in newest.values():
        for line in report.get("ledger") or ():
            key = str(line["delivery_date"]), str(line["source"])
            if key in found or key[0] not in days:
                continue
            found[key] = _held(
                *key, str(report["run_id"]), int(line["quarantined_rows"]), report, is_loaded=False
            )
    return [found[key] for key in sorted(found)]


def _held(
    day: str, source: str, run: str, rows: int, report: Mapping[str, Any] | None, *, is_loaded: bool
) -> Held:
    if report is None:
        return Held(day, source, run, rows, is_loaded, {}, 0)
    rules = {
        str(entry["rule"]): int(entry.get("rows", 0))
        for entry in report.get("quarantine") or ()
        if entry["source"] == source
    }
    window = (date.fromisoformat(report["end_date"]) - date.fromisoformat(report["start_date"])).days + 1
    return Held(day, source, run, rows, is_loaded, rules, window)


def select(held: Iterable[Held], *, source: str = ALL_SOURCES, rule: str = "") -> list[Held]:
    """The quarantined rows that a replay is requested for: of the source, and of the reason where one is given.

    A reason is ``<kind>:<column>`` or only its beginning. A run without a report is never left out on its account.
    """
    return [
        item
        for item in held
        if item.rows
        and source in (ALL_SOURCES, item.source)
        and (not rule or not item.window or any(name.startswith(rule) for name in item.rules))
    ]


def ranges(days: Iterable[str]) -> list[dict[str, str]]:
    """Days as the fewest ranges without gaps, each the configuration of one run of the daily DAG."""
    result: list[dict[str, str]] = []
    for day in sorted(set(days)):
        before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        if result and result[-1]["end_date"] == before:
            result[-1]["end_date"] = day
        else:
            result.append({"start_date": day, "end_date": day})
    return result


def table(held: Sequence[Held], limit: int = 60) -> str:
    """The survey as lines for the log."""
    lines = [f"  {'day':10}  {'source':12} {'rows':>10}  {'in warehouse':12}  reasons"]
    for item in held[:limit]:
        reasons = ", ".join(f"{name} {rows:,}" for name, rows in sorted(item.rules.items())) or "not known"
        if item.window > 1:
            reasons += f" (over {item.window} days)"
        loaded = "yes" if item.is_loaded else "no"
        lines.append(f"  {item.day:10}  {item.source:12} {item.rows:>10,}  {loaded:12}  {reasons}")
    if len(held) > limit:
        lines.append(f"  … and {len(held) - limit} more")
    return "\n".join(lines)


def as_plain(held: Iterable[Held]) -> list[dict[str, Any]]:
    """For XCom."""
    return [{**asdict(item), "rules": dict(item.rules)} for item in held]


@dataclass(frozen=True)
class Change:
    """Quarantined rows of a source and day before and after a replay."""

    day: str
    source: str
    before: int
    after: int
    is_loaded: bool


def changes(before: Iterable[Mapping[str, Any]], ledger: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Compare the survey (as `as_plain` gave it) with the warehouse's ledger after the replay."""
    after = {(str(row["delivery_date"]), str(row["source"])): int(row["quarantined_rows"]) for row in ledger}
    return [
        Change(
            item["day"],
            item["source"],
            item["rows"],
            after.get((item["day"], item["source"]), item["rows"]),
            (item["day"], item["source"]) in after,
        )
        for item in before
    ]
