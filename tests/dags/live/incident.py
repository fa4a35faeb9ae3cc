"""DAGs for test_alerts_live: failures, a late run, one that is mended, and a watch over one that is asleep."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import (
    DAG,
    AsyncCallback,
    CronDataIntervalTimetable,
    DeadlineAlert,
    DeadlineReference,
    task,
)

from ecommerce_dwh.alerts.callbacks import mail_missed_deadline
from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.publishing.freshness_task import FreshnessWatchOperator

common = dag_arguments()
common["default_args"] = {**common["default_args"], "retries": 0}

with DAG("incident", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=UTC), **common):

    @task
    def left():
        raise ValueError("job jr_1 ended as FAILED: no header <b>x</b>")

    @task
    def right():
        raise RuntimeError("something & else")

    @task
    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def after():
        """Never runs."""

    [left(), right(), killed()] >> after()

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

with DAG(
    "late",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # Two runs: the first is quick and says what is usual, the second is slow.
    start_date=TODAY - timedelta(days=2),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=25),
        callback=AsyncCallback(mail_missed_deadline, kwargs={"last_task": "work"}),
    ),
    **{**common, "catchup": True},
):

    @task
    def work(data_interval_start=None):
        time.sleep(120 if data_interval_start >= TODAY - timedelta(days=1) else 0)

    work()

with DAG("mended", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=UTC), **common):

    @task
    def fails_until_mended():
        if not Path(os.environ["TEST_MENDED"]).exists():
            raise RuntimeError("broken for now")

    fails_until_mended()

with DAG(
    "asleep",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    is_paused_upon_creation=True,
    **common,
):

    @task
    def never():
        """The DAG is paused."""

    never()

with DAG("watch", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=UTC), **common):
    first = FreshnessWatchOperator(task_id="first", watched_dag_id="asleep")
    second = FreshnessWatchOperator(task_id="second", watched_dag_id="asleep")
    first >> second
