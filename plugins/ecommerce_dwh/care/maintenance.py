"""Decisions of the weekly maintenance: tables to vacuum, unreferenced files, orphaned runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

LIVE_TASK_STATES = frozenset(
    {"running", "deferred", "queued", "scheduled", "restarting", "up_for_retry", "up_for_reschedule"}
)
_TRY = re.compile(r"(?P<folder>(?P<kind>[a-z_]+)/(?:[a-z_]+/)?run=(?P<run>[^/]+)/try=[^/]+/)")
_QUARANTINE = re.compile(r"(?P<folder>quarantine/source=[^/]+/run=(?P<run>[^/]+)/)")


# --- tables -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableHealth:
    """A table as ``include/sql/maintenance/table_health.sql`` sees it; percentages from 0 to 100."""

    schema: str
    table: str
    stored_rows: int
    visible_rows: int
    size_mb: int
    unsorted_percent: float
    stats_off_percent: float

    @property
    def name(self) -> str:
        return f'"{self.schema}"."{self.table}"'

    @property
    def deleted_percent(self) -> float:
        """Share of the stored rows that are marked as deleted."""
        return (
            100.0 * max(self.stored_rows - self.visible_rows, 0) / self.stored_rows if self.stored_rows else 0.0
        )


@dataclass(frozen=True)
class TableCare:
    """Statements that a table needs, and the reason."""

    health: TableHealth
    statements: tuple[str, ...]
    why: str


def plan_care(
    tables: Iterable[TableHealth], *, vacuum_percent: float, analyze_percent: float, min_rows: int
) -> list[TableCare]:
    """VACUUM and ANALYZE for the tables that need it, largest first.

    Args:
        vacuum_percent: from this share of deleted or unsorted rows on, a table is vacuumed.
        analyze_percent: from this staleness of its statistics on, a table is analysed; so is a vacuumed one.
        min_rows: tables with fewer stored rows are left alone.
    """
    plans = []
    for table in sorted(tables, key=lambda table: -table.stored_rows):
        if table.stored_rows < min_rows:
            continue
        deleted, unsorted = table.deleted_percent >= vacuum_percent, table.unsorted_percent >= vacuum_percent
        statements, why = [], []
        if deleted or unsorted:
            kind = "full" if deleted and unsorted else "delete only" if deleted else "sort only"
            statements.append(f"vacuum {kind} {table.name}")
            why += [f"{table.deleted_percent:.0f} % deleted"] if deleted else []
            why += [f"{table.unsorted_percent:.0f} % unsorted"] if unsorted else []
        if statements or table.stats_off_percent >= analyze_percent:
            statements.append(f"analyze {table.name}")
            if table.stats_off_percent >= analyze_percent:
                why.append(f"statistics {table.stats_off_percent:.0f} % off")
        if statements:
            plans.append(TableCare(table, tuple(statements), ", ".join(why)))
    return plans


# --- files --------------------------------------------------------------------------------------------------------


@dataclass
class Folder:
    """A folder of the processed bucket with what is in it."""

    prefix: str
    run: str
    keys: list[str] = field(default_factory=list)
    size: int = 0
    newest: datetime | None = None

    def add(self, key: str, size: int, modified: datetime) -> None:
        self.keys.append(key)
        self.size += size
        self.newest = modified if self.newest is None else max(self.newest, modified)


def gather_folders(objects: Iterable[Mapping[str, Any]]) -> dict[str, Folder]:
    """The ``try=`` and quarantine folders of a listing (entries of ``list_objects_v2``)."""
    found: dict[str, Folder] = {}
    for entry in objects:
        match = _TRY.match(entry["Key"]) or _QUARANTINE.match(entry["Key"])
        if match is None:
            continue
        folder = found.setdefault(match["folder"], Folder(match["folder"], match["run"]))
        folder.add(entry["Key"], int(entry.get("Size", 0)), entry["LastModified"])
    return found


@dataclass(frozen=True)
class Removal:
    """A folder to delete, and the reason."""

    folder: Folder
    why: str


def plan_removals(
    folders: Iterable[Folder],
    named: Iterable[str],
    now: datetime,
    *,
    min_age: timedelta,
    keep_accepted: timedelta,
    keep_quarantine: timedelta,
) -> list[Removal]:
    """Folders that may go.

    Args:
        folders: what is there.
        named: keys that a COPY manifest names.
        min_age: a folder younger than this may belong to a job that is still writing.
        keep_accepted: how long loaded files are kept; afterwards a run is repeated from its raw files.
        keep_quarantine: how long quarantined rows are kept.
    """
    in_use = {match["folder"] for key in named if (match := _TRY.match(key))}
    removals = []
    for folder in sorted(folders, key=lambda folder: folder.prefix):
        age = now - folder.newest if folder.newest else timedelta(0)
        if folder.prefix.startswith("quarantine/"):
            if age > keep_quarantine:
                removals.append(Removal(folder, f"quarantined {age.days} days ago"))
        elif folder.prefix not in in_use:
            if age > min_age:
                removals.append(Removal(folder, "no manifest names it"))
        elif age > keep_accepted:
            removals.append(Removal(folder, f"loaded {age.days} days ago"))
    return removals


def lifecycle_findings(
    bucket: str, rules: Sequence[Mapping[str, Any]], *, is_raw: bool, is_versioned: bool
) -> list[tuple[str, str]]:
    """Findings on a bucket's lifecycle as (severity, text); severity is ``error`` or ``warning``.

    Raw files must never expire, since the warehouse is a function of them. Elsewhere, old versions must go some day.
    """
    active = [rule for rule in rules if rule.get("Status") == "Enabled"]
    found = []
    for rule in active:
        if is_raw and ((rule.get("Expiration") or {}).keys() & {"Days", "Date"}):
            found.append(("error", f"{bucket}: lifecycle rule {rule.get('ID', '?')} deletes raw files"))
    if is_versioned and not any("NoncurrentVersionExpiration" in rule for rule in active):
        found.append(("warning", f"{bucket}: no lifecycle rule removes old versions, so nothing is ever freed"))
    if is_raw and not is_versioned:
        found.append(("warning", f"{bucket}: versioning is off; a raw file that is overwritten is lost"))
    return found


# --- runs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OrphanRun:
    """A Glue run that no live task waits for."""

    job: str
    run_id: str
    task: str
    why: str


def owner_of(arguments: Mapping[str, str] | None) -> tuple[str, str, str] | None:
    """DAG, task and run that started a Glue run, from its argument ``--airflow_task_uuid``; None if by hand."""
    uuid = (arguments or {}).get("--airflow_task_uuid")
    if not uuid:
        return None
    # dag:task:run:map index; a run id holds colons, DAG and task ids do not.
    dag_id, _, rest = uuid.partition(":")
    task_id, _, rest = rest.partition(":")
    run_id, _, _ = rest.rpartition(":")
    return dag_id, task_id, run_id


def judge_run(
    job: str, run: Mapping[str, Any], state: str | None, now: datetime, *, by_hand_limit: timedelta
) -> OrphanRun | None:
    """Whether a live Glue run is an orphan.

    Args:
        run: entry of ``GetJobRuns``.
        state: state of the task that started it; None for a run started by hand.
        by_hand_limit: a run by hand that is older than this is reported too.
    """
    owner = owner_of(run.get("Arguments"))
    run_id = str(run["Id"])
    if owner is None:
        started = run.get("StartedOn")
        if started is not None and now - started > by_hand_limit:
            return OrphanRun(job, run_id, "", f"started by hand {now - started} ago")
        return None
    if state in LIVE_TASK_STATES:
        return None
    return OrphanRun(job, run_id, ".".join(owner[:2]), f"its task is {state or 'gone'}")
