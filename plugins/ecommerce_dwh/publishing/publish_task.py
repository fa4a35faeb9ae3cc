"""The last task of a run: assets are updated and metrics sent for the published day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.ledger import ROWS
from ecommerce_dwh.publishing.assets import published_assets
from ecommerce_dwh.publishing.metrics import metric_data, send_metrics
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.client import Cursor
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.state import read_state
from ecommerce_dwh.window import load_window

if TYPE_CHECKING:
    from airflow.sdk import Context


class PublishOperator(WarehouseOperator):
    """Update the assets of every fact, dimension and view, send the run's metrics, and log ledger and report.

    The data itself, and the mark of the run as published, came with ``refresh_views`` in one transaction; what
    happens here can be repeated without harm, and metrics that cannot be sent are logged without failing the
    run.

    Args:
        rows_from: per table name, the task whose XCom counts the rows that the run wrote to it.
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#dff3e3"

    def __init__(
        self,
        *,
        rows_from: Mapping[str, str] | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(outlets=published_assets(), **kwargs)
        self.rows_from = dict(rows_from or {})
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        warehouse = self.warehouse(context)
        ledger_sql = sql_files.statement("control/run_ledger.sql", load=load_window(context))

        def read(cursor: Cursor) -> tuple[dict[str, dict[str, int]], date | None]:
            rows = cursor.query(ledger_sql)
            ledger = {
                str(row["source"]): {k: int(v or 0) for k, v in row.items() if k != "source"}
                for row in cursor.as_dicts(rows)
            }
            return ledger, read_state(cursor.query).published_day

        ledger, published_day = warehouse.transaction(read)
        self._update_assets(context)
        self._send_metrics(context, ledger, published_day)
        return self._tell(context, ledger, published_day)

    def _update_assets(self, context: Context) -> None:
        window = load_window(context)
        ti = context["ti"]
        for asset in self.outlets:
            extra: dict[str, Any] = {
                "start_date": window.start_date,
                "end_date": window.end_date,
                "run_id": window.run_id,
            }
            table = str(asset.name).rpartition(".")[2]
            if table in self.rows_from:
                summary = ti.xcom_pull(task_ids=self.rows_from[table]) or {}
                extra["rows_written"] = summary.get("rows")
            context["outlet_events"][asset].extra.update(extra)

    def _send_metrics(
        self, context: Context, ledger: Mapping[str, Mapping[str, int]], day: date | None
    ) -> None:
        now = datetime.now(UTC)
        started = context["dag_run"].start_date
        points = metric_data(
            env=get_settings().env,
            now=now,
            run_seconds=(now - started).total_seconds() if started else None,
            published_day=day,
            ledger=ledger,
            task_seconds=self._task_seconds(context),
        )
        send_metrics(points, self.aws_conn_id, self.log)  # type: ignore[arg-type]

    def _task_seconds(self, context: Context) -> dict[str, float]:
        """How long the run's tasks that succeeded so far took, by task id: the last try, as Airflow counts it."""
        ti: Any = context["ti"]
        try:
            done = ti.get_task_breadcrumbs(dag_id=ti.dag_id, run_id=ti.run_id)
        except Exception as error:
            self.log.warning("Airflow did not say how long the tasks took: %s", error)
            return {}
        return {
            str(task["task_id"]): float(task["duration"])
            for task in done
            if task["state"] == "success" and task["duration"] is not None
        }

    def _tell(
        self, context: Context, ledger: Mapping[str, Mapping[str, int]], published_day: date | None
    ) -> dict[str, Any]:
        settings, window = get_settings(), load_window(context)
        header = f"  {'source':12} {'files':>7}" + "".join(
            f" {title:>12}" for title in ("delivered", "loaded", "superseded", "quarantined")
        )
        lines = [
            f"  {source:12} {c['files']:>7,}" + "".join(f" {c[name]:>12,}" for name in ROWS)
            for source, c in ledger.items()
        ]
        self.log.info("Ledger of %s:\n%s", window, "\n".join([header, *lines]))
        report = settings.url_of(
            settings.processed_bucket, f"quality/dt={window.end_date}/{window.run_key}/report.html"
        )
        self.log.info("Published up to %s. Quality report: %s", published_day, report)
        return {
            "window": [window.start_date, window.end_date],
            "published_day": str(published_day) if published_day else None,
            "ledger": {source: dict(counts) for source, counts in ledger.items()},
            "report": report,
        }
