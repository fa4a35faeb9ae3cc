"""What a published day means to others: the tables as Airflow assets, and the run's figures as metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from airflow.sdk import Asset

from ecommerce_dwh.publishing.freshness import lag_hours
from ecommerce_dwh.settings import Settings, get_settings

METRIC_NAMESPACE = "EcommerceDWH"
_DIMENSIONS = ("dim_customer", "dim_product", "dim_geography", "dim_date")
_VIEWS = (
    "customer_360",
    "product_performance",
    "monthly_sales_trends",
    "geographic_sales",
    "category_performance",
    "customer_cohorts",
    "sales_funnel",
)


def published_tables() -> dict[str, tuple[str, ...]]:
    """Every table and view that other DAGs may wait for, by schema; facts are those that have a merge."""
    facts = tuple(sorted(file.stem for file in (get_settings().sql_dir / "facts").glob("*.sql")))
    return {"dimensions": _DIMENSIONS, "facts": facts, "analytics": _VIEWS}


def table_asset(schema: str, table: str, settings: Settings | None = None) -> Asset:
    """The asset of a warehouse table, for example ``facts.fact_sales``; users' DAGs schedule on it."""
    settings = settings or get_settings()
    return Asset(
        name=f"{schema}.{table}",
        uri=f"redshift://{settings.cluster}:5439/{settings.database}/{schema}/{table}",
        group="ecommerce_dwh",
    )


def published_assets() -> list[Asset]:
    """The assets that a daily run updates. The calendar is the bootstrap's."""
    return [
        table_asset(schema, table)
        for schema, tables in published_tables().items()
        for table in tables
        if table != "dim_date"
    ]


def lag_point(env: str, now: datetime, hours: float) -> dict[str, Any]:
    """The data point of the published data's age."""
    return _point(env, now, "PublishedLagHours", hours, "None")


def _point(env: str, now: datetime, name: str, value: float, unit: str, **dimensions: str) -> dict[str, Any]:
    pairs = {"Environment": env, **dimensions}
    return {
        "MetricName": name,
        "Value": value,
        "Unit": unit,
        "Timestamp": now,
        "Dimensions": [{"Name": key, "Value": text} for key, text in pairs.items()],
    }


def metric_data(
    *,
    env: str,
    now: datetime,
    run_seconds: float | None,
    published_day: date | None,
    ledger: Mapping[str, Mapping[str, int]],
    task_seconds: Mapping[str, float],
) -> list[dict[str, Any]]:
    """CloudWatch data points of a published run.

    Args:
        env: value of the dimension ``Environment``.
        now: the points' time.
        run_seconds: since the run's start.
        published_day: newest day that readers see; None before the first.
        ledger: per source its counts of rows, named as in ``quality.ledger``.
        task_seconds: how long each task of the run took.
    """
    point = partial(_point, env, now)
    points = [
        point(metric, float(counts.get(column, 0)), "Count", Source=source)
        for source, counts in ledger.items()
        for metric, column in (
            ("RowsDelivered", "raw_rows"),
            ("RowsLoaded", "accepted_rows"),
            ("RowsSuperseded", "superseded_rows"),
            # RowsQuarantined comes from the quality job: it tells also when the gate stays closed.
        )
    ]
    points.append(point("RowsLoaded", float(sum(c.get("accepted_rows", 0) for c in ledger.values())), "Count"))
    points += [
        point("TaskDurationSeconds", seconds, "Seconds", Task=task) for task, seconds in task_seconds.items()
    ]
    if run_seconds is not None:
        points.append(point("RunDurationSeconds", run_seconds, "Seconds"))
    lag = lag_hours(published_day, now)
    if lag is not None:
        points.append(lag_point(env, now, lag))
    return points
