"""A person is taken out of the warehouse: totals stay, the reload of the rewritten files changes nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from harness import CONTRACTS, SQL, Warehouse, load_of, statements
from shop import Shop, customer, event, item, order

from ecommerce_dwh.warehouse.sql_text import split_statements

D1, D2, D3 = "2024-01-05", "2024-01-06", "2024-01-07"
GONE = "erased-00112233"
TEXTS = [
    ("['C1', 'z@post.example']", "['xx', 'x@xxxx.xxxxxxx']", 0),
    ("https://shop.example/hello/zubeida-khan", "https://shop.example/hello/xxxxxxx-xxxx", 1),
]
TOTALS = (
    "select count(*), sum(line_total), sum(tax_amount), sum(gross_profit), count(distinct customer_key) "
    "from facts.fact_sales",
    "select count(*), count(distinct customer_key) from facts.fact_web_events",
    "select count(*), sum(total_orders), sum(lifetime_value) from analytics.customer_360",
    "select state, city, total_customers, total_revenue from analytics.geographic_sales order by 1, 2",
    "select year_number, month_number, unique_customers, total_revenue from analytics.monthly_sales_trends "
    "order by 1, 2",
    "select source, accepted_rows, current_rows, superseded_rows, held_rows, accepted_amount, current_amount "
    "from quality.ledger_balance order by 1",
)


@pytest.fixture
def shop(warehouse: Warehouse) -> Shop:
    return Shop(warehouse)


def person(key: str, updated: str, **more: Any) -> dict[str, Any]:
    told = {"first_name": "Zubeida", "email": "z@post.example", "phone": "+91 98765", "address": "7, Rose Lane"}
    return customer(key, updated, **{"city": "Pune", **told, **more})


@contextmanager
def naming(shop: Shop, key: str) -> Iterator[Any]:
    """A cursor of a session that knows whom the erasure is about; a task's session ends with the task."""
    session = shop.warehouse.session
    cursor = session.cursor()
    for name, rows in (("erased_person", [(key, GONE)]), ("erased_text", TEXTS)):
        cursor.execute(statements(f"erasure/{name}.sql")[0])
        (insert,) = split_statements((SQL / "erasure" / f"{name}_insert.sql").read_text())
        for row in rows:
            cursor.execute(insert, row)
    yield cursor
    cursor.execute("drop table erased_person, erased_text")
    session.commit()


def erase(shop: Shop, key: str) -> None:
    """What the DAG's warehouse task does, and the steps of the daily run behind it."""
    with naming(shop, key) as cursor:
        for statement in (*statements("erasure/erase_person.sql"), *statements("erasure/erase_texts.sql")):
            cursor.execute(statement)
    load = load_of(date.fromisoformat(D2), date.fromisoformat(D2))
    for file in (
        "dimensions/dim_customer",
        "facts/fact_sales",
        "facts/fact_web_events",
        "facts/fact_inventory",
    ):
        shop.warehouse.run(f"{file}/merge.sql", load)
    shop.warehouse.publish(load)


def traces(shop: Shop, key: str) -> list[tuple[Any, ...]]:
    with naming(shop, key) as cursor:
        cursor.execute(statements("erasure/erasure_traces.sql")[0])
        return [tuple(row) for row in cursor.fetchall()]


def fill(shop: Shop) -> dict[str, dict[str, list[Any]]]:
    first = {
        "customers": [
            person("C1", f"{D1} 08:00"),
            person("C2", f"{D1} 08:00", first_name="Ravi", email="r@x.com"),
        ],
        "orders": [
            order("O1", "C1", f"{D1} 10:00", tax="1", shipping_postal_code="411001"),
            order("O2", "C2", f"{D1} 10:00"),
        ],
        "order_items": [item("I1", "O1", "P1", 1, "10"), item("I2", "O2", "P1", 2, "5")],
        "web_events": [
            event("E1", "view", f"{D1} 09:00", "s1", "C1"),
            event("E2", "view", f"{D1} 09:00", "s2", "C2"),
        ],
    }
    second = {
        "customers": [person("C1", f"{D2} 08:00", city="Delhi")],
        "orders": [order("O3", "C1", f"{D2} 10:00")],
        "order_items": [item("I3", "O3", "P2", 3, "7")],
    }
    shop.load(D1, **first)
    shop.load(D2, **second)
    return {D1: first, D2: second}


def rewritten(files: dict[str, list[Any]], key: str) -> dict[str, list[Any]]:
    """The files as the erasure leaves them."""
    result = {}
    for source, rows in files.items():
        personal = {c.name for c in CONTRACTS[source].columns if c.pii} - {"customer_id"}
        result[source] = [
            {**{n: None if n in personal else v for n, v in row.items()}, "customer_id": GONE}
            if row.get("customer_id") == key
            else row
            for row in rows
        ]
    return result


def test_customer_pseudonymised_and_returned(shop: Shop) -> None:
    days = fill(shop)
    totals = [shop.read(query) for query in TOTALS]
    assert dict(shop.read("select customer_id, count(*) from dimensions.dim_customer group by 1"))["C1"] == 2

    assert {table for table, _ in traces(shop, "C1")} > {"facts.fact_sales", "analytics.agg_order"}

    erase(shop, "C1")

    assert traces(shop, "C1") == []
    assert [shop.read(query) for query in TOTALS] == totals
    assert shop.customers("customer_id, first_name, email, phone, address, city, is_current") == [
        ("C2", "Ravi", "r@x.com", "+91 98765", "7, Rose Lane", "Pune", True),
        (GONE, None, None, None, None, "Pune", False),
        (GONE, None, None, None, None, "Delhi", True),
    ]
    keyed = "customer_key, customer_id, city, effective_from, effective_to, is_current"
    customers, sales = shop.customers(keyed), shop.sales("s.*")

    # The daily run of the rewritten files; after it, the warehouse is what the model makes of the files.
    files: dict[str, dict[str, list[Any]]] = {}
    for day, given in days.items():
        for source, rows in rewritten(given, "C1").items():
            files.setdefault(source, {})[day] = rows
    shop.load(D1, D2, **files)
    assert [shop.read(query) for query in TOTALS] == totals
    assert shop.customers(keyed) == customers
    assert shop.sales("s.*") == sales

    # Who comes back under the old key is a new person: nothing leads to the orders of the one who left.
    shop.load(
        D3,
        customers=[person("C1", f"{D3} 08:00", city="Goa")],
        orders=[order("O9", "C1", f"{D3} 10:00")],
        order_items=[item("I9", "O9", "P1", 1, "20")],
    )
    assert shop.read("select customer_id, city, lifetime_value from analytics.customer_360 order by 1") == [
        ("C1", "Goa", "20"),
        ("C2", "Pune", "10"),
        (GONE, "Delhi", "31"),
    ]


def test_samples_and_messages_that_name_the_person_are_cleared(shop: Shop) -> None:
    fill(shop)
    cursor = shop.warehouse.session.cursor()
    for sample in ("['C1', 'z@post.example']", "['C2']"):
        cursor.execute(
            "insert into quality.audit_results values ('r', 'a', 'warn', 1, %s, '2024-01-05 00:00:00')",
            (sample,),
        )
    shop.warehouse.session.commit()

    erase(shop, "C1")

    assert shop.read("select sample from quality.audit_results where run_id = 'r' order by 1") == [
        ("['C2']",),
        ("['xx', 'x@xxxx.xxxxxxx']",),
    ]


def test_free_text_of_the_persons_rows_goes_where_no_file_is_left_to_load(shop: Shop) -> None:
    """What the reload cannot replace: the same text in another customer's row, and the row's other text, stay."""
    (named, crossed, _) = TEXTS[1]
    plain = {"referrer": "https://search.example/", "page_url": named}
    events = [
        {**event(key, "view", f"{D1} 09:00", f"s{key}", who), **plain}
        for key, who in (("E1", "C1"), ("E2", "C2"), ("E3", None))
    ]
    shop.load(D1, customers=[person("C1", f"{D1} 08:00")], web_events=events)
    with naming(shop, "C1") as cursor:
        cursor.execute(statements("erasure/erasure_texts.sql")[0])
        own = {str(text) for text, is_own in cursor.fetchall() if is_own}
    assert {named, "https://search.example/", "Pune"} <= own
    assert not own & {"C1", "E1", "sE1", "z@post.example"}, "keys and personal columns are no free text"

    erase(shop, "C1")

    for table in ("history.web_events", "facts.fact_web_events"):
        assert shop.read(f"select event_id, customer_id, page_url, referrer from {table} order by 1") == [
            ("E1", GONE, crossed, "https://search.example/"),
            ("E2", "C2", named, "https://search.example/"),
            ("E3", None, named, "https://search.example/"),
        ], table


def test_prose_of_the_pipeline_is_read_whole(shop: Shop) -> None:
    fill(shop)
    cursor = shop.warehouse.session.cursor()
    cursor.execute(
        "insert into quality.audit_results values ('r', 'a', 'warn', 1, 'some', '2024-01-05 00:00:00')"
    )
    cursor.execute(statements("erasure/erased_person.sql")[0])
    cursor.execute(statements("erasure/erasure_texts.sql")[0])
    assert ("some", 0) in [tuple(row) for row in cursor.fetchall()]
    shop.warehouse.session.rollback()


def test_every_table_with_the_key_is_searched() -> None:
    """By the catalogue of the warehouse, which knows nothing of contracts."""
    text = "\n".join(statements("erasure/erasure_traces.sql"))
    declared = re.findall(
        r"create table if not exists ([a-z_.0-9]+) \((.*?)\n\)",
        "\n".join(path.read_text() for path in sorted(SQL.glob("*/*/table.sql"))),
        re.DOTALL,
    )
    tables = {table for table, body in declared if re.search(r"^\s+customer_id varchar", body, re.MULTILINE)}
    assert len(tables) > 10
    assert {table for table in tables if f"from {table} as kept" not in text} == set()


def test_what_is_known_of_a_person_says_what_others_share(shop: Shop) -> None:
    fill(shop)
    with naming(shop, "C1") as cursor:
        cursor.execute(statements("erasure/erasure_values.sql")[0])
        known = {(str(kind), str(value)): int(shared) for kind, value, shared in cursor.fetchall()}

    assert known == {
        ("given_name", "Zubeida"): 0,
        ("email", "z@post.example"): 0,
        ("phone", "+91 98765"): 1,
        ("address", "7, Rose Lane"): 1,
    }
