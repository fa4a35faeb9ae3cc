"""Figures of a published run as metrics of CloudWatch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.ledger import METRIC_NAMESPACE, PUBLISHED_METRICS
from ecommerce_dwh.publishing.freshness import lag_hours

_POINTS_PER_CALL = (
    500  # of at most 1,000: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
)


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
        for metric, column in PUBLISHED_METRICS.items()
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


def send_metrics(points: Sequence[Mapping[str, Any]], aws_conn_id: str | None, log: logging.Logger) -> None:
    """Send data points. An error is only logged, because the alarms take missing data for trouble."""
    try:
        client = aws_client("cloudwatch", aws_conn_id)
        for start in range(0, len(points), _POINTS_PER_CALL):
            client.put_metric_data(
                Namespace=METRIC_NAMESPACE, MetricData=points[start : start + _POINTS_PER_CALL]
            )
    except Exception as error:
        log.warning("Metrics were not sent: %s", error)
