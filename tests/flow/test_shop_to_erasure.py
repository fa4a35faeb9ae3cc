"""The shop's database changes; ingest extracts it; the raw files start the daily load; a customer is erased.

On a stack whose scheduler runs by itself and whose daily load is started by assets. The warehouse is held against
the files that the generator writes for the very same days, so the shop's tables stand between the two.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from local import postgres
from local.config import REPO, LocalConfig
from local.stack import runs
from local.stack.ports import separate_config
from shop_data.raw_rules import Rules, Values
from shop_data.schema import SOURCES
from tests.e2e.expected import accepted, expect
from tests.e2e.support import LocalStack

# Three loads in one test; in another an erasure, twice, with its reloads.
pytestmark = pytest.mark.timeout(3600)

INGEST = "ecommerce_dwh_ingest"
ERASE = "ecommerce_dwh_erase_person"
LINES = 800


@pytest.fixture(scope="module")
def days() -> list[date]:
    """The two days that ended last: the scheduler's clock is the real one."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return [yesterday - timedelta(days=1), yesterday]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, days: list[date]) -> Path:
    """What the generator writes for the days, without dirt: the database's types would refuse it."""
    folder = tmp_path_factory.mktemp("files") / "raw"
    _python(
        "local.data",
        "generate",
        "--days",
        f"{days[0]}:{days[1]}",
        "--opened",
        str(days[0]),
        "--dirt",
        "none",
        "--lines-per-day",
        str(LINES),
        "--to",
        str(folder),
    )
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AIRFLOW__ECOMMERCE_DWH__DAILY_TRIGGER", "assets")
        config = replace(separate_config(tmp_path_factory.mktemp("shop") / "home"), schedule=True, lineage=True)
        running = LocalStack(config)
        try:
            running.stack.up()
            running.bootstrap()
            yield running
        finally:
            running.stack.down()


def test_the_shops_changes_reach_the_warehouse_by_their_assets(
    local: LocalStack, days: list[date], files: Path
) -> None:
    first, second = days
    _fill(local, first, first)
    runs.wait_for_dags(local.client, [INGEST])
    local.client.unpause(runs.DAILY)

    # The scheduler starts the run that is due by itself: yesterday, on which the shop has not written yet.
    local.client.unpause(INGEST)
    _wait_for_load(local, second, loads=1)
    assert local.value("select count(*) from quality.load_runs") == 1

    _ingest(local, first)
    _wait_for_load(local, first, loads=1)

    _fill(local, second, first)
    _ingest(local, second)
    _wait_for_load(local, second, loads=2)

    expected = expect(files, Rules())
    orders = {key(v, "orders") for _, v in accepted(files, "orders", Rules())}
    lines = {
        key(values, "order_items")
        for _, values in accepted(files, "order_items", Rules())
        if str(values["order_id"]) in orders
    }
    assert {row[0] for row in local.query("select order_item_id from facts.fact_sales")} == lines
    assert not expected.doubtful
    assert local.value("select sum(total_revenue) from analytics.monthly_sales_trends") == expected.revenue
    events = {key(values, "web_events") for _, values in accepted(files, "web_events", Rules())}
    assert {row[0] for row in local.query("select event_id from facts.fact_web_events")} == events
    for table, source in (("dim_customer", "customers"), ("dim_product", "products")):
        column = SOURCES[source].key
        found = local.query(
            f"select {column}, count(*) from dimensions.{table} where not is_inferred and {column} is not null "
            f"group by {column}"
        )
        versions = expected.versions[source]
        assert {k: n for k, n in found if k in versions} == {k: len(v or ()) for k, v in versions.items()}, (
            table
        )
    (quarantined,) = local.query("select sum(quarantined_rows) from quality.ledger")
    assert quarantined == (0,)


def test_tasks_tell_openlineage_which_column_comes_from_which(local: LocalStack) -> None:
    lines = (local.config.logs_dir / "openlineage.jsonl").read_text().splitlines()
    events = [event for line in lines if (event := json.loads(line))["eventType"] == "COMPLETE"]
    outputs = {
        (event["job"]["name"], dataset["name"]): dataset["facets"].get("columnLineage", {}).get("fields", {})
        for event in events
        for dataset in event.get("outputs", [])
    }
    database = local.settings.database
    sales = outputs[f"{runs.DAILY}.merge_facts.fact_sales", f"{database}.facts.fact_sales"]
    assert [(o["name"], o["field"]) for o in sales["unit_cost"]["inputFields"]] == [
        (f"{database}.dimensions.dim_product", "cost")
    ]
    accepted_orders = outputs[f"{runs.DAILY}.process_data", "accepted/orders"]
    assert [o["name"] for o in accepted_orders["order_status"]["inputFields"]] == ["orders"]


def test_a_query_leads_to_its_task_and_a_run_to_its_figures(local: LocalStack) -> None:
    labels = [
        json.loads(row[0])
        for row in local.query("select distinct query_label from sys_query_history where query_label like '{%'")
    ]
    (merge, *_) = [label for label in labels if label["task"] == "merge_facts.fact_sales"]
    tasks = {task["task_id"]: task for task in local.client.task_instances(merge["dag"], merge["run"])}
    assert tasks[merge["task"]]["try_number"] >= merge["try"]
    assert local.value(
        "select count(*) from sys_query_history where query_label like "
        "'%merge_facts.fact_sales%' and query_text like '%facts.fact_sales%'"
    )
    assert {
        "RowsDelivered",
        "RowsLoaded",
        "RowsQuarantined",
        "RunDurationSeconds",
        "TaskDurationSeconds",
        "PublishedLagHours",
    } <= {name for name, *_ in local.metrics()}


def test_a_customer_is_erased_from_every_file_and_table(local: LocalStack) -> None:
    """The tables and files are those that the test before made; what is looked for is on the bytes of all of them."""
    ((person, *values),) = local.query(
        "select customer_id, email, phone, address, first_name || ' ' || last_name from dimensions.dim_customer "
        "where is_current and email is not null and phone is not null and address is not null "
        "and last_name is not null "
        "and customer_id in (select customer_id from facts.fact_web_events) "
        "and customer_id in (select customer_id from facts.fact_sales) order by customer_id limit 1"
    )
    request = {"customer_id": person, "reason": "A letter to the data protection desk"}
    before = _totals(local)
    assert {where for where, value in _traces(local, [person, *values]) if value == person} >= {
        "facts.fact_sales",
        "dimensions.dim_customer",
        "analytics.agg_customer",
    }

    _erase(local, request)  # a dry run
    assert _totals(local) == before
    assert local.value("select count(*) from quality.erasures") == 0
    assert not _requests(local)

    _erase(local, request, dry_run=False)
    assert not _requests(local)

    assert _traces(local, [person, *values]) == []
    assert _totals(local) == before
    ((pseudonym, by, raw_rows),) = local.query("select pseudonym, requested_by, raw_rows from quality.erasures")
    assert by == "dpo@company.com"
    assert raw_rows > 3
    assert local.value(f"select count(*) from facts.fact_sales where customer_id = '{pseudonym}'") > 0
    assert local.query(
        f"select distinct full_name, email from dimensions.dim_customer where customer_id = '{pseudonym}'"
    ) == [(None, None)]
    logs = b"".join(path.read_bytes() for path in local.config.logs_dir.rglob("*.log"))
    assert not [value for value in values if value.encode() in logs]
    # What Airflow and OpenLineage keep of the runs: parameters, audit log, XCom, lineage events.
    with psycopg.connect(postgres.url(local.config, "airflow")) as database:
        for table, column in (("dag_run", "conf"), ("log", "extra"), ("xcom", "value")):
            texts = database.execute(f"select cast({column} as text) from {table}").fetchall()
            assert not [
                text for (text,) in texts for value in (*values, f'"{person}"') if value in str(text)
            ], table
    events = (local.config.logs_dir / "openlineage.jsonl").read_text()
    assert not [value for value in (*values, f'"{person}"') if value in events]


def _erase(local: LocalStack, request: dict[str, str], *, dry_run: bool = True) -> None:
    local.s3.put_object(
        Bucket=local.settings.processed_bucket,
        Key="erasures/requests/letter.json",
        Body=json.dumps(request).encode(),
    )
    run = local.client.trigger(
        ERASE, {"request": "letter", "requested_by": "dpo@company.com", "dry_run": dry_run}
    )
    runs.watch(local.client, ERASE, {"erasure": run})


def _requests(local: LocalStack) -> list[str]:
    """Objects that say who an erasure is about; older versions and marks of deletion count."""
    found = local.s3.list_object_versions(Bucket=local.settings.processed_bucket, Prefix="erasures/")
    keys = {item["Key"] for kind in ("Versions", "DeleteMarkers") for item in found.get(kind, [])}
    return sorted(key for key in keys if key.endswith(("/request.json", "letter.json")))


def _totals(local: LocalStack) -> dict[str, object]:
    """Rows and money of the whole warehouse."""
    return {
        "sales": local.query(
            "select count(*), sum(line_total), sum(tax_amount), sum(gross_profit), count(distinct customer_key) "
            "from facts.fact_sales"
        ),
        "events": local.query("select count(*), count(distinct customer_key) from facts.fact_web_events"),
        "customers": local.value("select count(distinct customer_id) from dimensions.dim_customer"),
        "published": local.query("select sum(total_orders), sum(lifetime_value) from analytics.customer_360"),
        "places": sorted(
            local.query("select state, city, total_revenue from analytics.geographic_sales"), key=repr
        ),
        "ledger": sorted(
            local.query(
                "select source, delivery_date, files, raw_rows, accepted_rows, superseded_rows, quarantined_rows, "
                "raw_amount, accepted_amount from quality.ledger"
            ),
            key=repr,
        ),
    }


def _traces(local: LocalStack, values: list[str]) -> list[tuple[str, str]]:
    """Objects and tables whose bytes hold one of the values; the customer's id as a whole number: the digits of orders
    made on the 10th, 20th and 30th end in those of an id."""
    texts = dict(_objects(local))
    with psycopg.connect(postgres.url(local.config, local.settings.database)) as database:
        names = database.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema = any(%s)",
            (["staging", "history", "dimensions", "facts", "analytics", "quality"],),
        ).fetchall()
        for (name,) in names:
            with database.cursor().copy(f"copy (select * from {name}) to stdout") as rows:
                texts[name] = b"".join(bytes(row) for row in rows)
    return sorted(
        (where, value)
        for where, text in texts.items()
        for value in values
        if value.encode() in text
        and (not value.isdigit() or re.search(rb"(?<!\d)%b(?!\d)" % value.encode(), text))
    )


def _objects(local: LocalStack, prefix: str = "", suffix: str = "") -> Iterator[tuple[str, bytes]]:
    """Every object of the lake as plain bytes; Parquet as the text of its cells."""
    settings, s3 = local.settings, local.s3
    for bucket in (settings.raw_bucket, settings.processed_bucket, settings.logs_bucket):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                name = entry["Key"]
                if not name.endswith(suffix):
                    continue
                body = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
                if name.endswith(".gz"):
                    body = gzip.decompress(body)
                elif name.endswith(".parquet"):
                    body = repr(pq.read_table(io.BytesIO(body)).to_pylist()).encode()
                yield f"{bucket}/{name}", body


def key(values: Values, source: str) -> str:
    return str(values[SOURCES[source].key])


def _python(module: str, *arguments: str, environ: dict[str, str] | None = None) -> None:
    subprocess.run(
        [str(LocalConfig().local_python), "-m", module, *arguments],
        cwd=REPO,
        check=True,
        stdout=subprocess.DEVNULL,
        env=environ,
    )


def _fill(local: LocalStack, day: date, opened: date) -> None:
    _python(
        "local.shop",
        "fill",
        "--days",
        str(day),
        "--opened",
        str(opened),
        "--lines-per-day",
        str(LINES),
        environ=dict(local.stack.plan.local_environ),
    )


def _ingest(local: LocalStack, day: date) -> None:
    run = local.client.trigger(INGEST, {"start_date": str(day)})
    runs.watch(local.client, INGEST, {str(day): run})


def _wait_for_load(local: LocalStack, day: date, *, loads: int, idle_seconds: float = 600) -> None:
    """Wait until that many asset-triggered loads of a day have succeeded.

    A run takes as long as its tasks may; the limit is for a run that nothing starts.
    """
    idle_since = time.monotonic()
    while time.monotonic() < idle_since + idle_seconds:
        found = [
            run
            for run in local.client.get(f"/dags/{runs.DAILY}/dagRuns", limit=100)["dag_runs"]
            if run["partition_key"] == str(day)
        ]
        assert all(run["run_type"] == "asset_triggered" for run in found)
        assert not [run for run in found if run["state"] == "failed"]
        if len([run for run in found if run["state"] == "success"]) >= loads:
            return
        if [run for run in found if run["state"] == "running"]:
            idle_since = time.monotonic()
        time.sleep(0.5)
    raise AssertionError(f"no {loads} loads of {day}; none ran for {idle_seconds:.0f} s; there are {found}")
