"""Sensors on the warehouse against the local Redshift, and their judgement as truth tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout
from contexts import context_of, execute, in_dag

from ecommerce_dwh.warehouse.sensors import (
    FreshnessSensor,
    ReconciliationSensor,
    judge_freshness,
    judge_ledger,
    judge_values,
)

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture
def quality(redshift):
    """The warehouse's state and ledger, as the bootstrap creates them, for the test alone."""
    redshift.run(
        "create schema if not exists quality",
        "drop table if exists quality.warehouse_state cascade",
        "drop table if exists quality.ledger cascade",
        "create table quality.warehouse_state (published_day date, published_at timestamp, published_run_id varchar)",
        "create table quality.ledger (source varchar(64), delivery_date date, run_id varchar(250), files integer, "
        "raw_rows bigint, accepted_rows bigint, superseded_rows bigint, quarantined_rows bigint, "
        "raw_amount decimal(38, 4), accepted_amount decimal(38, 4), superseded_amount decimal(38, 4), "
        "quarantined_amount decimal(38, 4))",
    )
    yield redshift
    redshift.run("drop table quality.warehouse_state", "drop table quality.ledger")


def line(source="orders", day="2026-03-01", quarantined=2, amount="1.0000"):
    values = f"'{source}', '{day}', 'r1', 1, 10, 7, 1, {quarantined}, 9, {amount}, 3, 5"
    return f"insert into quality.ledger values ({values})"


@pytest.mark.parametrize(("day", "is_met"), [("2026-03-01", True), ("2026-02-28", False)])
def test_freshness_waits_for_the_published_day_of_the_run(quality, day, is_met):
    quality.run(f"insert into quality.warehouse_state values ('{day}', null, null)")
    task = in_dag(FreshnessSensor, poke_interval=0.2, timeout=0.1, defer=False)

    if is_met:
        assert execute(task, context_of(task))["newest"] == "2026-03-01"
    else:
        with pytest.raises(
            AirflowSensorTimeout, match="the published day is at 2026-02-28, not yet 2026-03-01"
        ):
            execute(task, context_of(task))


def test_freshness_sleeps_in_the_triggerer_and_looks_again(quality):
    quality.run("insert into quality.warehouse_state values ('2026-02-28', null, null)")
    task = in_dag(FreshnessSensor, poke_interval=1, timeout=30)
    context = context_of(task)
    import threading

    threading.Timer(
        1.5, lambda: quality.run("update quality.warehouse_state set published_day = '2026-03-01'")
    ).start()

    assert execute(task, context)["newest"] == "2026-03-01"
    assert context["ti"].deferrals


def test_freshness_of_a_table_and_its_column(quality):
    quality.run("create table t.sales (sold_at timestamp)", "insert into t.sales values ('2026-03-01 10:00')")
    task = in_dag(FreshnessSensor, table="t.sales", column="sold_at", day="2026-03-01", defer=False)

    assert execute(task, context_of(task))["newest"].startswith("2026-03-01")


def test_freshness_of_an_empty_warehouse_says_so(quality):
    quality.run("insert into quality.warehouse_state values (null, null, null)")
    task = in_dag(FreshnessSensor, timeout=0.1, defer=False)

    with pytest.raises(AirflowSensorTimeout, match="the published day is empty"):
        execute(task, context_of(task))


@pytest.mark.parametrize(
    "arguments",
    [
        {"table": "t.sales"},
        {"table": "t.sales; drop table t.sales", "column": "a"},
        {"table": "t", "column": "a b"},
    ],
)
def test_freshness_refuses_names_that_are_none(arguments):
    with pytest.raises(ValueError, match=r"no name|both"):
        in_dag(FreshnessSensor, **arguments)


@pytest.mark.parametrize(
    ("newest", "max_age", "is_met"),
    [
        (datetime(2026, 3, 2, 5, tzinfo=UTC).replace(tzinfo=None), timedelta(hours=1), True),
        (datetime(2026, 3, 2, 5, tzinfo=UTC).replace(tzinfo=None), timedelta(minutes=59), False),
        (date(2026, 3, 1), timedelta(hours=6), True),  # a day is there from its end on
        (date(2026, 3, 1), timedelta(hours=5), False),
        (date(2026, 3, 2), timedelta(0), True),  # the day that has not ended is not older than now
    ],
)
def test_freshness_by_age(newest, max_age, is_met):
    assert judge_freshness(newest, "it", day="", max_age=max_age, now=NOW).is_met is is_met


def test_reconciliation_waits_for_a_ledger_that_is_whole_and_adds_up(quality):
    quality.run(line(), line("order_items"))
    task = in_dag(ReconciliationSensor, sources=["orders", "order_items"], defer=False)

    assert execute(task, context_of(task))["rows"] == 20


def test_reconciliation_names_what_is_missing(quality):
    quality.run(line())
    task = in_dag(ReconciliationSensor, sources=["orders", "order_items"], defer=False, timeout=0.1)

    with pytest.raises(AirflowSensorTimeout, match="not in the ledger: order_items of 2026-03-01"):
        execute(task, context_of(task))


def test_reconciliation_compares_two_queries(quality):
    arguments = {"expected_sql": "select 100", "actual_sql": "select 97", "defer": False, "timeout": 0.1}
    good = in_dag(ReconciliationSensor, tolerance=0.03, **arguments)
    bad = in_dag(ReconciliationSensor, tolerance=0.02, **arguments)

    assert execute(good, context_of(good))["actual"] == "97"
    with pytest.raises(AirflowSensorTimeout, match="expected 100, found 97, difference 3, allowed 2"):
        execute(bad, context_of(bad))


def test_reconciliation_refuses_a_query_of_many_values(quality):
    task = in_dag(ReconciliationSensor, expected_sql="select 1, 2", actual_sql="select 1", defer=False)

    with pytest.raises(AirflowException, match="must give one value, but gave 1 rows of 2 columns"):
        execute(task, context_of(task))


def row(quarantined=0, accepted=10, difference="0"):
    return {
        "source": "orders",
        "delivery_date": "2026-03-01",
        "raw_rows": 10,
        "accepted_rows": accepted,
        "superseded_rows": 0,
        "quarantined_rows": quarantined,
        "amount_difference": Decimal(difference),
    }


@pytest.mark.parametrize(
    ("rows", "limit", "is_met"),
    [
        ([row()], None, True),
        ([row(accepted=9)], None, False),
        ([row(difference="0.0001")], None, False),
        ([row(quarantined=1, accepted=9)], None, True),
        ([row(quarantined=1, accepted=9)], 0.1, True),
        ([row(quarantined=1, accepted=9)], 0.05, False),
        ([], None, False),
    ],
)
def test_the_ledgers_truth_table(rows, limit, is_met):
    assert judge_ledger(rows, ["orders"], "2026-03-01", "2026-03-01", limit).is_met is is_met


@pytest.mark.parametrize(
    ("expected", "actual", "tolerance", "is_met"),
    [(0, 0, 0, True), (0, 1, 0.5, False), (None, 1, 1, False), (1, None, 1, False), (-10, -9, 0.1, True)],
)
def test_values_truth_table(expected, actual, tolerance, is_met):
    assert judge_values(expected, actual, tolerance).is_met is is_met
