"""Faults of the services, met by real operators on real endpoints: nothing lost, nothing doubled, a clear message.

Deaths of whole processes are in tests/faults, which runs whole days; what a task does about conflicts, Glue's states
and a silent mail server is beside the operators' own tests.
"""

from __future__ import annotations

import json
import time

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout
from botocore.exceptions import ClientError
from contexts import context_of, execute, in_dag
from proxy import AFTER, BEFORE, WireProxy
from test_ingest import customer, extract, names, order, rows

from ecommerce_dwh.lake.sensors import RawFilesSensor
from ecommerce_dwh.warehouse.operators import RedshiftSQLOperator

RAW = "ecommerce-dwh-dev-raw"
DAY = "2026-03-01"


@pytest.fixture
def faults(local_aws):
    """Sets the faults of the AWS endpoint; none after the test."""
    path = local_aws.home / "faults.json"

    def inject(*items):
        path.write_text(json.dumps(items))

    yield inject
    path.unlink(missing_ok=True)


THROTTLED = {"service": "s3", "status": 503, "code": "SlowDown"}
BROKEN = {"service": "s3", "status": 500, "code": "InternalError"}


@pytest.mark.parametrize("fault", [THROTTLED, BROKEN], ids=["throttled", "500"])
def test_an_extraction_through_a_struggling_s3_brings_each_row_once(aws, shop, faults, fault):
    for number in range(50):
        order(shop, f"o{number}", f"{DAY} 09:00+00")
        customer(shop, f"c{number}", f"{DAY} 09:00+00")
    faults({**fault, "every": 3})

    extract()
    faults()

    for source, key in (("orders", "order_id"), ("order_items", "order_item_id"), ("customers", "customer_id")):
        found = [row[key] for row in rows(aws, source)]
        assert len(found) == len(set(found)) == 50


def test_an_extraction_that_s3_refuses_for_good_leaves_the_day_as_it_was(aws, shop, faults):
    customer(shop, "a", f"{DAY} 09:00+00")
    extract()
    customer(shop, "b", f"{DAY} 10:00+00")
    faults({**THROTTLED, "match": "PUT .*/orders/|POST .*/orders/|PUT .*customers/dt=.*partNumber|PUT .*shop-"})

    with pytest.raises(ClientError, match="SlowDown"):
        extract()
    faults()

    assert [row["customer_id"] for row in rows(aws, "customers")] == ["a"]
    assert aws.client("s3").list_multipart_uploads(Bucket=RAW).get("Uploads", []) == []
    extract()
    assert {row["customer_id"] for row in rows(aws, "customers")} == {"a", "b"}
    assert names(aws, "customers") == ["_shop.json", "shop-00000.csv.gz"]


def test_waiting_for_files_outlasts_a_struggling_s3(aws, faults):
    aws.put(RAW, f"orders/dt={DAY}/a.csv")
    faults({**BROKEN, "match": "GET", "every": 2})
    task = in_dag(RawFilesSensor, required=["orders"], optional=[], poke_interval=1, timeout=30, defer_after=-1)

    assert execute(task, context_of(task, params={"start_date": DAY}))["sources"]["orders"]["files"] == 1


@pytest.mark.parametrize("hours", [5, -5])
def test_a_clock_that_jumps_ends_no_wait_wrongly_and_hangs_none(aws, monkeypatch, hours):
    """Forward, the wait ends and says what is missing; a retry, on the new time, goes on. Backward, it waits on."""
    task = in_dag(RawFilesSensor, required=["orders"], optional=[], poke_interval=1, timeout=30, defer_after=-1)
    real, began = time.time, time.monotonic()

    def jumped() -> float:
        elapsed = time.monotonic() - began
        if elapsed > 2 and hours < 0:
            aws.put(RAW, f"orders/dt={DAY}/a.csv")
        return real() + (hours * 3600 if elapsed > 1 else 0)

    monkeypatch.setattr("ecommerce_dwh.waiting.time.time", jumped)
    context = context_of(task, params={"start_date": DAY})
    if hours < 0:
        assert execute(task, context)["sources"]["orders"]["files"] == 1
        return
    with pytest.raises(AirflowSensorTimeout, match=f"s3://{RAW}/orders/dt={DAY}/"):
        execute(task, context)
    monkeypatch.undo()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws.connection))
    aws.put(RAW, f"orders/dt={DAY}/a.csv")
    assert execute(task, context_of(task, params={"start_date": DAY}))["sources"]["orders"]["files"] == 1


# In the form of the product's own files: a run's rows are replaced, the keys they touch are queued, all or nothing.
MERGE = """
lock table t.queue;
insert into t.queue select k from t.facts where run = 1;
delete from t.facts where run = 1;
insert into t.facts values (1, 'a', 10), (1, 'b', 20);
update t.state set merges = merges + 1
"""


@pytest.mark.parametrize("when", [BEFORE, AFTER], ids=["before the commit", "inside the commit"])
def test_a_connection_that_breaks_at_the_commit_is_told_and_repaired_by_a_retry(redshift, monkeypatch, when):
    redshift.run(
        "create table t.facts (run int, k varchar(8), amount int)",
        "create table t.queue (k varchar(8))",
        "create table t.state (merges int)",
        "insert into t.state values (0)",
    )
    fates = [when]

    def fate(text: str) -> str | None:
        return fates.pop() if text.strip().lower().startswith("commit") and fates else None

    with WireProxy(redshift.port, fate) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(proxy.connection(redshift.connection)))
        task = in_dag(RedshiftSQLOperator, sql=MERGE)
        with pytest.raises(Exception, match=r"(?i)broken|closed|reset|server"):
            execute(task, context_of(task))
        assert proxy.cut, "the connection was cut"
        done = when == AFTER
        _until(lambda: redshift.query("select merges from t.state") == [(1 if done else 0,)])
        assert redshift.query("select count(*), sum(amount) from t.facts") == [(2, 30) if done else (0, None)]

        retry = in_dag(RedshiftSQLOperator, sql=MERGE)
        execute(retry, context_of(retry))

    assert redshift.query("select k, amount from t.facts order by 1") == [("a", 10), ("b", 20)]


def test_a_connection_that_breaks_in_the_midst_leaves_nothing(redshift, monkeypatch):
    redshift.run(
        "create table t.facts (run int, k varchar(8), amount int)",
        "create table t.queue (k varchar(8))",
        "create table t.state (merges int)",
        "insert into t.state values (0)",
    )
    fates = [BEFORE]

    def fate(text: str) -> str | None:
        return fates.pop() if "update t.state" in text and fates else None

    with WireProxy(redshift.port, fate) as proxy:
        monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(proxy.connection(redshift.connection)))
        task = in_dag(RedshiftSQLOperator, sql=MERGE)
        with pytest.raises(AirflowException, match=r"statement 5 of 5 \(update t.state .*\) failed"):
            execute(task, context_of(task))

    assert redshift.query("select count(*) from t.facts") == [(0,)]
    assert redshift.query("select merges from t.state") == [(0,)]


def _until(holds, seconds: float = 10) -> None:
    """The server may need a moment to notice that its client is gone."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
