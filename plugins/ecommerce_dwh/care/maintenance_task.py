"""Operators of the weekly maintenance; the decisions are pure functions of `ecommerce_dwh.care.maintenance`.

Those that delete or stop something only show it in a dry run: always when the Param ``dry_run`` is true, and, when it
is left empty, in every run that a person started.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.care.maintenance import (
    TableHealth,
    plan_care,
)
from ecommerce_dwh.lake.s3 import written_at
from ecommerce_dwh.run_types import run_type
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.audits import WarehouseAuditOperator
from ecommerce_dwh.warehouse.client import Cursor, Warehouse
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.sensors import Observation, WarehouseSensor
from ecommerce_dwh.warehouse.sql_text import Audit
from ecommerce_dwh.window import LoadWindow, load_window

if TYPE_CHECKING:
    from airflow.sdk import Context


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
        return run_type(context["dag_run"]) != "scheduled"
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
        return sql_files.statements(f"maintenance/{name}.sql", load=window)


class WarehouseIdleSensor(WarehouseSensor):
    """Wait until everything that was merged is audited and published, so that whole-warehouse audits can compare."""

    def observe(self, context: Context) -> Observation:
        left = self.warehouse(context).transaction(_unpublished)
        if not left:
            return Observation(True, "everything that was merged is published")
        return Observation(False, f"{left}; fix or finish that run")


class UnpublishedWorkError(Exception):
    """A run is between its merges and the refresh of the aggregates; the message lists the unpublished work."""


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
        super().__init__(files=sql_files.WHOLE_AUDITS, mark_audited=False, **kwargs)
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
    """A sentence on work that is merged and not published; empty without such work."""
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


def maintenance_sql(name: str) -> list[str]:
    """The statements of ``include/sql/maintenance/<name>.sql``."""
    return sql_files.statements(f"maintenance/{name}.sql")


def _is_older(client: Any, bucket: str, run_key: str, limit: datetime) -> bool:
    written = written_at(client, bucket, f"runs/{run_key}/processing.json")
    return written is None or written < limit
