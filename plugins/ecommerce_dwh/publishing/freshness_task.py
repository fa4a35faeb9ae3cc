"""Watches the published day for runs that never came: a paused DAG, a scheduler that skips, a run that hangs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from ecommerce_dwh.alerts.incidents import STALE, Incident, IncidentLog
from ecommerce_dwh.alerts.mail import Link, send
from ecommerce_dwh.alerts.texts import dag_url, recovery_alert, stale_alert
from ecommerce_dwh.publishing.freshness import DAILY, Freshness, is_up, judge
from ecommerce_dwh.publishing.metrics import lag_point, send_metrics
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.state import read_state

if TYPE_CHECKING:
    from airflow.sdk import Context

_REMIND_AFTER = timedelta(hours=24)


class FreshnessWatchOperator(WarehouseOperator):
    """Send the age of the published day as a metric, and mail once when it is too old.

    Skipped while the warehouse is paused by schedule (setting ``warehouse_hours``).

    Silent while an open incident of the watched DAG (a failed or late run) explains the age; after a day it reminds
    all the same. When the data is fresh again, that is mailed as well.

    Args:
        watched_dag_id: the DAG that publishes.
        max_lag_hours: hours since the end of the published day that are allowed; the deployment's setting when not
            given.
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#dff3e3"

    def __init__(
        self,
        *,
        watched_dag_id: str = DAILY,
        max_lag_hours: float | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.watched_dag_id = watched_dag_id
        self.max_lag_hours = max_lag_hours
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        now, settings = datetime.now(UTC), get_settings()
        if not is_up(settings.warehouse_hours, now):
            raise AirflowSkipException(
                f"The warehouse is up at {settings.warehouse_hours} UTC only (setting warehouse_hours): not asked."
            )
        allowed = settings.max_lag_hours if self.max_lag_hours is None else self.max_lag_hours
        state = self.warehouse(context).transaction(lambda cursor: read_state(cursor.query))
        found = judge(state.published_day, now, allowed)
        self.log.info("%s", found)
        self._send_metric(found, now)
        told = self._tell(context, found, now)
        return {
            "published_day": str(found.published_day) if found.published_day else None,
            "lag_hours": round(found.lag_hours, 2),
            "is_stale": found.is_stale,
            "told": told,
        }

    def _tell(self, context: Context, found: Freshness, now: datetime) -> str:
        """Mail what is new; returns what was done, in a word."""
        incidents = IncidentLog()
        if not found.is_stale:
            closed = incidents.close(self.watched_dag_id, kinds=(STALE,))
            if not closed or found.published_day is None:
                return "nothing"
            day = str(found.published_day)
            send(recovery_alert(self.watched_dag_id, "", day, closed, published_day=day, now=now))
            return "recovery"
        assert found.published_day is not None  # noqa: S101 - for the type checker: what is stale was published
        known = incidents.open_of(self.watched_dag_id)
        recent = [incident for incident in known if incident.age(now) < _REMIND_AFTER]
        if recent:
            self.log.info("Already told: %s", ", ".join(f"{i.kind} {i.days}" for i in recent))
            return "told before"
        missing = (found.published_day + timedelta(days=1)).isoformat()
        # Closed and opened again, so that its age counts from the newest mail.
        before = incidents.close(self.watched_dag_id, kinds=(STALE,))
        count = 1 + max((incident.count for incident in before), default=0)
        incidents.open(Incident(STALE, self.watched_dag_id, missing, missing, count=count), now=now)
        why, run_links = self._reason(context)
        send(
            stale_alert(
                self.watched_dag_id,
                str(found.published_day),
                found.lag_hours,
                why=why,
                count=count,
                links=[*run_links, Link("DAG", dag_url(self.watched_dag_id))],
            )
        )
        return "stale"

    def _reason(self, context: Context) -> tuple[str, list[Link]]:
        """A sentence on the state of the DAG that should have published, and links to its runs."""
        ti: Any = context["ti"]
        try:
            if self._is_paused():
                return (
                    f"The DAG {self.watched_dag_id} is paused: unpause it, then load the days that are missing.",
                    [],
                )
            live = ti.get_dr_count(dag_id=self.watched_dag_id, states=["running", "queued"])
        except Exception as error:
            self.log.warning("Airflow did not say how %s stands: %s", self.watched_dag_id, error)
            return "Look at the DAG's runs.", []
        if live:
            runs = "A run is" if live == 1 else f"{live} runs are"
            return f"{runs} under way but did not end: look for what it waits for.", []
        return "The DAG is not paused and no run is under way: no run was made, or its runs were removed.", []

    def _is_paused(self) -> bool:
        from airflow.sdk.execution_time import task_runner  # late import: not at DAG parsing
        from airflow.sdk.execution_time.comms import GetDag

        return bool(
            getattr(task_runner.SUPERVISOR_COMMS.send(GetDag(dag_id=self.watched_dag_id)), "is_paused", False)
        )

    def _send_metric(self, found: Freshness, now: datetime) -> None:
        if found.published_day is not None:
            point = lag_point(get_settings().env, now, found.lag_hours)
            send_metrics([point], self.aws_conn_id, self.log)  # type: ignore[arg-type]
