"""Every audit passes on a sound warehouse and speaks up when its rule is broken by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from harness import Load, Row, Warehouse, audit_files, load_of, parsed_audit, violations
from shop import item, order
from test_crash import _first_day, _second_day

from ecommerce_dwh.warehouse.sql_files import AUDITS, WHOLE_AUDITS

DAY = date(2026, 1, 31)
SALE = "where order_item_id = 'I1'"
EVENT = "where event_id = 'E1'"
STOCK = "where snapshot_date = '2026-01-31'"
OLD, NOW = "and not is_current", "and is_current"


def _twice(table: str, where: str) -> str:
    return f"insert into {table} select * from {table} {where}"


def _version(dimension: str, natural_key: str, which: str = NOW) -> str:
    """The key of a version of the fixture: C1 and P1 have two, the second begins on 2026-01-29 (C1 at 09:30)."""
    return (
        f"{dimension}_key = (select {dimension}_key from dimensions.dim_{dimension} "
        f"where {dimension}_id = '{natural_key}' {which})"
    )


def _dimension(name: str, key: str) -> dict[str, str]:
    """Ways to break the versions of a dimension's member that has two."""
    table, where = f"dimensions.dim_{name}", f"where {name}_id = '{key}'"
    return {
        "gap": f"update {table} set effective_to = '2026-01-01' {where} {OLD}",
        "overlap": f"update {table} set effective_from = '2026-01-01' {where} {NOW}",
        "empty version": f"update {table} set effective_to = '9999-12-31', effective_from = case when is_current "
        f"then cast('9999-12-31' as timestamp) else effective_from end {where}",
        "two current rows": f"update {table} set is_current = true {where}",
        "no current row": f"update {table} set is_current = false {where}",
        "current row that ends": f"update {table} set effective_to = '2030-01-01' {where} {NOW}",
        "late beginning": f"update {table} set effective_from = '2020-01-01' {where} {OLD}",
        "early beginning": f"update {table} set effective_from = '1800-01-01' {where} {OLD}",
        "equal neighbours": f"update {table} set attribute_hash = 'x' {where}",
        "row twice": _twice(table, f"{where} {NOW}"),
        "one key for two versions": f"update {table} set {name}_key = 1 {where}",
    }


def _pointers(table: str, where: str, instant: str) -> dict[str, str]:
    """Ways for a fact of C1 and P1 to point at the wrong version."""
    first = _version("customer", "C1", OLD)
    return {
        "no such customer": f"update {table} set customer_key = 1 {where}",
        "another's customer version": f"update {table} set {_version('customer', 'C3')} {where}",
        "customer version that had ended": f"update {table} set {first} {where}",
        "customer version of later": f"update {table} set {instant} = '2026-01-29 09:00' {where}",
        "no such product": f"update {table} set product_key = 1 {where}",
        "another's product version": f"update {table} set {_version('product', 'P2')} {where}",
        "product version that had ended": f"update {table} set {_version('product', 'P1', OLD)} {where}",
        "product version of later": f"update {table} set {instant} = '2026-01-28 10:00', {first} {where}",
    }


# audit → ways to break its rule, each against the loaded, unpublished warehouse of the fixture
BREAKAGES: dict[str, dict[str, str]] = {
    "dim_customer_is_sound": _dimension("customer", "C1"),
    "dim_product_is_sound": _dimension("product", "P1"),
    "fact_sales_allocation_is_exact": {
        "a unit lost": f"update facts.fact_sales set tax_amount = tax_amount - 0.0001 {SALE}",
        "a unit too many": f"update facts.fact_sales set tax_amount = tax_amount + 0.0001 {SALE}",
        "shipping from nowhere": f"update facts.fact_sales set shipping_amount = 1 {SALE}",
        "shipping to nowhere": f"update facts.fact_sales set shipping_amount = -1 {SALE}",
        "discount from nowhere": f"update facts.fact_sales set discount_amount = 1 {SALE}",
        "discount to nowhere": f"update facts.fact_sales set discount_amount = -1 {SALE}",
    },
    "fact_sales_keys_are_unique": {
        "line twice": _twice("facts.fact_sales", SALE),
    },
    "fact_sales_keys_resolve": {
        **_pointers("facts.fact_sales", SALE, "order_timestamp"),
        "no such place": f"update facts.fact_sales set geography_key = 1 {SALE}",
    },
    "fact_sales_matches_history": {
        "line lost": f"delete from facts.fact_sales {SALE}",
        "order lost": "delete from facts.fact_sales where order_id = 'O9'",
        "order from nowhere": "delete from history.order_items where order_id = 'O9'",
        "amount more": f"update facts.fact_sales set line_total = line_total + 1 {SALE}",
        "amount less": f"update facts.fact_sales set line_total = line_total - 1 {SALE}",
        "line too many": _twice("facts.fact_sales", SALE),
        "two lines for one of the amount": f"update facts.fact_sales set line_total = line_total / 2 {SALE}; "
        + _twice("facts.fact_sales", SALE),
        "one line for two of the amount": "update facts.fact_sales set line_total = "
        "(select sum(line_total) from facts.fact_sales where order_id = 'O1') where order_item_id = 'I2'; "
        f"delete from facts.fact_sales {SALE}",
    },
    "fact_sales_statement_adds_up": {
        "revenue that is no sale": "update facts.fact_sales set gross_sales = gross_sales + 1, net_sales = "
        f"net_sales + 1, total_sales = total_sales + 1 {SALE}",
        "discount from nowhere": f"update facts.fact_sales set discounts = discounts + 0.0001 {SALE}",
        "return that is not subtracted": f"update facts.fact_sales set returns = returns + 1 {SALE}",
        "refund that is no return": f"update facts.fact_sales set refunds = refunds + 1 {SALE}",
        "tax that is not added": f"update facts.fact_sales set taxes = taxes + 1 {SALE}",
        "total of another line": f"update facts.fact_sales set total_sales = total_sales - 1 {SALE}",
        "line without a statement": f"update facts.fact_sales set net_sales = null {SALE}",
        "line without a status": f"update facts.fact_sales set canonical_status = null {SALE}",
    },
    "fact_sales_currencies_are_apart": {
        "foreign line that counts": f"update facts.fact_sales set is_unconverted = true {SALE}",
        "line of no known currency": f"update facts.fact_sales set is_unconverted = null {SALE}",
    },
    "fact_sales_are_in_one_currency": {
        "two currencies added": f"update facts.fact_sales set currency = 'USD' {SALE}; "
        "update facts.fact_sales set currency = 'INR' where currency is null",
    },
    "fact_dates_are_covered": {
        "day missing": f"update facts.fact_sales set order_date_key = 21000101 {SALE}",
    },
    "fact_web_events_are_sound": {
        **_pointers("facts.fact_web_events", EVENT, "event_timestamp"),
        "event lost": f"delete from facts.fact_web_events {EVENT}",
        "event twice": _twice("facts.fact_web_events", EVENT),
        "event again without its keys": "insert into facts.fact_web_events (event_id, event_date, event_date_key, "
        "event_timestamp, customer_key, product_key, is_session_derived, event_type) select event_id, event_date, "
        f"event_date_key, event_timestamp, 1, 1, is_session_derived, event_type from facts.fact_web_events {EVENT}",
    },
    "fact_inventory_is_sound": {
        "snapshot lost": f"delete from facts.fact_inventory {STOCK}",
        "snapshot twice": _twice("facts.fact_inventory", STOCK),
        "snapshot again without its key": "update facts.fact_inventory set snapshot_date = '2026-01-31', "
        "stock_quantity = 3, product_key = 1 where snapshot_date = '2026-01-29'",
        "snapshot from nowhere": "update facts.fact_inventory set snapshot_date = '2026-01-31', product_id = 'P2', "
        f"{_version('product', 'P2')} where snapshot_date = '2026-01-29'",
        "stock more": f"update facts.fact_inventory set stock_quantity = stock_quantity + 1 {STOCK}",
        "stock less": f"update facts.fact_inventory set stock_quantity = stock_quantity - 1 {STOCK}",
        "no such product": f"update facts.fact_inventory set product_key = 1 {STOCK}",
        "another's product version": f"update facts.fact_inventory set {_version('product', 'P2')} {STOCK}",
        "version that had ended": f"update facts.fact_inventory set {_version('product', 'P1', OLD)} {STOCK}",
        "version of later": "update dimensions.dim_product set effective_from = '2026-02-01' "
        f"where product_id = 'P1' {NOW}",
    },
    "history_matches_ledger": {
        "row lost": "delete from history.orders where order_id = 'O9' and delivery_date = '2026-01-31'",
        "all rows lost": "delete from history.orders where delivery_date = '2026-01-31'",
        "row too many": _twice("history.orders", "where order_id = 'O9'"),
        "money more": "update history.order_items set quantity = quantity + 1 where delivery_date = '2026-01-31'",
        "money less": "update history.order_items set quantity = quantity - 1 where delivery_date = '2026-01-31'",
    },
    "ledger_adds_up": {
        "row unaccounted for": "update quality.ledger set raw_rows = raw_rows + 1 where source = 'orders'",
        "row from nowhere": "update quality.ledger set raw_rows = raw_rows - 1 where source = 'orders'",
        "money unaccounted for": "update quality.ledger set raw_amount = raw_amount + 1 where source = 'orders'",
        "money from nowhere": "update quality.ledger set quarantined_amount = 1 where source = 'order_items'",
    },
    "held_lines_are_few": {
        "orders missing": "delete from history.orders",
    },
    "merge_is_complete": {
        "order pending": "insert into history.pending_key (entity, key_value) values ('sales_order', 'O1')",
        "stock pending": "insert into history.pending_inventory values ('P1', '2026-01-01', '2026-01-02')",
    },
}
FULL: dict[str, dict[str, str]] = {
    "analytics_match_facts": {
        "order lost": "delete from analytics.agg_order where order_id = 'O1'",
        "day's order too many": "update analytics.agg_day set total_orders = total_orders + 1",
        "customer's revenue": "update analytics.agg_customer set lifetime_value = 1 where customer_id = 'C1'",
        "customer's order lost": "update analytics.agg_customer_month set total_orders = 0",
        "product's orders": "update analytics.agg_product set orders = orders + 1 where product_id = 'P1'",
        "month's revenue": "update analytics.agg_month set total_revenue = total_revenue + 1",
        "place's revenue": "update analytics.agg_geography set total_revenue = total_revenue - 1",
        "statement's order lost": "update analytics.agg_statement set orders = orders - 1",
        "statement's revenue": "update analytics.agg_statement set total_revenue = total_revenue + 1",
        "fact changed": f"update facts.fact_sales set line_total = line_total + 1 {SALE}",
    },
    "keys_are_sound": {
        "customer twice": _twice("dimensions.dim_customer", "where customer_id = 'C1'"),
        "product twice": _twice("dimensions.dim_product", "where product_id = 'P1'"),
        "place twice": _twice("dimensions.dim_geography", "where city = 'Goa'"),
        "sale twice": _twice("facts.fact_sales", SALE),
        "event twice": _twice("facts.fact_web_events", EVENT),
        "sale without customer": f"update facts.fact_sales set customer_key = 1 {SALE}",
        "sale without product": f"update facts.fact_sales set product_key = 1 {SALE}",
        "sale without place": f"update facts.fact_sales set geography_key = 1 {SALE}",
        "event without customer": "update facts.fact_web_events set customer_key = 1",
        "event without product": "update facts.fact_web_events set product_key = 1",
        "stock without product": "update facts.fact_inventory set product_key = 1",
        "vacant place": "insert into dimensions.dim_geography values (1, 'a', 'b', 'c')",
    },
    "ledger_balances": {
        "sale lost": f"delete from facts.fact_sales {SALE}",
        "event twice": _twice("facts.fact_web_events", EVENT),
        "money more": f"update facts.fact_sales set line_total = line_total + 1 {SALE}",
        "money less": f"update facts.fact_sales set line_total = line_total - 1 {SALE}",
        "event lost": f"delete from facts.fact_web_events {EVENT}",
    },
    "product_days_match_facts": {
        "units more": "update facts.agg_product_day set units = units + 1 where product_id = 'P1'",
        "units less": "update facts.agg_product_day set units = units - 1 where product_id = 'P1'",
        "day lost": "delete from facts.agg_product_day where product_id = 'P1'",
        "day from nowhere": "insert into facts.agg_product_day values ('P9', '2026-01-31', 1)",
        "day of nothing": "insert into facts.agg_product_day values ('P9', '2026-01-31', 0)",
    },
}


@pytest.fixture
def load(warehouse: Warehouse) -> Load:
    """Two days, the second merged and not yet published, with every order in the audits' scope.

    Of two more orders one is cancelled, and one returns what it buys and more.
    """
    first = date(2026, 1, 29)
    warehouse.load(first, first, {source: {first: rows} for source, rows in _first_day().items()})
    second = _second_day()
    second["orders"] += [
        order("O4", "C2", "2026-01-30 10:00", order_status="cancelled"),
        order("O5", "C2", "2026-01-30 10:00"),
    ]
    second["order_items"] += [
        item("I4", "O4", "P2", 1, "7"),
        item("I5", "O5", "P2", 1, "7"),
        item("I6", "O5", "P2", -1, "7"),
        item("I7", "O5", "P3", -1, "7"),
    ]
    load = warehouse.stage(DAY, DAY, {source: {DAY: rows} for source, rows in second.items()})
    warehouse.merge(load)
    return load


CASES = [
    (files, audit, name, sql)
    for files, breakages in ((AUDITS, BREAKAGES), (WHOLE_AUDITS, FULL))
    for audit, ways in breakages.items()
    for name, sql in ways.items()
]


@pytest.mark.slow
def test_each_audit_sees_its_rule_broken(warehouse: Warehouse, load: Load) -> None:
    assert warehouse.audit(load) == {}
    unseen = _unseen(warehouse, load, AUDITS)
    warehouse.publish(load)
    nothing = load_of(date(2026, 2, 5), date(2026, 2, 5))
    seen = set(_names(AUDITS)) - set(_unseen(warehouse, nothing, AUDITS))
    seen = {name for name in seen if not name.startswith("merge_is_complete")}
    assert not seen, f"audits look at more than what a run touched: {sorted(seen)}"
    assert warehouse.audit(load, files=WHOLE_AUDITS) == {}
    unseen += _unseen(warehouse, load, WHOLE_AUDITS)
    assert not unseen, "these breakages went unseen: " + "; ".join(unseen)


def _names(files: str) -> list[str]:
    return [f"{audit}: {name}" for where, audit, name, _ in CASES if where == files]


def _unseen(warehouse: Warehouse, load: Load, files: str) -> list[str]:
    unseen = []
    places = {Path(file).stem: file for file in audit_files(files)}
    for where, audit, name, sql in CASES:
        if where != files:
            continue
        session = warehouse.connect_psycopg()
        changed = session.execute(sql.encode()).rowcount
        found = violations([parsed_audit(places[audit], load)], session.cursor(), load)
        session.rollback()
        session.close()
        if not changed:
            unseen.append(f"{audit}: {name} changed nothing")
        if not found:
            unseen.append(f"{audit}: {name}")
    return unseen


def test_held_lines_speak_up_above_two_percent_of_the_run(warehouse: Warehouse) -> None:
    before, lines = date(2026, 1, 29), [item(f"I{n:03}", "O1", "P1", 1, "1") for n in range(98)]
    held = [item(f"H{n}", "O9", "P1", 1, "1") for n in range(3)]
    warehouse.load(before, before, {"order_items": {before: [item("H9", "O9", "P1", 1, "1")]}})
    files = {"orders": {DAY: [order("O1", "C1", "2026-01-30 10:00")]}}

    def merged(rows: dict[str, dict[date, list[Row]]]) -> Load:
        load = warehouse.stage(DAY, DAY, rows)
        warehouse.merge(load)
        return load

    load = merged({**files, "order_items": {DAY: lines + held[:2]}})
    assert warehouse.audit(load) == {}
    merged({**files, "order_items": {DAY: lines + held}})
    assert warehouse.audit(load) == {"held_lines_are_few": [[101, 3]]}


def test_every_audit_has_a_breakage() -> None:
    for files, breakages in ((AUDITS, BREAKAGES), (WHOLE_AUDITS, FULL)):
        assert {Path(file).stem for file in audit_files(files)} == set(breakages)


def test_refresh_refuses_aggregates_that_disagree(warehouse: Warehouse, load: Load) -> None:
    warehouse.publish(load)
    warehouse.merge(load)
    assert warehouse.audit(load) == {}
    for aggregate in ("agg_day", "agg_month", "agg_geography", "agg_product", "agg_statement"):
        change = f"update analytics.{aggregate} set total_revenue = total_revenue".encode()
        warehouse.admin.execute(change + b" + 1")
        with pytest.raises(AssertionError, match="aggregates disagree"):
            warehouse.run("analytics/refresh.sql", load)
        warehouse.admin.execute(change + b" - 1")
    warehouse.run("analytics/refresh.sql", load)
