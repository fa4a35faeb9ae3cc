"""Publishing: assets with what the run wrote, metrics in CloudWatch, a summary; nothing of it can fail a run."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from contexts import context_of, execute, in_dag
from servers import free_port

from ecommerce_dwh.publishing.assets import published_assets
from ecommerce_dwh.publishing.freshness import lag_hours
from ecommerce_dwh.publishing.publish_task import PublishOperator


@pytest.fixture
def warehouse(redshift):
    redshift.run("drop schema if exists quality cascade", "create schema quality")
    redshift.run(
        "create table quality.warehouse_state (merge_seq bigint, published_day date, "
        "published_at timestamp, published_run_id varchar(250))",
        "insert into quality.warehouse_state values (5, '2026-03-01', '2026-03-02 02:05:00', 'manual__1')",
        "create table quality.ledger (source varchar(64), delivery_date date, run_id varchar(250), files int, "
        "raw_rows bigint, accepted_rows bigint, superseded_rows bigint, quarantined_rows bigint)",
        "insert into quality.ledger values ('orders', '2026-02-28', 'manual__1', 1, 12, 10, 1, 1), "
        "('orders', '2026-03-01', 'manual__1', 1, 5, 5, 0, 0), ('products', '2026-03-01', 'manual__1', 0, 0, 0, 0, 0), "
        "('orders', '2026-01-01', 'another', 1, 99, 99, 0, 0)",
    )
    return redshift


def publish(**arguments):
    task = in_dag(PublishOperator, rows_from={"fact_sales": "merge_facts.fact_sales"}, **arguments)
    context = context_of(task, params={"start_date": "2026-02-28", "end_date": "2026-03-01"})
    context["dag_run"].start_date = datetime.now(UTC) - timedelta(seconds=30)
    context["ti"].xcoms["merge_facts.fact_sales", "return_value"] = {"rows": 42}
    context["ti"].breadcrumbs = [
        {"task_id": "audit", "map_index": -1, "state": "success", "operator": "x", "duration": 1.25},
        {"task_id": "backfill_only", "map_index": -1, "state": "skipped", "operator": "x", "duration": None},
    ]
    return execute(task, context), context


def test_a_published_run_is_told_to_assets_metrics_and_log(warehouse, aws):
    summary, context = publish()

    assert summary["published_day"] == "2026-03-01"
    assert summary["ledger"]["orders"] == {
        "files": 2,
        "raw_rows": 17,
        "accepted_rows": 15,
        "superseded_rows": 1,
        "quarantined_rows": 1,
    }
    assert summary["report"].endswith("quality/dt%3D2026-03-01/manual__1/report.html")
    events = {asset.name: event.extra for asset, event in context["outlet_events"].items()}
    assert events["facts.fact_sales"] == {
        "start_date": "2026-02-28",
        "end_date": "2026-03-01",
        "run_id": "manual__1",
        "rows_written": 42,
    }
    assert "rows_written" not in events["analytics.customer_360"]
    assert len(events) == len(published_assets())

    names = {
        (metric["MetricName"], *(d["Value"] for d in metric["Dimensions"] if d["Name"] in ("Source", "Task")))
        for metric in aws.client("cloudwatch").list_metrics(Namespace="EcommerceDWH")["Metrics"]
    }
    assert {("RowsLoaded",), ("RowsLoaded", "orders"), ("RunDurationSeconds",), ("PublishedLagHours",)} <= names
    assert {name for name in names if name[0] == "TaskDurationSeconds"} == {("TaskDurationSeconds", "audit")}
    now = datetime.now(UTC)
    (point,) = aws.client("cloudwatch").get_metric_statistics(
        Namespace="EcommerceDWH",
        MetricName="TaskDurationSeconds",
        Statistics=["Maximum"],
        Period=3600,
        Dimensions=[{"Name": "Environment", "Value": "dev"}, {"Name": "Task", "Value": "audit"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
    )["Datapoints"]
    assert point["Maximum"] == 1.25


def test_metrics_that_cannot_be_sent_do_not_fail_the_run(warehouse, monkeypatch):
    away = {
        "conn_type": "aws",
        "login": "a",
        "password": "b",
        "extra": {
            "endpoint_url": f"http://127.0.0.1:{free_port()}",
            "region_name": "ap-south-1",
            "config_kwargs": {"retries": {"max_attempts": 1}, "connect_timeout": 1},
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(away))

    summary, _ = publish()

    assert summary["published_day"] == "2026-03-01"


def test_assets_have_the_uri_of_their_table():
    uris = {asset.name: asset.uri for asset in published_assets()}

    assert uris["facts.fact_sales"] == (
        "redshift://ecommerce-dwh-dev-cluster:5439/ecommerce_dwh_dev/facts/fact_sales"
    )
    assert "dimensions.dim_date" not in uris


@pytest.mark.parametrize(
    ("day", "hours"),
    [(None, None), (date(2026, 3, 1), 2.5), (date(2026, 2, 28), 26.5), (date(2026, 3, 5), 0.0)],
)
def test_the_lag_is_the_age_of_the_newest_published_data(day, hours):
    assert lag_hours(day, datetime(2026, 3, 2, 2, 30, tzinfo=UTC)) == hours
