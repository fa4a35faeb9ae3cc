"""DAGs for test_alerts_live: one run with several failures, and one that is late."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta

from airflow.sdk import (
    DAG,
    AsyncCallback,
    CronDataIntervalTimetable,
    DeadlineAlert,
    DeadlineReference,
    task,
)

from ecommerce_dwh.alerts import mail_missed_deadline
from ecommerce_dwh.dag_defaults import dag_arguments

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

with DAG(
    "late",
    # The run that is due now has missed its deadline, one minute after yesterday's interval ended, long ago.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2009, 1, 1, tzinfo=UTC),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(hours=1),
        callback=AsyncCallback(mail_missed_deadline),
    ),
    **common,
):

    @task
    def slow():
        time.sleep(120)

    slow()
