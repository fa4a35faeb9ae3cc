"""The preflight of a backfill: the raw files and the loaded days of a range, without loading anything.

    python -m ecommerce_dwh.care.preflight --start 2026-01-01 --end 2026-02-28 [--json]

The command lists the raw bucket and queries the warehouse's ledger, through the connections ``aws_default`` and
``redshift_default``. The exit code is 0 when every day can be loaded or is loaded, 1 when required files are missing.
On Amazon MWAA, which has no shell, the DAG ``ecommerce_dwh_preflight`` gives the same result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.care.changed_files import Change, changes
from ecommerce_dwh.commands import quiet_airflow
from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.lake.inventory import (
    Inventory,
    add_strays,
    days_between,
    describe_missing,
    describe_unloaded,
    take_inventory,
)
from ecommerce_dwh.lake.layout import REFUSED, RawObject, folder
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files

LOADED, CHANGED, READY, INCOMPLETE, UNREADABLE, ABSENT = (
    "loaded",
    "changed",
    "ready",
    "incomplete",
    "unreadable",
    "absent",
)
_MARKS = {LOADED: "#", CHANGED: "~", READY: "o", INCOMPLETE: "!", UNREADABLE: "x", ABSENT: "."}
_WORDS = {
    LOADED: "loaded",
    CHANGED: "loaded, and changed since: files landed, were replaced or are gone",
    READY: "ready to load",
    INCOMPLETE: "incomplete: a required source is missing",
    UNREADABLE: "unreadable: a file cannot be read by its name",
    ABSENT: "without any file",
}

# Changed files that are named; the rest is counted.
_SHOWN = 20


@dataclass(frozen=True)
class Day:
    """A day as a backfill would find it.

    Attributes:
        day: ``YYYY-MM-DD``.
        state: ``loaded``, ``changed``, ``ready``, ``incomplete``, ``unreadable`` or ``absent``; a loaded day stays
            loaded without its files.
        missing: required sources without a file.
        optional_missing: other sources without a file.
        empty: sources that declare the day empty.
        files: data files of all sources.
        size: their bytes.
    """

    day: str
    state: str
    missing: tuple[str, ...]
    optional_missing: tuple[str, ...]
    empty: tuple[str, ...]
    files: int
    size: int


def survey(
    inventory: Inventory,
    days: Iterable[str],
    required: Collection[str],
    sources: Sequence[str],
    loaded: Collection[str],
    changed: Collection[str] = (),
) -> list[Day]:
    """Judge each day.

    Args:
        inventory: what the raw bucket holds.
        days: days asked for, in order.
        required: sources that a day must bring.
        sources: all sources.
        loaded: days of which the warehouse holds every source.
        changed: of these, the days whose files are not those that were loaded.
    """
    found = []
    refused = {item.day for item in inventory.unloaded if item.kind == REFUSED}
    for day in days:
        files = [file for source in sources for file in inventory.files.get(source, {}).get(day, ())]
        absent = [source for source in sources if not inventory.has(source, day)]
        missing = tuple(source for source in absent if source in required)
        if day in loaded:
            state = CHANGED if day in changed else LOADED
        elif day in refused:
            state = UNREADABLE
        else:
            state = ABSENT if not files else INCOMPLETE if missing else READY
        data = [file for file in files if not file.is_empty_marker]
        found.append(
            Day(
                day,
                state,
                missing,
                tuple(source for source in absent if source not in required),
                tuple(file.source for file in files if file.is_empty_marker),
                len(data),
                sum(file.size for file in data),
            )
        )
    return found


def counts(days: Iterable[Day]) -> dict[str, int]:
    """Days by state."""
    found = dict.fromkeys(_MARKS, 0)
    for day in days:
        found[day.state] += 1
    return found


def can_load(days: Iterable[Day]) -> bool:
    """Whether a backfill over these days would find every required file."""
    return all(day.state in (LOADED, CHANGED, READY) for day in days)


def ranges(days: Iterable[str]) -> list[tuple[str, str]]:
    """Days without gaps between them, as (first, last)."""
    found: list[tuple[str, str]] = []
    for day in days:
        if found and date.fromisoformat(found[-1][1]) + timedelta(days=1) == date.fromisoformat(day):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def describe(
    days: Sequence[Day], bucket: str, unloaded: Sequence[RawObject] = (), changed: Sequence[Change] = ()
) -> str:
    """The survey for a person: counts, a calendar, what is missing or unfit, and the command to go on with."""
    if not days:
        return "no days"
    totals = counts(days)
    size = sum(day.size for day in days) / 1e6
    lines = [
        f"{days[0].day} … {days[-1].day}: {len(days)} days, {sum(day.files for day in days):,} files, {size:,.1f} MB",
        *(f"  {_MARKS[state]}  {count:>5} {_WORDS[state]}" for state, count in totals.items() if count),
        "",
        *_calendar(days),
    ]
    missing = [
        folder(source, day.day)
        for day in days
        if day.state in (INCOMPLETE, UNREADABLE, ABSENT)
        for source in day.missing
    ]
    if missing:
        lines += [
            "",
            "Missing, though required (a day without activity is declared by an object named _EMPTY):",
        ]
        lines.append(describe_missing(bucket, missing))
    if unloaded:
        lines += ["", "There, but not as the layout of the raw bucket asks for (see docs/architecture.md):"]
        lines.append(describe_unloaded(bucket, unloaded))
    if changed:
        lines += ["", "Changed since loaded:"]
        lines += [f"  s3://{bucket}/{change}" for change in changed[:_SHOWN]]
        lines += [f"  … and {len(changed) - _SHOWN} more"] if len(changed) > _SHOWN else []
        lines += ["", "To load what has changed, trigger ecommerce_dwh_daily for these days:"]
        lines += [
            f"  {json.dumps({'start_date': first, 'end_date': last})}"
            for first, last in ranges(sorted({change.day for change in changed}))[:10]
        ]
    if todo := [day.day for day in days if day.state == READY]:
        lines += ["", "To load what is ready:"]
        lines += [
            f'  airflow backfill create --dag-id ecommerce_dwh_daily --from-date {first} --to-date "{last} 02:00"'
            for first, last in ranges(todo)[:10]
        ]
    return "\n".join(lines)


def _calendar(days: Sequence[Day]) -> list[str]:
    """A line per month, a mark per day."""
    months: dict[str, list[str]] = {}
    for day in days:
        row = months.setdefault(day.day[:7], [" "] * 31)
        row[int(day.day[8:]) - 1] = _MARKS[day.state]
    ruler = "         1   5    10   15   20   25   30"
    return [ruler, *(f"  {month}  {''.join(marks).rstrip()}" for month, marks in months.items())]


def loaded_days(ledger: Iterable[Mapping[str, Any]], sources: Sequence[str]) -> set[str]:
    """Days of which the ledger has every source."""
    seen: dict[str, set[str]] = {}
    for row in ledger:
        seen.setdefault(str(row["delivery_date"]), set()).add(str(row["source"]))
    return {day for day, found in seen.items() if found >= set(sources)}


def inspect(
    start: str, end: str, *, s3: Any, ledger: Iterable[Mapping[str, Any]]
) -> tuple[list[Day], list[RawObject], list[Change]]:
    """Survey the days from ``start`` to ``end``, both included.

    Args:
        s3: a boto3 S3 client.
        ledger: rows of ``quality.ledger`` for the days (source, delivery_date, run_id).

    Returns:
        The days, the objects that are not loaded, and the files that changed since they were.
    """
    settings = get_settings()
    contracts = load_contracts(settings.sources_dir)
    sources = tuple(contracts)
    required = {name for name, contract in contracts.items() if contract.delivery == "required"}
    inventory = take_inventory(s3, settings.raw_bucket, sources, start, end)
    add_strays(s3, settings.raw_bucket, sources, inventory)
    rows = list(ledger)
    changed = changes(s3, settings.processed_bucket, inventory, rows)
    days = survey(
        inventory,
        days_between(start, end),
        required,
        sources,
        loaded_days(rows, sources),
        {change.day for change in changed},
    )
    return days, inventory.unloaded, changed


def ledger_sql() -> str:
    """The query for the ledger of a span of days; binds its first and last day."""
    return sql_files.statement("control/ledger_days.sql")


def _look_by_connections(start: str, end: str) -> tuple[list[Day], list[RawObject], list[Change]]:
    """The survey through Airflow's connections ``aws_default`` and ``redshift_default``."""
    with quiet_airflow():
        from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook  # late import: heavy

        rows = RedshiftSQLHook().get_records(ledger_sql(), parameters=(start, end)) or []
        ledger = [{"source": row[0], "delivery_date": row[1], "run_id": row[2]} for row in rows]
        return inspect(start, end, s3=aws_client("s3"), ledger=ledger)


def main(arguments: list[str] | None = None) -> int:
    """Survey and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="ecommerce_dwh.care.preflight", description="What a backfill would find."
    )
    parser.add_argument("--start", required=True, type=date.fromisoformat, help="first day, YYYY-MM-DD")
    parser.add_argument("--end", required=True, type=date.fromisoformat, help="last day, included")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    given = parser.parse_args(arguments)
    if given.end < given.start:
        parser.error(f"--end {given.end} lies before --start {given.start}")
    start, end = given.start.isoformat(), given.end.isoformat()
    days, unloaded, changed = _look_by_connections(start, end)
    if given.json:
        found = {
            "days": [asdict(day) for day in days],
            "counts": counts(days),
            "not_loaded": [item.remark for item in unloaded],
            "changed": [asdict(change) for change in changed],
        }
        print(json.dumps(found, indent=1))
    else:
        print(describe(days, get_settings().raw_bucket, unloaded, changed))
    return 0 if can_load(days) else 1


if __name__ == "__main__":
    sys.exit(main())
