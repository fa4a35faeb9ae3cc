"""The replay DAG's ends against the local Redshift and S3, and its logic as plain functions."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowFailException
from contexts import context_of, execute, in_dag

from ecommerce_dwh.care import replay
from ecommerce_dwh.care.replay_task import SURVEY_KEY, ReplayResultOperator, ReplaySurveyOperator

PROCESSED = "ecommerce-dwh-dev-processed"
LEDGER = (
    "create table quality.ledger (source varchar(64), delivery_date date, run_id varchar(250), files integer, "
    "raw_rows bigint, accepted_rows bigint, superseded_rows bigint, quarantined_rows bigint, "
    "raw_amount decimal(38, 4), accepted_amount decimal(38, 4), superseded_amount decimal(38, 4), "
    "quarantined_amount decimal(38, 4))"
)
RULE = {
    "rule": "order_id_unique",
    "dimension": "uniqueness",
    "severity": "error",
    "description": "",
    "rows_checked": 10,
    "rows_failed": 0,
    "failed_ratio": 0.0,
    "threshold": 0.0,
    "passed": True,
    "message": "",
    "samples": [],
}


def report(day, run, rows, start=""):
    line = {
        "source": "orders",
        "delivery_date": day,
        "raw_rows": 10,
        "accepted_rows": 10 - rows,
        "superseded_rows": 0,
        "quarantined_rows": rows,
    }
    return {
        "schema_version": 1,
        "run_id": run,
        "start_date": start or day,
        "end_date": day,
        "status": "passed",
        "tables": [{"source": "orders", "rows": 10, "rules": [RULE]}],
        "ledger": [line],
        "quarantine": [{"source": "orders", "rule": "unparseable:order_date", "rows": rows}],
    }


@pytest.fixture
def warehouse(redshift, aws):
    """A warehouse that loaded 2026-02-26 … 28 with 4, 0 and 6 quarantined orders; 2026-03-01 stands at its gate."""
    redshift.run(
        "create schema if not exists quality",
        "drop table if exists quality.ledger cascade",
        LEDGER,
        *(
            f"insert into quality.ledger values ('{source}', '{day}', '{run}', 1, 10, {10 - n}, 0, {n}, 0, 0, 0, 0)"
            for day, run, n in (("2026-02-26", "r26", 4), ("2026-02-27", "r27", 0), ("2026-02-28", "r28", 6))
            for source in ("orders",)
        ),
        "insert into quality.ledger values ('customers', '2026-02-28', 'r28', 1, 10, 9, 0, 1, 0, 0, 0, 0)",
    )
    for day, run, rows in (("2026-02-26", "r26", 4), ("2026-02-28", "r28", 6)):
        aws.put(PROCESSED, f"runs/{run}/processing.json", body=json.dumps({"end_date": day}).encode())
        aws.put(
            PROCESSED, f"quality/dt={day}/{run}/report.json", body=json.dumps(report(day, run, rows)).encode()
        )
    closed = json.dumps(report("2026-03-01", "r01", 5)).encode()
    aws.put(PROCESSED, "quality/dt=2026-03-01/report.json", body=closed)
    yield redshift
    redshift.run("drop table quality.ledger")


def survey(**params):
    given = {"start_date": "2026-02-25", "end_date": "2026-03-01", "source": "all", "dry_run": False, **params}
    task = in_dag(ReplaySurveyOperator, task_id="survey")
    context = context_of(task, params=given)
    return execute(task, context), context["ti"].xcoms["survey", SURVEY_KEY]


def test_a_dry_run_shows_days_rows_and_reasons_and_starts_nothing(warehouse):
    confs, held = survey(dry_run=True)

    assert confs == []
    assert [(item["day"], item["source"], item["rows"], item["is_loaded"]) for item in held] == [
        ("2026-02-26", "orders", 4, True),
        ("2026-02-28", "customers", 1, True),
        ("2026-02-28", "orders", 6, True),
        ("2026-03-01", "orders", 5, False),
    ]
    assert held[0]["rules"] == {"unparseable:order_date": 4}


def test_the_days_with_rows_run_again_as_few_ranges(warehouse):
    assert survey()[0] == [
        {"start_date": "2026-02-26", "end_date": "2026-02-26"},
        {"start_date": "2026-02-28", "end_date": "2026-03-01"},
    ]


@pytest.mark.parametrize(
    ("params", "days"),
    [
        ({"source": "customers"}, ["2026-02-28"]),
        ({"source": "products"}, []),
        ({"rule": "unparseable:"}, ["2026-02-26", "2026-02-28", "2026-03-01"]),
        ({"rule": "null_key"}, []),
        ({"start_date": "2026-02-27", "end_date": "2026-02-27"}, []),
    ],
)
def test_source_and_reason_narrow_it_down(warehouse, params, days):
    assert [item["day"] for item in survey(**params)[1]] == days


def test_a_report_that_is_gone_or_truncated_hides_no_rows(warehouse, aws):
    aws.client("s3").delete_object(Bucket=PROCESSED, Key="runs/r26/processing.json")
    aws.put(PROCESSED, "quality/dt=2026-02-28/r28/report.json", body=b'{"schema_ver')

    held = survey(rule="unparseable")[1]

    assert [(item["day"], item["rows"]) for item in held] == [
        ("2026-02-26", 4),
        ("2026-02-28", 1),
        ("2026-02-28", 6),
        ("2026-03-01", 5),
    ]


def test_years_at_once_are_refused(warehouse):
    with pytest.raises(AirflowFailException, match="too many for one replay"):
        survey(start_date="2024-01-01")


def test_the_result_tells_what_moved_and_a_second_replay_moves_nothing(warehouse):
    _, held = survey()
    task = in_dag(ReplayResultOperator, task_id="result")

    def result():
        context = context_of(task, params={"start_date": "2026-02-25", "end_date": "2026-03-01"})
        context["ti"].xcoms["survey", SURVEY_KEY] = held
        return execute(task, context)

    assert result() == {"before": 16, "after": 16, "moved": 0}  # nothing mended, nothing changed
    warehouse.run("update quality.ledger set quarantined_rows = 0, accepted_rows = 10 where source = 'orders'")
    assert result() == {"before": 16, "after": 6, "moved": 10}
    assert result() == {"before": 16, "after": 6, "moved": 10}
    assert [item["source"] for item in survey(end_date="2026-02-28")[1]] == ["customers"]


def test_days_become_the_fewest_ranges():
    assert replay.ranges([]) == []
    assert replay.ranges(["2026-03-01", "2026-02-27", "2026-02-28", "2026-02-28", "2026-03-03"]) == [
        {"start_date": "2026-02-27", "end_date": "2026-03-01"},
        {"start_date": "2026-03-03", "end_date": "2026-03-03"},
    ]


def test_the_report_of_a_range_counts_for_each_of_its_days():
    ledger = [
        {"source": "orders", "delivery_date": day, "run_id": "r", "quarantined_rows": 2}
        for day in ("2026-01-01", "2026-01-02")
    ]
    held = replay.held_rows([], ledger, {"r": report("2026-01-02", "r", 4, start="2026-01-01")}, {})

    assert [(item.rows, item.window) for item in held] == [(2, 2), (2, 2)]
    assert "unparseable:order_date 4 (over 2 days)" in replay.table(held)
