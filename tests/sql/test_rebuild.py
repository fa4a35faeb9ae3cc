"""A rebuild from history gives what the increments gave: nothing drifts."""

from __future__ import annotations

from datetime import date

from comparing import TABLES, content, state
from harness import MERGES, VIEWS, Load, Row, Warehouse
from shop import Shop, customer, event, item, order, product
from test_crash import _first_day, _second_day


def aggregates(warehouse: Warehouse) -> dict[str, list[Row]]:
    tables = warehouse.rows(
        "select schemaname || '.' || tablename as name from pg_tables where tablename like 'agg%' order by 1"
    )
    return {row["name"]: warehouse.rows(f"select * from {row['name']}") for row in tables}


def everything(warehouse: Warehouse) -> dict[str, object]:
    return {name: content(rows) for name, rows in (state(warehouse) | aggregates(warehouse)).items()}


def published(warehouse: Warehouse) -> dict[str, object]:
    """What readers of analytics see."""
    return {view: content(warehouse.rows(f"select * from analytics.{view}")) for view in VIEWS}


def damage(warehouse: Warehouse, table: str) -> None:
    """Lose a row, and count one too many in all others; unknown members are not the rebuilds' affair."""
    first = f"select min(ctid) from {table} where {TABLES.get(table, 'true')}"
    warehouse.admin.execute(f"delete from {table} where ctid = ({first})".encode())
    measures = warehouse.rows(
        "select attname as name from pg_attribute where attnum > 0 and not attisdropped "
        f"and attrelid = '{table}'::regclass and atttypid in ('bigint'::regtype, 'numeric'::regtype) "
        "and attname not like '%key'"
    )
    for row in measures:
        one_more = f"update {table} set {row['name']} = {row['name']} + 1 where {TABLES.get(table, 'true')}"
        warehouse.admin.execute(one_more.encode())


def test_rebuilds_mend_what_was_damaged(warehouse: Warehouse) -> None:
    """Also while a run is merged and not published: what it would take from the aggregates is not in them then."""
    shop = Shop(warehouse)
    shop.load("2026-01-29", **_first_day())
    shop.load(
        "2026-01-30",
        customers=[customer("C5")],
        products=[product("P5")],
        orders=[order("O6", "C6", "2026-01-30 10:00")],
        order_items=[item("I7", "O7", "P7", 1, "1")],
        web_events=[event("E8", "view", "2026-01-30 10:00", "S8", "C8", "P8")],
    )
    second = {source: {date(2026, 1, 31): rows} for source, rows in _second_day().items()}
    warehouse.load(date(2026, 1, 31), date(2026, 1, 31), second)
    before = everything(warehouse)
    assert all(before.values()), "a table without rows cannot be damaged"
    tables = [table for table in aggregates(warehouse) if table.startswith("analytics.")]

    def merge_again() -> Load:
        load = warehouse.stage(date(2026, 1, 31), date(2026, 1, 31), second)
        warehouse.merge(load, warehouse.quick)
        return load

    load = merge_again()
    for table in tables:
        damage(warehouse, table)
    assert all(content(rows) != before[name] for name, rows in aggregates(warehouse).items() if name in tables)
    warehouse.run("maintenance/rebuild_analytics.sql", None, warehouse.quick)
    warehouse.publish(load, warehouse.quick)
    assert everything(warehouse) == before

    load = merge_again()
    for table in (*TABLES, "facts.agg_product_day", *tables):
        damage(warehouse, table)
    for dimension in ("dim_customer", "dim_product"):
        rule = TABLES[f"dimensions.{dimension}"]
        warehouse.admin.execute(f"delete from dimensions.{dimension} where {rule}".encode())
    warehouse.run("maintenance/rebuild_warehouse.sql", load, warehouse.quick)
    for file in MERGES:
        warehouse.run(file, load, warehouse.quick)
    warehouse.publish(load, warehouse.quick)
    assert everything(warehouse) == before
