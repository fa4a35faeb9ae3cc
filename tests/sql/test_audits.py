"""Every audit passes on a sound warehouse and speaks up when its rule is broken by hand."""

from __future__ import annotations

from datetime import date

import pytest
from harness import SQL, Load, Warehouse, parsed_audit
from test_crash import _first_day, _second_day

DAY = date(2026, 1, 31)
SALE = "where order_item_id = 'I1'"
OLD, NOW = "and not is_current", "and is_current"

# audit → ways to break its rule, each against the loaded, unpublished warehouse of the fixture
BREAKAGES: dict[str, dict[str, str]] = {
    "dim_customer_is_sound": {
        "gap": "update dimensions.dim_customer set effective_to = '2026-01-01' where customer_id = 'C1' " + OLD,
        "overlap": "update dimensions.dim_customer set effective_from = '2026-01-01' where customer_id = 'C1' "
        + NOW,
        "two current rows": "update dimensions.dim_customer set is_current = true where customer_id = 'C1'",
        "no current row": "update dimensions.dim_customer set is_current = false where customer_id = 'C1'",
        "late beginning": "update dimensions.dim_customer set effective_from = '2020-01-01' "
        "where customer_id = 'C1' and effective_from = '1900-01-01'",
        "equal neighbours": "update dimensions.dim_customer set attribute_hash = 'x' where customer_id = 'C1'",
        "row twice": "insert into dimensions.dim_customer select * from dimensions.dim_customer "
        "where customer_id = 'C1' and is_current",
    },
    "dim_product_is_sound": {
        "gap": "update dimensions.dim_product set effective_to = '2026-01-01' where product_id = 'P1' " + OLD,
        "two current rows": "update dimensions.dim_product set is_current = true where product_id = 'P1'",
        "equal neighbours": "update dimensions.dim_product set attribute_hash = 'x' where product_id = 'P1'",
        "row twice": "insert into dimensions.dim_product select * from dimensions.dim_product "
        "where product_id = 'P1' and is_current",
    },
    "fact_sales_allocation_is_exact": {
        "a unit lost": f"update facts.fact_sales set tax_amount = tax_amount - 0.0001 {SALE}",
        "shipping from nowhere": f"update facts.fact_sales set shipping_amount = 1 {SALE}",
        "discount from nowhere": f"update facts.fact_sales set discount_amount = 1 {SALE}",
    },
    "fact_sales_keys_are_unique": {
        "line twice": f"insert into facts.fact_sales select * from facts.fact_sales {SALE}",
    },
    "fact_sales_keys_resolve": {
        "no such customer": f"update facts.fact_sales set customer_key = 1 {SALE}",
        "another's version": "update facts.fact_sales set customer_key = (select customer_key from "
        f"dimensions.dim_customer where customer_id = 'C3' limit 1) {SALE}",
        "version of another time": "update facts.fact_sales set customer_key = (select customer_key from "
        "dimensions.dim_customer where customer_id = 'C1' and effective_from = '1900-01-01') "
        "where order_item_id = 'I1'",
        "no such product": f"update facts.fact_sales set product_key = 1 {SALE}",
        "no such place": f"update facts.fact_sales set geography_key = 1 {SALE}",
    },
    "fact_sales_matches_history": {
        "line lost": f"delete from facts.fact_sales {SALE}",
        "amount changed": f"update facts.fact_sales set line_total = line_total + 1 {SALE}",
        "line too many": f"insert into facts.fact_sales select * from facts.fact_sales {SALE}",
    },
    "fact_dates_are_covered": {
        "day missing": f"update facts.fact_sales set order_date_key = 21000101 {SALE}",
    },
    "fact_web_events_are_sound": {
        "event lost": "delete from facts.fact_web_events where event_id = 'E1'",
        "event twice": "insert into facts.fact_web_events select * from facts.fact_web_events where event_id = 'E1'",
        "no such customer": "update facts.fact_web_events set customer_key = 1 where event_id = 'E1'",
        "no such product": "update facts.fact_web_events set product_key = 1 where event_id = 'E1'",
    },
    "fact_inventory_is_sound": {
        "snapshot lost": "delete from facts.fact_inventory where snapshot_date = '2026-01-31'",
        "snapshot twice": "insert into facts.fact_inventory select * from facts.fact_inventory "
        "where snapshot_date = '2026-01-31'",
        "stock changed": "update facts.fact_inventory set stock_quantity = 99 where snapshot_date = '2026-01-31'",
        "no such product": "update facts.fact_inventory set product_key = 1 where snapshot_date = '2026-01-31'",
    },
    "history_matches_ledger": {
        "row lost": "delete from history.orders where order_id = 'O9' and delivery_date = '2026-01-31'",
        "money changed": "update history.order_items set quantity = quantity + 1 where delivery_date = '2026-01-31'",
    },
    "ledger_adds_up": {
        "row unaccounted for": "update quality.ledger set raw_rows = raw_rows + 1 where source = 'orders'",
        "money unaccounted for": "update quality.ledger set quarantined_amount = 1 where source = 'order_items'",
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
        "customer's revenue": "update analytics.agg_customer set lifetime_value = 1 where customer_id = 'C1'",
        "product's orders": "update analytics.agg_product set orders = orders + 1 where product_id = 'P1'",
        "month's revenue": "update analytics.agg_month set total_revenue = total_revenue + 1",
        "fact changed": f"update facts.fact_sales set line_total = line_total + 1 {SALE}",
    },
    "keys_are_sound": {
        "customer twice": "insert into dimensions.dim_customer select * from dimensions.dim_customer "
        "where customer_id = 'C1'",
        "sale twice": f"insert into facts.fact_sales select * from facts.fact_sales {SALE}",
        "orphan sale": f"update facts.fact_sales set product_key = 1 {SALE}",
        "orphan event": "update facts.fact_web_events set customer_key = 1",
        "orphan stock": "update facts.fact_inventory set product_key = 1",
        "vacant place": "insert into dimensions.dim_geography values (1, 'a', 'b', 'c')",
    },
    "ledger_balances": {
        "sale lost": f"delete from facts.fact_sales {SALE}",
        "money changed": f"update facts.fact_sales set line_total = line_total + 1 {SALE}",
        "event lost": "delete from facts.fact_web_events where event_id = 'E1'",
    },
    "product_days_match_facts": {
        "units changed": "update facts.agg_product_day set units = units + 1 where product_id = 'P1'",
        "day lost": "delete from facts.agg_product_day where product_id = 'P1'",
    },
}


@pytest.fixture
def load(warehouse: Warehouse) -> Load:
    """Two days, the second merged and not yet published, with every order in the audits' scope."""
    first = date(2026, 1, 29)
    warehouse.load(first, first, {source: {first: rows} for source, rows in _first_day().items()})
    load = warehouse.stage(DAY, DAY, {source: {DAY: rows} for source, rows in _second_day().items()})
    warehouse.merge(load)
    return load


CASES = [
    (folder, audit, name, sql)
    for folder, breakages in (("audits", BREAKAGES), ("audits/full", FULL))
    for audit, ways in breakages.items()
    for name, sql in ways.items()
]


@pytest.mark.slow
def test_each_audit_sees_its_rule_broken(warehouse: Warehouse, load: Load) -> None:
    assert warehouse.audit(load) == {}
    unseen = _unseen(warehouse, load, "audits")
    warehouse.publish(load)
    assert warehouse.audit(load, folder="audits/full") == {}
    unseen += _unseen(warehouse, load, "audits/full")
    assert not unseen, "these breakages went unseen: " + "; ".join(unseen)


def _unseen(warehouse: Warehouse, load: Load, folder: str) -> list[str]:
    unseen = []
    for where, audit, name, sql in CASES:
        if where != folder:
            continue
        session = warehouse.connect_psycopg()
        changed = session.execute(sql.encode()).rowcount
        query = parsed_audit(f"{folder}/{audit}.sql", load).query
        found = session.execute(query.encode()).fetchall()
        session.rollback()
        session.close()
        if not changed:
            unseen.append(f"{audit}: {name} changed nothing")
        if not found:
            unseen.append(f"{audit}: {name}")
    return unseen


def test_every_audit_has_a_breakage() -> None:
    for folder, breakages in (("audits", BREAKAGES), ("audits/full", FULL)):
        assert {file.stem for file in (SQL / folder).glob("*.sql")} == set(breakages)


def test_refresh_refuses_aggregates_that_disagree(warehouse: Warehouse, load: Load) -> None:
    warehouse.publish(load)
    warehouse.admin.execute("update analytics.agg_month set total_revenue = total_revenue + 1")
    warehouse.merge(load)
    assert warehouse.audit(load) == {}
    with pytest.raises(AssertionError, match="aggregates disagree"):
        warehouse.run("analytics/refresh.sql", load)
