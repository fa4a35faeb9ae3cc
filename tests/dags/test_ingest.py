"""Extraction from a real PostgreSQL to the local S3: days, overlap, one snapshot, all or nothing, repetition."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import psycopg2
import pytest
from airflow.sdk.exceptions import AirflowFailException
from contexts import context_of, execute, in_dag

from ecommerce_dwh.lake import ingest, upload
from ecommerce_dwh.lake.ingest_task import ShopExtractOperator, ShopSchemaOperator
from ecommerce_dwh.settings import get_settings

RAW = "ecommerce-dwh-dev-raw"
DAY = "2026-03-01"


def customer(shop, key, at, **columns):
    columns = {"first_name": "Asha", "updated_at": at, **columns}
    names = ", ".join(columns)
    shop.execute(
        f"insert into shop.customers (customer_id, changed_at, {names}) "
        f"values (%s, %s, {', '.join(['%s'] * len(columns))})",
        (key, at, *columns.values()),
    )


def order(shop, key, at):
    shop.execute(
        "insert into shop.orders (order_id, order_date, changed_at) values (%s, %s, %s)", (key, at, at)
    )
    shop.execute(
        "insert into shop.order_items (order_item_id, order_id, product_id, quantity, unit_price, changed_at) "
        "values (%s, %s, 'p1', 1, 2.50, %s)",
        (f"{key}-1", key, at),
    )


def extract(params=None, **arguments):
    task = in_dag(ShopExtractOperator, **arguments)
    context = context_of(task, params={"start_date": DAY, "replace": False, **(params or {})})
    return execute(task, context), context


def rows(aws, source, day=DAY):
    s3 = aws.client("s3")
    listed = s3.list_objects_v2(Bucket=RAW, Prefix=f"{source}/dt={day}/").get("Contents", [])
    found = []
    for entry in listed:
        if entry["Key"].endswith(".csv.gz"):
            body = s3.get_object(Bucket=RAW, Key=entry["Key"])["Body"].read()
            found += list(csv.DictReader(io.StringIO(gzip.decompress(body).decode())))
    return found


def names(aws, source, day=DAY):
    listed = aws.client("s3").list_objects_v2(Bucket=RAW, Prefix=f"{source}/dt={day}/").get("Contents", [])
    return [entry["Key"].rpartition("/")[2] for entry in listed]


def test_a_day_brings_what_changed_on_it_and_late_commits_of_the_day_before(aws, shop):
    for key, at in (
        ("too-old", "2026-02-28 22:59:59+00"),
        ("late", "2026-02-28 23:00:00+00"),
        ("first", "2026-03-01 00:00:00+00"),
        ("last", "2026-03-01 23:59:59.999999+00"),
        ("next-day", "2026-03-02 00:00:00+00"),
    ):
        customer(shop, key, at)

    result, _ = extract()

    assert {row["customer_id"] for row in rows(aws, "customers")} == {"late", "first", "last"}
    assert result["rows"]["customers"] == 3


def test_values_arrive_as_the_contracts_read_them(aws, shop):
    customer(
        shop,
        "0007",
        "2026-03-01 10:00:00.5+05:30",
        last_name='O"Neil, née\nRao',
        email="",
        date_of_birth="1990-02-28",
        city=None,
    )
    shop.execute(
        "insert into shop.products (product_id, price, stock_quantity, is_active, changed_at) "
        "values ('p', 12.3400, 5, false, '2026-03-01')"
    )
    extract()

    (row,) = rows(aws, "customers")
    assert row["customer_id"] == "0007"
    assert row["last_name"] == 'O"Neil, née\nRao'
    assert (row["email"], row["city"], row["date_of_birth"]) == ("", "", "1990-02-28")
    assert row["updated_at"] == "2026-03-01 04:30:00.5+00"
    assert "changed_at" not in row
    (product,) = rows(aws, "products")
    assert (product["price"], product["is_active"], product["stock_quantity"]) == ("12.3400", "false", "5")


def test_a_source_without_changes_is_declared_empty_and_every_source_tells_of_its_day(aws, shop):
    order(shop, "o1", "2026-03-01 09:00+00")

    _, context = extract()

    assert names(aws, "web_events") == ["_EMPTY", "_shop.json"]
    assert names(aws, "orders") == ["_shop.json", "shop-00000.csv.gz"]
    events = {asset.name: event for asset, event in context["outlet_events"].items()}
    assert set(events) == {f"raw.{source}" for source in get_settings().sources}
    assert events["raw.orders"].partition_keys == [DAY]
    assert events["raw.orders"].extra["rows"] == 1
    assert events["raw.web_events"].extra["files"] == [f"web_events/dt={DAY}/_EMPTY"]


def test_all_sources_see_one_moment_however_long_the_extraction_takes(aws, shop, monkeypatch):
    """Orders are written, lines first, while sources are read one after the other."""
    stop = threading.Event()
    started = threading.Event()

    def keep_ordering():
        number = 0
        while not stop.is_set():
            number += 1
            with shop.transaction():
                order(shop, f"o{number}", "2026-03-01 12:00+00")
            started.set()

    writer = threading.Thread(target=keep_ordering)
    writer.start()
    try:
        started.wait(10)
        extract(task_id="extract", parallel=1)
    finally:
        stop.set()
        writer.join()

    orders = {row["order_id"] for row in rows(aws, "orders")}
    assert orders
    assert orders == {row["order_id"] for row in rows(aws, "order_items")}


def test_nothing_is_seen_of_a_day_when_any_source_fails(aws, shop, monkeypatch):
    order(shop, "o1", "2026-03-01 09:00+00")
    shop.execute(
        "create or replace function shop.boom() returns text language plpgsql as $$ begin "
        "raise exception 'disk on fire'; end $$"
    )
    shop.execute("alter table shop.web_events rename to events_table")
    shop.execute(
        "create view shop.web_events as select event_id, customer_id, session_id, shop.boom() as event_type, "
        "event_timestamp, product_id, page_url, referrer, device_type, browser, user_agent, changed_at "
        "from shop.events_table"
    )
    shop.execute("grant select on shop.web_events to shop_reader")
    shop.execute(
        "insert into shop.events_table values ('e', null, null, 'view', '2026-03-01', null, null, null, null, "
        "null, null, '2026-03-01')"
    )

    with pytest.raises(psycopg.Error, match="disk on fire"):
        extract()

    s3 = aws.client("s3")
    assert s3.list_objects_v2(Bucket=RAW)["KeyCount"] == 0
    assert s3.list_multipart_uploads(Bucket=RAW).get("Uploads", []) == []


def test_a_repetition_replaces_the_day(aws, shop):
    customer(shop, "a", "2026-03-01 09:00+00")
    extract()
    customer(shop, "b", "2026-03-01 10:00+00")
    order(shop, "o1", "2026-03-01 11:00+00")

    extract()

    assert {row["customer_id"] for row in rows(aws, "customers")} == {"a", "b"}
    assert names(aws, "customers") == ["_shop.json", "shop-00000.csv.gz"]
    assert names(aws, "orders") == ["_shop.json", "shop-00000.csv.gz"], "the day is not empty any more"


def test_a_late_repetition_does_not_lose_versions_unless_told_to(aws, shop):
    customer(shop, "a", "2026-03-01 09:00+00")
    customer(shop, "b", "2026-03-01 09:00+00")
    extract()
    shop.execute(
        "update shop.customers set first_name = 'Uma', changed_at = '2026-03-05' where customer_id = 'b'"
    )

    extract()
    assert {row["customer_id"] for row in rows(aws, "customers")} == {"a", "b"}

    extract({"replace": True})
    assert {row["customer_id"] for row in rows(aws, "customers")} == {"a"}


def test_many_rows_make_many_files_and_a_smaller_repetition_removes_the_surplus(aws, shop, monkeypatch):
    monkeypatch.setattr(upload.DayUpload.__init__, "__kwdefaults__", {"rows_per_file": 10})
    shop.execute(
        "insert into shop.customers (customer_id, changed_at) "
        "select 'c' || n, '2026-03-01 08:00+00' from generate_series(1, 25) as n"
    )
    extract()
    assert names(aws, "customers") == ["_shop.json", *(f"shop-0000{n}.csv.gz" for n in range(3))]
    assert len({row["customer_id"] for row in rows(aws, "customers")}) == 25

    shop.execute("delete from shop.customers where customer_id not in ('c1', 'c2')")
    extract({"replace": True})
    assert names(aws, "customers") == ["_shop.json", "shop-00000.csv.gz"]


def test_a_range_of_days_comes_from_one_snapshot(aws, shop):
    customer(shop, "a", "2026-03-01 09:00+00")
    customer(shop, "b", "2026-03-02 09:00+00")

    _, context = extract({"end_date": "2026-03-02"})

    assert [row["customer_id"] for row in rows(aws, "customers", "2026-03-02")] == ["b"]
    assert next(iter(context["outlet_events"].values())).partition_keys == [DAY, "2026-03-02"]


def test_other_files_of_the_day_are_left_alone(aws, shop):
    aws.put(RAW, f"customers/dt={DAY}/corrections.csv")
    customer(shop, "a", "2026-03-01 09:00+00")

    extract()

    assert names(aws, "customers") == ["_shop.json", "corrections.csv", "shop-00000.csv.gz"]


def test_a_day_that_is_not_over_is_refused(aws, shop):
    today = datetime.now(UTC).date().isoformat()
    task = in_dag(ShopExtractOperator)
    context = context_of(task, params={"start_date": today, "end_date": today, "replace": False})
    context["dag_run"].run_after = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(AirflowFailException, match=f"{today} is not over"):
        execute(task, context)


def test_a_shop_that_differs_from_the_contracts_is_told_so_in_full(aws, shop):
    shop.execute("alter table shop.orders drop column order_date")
    shop.execute("alter table shop.order_items alter column quantity type text")
    shop.execute("alter table shop.products drop column changed_at")
    shop.execute("drop table shop.web_events")
    task = in_dag(ShopSchemaOperator)

    with pytest.raises(AirflowFailException) as refused:
        execute(task, context_of(task))

    message = str(refused.value)
    assert "shop.orders.order_date: missing, and required by orders" in message
    assert "shop.order_items.quantity: is text; order_items needs integer" in message
    assert "shop.products.changed_at: the watermark does not exist" in message
    assert "shop.web_events: no such table" in message
    with pytest.raises(AirflowFailException):
        extract()
    assert aws.client("s3").list_objects_v2(Bucket=RAW)["KeyCount"] == 0


def test_an_optional_column_that_the_shop_lacks_is_left_out(aws, shop):
    shop.execute("alter table shop.customers drop column phone")
    customer(shop, "a", "2026-03-01 09:00+00")
    task = in_dag(ShopSchemaOperator)

    assert execute(task, context_of(task))["customers"] == 15  # changed_at among them
    extract()

    (row,) = rows(aws, "customers")
    assert "phone" not in row


@pytest.mark.parametrize("driver", [psycopg, psycopg2])
def test_both_drivers_of_the_postgres_provider_hand_over_the_same_rows(shop, driver, monkeypatch):
    customer(shop, "a", "2026-03-01 09:00+00", last_name="x\ny")
    customer(shop, "b", "2026-03-01 09:00+00")
    import os

    connection = json.loads(os.environ["AIRFLOW_CONN_SHOP_POSTGRES"])
    arguments = {
        "host": connection["host"],
        "port": connection["port"],
        "user": connection["login"],
        "password": connection["password"],
        "dbname": connection["schema"],
    }
    holder, reader = driver.connect(**arguments), driver.connect(**arguments)
    found = []
    ingest.begin_snapshot(reader, ingest.begin_snapshot(holder))
    ingest.copy_out(
        reader,
        "copy (select customer_id, last_name from shop.customers order by 1) to stdout csv",
        found.append,
    )
    holder.close()
    reader.close()

    assert found == [b'a,"x\ny"\n', b"b,\n"]
