"""Defaults of all DAGs: owner, retries, limits, alerts, and the trigger of the daily load."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import AssetAll, CronDataIntervalTimetable, PartitionedAssetTimetable
from airflow.sdk.bases.timetable import BaseTimetable

from ecommerce_dwh.alerts.callbacks import mail_run_failure, mail_run_success, note_failure
from ecommerce_dwh.lake.assets import raw_asset
from ecommerce_dwh.settings import get_settings

OWNER = "data-eng"


def default_args() -> dict[str, Any]:
    """Arguments of every task; a task states what differs."""
    return {
        "owner": OWNER,
        "retries": 2,
        "retry_delay": timedelta(seconds=get_settings().retry_delay_seconds),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(minutes=60),
        "on_failure_callback": note_failure,
    }


def daily_schedule() -> BaseTimetable:
    """The schedule of the daily load, by the option ``daily_trigger``.

    By time, the interval is the day that ended: ``{{ ds }}`` names it (a bare cron string would give an empty
    interval). By assets, a run starts when the raw files of all sources have been delivered for a day; the day is
    the run's partition key.
    """
    if get_settings().daily_trigger == "assets":
        return PartitionedAssetTimetable(
            assets=AssetAll(*(raw_asset(source) for source in get_settings().sources))
        )
    return CronDataIntervalTimetable("0 2 * * *", timezone="UTC")


def dag_arguments() -> dict[str, Any]:
    """Arguments of every DAG."""
    return {
        "catchup": False,
        "max_active_runs": 1,
        "default_args": default_args(),
        "on_failure_callback": mail_run_failure,
        "on_success_callback": mail_run_success,
        "template_searchpath": [str(get_settings().sql_dir)],
        "render_template_as_native_obj": False,
    }
