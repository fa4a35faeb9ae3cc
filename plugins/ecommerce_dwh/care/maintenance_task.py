"""Operators of the weekly maintenance; the decisions are pure functions of `ecommerce_dwh.care.maintenance`.

Those that delete or stop something only show it in a dry run: always when the Param ``dry_run`` is true, and, when it
is left empty, in every run that a person started.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Param
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from botocore.exceptions import ClientError

from ecommerce_dwh.aws import aws_client, error_code
from ecommerce_dwh.care.maintenance import (
    OrphanRun,
    Removal,
    TableHealth,
    gather_folders,
    judge_run,
    lifecycle_findings,
    owner_of,
    plan_care,
    plan_removals,
)
from ecommerce_dwh.lake.s3 import LIST_BYTES, read_object, written_at
from ecommerce_dwh.lake.triggers import GLUE_LIVE_STATES
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.audits import WarehouseAuditOperator
from ecommerce_dwh.warehouse.client import Cursor, Warehouse
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.sensors import Look, WarehouseSensor
from ecommerce_dwh.warehouse.sql_text import Audit, split_statements
from ecommerce_dwh.window import LoadWindow, load_window

if TYPE_CHECKING:
    from airflow.sdk import Context

_FOLDERS = ("accepted/", "ledger/", "check_results/", "quarantine/")
_DELETE_BATCH = 1000  # keys that DeleteObjects takes
_SHOWN = 50


def maintenance_params() -> dict[str, Param]:
    """The Params of the maintenance, typed for the trigger form and the API."""

    def percent(default: int, title: str, description: str) -> Param:
        return Param(default, type="integer", minimum=0, maximum=100, title=title, description=description)

    def days(default: int, title: str, description: str) -> Param:
        return Param(default, type="integer", minimum=1, maximum=4000, title=title, description=description)

    return {
        "dry_run": Param(
            None,
            type=["null", "boolean"],
            title="Dry run",
            description="Only show what would be deleted or stopped. Empty: scheduled runs act, others only show.",
        ),
        "vacuum_percent": percent(
            10, "VACUUM from", "Share of deleted or unsorted rows from which a table is vacuumed."
        ),
        "analyze_percent": percent(
            10, "ANALYZE from", "Staleness of a table's statistics from which it is analysed."
        ),
        "min_age_days": days(
            7, "Unreferenced after", "Days after which files that no manifest names, and staging rows, go."
        ),
        "keep_accepted_days": days(
            90, "Keep loaded files", "Days that loaded Parquet files stay in the processed bucket."
        ),
        "keep_quarantine_days": days(
            400, "Keep quarantine", "Days that quarantined rows stay in the processed bucket."
        ),
    }


def is_dry_run(context: Context) -> bool:
    """Whether the run only shows what it would do."""
    chosen = context["params"].get("dry_run")
    if chosen is None:
        run_type = getattr(context["dag_run"], "run_type", "")
        return str(getattr(run_type, "value", run_type)) != "scheduled"
    return bool(chosen)


class TableCareOperator(WarehouseOperator):
    """VACUUM and ANALYZE the tables that need it, by ``svv_table_info``; the rest is left to Redshift's own daemons.

    Args:
        min_rows: tables with fewer stored rows are left alone.
    """

    def __init__(self, *, min_rows: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_rows = min_rows

    def execute(self, context: Context) -> dict[str, Any]:
        params, warehouse = context["params"], self.warehouse(context)

        def read(cursor: Cursor) -> list[TableHealth]:
            rows = cursor.query(maintenance_sql("table_health")[0], title="table health")
            return [
                TableHealth(
                    str(row["schema_name"]),
                    str(row["table_name"]),
                    int(float(row["stored_rows"] or 0)),
                    int(float(row["visible_rows"] or 0)),
                    int(row["size_mb"] or 0),
                    float(row["unsorted_percent"]),
                    float(row["stats_off_percent"]),
                )
                for row in cursor.as_dicts(rows)
            ]

        tables = warehouse.transaction(read)
        plans = plan_care(
            tables,
            vacuum_percent=params["vacuum_percent"],
            analyze_percent=params["analyze_percent"],
            min_rows=self.min_rows,
        )
        self.log.info("%d tables, %d need care", len(tables), len(plans))
        for plan in plans:
            self.log.info("%s (%s rows): %s", plan.health.name, f"{plan.health.stored_rows:,}", plan.why)
            warehouse.each(plan.statements)
        return {"tables": len(tables), "cared_for": {plan.health.name: list(plan.statements) for plan in plans}}


class StagingCleanupOperator(WarehouseOperator):
    """Delete the staging rows of runs that ended long ago without being published.

    A published run's rows go with the next load; those of an abandoned run would stay. The age of a run is that of its
    ``processing.json``; a run without one cannot be loaded any more.
    """

    ui_color = "#fdf3dc"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        window, dry = load_window(context), is_dry_run(context)
        limit = datetime.now(UTC) - timedelta(days=context["params"]["min_age_days"])
        client = aws_client("s3", self.aws_conn_id)
        warehouse = self.warehouse(context)

        def read(cursor: Cursor) -> dict[str, int]:
            staged: dict[str, int] = {}
            for run, rows in cursor.query(self._statements("staging_runs", window)[0], title="runs in staging"):
                staged[str(run)] = staged.get(str(run), 0) + int(rows)
            return staged

        staged = warehouse.transaction(read)
        old = {
            run: rows for run, rows in staged.items() if _is_older(client, window.processed_bucket, run, limit)
        }
        for run, rows in old.items():
            self.log.info("%s %s rows of run %s", "Would delete" if dry else "Deleting", f"{rows:,}", run)
            if not dry:
                self._delete(warehouse, self._statements("staging_delete", replace(window, run_key=run)))
        self.log.info("%d of %d runs in staging were abandoned", len(old), len(staged))
        return {"runs": len(staged), "abandoned": old, "dry_run": dry}

    @staticmethod
    def _delete(warehouse: Warehouse, statements: Sequence[str]) -> None:
        def work(cursor: Cursor) -> None:
            for statement in statements:
                cursor.run(statement)

        warehouse.transaction(work)

    def _statements(self, name: str, window: LoadWindow) -> list[str]:
        path = get_settings().sql_dir / "maintenance" / f"{name}.sql"
        template = self.get_template_env().from_string(path.read_text("utf-8"))
        return split_statements(template.render(load=window))


class WarehouseIdleSensor(WarehouseSensor):
    """Wait until everything that was merged is audited and published, so that whole-warehouse audits can compare."""

    def look(self, context: Context) -> Look:
        left = self.warehouse(context).transaction(_unpublished)
        if not left:
            return Look(True, "everything that was merged is published")
        return Look(False, f"{left}; mend or finish it")


class UnpublishedWorkError(Exception):
    """A run is between its merges and the refresh of the aggregates; the message says what is left."""


class WholeWarehouseAudit(WarehouseAuditOperator):
    """Run the audits that compare aggregates with facts, each on a state of the warehouse in which they must agree.

    A run can begin between `WarehouseIdleSensor` and the audits, or between two of them. So each audit looks for
    unpublished work in its own transaction first: both read one snapshot (docs.aws.amazon.com/redshift/latest/dg/
    c_serial_isolation.html), and what a run changes after it does not count. Where a run is in between, nothing is
    written to ``quality.audit_results``; the audits begin again after ``pause``, and after ``patience`` the task is
    skipped, with the unpublished work as its reason.

    Args:
        patience: how long a run in between is waited for.
        pause: time between two attempts.
    """

    def __init__(
        self,
        *,
        patience: timedelta = timedelta(hours=1),
        pause: timedelta = timedelta(minutes=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(folder="audits/full", mark_audited=False, **kwargs)
        self.patience = patience
        self.pause = pause

    def execute(self, context: Context) -> dict[str, Any]:
        deadline = time.monotonic() + self.patience.total_seconds()
        while True:
            try:
                return super().execute(context)
            except UnpublishedWorkError as left:
                if time.monotonic() >= deadline:
                    raise AirflowSkipException(f"No audit was judged: {left}") from None
                self.log.info("The audits wait: %s", left)
                time.sleep(self.pause.total_seconds())

    def _check(self, audit: Audit, cursor: Cursor) -> dict[str, Any]:
        if left := _unpublished(cursor):
            raise UnpublishedWorkError(left)
        return super()._check(audit, cursor)


def _unpublished(cursor: Cursor) -> str:
    """What was merged and is not published yet, in words; empty when the warehouse is at rest."""
    left = cursor.query(maintenance_sql("unpublished_work")[0], title="unpublished work")
    what = ", ".join(f"{int(count):,} {name}" for name, count in left)
    return f"a run has merged but not published ({what})" if left else ""


class SlowQueryReport(WarehouseOperator):
    """Log the slowest queries of the last week."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        def read(cursor: Cursor) -> list[dict[str, Any]]:
            return cursor.as_dicts(cursor.query(maintenance_sql("slow_queries")[0], title="slow queries"))

        queries = self.warehouse(context).transaction(read)
        lines = []
        for query in queries:
            text = " ".join(query["query_text"].split())[:120]
            lines.append(f"  {query['elapsed_seconds']:>10} s  {query['query_label'] or '-'}  {text}")
        self.log.info("Slowest queries of the last seven days:\n%s", "\n".join(lines) or "  none")
        return queries


class UnreferencedFilesOperator(BaseOperator):
    """Delete files of the processed bucket that nobody needs: left by dead attempts, or older than their retention.

    Args:
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#fdf3dc"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        params, dry = context["params"], is_dry_run(context)
        client, bucket = aws_client("s3", self.aws_conn_id), get_settings().processed_bucket
        entries = (entry for prefix in _FOLDERS for entry in _listing(client, bucket, prefix))
        folders = gather_folders(entries)
        named, unreadable = self._named(client, bucket)
        removals = plan_removals(
            (folder for folder in folders.values() if folder.run not in unreadable),
            named,
            datetime.now(UTC),
            min_age=timedelta(days=params["min_age_days"]),
            keep_accepted=timedelta(days=params["keep_accepted_days"]),
            keep_quarantine=timedelta(days=params["keep_quarantine_days"]),
        )
        self._tell(removals, dry)
        if not dry:
            keys = [key for removal in removals for key in removal.folder.keys]
            for start in range(0, len(keys), _DELETE_BATCH):
                batch = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
                answer = client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
                if errors := answer.get("Errors"):
                    first = f"{errors[0]['Key']}: {errors[0]['Message']}"
                    raise AirflowException(f"{len(errors)} files could not be deleted, the first {first}")
        return {
            "folders": len(folders),
            "removed": [removal.folder.prefix for removal in removals],
            "bytes": sum(removal.folder.size for removal in removals),
            "dry_run": dry,
        }

    def _named(self, client: Any, bucket: str) -> tuple[set[str], set[str]]:
        """Keys that COPY manifests name, and the runs of manifests that cannot be read (their files stay)."""
        named: set[str] = set()
        unreadable: set[str] = set()
        prefix = f"s3://{bucket}/"
        for entry in _listing(client, bucket, "runs/"):
            if not entry["Key"].endswith(".manifest"):
                continue
            try:
                manifest = json.loads(read_object(client, bucket, entry["Key"], LIST_BYTES) or b"")
                named |= {item["url"].removeprefix(prefix) for item in manifest["entries"]}
            except (ValueError, KeyError, TypeError) as error:
                self.log.warning("%s cannot be read, so files of its run stay: %s", entry["Key"], error)
                unreadable.add(entry["Key"].split("/")[1])
        return named, unreadable

    def _tell(self, removals: Sequence[Removal], dry: bool) -> None:
        size = sum(removal.folder.size for removal in removals)
        verb = "Would delete" if dry else "Deleting"
        self.log.info("%s %d folders, %.1f MB", verb, len(removals), size / 1e6)
        for removal in removals[:_SHOWN]:
            self.log.info(
                "%s %s (%d files): %s", verb, removal.folder.prefix, len(removal.folder.keys), removal.why
            )
        if len(removals) > _SHOWN:
            self.log.info("… and %d more", len(removals) - _SHOWN)


class StorageCheckOperator(BaseOperator):
    """Hold the buckets' lifecycle and versioning against what the package relies on.

    Fails when a rule would delete raw files; everything else is a warning in the log.
    """

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        client, settings = aws_client("s3", self.aws_conn_id), get_settings()
        found: list[tuple[str, str]] = []
        for bucket in (settings.raw_bucket, settings.processed_bucket):
            versioning = client.get_bucket_versioning(Bucket=bucket).get("Status")
            found += lifecycle_findings(
                bucket,
                self._rules(client, bucket),
                is_raw=bucket == settings.raw_bucket,
                is_versioned=versioning == "Enabled",
            )
        for severity, text in found:
            self.log.warning("%s: %s", severity, text)
        if errors := [text for severity, text in found if severity == "error"]:
            raise AirflowException("; ".join(errors) + ". The warehouse could not be rebuilt: remove the rule.")
        return [text for _, text in found]

    @staticmethod
    def _rules(client: Any, bucket: str) -> list[dict[str, Any]]:
        try:
            return list(client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", ()))
        except ClientError as error:
            if error_code(error) == "NoSuchLifecycleConfiguration":
                return []
            raise


class OrphanRunsOperator(BaseOperator):
    """Stop Glue runs whose task does not live any more, for example after the metadata database was restored.

    A run started by hand has no task; it is reported when it is older than ``by_hand_limit`` and never stopped.
    """

    ui_color = "#fdf3dc"

    def __init__(
        self,
        *,
        by_hand_limit: timedelta = timedelta(hours=12),
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.by_hand_limit = by_hand_limit
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        client, settings, dry = aws_client("glue", self.aws_conn_id), get_settings(), is_dry_run(context)
        orphans: list[OrphanRun] = []
        for job in (settings.processing_job, settings.quality_job):
            for run in client.get_job_runs(JobName=job, MaxResults=100).get("JobRuns", ()):
                if run["JobRunState"] not in GLUE_LIVE_STATES or run["JobRunState"] == "STOPPING":
                    continue
                state = self._task_state(context, run)
                found = judge_run(job, run, state, datetime.now(UTC), by_hand_limit=self.by_hand_limit)
                orphans += [found] if found is not None else []
        stopped = []
        for orphan in orphans:
            stops = bool(orphan.task) and not dry
            self.log.warning(
                "Run %s of %s (%s): %s; %s",
                orphan.run_id,
                orphan.job,
                orphan.task or "by hand",
                orphan.why,
                "stopping it" if stops else "left alone",
            )
            if stops:
                client.batch_stop_job_run(JobName=orphan.job, JobRunIds=[orphan.run_id])
                stopped.append(orphan.run_id)
        return {"orphans": [orphan.run_id for orphan in orphans], "stopped": stopped, "dry_run": dry}

    @staticmethod
    def _task_state(context: Context, run: dict[str, Any]) -> str | None:
        owner = owner_of(run.get("Arguments"))
        if owner is None:
            return None
        dag_id, task_id, run_id = owner
        ti: Any = context["ti"]
        state = (ti.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id) or {}).get(task_id)
        return str(getattr(state, "value", state)) if state else None


def maintenance_sql(name: str) -> list[str]:
    """The statements of ``include/sql/maintenance/<name>.sql``."""
    return split_statements((get_settings().sql_dir / "maintenance" / f"{name}.sql").read_text("utf-8"))


def _listing(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())


def _is_older(client: Any, bucket: str, run_key: str, limit: datetime) -> bool:
    written = written_at(client, bucket, f"runs/{run_key}/processing.json")
    return written is None or written < limit
