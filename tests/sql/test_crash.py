"""A run may die anywhere (G2): what it began is undone, and whoever runs next finishes the work."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from comparing import check
from harness import MERGES, REFRESH, REPLACE, Load, Warehouse, load_of, statements
from shop import Shop, customer, event, item, order, product

FILES = (REPLACE, *MERGES, REFRESH)


def fingerprint(warehouse: Warehouse) -> dict[str, str]:
    """Content of every table, staging excepted, which a repeated COPY fills anew."""
    tables = [
        row["name"]
        for row in warehouse.rows(
            "select schemaname || '.' || tablename as name from pg_tables where schemaname in "
            "('history', 'dimensions', 'facts', 'analytics', 'quality') and tablename <> 'dim_date' order by 1"
        )
    ]
    query = " union all ".join(
        f"select '{name}' as name, coalesce(string_agg(t::text, ';' order by t::text), '') as content from {name} as t"
        for name in tables
    )
    return {row["name"]: hashlib.md5(row["content"].encode()).hexdigest() for row in warehouse.rows(query)}


def die_after(warehouse: Warehouse, file: str, load: Load, count: int) -> None:
    """Run the first statements of a file, then lose the server's process."""
    session = warehouse.connect()
    steps = warehouse.steps(file, load, session)
    pid = None
    cursor = session.cursor()
    cursor.execute("select pg_backend_pid()")
    pid = cursor.fetchone()[0]
    try:
        for _ in range(count):
            next(steps, None)  # a file may have no more to do
    finally:
        warehouse.rows(f"select pg_terminate_backend({pid})")
        with suppress(Exception):
            session.close()
        _wait_for_end(warehouse, pid)


def _wait_for_end(warehouse: Warehouse, pid: int) -> None:
    for _ in range(500):
        if not warehouse.rows(f"select pid from pg_stat_activity where pid = {pid}"):
            return
        warehouse.admin.execute("select pg_sleep(0.01)")
    raise AssertionError(f"process {pid} did not end")


def test_death_between_any_two_statements_leaves_no_trace(warehouse: Warehouse) -> None:
    shop = Shop(warehouse)
    shop.load("2026-01-29", **_first_day())
    second = date(2026, 1, 31)
    load = warehouse.stage(second, second, {source: {second: rows} for source, rows in _second_day().items()})
    for file in FILES:
        if file == REFRESH:
            assert set(warehouse.audit(load)) <= {"held_lines_are_few"}
        before = fingerprint(warehouse)
        for count in range(1, len(statements(file, load)) + 1):
            die_after(warehouse, file, load, count)
            after = fingerprint(warehouse)
            assert after == before, f"{file} left a trace when it died after statement {count}"
        warehouse.run(file, load)
    check(warehouse, second)


def _first_day() -> dict[str, Any]:
    return {
        "customers": [customer("C1", city="Pune"), customer("C2", city="Agra")],
        "products": [product("P1", "10", "4", stock_quantity=5)],
        "orders": [order("O1", "C1", "2026-01-29 10:00", tax="1"), order("O2", "C3", "2026-01-29 11:00")],
        "order_items": [
            item("I1", "O1", "P1", 2, "10"),
            item("I2", "O2", "P2", 1, "7"),
            item("I3", "O9", "P1", 1, "1"),
        ],
        "web_events": [event("E1", "view", "2026-01-29 09:00", "S1", "C1", "P1")],
    }


def _second_day() -> dict[str, Any]:
    return {
        "customers": [customer("C1", "2026-01-29 09:30", city="Delhi"), customer("C3", city="Goa")],
        "products": [product("P1", "11", "5", "2026-01-28", stock_quantity=3), product("P2", "7", "3")],
        "orders": [
            order("O2", "C1", "2026-01-29 11:00", "2026-01-31 10:00", order_status="cancelled"),
            order("O9", None, "2026-01-30 10:00", shipping_city="Goa"),
        ],
        "order_items": [item("I2", "O1", "P2", 3, "7")],
        "web_events": [event("E1", "purchase", "2026-01-30 09:00", "S1", "C1", "P1")],
    }


def test_guard_refuses_to_publish_what_no_audit_saw(warehouse: Warehouse) -> None:
    day = date(2026, 1, 31)
    load = warehouse.stage(day, day, {source: {day: rows} for source, rows in _second_day().items()})
    warehouse.merge(load)
    try:
        warehouse.run(REFRESH, load)
    except AssertionError as error:
        assert "merged after the last passed audit" in str(error)
    else:
        raise AssertionError("published without an audit")
    assert warehouse.rows("select * from analytics.agg_order") == []


@pytest.mark.parametrize(
    "pending",
    [
        "insert into history.pending_key (entity, key_value) values ('sales_order', 'O1')",
        "insert into history.pending_inventory values ('P1', '2026-01-01', '2026-01-02')",
    ],
)
def test_guard_refuses_to_publish_what_is_merged_in_part(warehouse: Warehouse, pending: str) -> None:
    """Even where the audit, which says the same, was passed over."""
    day = date(2026, 1, 31)
    load = warehouse.load(day, day, {source: {day: rows} for source, rows in _second_day().items()})
    warehouse.admin.execute(pending.encode())
    with pytest.raises(AssertionError, match="not merged yet"):
        warehouse.run(REFRESH, load)


def test_guard_refuses_half_copied_staging(warehouse: Warehouse) -> None:
    day = date(2026, 1, 31)
    load = warehouse.stage(day, day, {source: {day: rows} for source, rows in _second_day().items()})
    with warehouse.admin.transaction():
        warehouse.admin.execute("delete from staging.stg_orders where order_id = 'O9'")
    try:
        warehouse.run(REPLACE, load)
    except AssertionError as error:
        assert "clear the load_staging tasks" in str(error)
    else:
        raise AssertionError("replaced slices by half a day")
    assert warehouse.rows("select * from history.orders") == []


def test_guard_refuses_a_ledger_of_other_days(warehouse: Warehouse) -> None:
    day = date(2026, 1, 31)
    warehouse.stage(day, day, {}, "one-key")
    for first, last in ((date(2026, 1, 30), day), (date(2026, 1, 30), date(2026, 1, 30))):
        try:
            warehouse.run(REPLACE, load_of(first, last, "one-key"))
        except AssertionError as error:
            assert "counted for exactly the run's days" in str(error)
        else:
            raise AssertionError(f"accepted the ledger of {day} for {first} … {last}")
