"""What `make run` tells at its end: rows, faults with their reasons, and figures, in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from local.stack.story import QUERIES, Story
from local.stack.summary import queries

RULE = {"rule": "status_known", "passed": False}
REPORT: dict[str, Any] = {
    "quarantine": [
        {"source": "orders", "rule": "unparseable:order_date", "rows": 3},
        {"source": "order_items", "rule": "not_null:product_id", "rows": 9},
    ],
    "tables": [{"source": "orders", "rules": [RULE, {"rule": "order_id_not_null", "passed": True}]}],
    "drift": [
        {"source": "orders", "column": "client", "kind": "unknown column"},
        {"source": "customers", "column": "email", "kind": "unknown column"},
    ],
    "not_loaded_count": 2,
}


def story(**changes: Any) -> Story:
    answers = {
        "came": [("order_items", 1200, 7, 12, 0), ("web_events", 0, 0, 0, 0), ("orders", 500, 0, 0, 0)],
        "held": [(4,)],
        "sales": [(490, Decimal("98000.00"))],
        "customers": [(321,)],
        "categories": [("Tea", Decimal("49000.00"))],
        "products": [("Assam",)],
        "places": [("Pune", "MH")],
        "funnel": [(1000, 205)],
    }
    return Story(("2026-01-01", "2026-01-02"), answers | changes, {"2026-01-01": REPORT, "2026-01-02": REPORT})


def test_it_says_what_came() -> None:
    assert story().came() == ["2026-01-01 … 2026-01-02: 1,200 order lines, 500 orders"]
    assert story(came=[]).came() == ["2026-01-01 … 2026-01-02: no row"]


def test_it_says_what_was_wrong_with_reasons_over_all_days() -> None:
    assert story().wrong() == [
        "12 rows are in quarantine with their reasons: "
        "order_items not_null:product_id (18), orders unparseable:order_date (6)",
        "7 rows were copies or older versions of a key that came twice",
        "4 order lines wait for their order, which has not come yet",
        "Unknown column: customers.email, orders.client",
        "4 objects were not loaded; the report names them",
        "Rules that warn: orders status_known (2 days)",
        "Every raw row is loaded, in quarantine, or counted as superseded; order lines add up in money, too.",
    ]


def test_a_row_that_is_lost_is_no_good_news() -> None:
    lines = story(came=[("orders", 500, 0, 0, 1)]).wrong()
    assert "1 rows are in no part of the ledger" in lines[-1]


def test_it_says_the_figures_and_that_there_are_none() -> None:
    assert story().says() == [
        "Revenue 98,000.00 in 490 orders of 321 customers; 200.00 per order",
        "First: category Tea (50 % of revenue); product Assam; place Pune, MH",
        "1,000 web sessions, 205 of them with a purchase (20.5 %)",
    ]
    assert story(sales=[(None, None)]).says() == ["There are no sales yet."]
    assert story(funnel=[(None, None)], categories=[], products=[], places=[(None, None)]).says() == [
        "Revenue 98,000.00 in 490 orders of 321 customers; 200.00 per order"
    ]


def test_every_query_is_told_of() -> None:
    assert {name for name, _ in queries(QUERIES)} == story().answers.keys()
