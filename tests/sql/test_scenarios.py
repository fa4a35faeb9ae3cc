"""Named situations of a warehouse's life, each with the exact rows that it must lead to."""

from __future__ import annotations

from datetime import date

import pytest
from comparing import TABLES, check
from harness import Row, Warehouse
from shop import Shop, customer, event, item, order, product

D1, D2, D3, D4 = "2026-01-29", "2026-01-30", "2026-01-31", "2026-02-01"
FROM, TO = "1900-01-01", "9999-12-31"


@pytest.fixture
def shop(warehouse: Warehouse) -> Shop:
    return Shop(warehouse)


def test_first_load_with_several_versions_per_customer_and_product(shop: Shop) -> None:
    shop.load(
        D1,
        customers=[
            customer("C1", "2026-01-10 08:00", city="Pune"),
            customer("C1", "2026-01-20 08:00", city="Delhi"),
            customer("C1", "2026-01-25 08:00", city="Delhi"),  # says nothing new
        ],
        products=[
            product("P1", "10", "4", "2026-01-10"),
            product("P1", "12", "5", "2026-01-22"),
            product("P1", "12", "5", "2026-01-25"),  # nor does this
        ],
        orders=[order("O1", "C1", "2026-01-05 10:00"), order("O2", "C1", "2026-01-23 10:00")],
        order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O2", "P1", 1, "12")],
    )
    assert shop.customers("city, effective_from, effective_to, is_current") == [
        ("Pune", FROM, "2026-01-20 08:00", False),
        ("Delhi", "2026-01-20 08:00", TO, True),
    ]
    assert shop.products("price, profit_margin, effective_from, effective_to, is_current") == [
        ("10", "60", FROM, "2026-01-22", False),
        ("12", "58.3333", "2026-01-22", TO, True),
    ]
    assert shop.sales("order_item_id, c.city, p.price, unit_cost, gross_profit") == [
        ("I1", "Pune", "10", "4", "6"),
        ("I2", "Delhi", "12", "5", "7"),
    ]


def test_late_order_releases_its_held_lines(shop: Shop) -> None:
    shop.load(D1, order_items=[item("I1", "O1", "P1", 2, "10"), item("I2", "O1", "P1", 1, "5")])
    assert shop.sales("order_item_id") == []
    held = "select held_rows, held_amount from quality.ledger_balance where source = 'order_items'"
    assert shop.read(held) == [(2, "25")]
    shop.load(D3, orders=[order("O1", "C1", f"{D1} 10:00", tax="1")])
    assert shop.sales("order_item_id, line_total, tax_amount, s.delivery_date") == [
        ("I1", "20", "0.8", D1),
        ("I2", "5", "0.2", D1),
    ]
    assert shop.read(held) == [(0, "0")]


def test_order_header_corrected_alone_reaches_its_lines(shop: Shop) -> None:
    shop.load(
        D1,
        orders=[
            order(
                "O1", "C1", f"{D1} 10:00", f"{D1} 10:00", tax="1", payment_method="card", shipping_city="Pune"
            )
        ],
        order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O1", "P2", 2, "10")],
    )
    shop.load(
        D2,
        orders=[
            order(
                "O1", "C2", f"{D1} 11:00", f"{D2} 09:00", tax="4", payment_method="upi", shipping_city="Delhi"
            )
        ],
    )
    assert shop.sales("order_item_id, s.customer_id, order_timestamp, payment_method, g.city, tax_amount") == [
        ("I1", "C2", f"{D1} 11:00", "upi", "Delhi", "1.3333"),
        ("I2", "C2", f"{D1} 11:00", "upi", "Delhi", "2.6667"),
    ]
    assert shop.read("select city from dimensions.dim_geography") == [("Delhi",)]


def test_corrected_line_with_its_header(shop: Shop) -> None:
    shop.load(
        D1, orders=[order("O1", "C1", f"{D1} 10:00", tax="1")], order_items=[item("I1", "O1", "P1", 1, "10")]
    )
    shop.load(
        D2, orders=[order("O1", "C1", f"{D1} 10:00", tax="3")], order_items=[item("I1", "O1", "P2", 3, "9")]
    )
    assert shop.sales("order_item_id, s.product_id, quantity, line_total, tax_amount, s.delivery_date") == [
        ("I1", "P2", 3, "27", "3", D2)
    ]


def test_further_line_of_an_old_order_shares_its_amounts_anew(shop: Shop) -> None:
    shop.load(
        D1,
        orders=[order("O1", "C1", f"{D1} 10:00", shipping_cost="9")],
        order_items=[item("I1", "O1", "P1", 1, "10")],
    )
    shop.load(D3, order_items=[item("I2", "O1", "P1", 2, "10")])
    assert shop.sales("order_item_id, shipping_amount") == [("I1", "3"), ("I2", "6")]
    assert shop.read("select total_orders, total_revenue from analytics.monthly_sales_trends") == [(1, "30")]


def test_order_added_to_a_day_that_was_loaded(shop: Shop) -> None:
    first = order("O1", "C1", f"{D1} 10:00")
    shop.load(D1, orders=[first], order_items=[item("I1", "O1", "P1", 1, "10")])
    shop.load(D2, orders=[order("O2", "C1", f"{D2} 10:00")], order_items=[item("I2", "O2", "P1", 1, "20")])
    shop.load(
        D1,
        orders=[first, order("O3", "C2", f"{D1} 12:00")],
        order_items=[item("I1", "O1", "P1", 1, "10"), item("I3", "O3", "P1", 1, "30")],
    )
    assert shop.sales("order_item_id, s.order_date, line_total") == [
        ("I1", D1, "10"),
        ("I2", D2, "20"),
        ("I3", D1, "30"),
    ]


def test_second_delivery_for_a_loaded_day_replaces_the_first(shop: Shop) -> None:
    shop.load(
        D1,
        customers=[customer("C1", city="Pune")],
        orders=[order("O1", "C1", f"{D1} 10:00"), order("O2", "C1", f"{D1} 11:00")],
        order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O2", "P1", 1, "10")],
    )
    shop.load(
        D1,
        customers=[customer("C1", city="Delhi")],
        orders=[order("O1", "C1", f"{D1} 10:00")],
        order_items=[item("I1", "O1", "P1", 1, "11")],
    )
    assert shop.customers("city, effective_from") == [("Delhi", FROM)]
    assert shop.sales("order_item_id, line_total, c.city") == [("I1", "11", "Delhi")]
    ledger = "select raw_rows, accepted_rows, accepted_amount from quality.ledger where source = 'order_items'"
    assert shop.read(ledger) == [(1, 1, "11")]


def test_older_header_version_delivered_after_a_newer_one_changes_nothing(shop: Shop) -> None:
    shop.load(
        D2,
        orders=[order("O1", "C2", f"{D1} 10:00", f"{D2} 09:00", order_status="shipped")],
        order_items=[item("I1", "O1", "P1", 1, "10")],
    )
    shop.load(D3, orders=[order("O1", "C1", f"{D1} 10:00", f"{D1} 10:00", order_status="placed")])
    assert shop.sales("order_item_id, s.customer_id, order_status") == [("I1", "C2", "shipped")]
    superseded = "select superseded_rows from quality.ledger_balance where source = 'orders'"
    assert shop.read(superseded) == [(1,)]


def test_customer_change_delivered_late_moves_orders_that_are_loaded(shop: Shop) -> None:
    shop.load(
        D1,
        customers=[customer("C1", "2026-01-01", city="Pune", state="MH", country="IN")],
        orders=[order("O1", "C1", f"{D1} 10:00"), order("O2", "C1", "2026-01-10 10:00")],
        order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O2", "P1", 1, "20")],
    )
    shop.load(D3, customers=[customer("C1", "2026-01-20", city="Agra", state="UP", country="IN")])
    assert shop.sales("order_item_id, c.city, g.city as place, c.effective_from") == [
        ("I1", "Agra", "Agra", "2026-01-20"),
        ("I2", "Pune", "Pune", FROM),
    ]
    assert shop.read(
        "select city, total_customers, total_revenue from analytics.geographic_sales order by city"
    ) == [
        ("Agra", 1, "10"),
        ("Pune", 1, "20"),
    ]


def test_customer_version_inserted_in_the_middle(shop: Shop) -> None:
    shop.load(
        D1,
        customers=[customer("C1", "2026-01-01", city="Pune"), customer("C1", "2026-01-20", city="Agra")],
        orders=[order(f"O{n}", "C1", f"2026-01-{n} 00:00") for n in ("05", "10", "15", "25")],
        order_items=[item(f"I{n}", f"O{n}", "P1", 1, "10") for n in ("05", "10", "15", "25")],
    )
    shop.load(D2, customers=[customer("C1", "2026-01-10", city="Delhi")])
    assert shop.customers("city, effective_from, effective_to, is_current") == [
        ("Pune", FROM, "2026-01-10", False),
        ("Delhi", "2026-01-10", "2026-01-20", False),
        ("Agra", "2026-01-20", TO, True),
    ]
    assert shop.sales("order_item_id, c.city") == [
        ("I05", "Pune"),
        ("I10", "Delhi"),  # half-open: the version holds from its very instant
        ("I15", "Delhi"),
        ("I25", "Agra"),
    ]


def test_product_versions_that_come_and_go_move_only_their_sales(shop: Shop) -> None:
    days = ("05", "10", "15", "25")
    first = [product("P1", "10", "4", "2026-01-01"), product("P1", "12", "5", "2026-01-20")]
    shop.load(
        D1,
        products=first,
        orders=[order(f"O{n}", "C1", f"2026-01-{n} 00:00") for n in days],
        order_items=[item(f"I{n}", f"O{n}", "P1", 1, "10") for n in days],
    )
    original = [("I05", "10", "4"), ("I10", "10", "4"), ("I15", "10", "4"), ("I25", "12", "5")]
    assert shop.sales("order_item_id, p.price, unit_cost") == original
    # A version in the middle: the end of the one before it comes earlier.
    shop.load(D2, products=[product("P1", "11", "4", "2026-01-10")])
    moved = [("I05", "10", "4"), ("I10", "11", "4"), ("I15", "11", "4"), ("I25", "12", "5")]
    assert shop.sales("order_item_id, p.price, unit_cost") == moved
    # Another cost of the first version, whose interval stays as it is; then the one in the middle vanishes.
    lines = {
        "orders": [order(f"O{n}", "C1", f"2026-01-{n} 00:00") for n in days],
        "order_items": [item(f"I{n}", f"O{n}", "P1", 1, "10") for n in days],
    }
    shop.load(D1, products=[product("P1", "10", "3", "2026-01-01"), first[1]], **lines)
    assert shop.sales("order_item_id, p.price, unit_cost") == [("I05", "10", "3"), *moved[1:]]
    shop.load(D2, products=[])
    assert shop.sales("order_item_id, p.price, unit_cost") == [
        *((f"I{n}", "10", "3") for n in ("05", "10", "15")),
        original[3],
    ]


def test_version_holds_from_its_very_instant_for_sales_events_and_stock(shop: Shop) -> None:
    """Half-open intervals: on the edge there is one version, the new one; stock belongs to the end of its day."""
    edge = "2026-01-20 00:00"
    shop.load(
        "2026-01-19",
        products=[
            product("P1", "9", "4", "2026-01-01", stock_quantity=4),
            product("P1", "10", "4", "2026-01-10", stock_quantity=5),
            product("P1", "12", "5", edge, stock_quantity=6),
        ],
        customers=[customer("C1", "2026-01-01", city="Pune"), customer("C1", edge, city="Agra")],
        orders=[order("O1", "C1", "2026-01-19 23:59"), order("O2", "C1", edge)],
        order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O2", "P1", 1, "12")],
        web_events=[
            event("E1", "view", "2026-01-19 23:59", "S1", "C1", "P1"),
            event("E2", "view", edge, "S1", "C1", "P1"),
        ],
    )
    assert shop.sales("order_item_id, c.city, p.price, unit_cost") == [
        ("I1", "Pune", "10", "4"),
        ("I2", "Agra", "12", "5"),
    ]
    assert shop.read(
        "select e.event_id, c.city, p.price from facts.fact_web_events as e "
        "inner join dimensions.dim_customer as c on e.customer_key = c.customer_key "
        "inner join dimensions.dim_product as p on e.product_key = p.product_key order by 1"
    ) == [("E1", "Pune", "10"), ("E2", "Agra", "12")]
    assert shop.read(
        "select i.snapshot_date, p.price from facts.fact_inventory as i "
        "inner join dimensions.dim_product as p on i.product_key = p.product_key"
    ) == [("2026-01-19", "10")]


def test_two_versions_of_a_customer_in_one_load(shop: Shop) -> None:
    shop.load(D1, customers=[customer("C1", "2026-01-01", first_name="Asha")])
    shop.load(
        D2,
        customers=[
            customer("C1", f"{D2} 08:00", first_name="Asha", last_name="Rao"),
            customer("C1", f"{D2} 12:00", first_name="Asha", last_name="Iyer", email="a@Mail.COM"),
        ],
    )
    assert shop.customers("full_name, email_domain, effective_from, is_current") == [
        ("Asha", None, FROM, False),
        ("Asha Rao", None, f"{D2} 08:00", False),
        ("Asha Iyer", "mail.com", f"{D2} 12:00", True),
    ]


def test_line_that_disappears_from_a_corrected_file(shop: Shop) -> None:
    header = order("O1", "C1", f"{D1} 10:00", discount="3")
    shop.load(
        D1, orders=[header], order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O1", "P2", 1, "20")]
    )
    shop.load(D1, orders=[header], order_items=[item("I1", "O1", "P1", 1, "10")])
    assert shop.sales("order_item_id, discount_amount") == [("I1", "3")]
    assert shop.products("product_id") == [("P1",)]  # nothing names P2 any more
    assert shop.read("select product_id, units_sold from analytics.product_performance") == [("P1", 1)]


def test_line_that_moves_to_another_order_and_back(shop: Shop) -> None:
    shop.load(
        D1,
        orders=[order("O1", "C1", f"{D1} 10:00", tax="2"), order("O2", "C2", f"{D1} 11:00", tax="4")],
        order_items=[
            item("I1", "O1", "P1", 1, "10"),
            item("I2", "O1", "P1", 1, "10"),
            item("I3", "O2", "P1", 1, "10"),
        ],
    )
    shop.load(D2, order_items=[item("I2", "O2", "P1", 1, "10")])
    assert shop.sales("order_item_id, order_id, s.customer_id, tax_amount") == [
        ("I1", "O1", "C1", "2"),
        ("I2", "O2", "C2", "2"),
        ("I3", "O2", "C2", "2"),
    ]
    shop.load(D2)  # the move was a mistake: the day's file is corrected to nothing
    assert shop.sales("order_item_id, order_id, s.customer_id, tax_amount") == [
        ("I1", "O1", "C1", "1"),
        ("I2", "O1", "C1", "1"),
        ("I3", "O2", "C2", "4"),
    ]


def test_order_cancelled_after_load_takes_its_revenue_with_it(shop: Shop) -> None:
    def orders(said: str, status: str) -> list[Row]:
        return [
            order(key, "C1", f"{D1} 10:00", f"{said} 10:00", order_status=status, shipping_city=city)
            for key, city in (("O1", "Pune"), ("O2", "Goa"))
        ]

    shop.load(
        D1,
        orders=orders(D1, "placed"),
        order_items=[
            item("I1", "O1", "P1", 2, "10"),
            item("I2", "O1", "P1", -1, "10"),
            item("I3", "O2", "P1", 1, "5"),
        ],
    )
    places = "select city, total_orders, total_revenue from analytics.geographic_sales order by city"
    assert shop.read(places) == [("Goa", 1, "5"), ("Pune", 1, "10")]
    shop.load(D2, orders=orders(D2, "cancelled"))
    assert shop.sales("order_item_id, order_status, is_revenue, line_total") == [
        ("I1", "cancelled", False, "20"),
        ("I2", "cancelled", True, "-10"),  # a return still reduces revenue
        ("I3", "cancelled", False, "5"),
    ]
    assert shop.read("select total_orders, lifetime_value from analytics.customer_360") == [(1, "-10")]
    assert shop.read(places) == [("Pune", 1, "-10")]


def test_product_that_arrives_after_its_sales_completes_the_inferred_member(shop: Shop) -> None:
    shop.load(D1, orders=[order("O1", "C1", f"{D1} 10:00")], order_items=[item("I1", "O1", "P1", 1, "10")])
    [(key, name, inferred)] = shop.products("product_key, product_name, is_inferred")
    assert (name, inferred) == (None, True)
    assert shop.sales("order_item_id, unit_cost, gross_profit") == [("I1", None, None)]
    shop.load(
        D3,
        products=[
            product("P1", "10", "4", f"{D2}", product_name="Pen"),
            product("P1", "11", "4", f"{D3}", product_name="Pen"),
        ],
    )
    assert shop.products("product_name, price, effective_from, is_inferred") == [
        ("Pen", "10", FROM, False),
        ("Pen", "11", D3, False),
    ]
    assert shop.sales("order_item_id, s.product_key, unit_cost, gross_profit") == [("I1", key, "4", "6")]


def test_customer_erased_and_returned(shop: Shop) -> None:
    shop.load(
        D1,
        customers=[customer("C1", city="Pune", email="c1@x.com")],
        orders=[order("O1", "C1", f"{D1} 10:00")],
        order_items=[item("I1", "O1", "P1", 1, "10")],
    )
    shop.load(D1, orders=[order("O1", None, f"{D1} 10:00")], order_items=[item("I1", "O1", "P1", 1, "10")])
    assert shop.customers("customer_id") == []
    assert shop.sales("order_item_id, s.customer_key, g.city") == [("I1", -1, "unknown")]
    assert shop.read("select customer_id from analytics.customer_360") == []
    shop.load(
        D3,
        customers=[customer("C1", city="Delhi")],
        orders=[order("O2", "C1", f"{D3} 10:00")],
        order_items=[item("I2", "O2", "P1", 1, "20")],
    )
    assert shop.customers("customer_id, city, email") == [("C1", "Delhi", None)]
    assert shop.read("select customer_id, lifetime_value from analytics.customer_360") == [("C1", "20")]


# Beside the list: what else has gone wrong in warehouses --------------------------------------------------


def test_full_snapshot_that_repeats_itself_touches_nothing(shop: Shop) -> None:
    snapshot = [customer(f"C{n}", city="Pune") for n in range(5)]
    shop.load(D1, customers=snapshot)
    before = shop.customers("customer_key, effective_from, effective_to")
    day = date.fromisoformat(D2)
    load = shop.warehouse.stage(day, day, {"customers": {day: snapshot}})
    shop.warehouse.run("history/replace_slices.sql", load)
    assert shop.read("select count(*) from history.pending_key where entity = 'customer'") == [(0,)]
    shop.warehouse.merge(load)
    assert shop.customers("customer_key, effective_from, effective_to") == before


def test_guest_checkout_is_the_unknown_customer_but_a_place_of_its_own(shop: Shop) -> None:
    shop.load(
        D1,
        orders=[order("O1", None, f"{D1} 10:00", shipping_city="Pune", shipping_country="IN")],
        order_items=[item("I1", "O1", "P1", 1, "10")],
    )
    assert shop.sales("order_item_id, s.customer_key, g.country, g.state, g.city") == [
        ("I1", -1, "IN", "unknown", "Pune")
    ]
    assert shop.read(
        "select total_customers, total_orders, revenue_per_customer from analytics.geographic_sales"
    ) == [(0, 1, None)]


@pytest.mark.parametrize("part", ["city", "state", "country"])
def test_corrected_address_of_a_version_moves_its_orders(shop: Shop, part: str) -> None:
    home = {"city": "Pune", "state": "MH", "country": "IN"}
    shop.load(
        D1,
        customers=[customer("C1", "2026-01-01", **home)],
        orders=[order("O1", "C1", f"{D1} 10:00")],
        order_items=[item("I1", "O1", "P1", 1, "10")],
    )
    shop.load(
        D2, customers=[customer("C1", "2025-01-01", **home | {part: "Elsewhere"})]
    )  # before what was known
    shop.load(D2, customers=[customer("C1", "2026-01-01", **home | {part: "Elsewhere"})])
    shop.load(D1, orders=[order("O1", "C1", f"{D1} 10:00")], order_items=[item("I1", "O1", "P1", 1, "10")])
    shop.load(D2, customers=[customer("C1", "2026-01-01", **home)])
    assert shop.sales("g.country, g.state, g.city as place") == [("IN", "MH", "Pune")]
    shop.load(D2, customers=[customer("C1", "2026-01-01", **home | {part: "Elsewhere"})])
    wanted = home | {part: "Elsewhere"}
    assert shop.sales("g.country, g.state, g.city as place") == [
        (wanted["country"], wanted["state"], wanted["city"])
    ]


def test_nonsense_instants_break_no_interval(shop: Shop) -> None:
    shop.load(
        D1,
        customers=[
            customer("C1", "0001-01-01", city="Pune"),
            customer("C1", "1850-01-01", city="Agra"),
            customer("C1", "9999-12-31", city="Delhi"),
        ],
        orders=[
            order("O1", "C1", "0001-01-01"),
            order("O2", "C1", f"{D1} 10:00"),
            order("O3", "C1", "9999-12-31"),
        ],
        order_items=[item(f"I{n}", f"O{n}", "P1", 1, "10") for n in (1, 2, 3)],
        web_events=[
            event("E1", "view", "0001-01-01", "S1", "C1"),
            event("E2", "view", "9999-12-31", "S1", "C1"),
        ],
    )
    assert shop.customers("city, effective_from, effective_to") == [
        ("Agra", FROM, "9999-12-30"),
        ("Delhi", "9999-12-30", TO),
    ]
    assert shop.sales("order_item_id, c.city") == [("I1", "Agra"), ("I2", "Agra"), ("I3", "Delhi")]


def test_places_with_a_border_in_their_names_stay_apart(shop: Shop) -> None:
    shop.load(
        D1,
        orders=[
            order("O1", None, f"{D1} 10:00", shipping_state="a|b", shipping_city="c"),
            order("O2", None, f"{D1} 10:00", shipping_state="a", shipping_city="b|c"),
        ],
        order_items=[item("I1", "O1", "P1", 1, "1"), item("I2", "O2", "P1", 1, "2")],
    )
    assert shop.sales("order_item_id, g.state, g.city") == [("I1", "a|b", "c"), ("I2", "a", "b|c")]


def test_members_named_like_the_unknown_ones_do_not_take_their_places(shop: Shop) -> None:
    for day, name in ((D1, "Odd"), (D2, "Even")):
        shop.load(
            day,
            customers=[customer("(unknown)", first_name=name)],
            products=[product("(unknown)", "1", "1", product_name=name, stock_quantity=1)],
            orders=[order("O1", "(unknown)", f"{D1} 10:00"), order("O2", None, f"{D2} 10:00")],
            order_items=[item("I1", "O1", "(unknown)", 1, "1"), item("I2", "O2", "(unknown)", 1, "2")],
            web_events=[event("E1", "view", f"{D1} 10:00", "S1", "(unknown)", "(unknown)")],
        )
    assert shop.sales("order_item_id, c.full_name, p.product_name") == [
        ("I1", "Odd", "Odd"),
        ("I2", "Unknown customer", "Even"),
    ]
    assert shop.read("select count(*) from dimensions.dim_product where product_key = -1") == [(1,)]


def test_stock_cover_looks_back_28_days_and_follows_late_sales(shop: Shop) -> None:
    shop.load("2026-01-28", products=[product("P1", stock_quantity=10)])
    shop.load(
        D1,
        products=[product("P1", stock_quantity=8)],
        orders=[order("O1", "C1", "2026-01-01 10:00"), order("O2", "C1", "2026-01-02 10:00")],
        order_items=[item("I1", "O1", "P1", 4, "1"), item("I2", "O2", "P1", 3, "1")],
    )
    stock = "select snapshot_date, stock_quantity, units_sold_28d, days_of_supply from facts.fact_inventory order by 1"
    assert shop.read(stock) == [("2026-01-28", 10, 7, "40"), (D1, 8, 3, "74.67")]
    shop.load(D3, order_items=[item("I2", "O2", "P1", 5, "1")])
    assert shop.read(stock) == [("2026-01-28", 10, 9, "31.11"), (D1, 8, 5, "44.8")]
    shop.load(D4, order_items=[item("I1", "O1", "P1", 3, "1"), item("I2", "O2", "P1", -1, "1")])
    assert shop.read(stock) == [("2026-01-28", 10, 2, "140"), (D1, 8, -1, None)]  # more came back than went


@pytest.mark.parametrize("days", [(D1, D2), (D2, D1)])
def test_of_two_headers_of_one_instant_the_later_delivery_is_current(shop: Shop, days: tuple[str, str]) -> None:
    """A clock that has only dates gives the changes of a day one instant; the order of loading changes nothing."""
    said = f"{D1} 00:00"
    placed = {"order_status": "placed", "shipping_city": "Pune", "tax": "1"}
    cancelled = {"order_status": "cancelled", "shipping_city": "Agra", "tax": "2"}
    for day in days:
        one, other = (placed, cancelled) if day == D1 else (cancelled, placed)
        shop.load(
            day,
            orders=[order("O1", "C1", said, said, **one), order("O2", "C1", said, said, **other)],
            order_items=[item("I1", "O1", "P1", 1, "10"), item("I2", "O2", "P1", 1, "10")],
        )
    assert shop.sales("order_item_id, order_status, g.city, tax_amount") == [
        ("I1", "cancelled", "Agra", "2"),
        ("I2", "placed", "Pune", "1"),
    ]


def test_cancelled_order_that_comes_back_counts_once(shop: Shop) -> None:
    """Its lines were published as none of the revenue: there is nothing to take back."""
    header = {"shipping_city": "Pune"}
    shop.load(
        D1,
        products=[product("P1", stock_quantity=9)],
        orders=[
            order("O1", "C1", f"{D1} 10:00", f"{D1} 11:00", order_status="cancelled", **header),
            order("O2", "C1", f"{D1} 10:00", f"{D1} 10:00", **header),
        ],
        order_items=[
            item("I1", "O1", "P1", 2, "10"),
            item("I2", "O1", "P1", -1, "10"),
            item("I3", "O2", "P1", 1, "5"),
        ],
    )
    totals = (
        "select c.total_orders, c.lifetime_value, p.orders, p.units_sold, p.return_rate_percent, g.total_revenue, "
        "i.units_sold_28d from analytics.customer_360 as c cross join analytics.product_performance as p "
        "cross join analytics.geographic_sales as g cross join facts.fact_inventory as i"
    )
    assert shop.read(totals) == [(2, "-5", 2, 0, "100", "-5", 0)]
    shop.load(D2, orders=[order("O1", "C1", f"{D1} 10:00", f"{D2} 11:00", order_status="shipped", **header)])
    assert shop.read(totals) == [(2, "15", 2, 2, "33.33", "15", 2)]
    shop.load(
        D3, orders=[order("O1", "C1", f"{D1} 10:00", f"{D3} 11:00", order_status="unavailable", **header)]
    )
    assert shop.read(totals) == [(2, "-5", 2, 0, "100", "-5", 0)]


def test_cost_corrected_in_place_reaches_the_profit(shop: Shop) -> None:
    """The versions, their keys and intervals stay; no cost is another thing than any number."""
    costs = {"P1": ("4", "3"), "P2": (None, "4"), "P3": ("4", None), "P4": (None, "-1"), "P5": ("0", None)}
    shop.load(D1, products=[product(key, "10", known) for key, (known, _) in costs.items()])
    shop.load(
        D2,
        orders=[order(f"O{key}", "C1", f"{D1} 10:00") for key in costs],
        order_items=[item(f"I{key}", f"O{key}", key, 2, "10") for key in costs],
    )
    shop.load(D1, products=[product(key, "10", corrected) for key, (_, corrected) in costs.items()])
    profits = [("P1", "14"), ("P2", "12"), ("P3", None), ("P4", "22"), ("P5", None)]
    assert shop.sales("p.product_id, gross_profit") == profits
    assert shop.read("select product_id, gross_profit from analytics.product_performance order by 1") == profits


def test_version_delivered_late_takes_the_snapshots_of_its_day_and_later(shop: Shop) -> None:
    """A snapshot belongs to the version that its day ends with, also to one that begins that very day."""
    for day in (D1, D2, D3):
        shop.load(day, products=[product("P1", "10", updated="2026-01-01", stock_quantity=5)])
    shop.load(D4, products=[product("P1", "11", updated=f"{D2} 18:00", stock_quantity=4)])
    stock = (
        "select i.snapshot_date, p.price from facts.fact_inventory as i "
        "inner join dimensions.dim_product as p on i.product_key = p.product_key order by 1"
    )
    assert shop.read(stock) == [(D1, "10"), (D2, "11"), (D3, "11"), (D4, "11")]
    shop.load(D4, products=[product("P1", "11", updated=f"{D2} 00:00", stock_quantity=4)])
    assert shop.read(stock) == [(D1, "10"), (D2, "11"), (D3, "11"), (D4, "11")]
    shop.load(D4, products=[])
    assert shop.read(stock) == [(D1, "10"), (D2, "10"), (D3, "10")]


def test_order_changed_by_two_runs_before_one_publish_is_taken_back_once(shop: Shop) -> None:
    """The first run merged and did not get through its audits; the next one publishes both."""
    shop.load(D1, orders=[order("O1", "C1", f"{D1} 10:00")], order_items=[item("I1", "O1", "P1", 1, "10")])
    for day, price in ((D2, "20"), (D3, "30")):
        of_day = date.fromisoformat(day)
        load = shop.warehouse.stage(
            of_day, of_day, {"order_items": {of_day: [item("I1", "O1", "P1", 1, price)]}}
        )
        shop.warehouse.merge(load)
    shop.warehouse.publish(load)
    check(shop.warehouse, of_day)
    assert shop.read("select total_orders, lifetime_value from analytics.customer_360") == [(1, "30")]
    assert shop.read("select total_orders, total_revenue from analytics.monthly_sales_trends") == [(1, "30")]


def test_versions_delivered_late_move_the_sales_and_events_of_their_day_and_later(shop: Shop) -> None:
    moments = {
        "1": "2026-01-19 10:00",
        "2": "2026-01-20 08:00",
        "3": "2026-01-20 09:00",
        "4": "2026-01-25 10:00",
    }
    shop.load(
        D1,
        customers=[customer("C1", "2026-01-01", city="Pune")],
        products=[product("P1", "10", "4", "2026-01-01")],
        orders=[order(f"O{n}", "C1", moment) for n, moment in moments.items()],
        order_items=[item(f"I{n}", f"O{n}", "P1", 1, "10") for n in moments],
        web_events=[event(f"E{n}", "view", moment, "S1", "C1", "P1") for n, moment in moments.items()],
    )
    events = (
        "select event_id, c.city, p.price from facts.fact_web_events as e "
        "inner join dimensions.dim_customer as c on e.customer_key = c.customer_key "
        "inner join dimensions.dim_product as p on e.product_key = p.product_key order by 1"
    )
    for products, customers, moved in (
        ([product("P1", "11", "4", "2026-01-20 09:00")], [], ("Pune", "11")),
        ([], [customer("C1", "2026-01-20 09:00", city="Agra")], ("Agra", "10")),
        ([], [], ("Pune", "10")),
    ):
        shop.load(D2, customers=customers, products=products)
        wanted = [("1", "Pune", "10"), ("2", "Pune", "10"), ("3", *moved), ("4", *moved)]
        assert shop.sales("right(order_item_id, 1), c.city, p.price") == wanted
        assert shop.read(events.replace("event_id", "right(event_id, 1)")) == wanted


def test_price_categories_and_margins_at_their_borders(shop: Shop) -> None:
    prices = (None, "-1", "0", "0.0001", "0.5", "499.9999", "500", "1999.9999", "2000", "9999.9999", "10000")
    shop.load(D1, products=[product(f"P{n:02}", price, "0.4") for n, price in enumerate(prices)])
    assert shop.products("price, price_category, profit_margin") == [
        (None, "unknown", None),
        ("-1", "budget", None),
        ("0", "free", None),
        ("0.0001", "budget", "-399900"),
        ("0.5", "budget", "20"),
        ("499.9999", "budget", "99.92"),
        ("500", "standard", "99.92"),
        ("1999.9999", "standard", "99.98"),
        ("2000", "premium", "99.98"),
        ("9999.9999", "premium", "99.996"),
        ("10000", "luxury", "99.996"),
    ]


def test_files_corrected_to_nothing_leave_nothing(shop: Shop) -> None:
    """No row of zeros stays behind, in no table: a rebuild would not make it."""
    shop.load(
        D1,
        customers=[customer("C1", city="Pune")],
        products=[product("P1", "10", "4", stock_quantity=5)],
        orders=[order("O1", "C1", f"{D1} 10:00"), order("O2", "C2", f"{D1} 10:00", order_status="cancelled")],
        order_items=[
            item("I1", "O1", "P1", 1, "10"),
            item("I2", "O2", "P2", 1, "10"),
            item("I3", "O9", "P1", 1, "10"),
        ],
        web_events=[event("E1", "view", f"{D1} 10:00", "S1", "C1", "P1")],
    )
    tables = shop.warehouse.rows(
        "select schemaname || '.' || tablename as name from pg_tables where tablename not in "
        "('dim_date', 'published', 'score_bound') and schemaname in "
        "('history', 'dimensions', 'facts', 'analytics') order by 1"
    )

    def filled() -> set[str]:
        rules = {row["name"]: TABLES.get(row["name"], "true") for row in tables}
        return {
            name for name, rule in rules.items() if shop.warehouse.rows(f"select 1 from {name} where {rule}")
        }

    passing = {
        "pending_key",
        "pending_inventory",
        "pending_event_day",
        "pending_range",
        "published_line",
        "shared_item",
    }
    assert filled() == {row["name"] for row in tables} - {f"history.{name}" for name in passing}
    shop.load(D1)
    assert filled() == set()


def test_header_withdrawn_by_a_corrected_file_holds_its_lines_again(shop: Shop) -> None:
    shop.load(D1, orders=[order("O1", "C1", f"{D1} 10:00", shipping_city="Pune")])
    shop.load(D2, order_items=[item("I1", "O1", "P1", 1, "10")])
    assert shop.sales("order_item_id, s.customer_id, g.city") == [("I1", "C1", "Pune")]
    shop.load(D1)
    assert shop.sales("order_item_id") == []
    assert shop.customers("customer_id") == []
    held = "select held_rows, held_amount from quality.ledger_balance where source = 'order_items'"
    assert shop.read(held) == [(1, "10")]


def test_stock_of_a_range_of_days_and_of_a_day_corrected(shop: Shop) -> None:
    def snapshots(*stocks: int) -> list[Row]:
        return [
            product("P1", "10", updated=f"{D2} {10 + n}:00", stock_quantity=s) for n, s in enumerate(stocks)
        ]

    stock = "select snapshot_date, stock_quantity from facts.fact_inventory order by 1"
    shop.load(D1, D3, products={D1: snapshots(5), D2: snapshots(4, 7, 6), D3: snapshots(3)})
    assert shop.read(stock) == [(D1, 5), (D2, 6), (D3, 3)]  # of a day the newest, not the greatest
    shop.load(D2, D3, products={D3: snapshots(2)})
    assert shop.read(stock) == [(D1, 5), (D3, 2)]


def test_change_that_was_earlier_than_known_and_its_instant_corrected(shop: Shop) -> None:
    """What a delivery says is what the dimension says already, only not of that instant."""

    def files(moment: str) -> dict[str, list[Row]]:
        return {
            "customers": [customer("C1", moment, city="Agra")],
            "products": [product("P1", "12", updated=moment)],
        }

    versions = (
        "select c.city, p.price, p.effective_from from dimensions.dim_customer as c "
        "inner join dimensions.dim_product as p on c.effective_from = p.effective_from "
        "where c.customer_key <> -1 and p.product_key <> -1 order by 3"
    )
    shop.load(
        D1,
        customers=[customer("C1", "2026-01-01", city="Pune")],
        products=[product("P1", "9", updated="2026-01-01")],
    )
    shop.load(D2, **files("2026-01-20"))
    shop.load(D3, **files("2026-01-10"))
    assert shop.read(versions) == [("Pune", "9", FROM), ("Agra", "12", "2026-01-10")]
    shop.load(D3)
    for moment in ("2026-01-25", "2026-01-15"):
        shop.load(D2, **files(moment))
        assert shop.read(versions) == [("Pune", "9", FROM), ("Agra", "12", moment)]


def test_of_two_versions_of_one_instant_the_later_delivery_is_current(shop: Shop) -> None:
    one, other = {"product_name": "Pen", "sku": "x"}, {"product_name": "Ink", "sku": "x"}
    moment = "2026-01-20"
    shop.load(D1, products=[product("P1", "1", "1", moment, **one), product("P2", "1", "1", moment, **other)])
    shop.load(D2, products=[product("P1", "1", "1", moment, **other), product("P2", "1", "1", moment, **one)])
    assert shop.products("product_id, product_name") == [("P1", "Ink"), ("P2", "Pen")]
    # Of instants that count as one, since versions begin and end within bounds, the later one stands.
    for day, moments in ((D3, ("0001-01-01", "1850-01-01")), (D4, ("9999-12-30", "9999-12-31"))):
        names = ("Pen", "Ink")
        shop.load(
            day,
            products=[
                product(f"{day}-{names[0]}", updated=moment, product_name=name)
                for names in (names, names[::-1])
                for moment, name in zip(moments, reversed(names), strict=True)
            ],
        )
    shown = shop.products("right(product_id, 3), product_name")
    assert shown == [("Ink", "Ink"), ("Pen", "Pen")] * 2 + [("P1", "Ink"), ("P2", "Pen")]


def test_event_corrected_in_one_respect_changes_the_funnel_of_its_days(shop: Shop) -> None:
    def view(day: str, session: str, kind: str) -> list[Row]:
        return [
            event("E1", kind, f"{day} 10:00", session, "C1", "P1"),
            event("E2", "view", f"{D1} 11:00", "S1"),
        ]

    funnel = (
        "select event_date, sessions, sessions_with_view, sessions_with_purchase from analytics.sales_funnel"
    )
    for number, (day, session, kind, shown) in enumerate(
        (
            (D1, "S1", "view", [(D1, 1, 1, 0)]),
            (D1, "S2", "view", [(D1, 2, 2, 0)]),
            (D1, "S2", "purchase", [(D1, 2, 1, 1)]),
            (D2, "S2", "purchase", [(D1, 1, 1, 0), (D2, 1, 0, 1)]),
            (D1, "S1", "view", [(D1, 1, 1, 0)]),
        )
    ):
        shop.load(f"2026-02-1{number}", web_events=view(day, session, kind))
        assert shop.read(f"{funnel} order by 1") == shown
    members = "select customer_id, product_id from dimensions.dim_customer as c cross join dimensions.dim_product as p "
    members += "where c.is_inferred and p.is_inferred"
    assert shop.read(members) == [("C1", "P1")]  # known from the event alone
    shop.load("2026-02-10", "2026-02-14")
    assert shop.read(funnel) == shop.read(members) == []


def test_part_of_a_shipping_address(shop: Shop) -> None:
    """State and city are the order's when it names either; the country is for itself."""
    parts = (
        {"shipping_city": "Goa"},
        {"shipping_state": "GA"},
        {"shipping_country": "NP"},
        {"shipping_country": "NP", "shipping_state": "GA", "shipping_city": "Goa"},
        {},
    )
    shop.load(
        D1,
        customers=[customer("C1", city="Pune", state="MH", country="IN")],
        orders=[order(f"O{n}", "C1", f"{D1} 10:00", **part) for n, part in enumerate(parts)],
        order_items=[item(f"I{n}", f"O{n}", "P1", 1, "1") for n in range(len(parts))],
    )
    assert shop.sales("g.country, g.state, g.city") == [
        ("IN", "unknown", "Goa"),
        ("IN", "GA", "unknown"),
        ("NP", "MH", "Pune"),
        ("NP", "GA", "Goa"),
        ("IN", "MH", "Pune"),
    ]


def test_check_results_are_those_of_the_last_run_of_each_day(shop: Shop) -> None:
    warehouse = shop.warehouse

    def deliver(run_key: str, first: str, last: str, failed: int) -> None:
        days = [date.fromisoformat(day) for day in (first, last)]
        load = warehouse.stage(days[0], days[1], {}, run_key)
        for day in dict.fromkeys(days):
            warehouse.admin.execute(
                "insert into staging.stg_check_result values "
                "(%s, %s, 'orders', 'a_rule', 'conformity', 'error', 9, %s, 0, 0, false, '')",
                (run_key, day, failed),
            )
        warehouse.merge(load)
        warehouse.publish(load)

    results = "select delivery_date, run_id, rows_failed from quality.check_results order by 1"
    deliver("first", D1, D2, 1)
    deliver("second", D2, D3, 2)
    assert shop.read(results) == [(D1, "first", 1), (D2, "second", 2), (D3, "second", 2)]
    warehouse.admin.execute("update quality.load_runs set published_at = '2026-03-01' where run_id = 'first'")
    deliver("third", D2, D2, 3)
    assert shop.read(results) == [(D1, "first", 1), (D2, "third", 3), (D3, "second", 2)]
    assert shop.read("select run_id, published_at = '2026-03-01' from quality.load_runs order by 1") == [
        ("first", True),
        ("second", False),
        ("third", False),
    ]


def test_first_and_last_order_of_who_gains_orders_and_loses_them(shop: Shop) -> None:
    """Orders are delivered in another sequence than they were placed."""
    span = "select first_order_date, last_order_date, total_orders from analytics.customer_360"
    for number, (placed, first, last) in enumerate(
        (
            ("2026-01-10", "2026-01-10", "2026-01-10"),
            ("2026-01-20", "2026-01-10", "2026-01-20"),
            ("2026-01-05", "2026-01-05", "2026-01-20"),
            ("2026-01-15", "2026-01-05", "2026-01-20"),
        ),
        1,
    ):
        shop.load(
            f"2026-02-0{number}",
            orders=[order(f"O{number}", "C1", f"{placed} 10:00")],
            order_items=[item(f"I{number}", f"O{number}", "P1", 1, "1")],
        )
        assert shop.read(span) == [(first, last, number)]
    shop.load("2026-02-02", "2026-02-03")
    assert shop.read(span) == [("2026-01-10", "2026-01-15", 2)]


def test_sessions_do_not_depend_on_days_or_order(shop: Shop) -> None:
    """Events without session, 20 minutes apart around midnight: the one between comes two days late, then vanishes."""

    def view(key: str, happened: str, who: str | None = "C1", device: str | None = None) -> Row:
        return event(key, "view", happened, None, who) | {"device_type": device}

    sessions = "select listagg(event_id, ' ') within group (order by event_id) from facts.fact_web_events "
    sessions += "group by session_id order by 1"

    shop.load(D2, web_events=[view("E3", f"{D2} 00:10"), view("E6", f"{D2} 00:10", None, "phone")])
    shop.load(D1, web_events=[view("E1", f"{D1} 23:30"), view("E5", f"{D1} 23:45", None, "phone")])
    assert shop.read(sessions) == [("E1",), ("E3",), ("E5 E6",)]
    shop.load(D4, web_events=[view("E2", f"{D1} 23:50")])
    assert shop.read(sessions) == [("E1 E2 E3",), ("E5 E6",)]
    assert shop.read(
        "select distinct session_started_at from facts.fact_web_events where customer_id = 'C1'"
    ) == [(f"{D1} 23:30",)]
    shop.load(D4, web_events=[view("E7", f"{D4} 23:50")])
    assert shop.read(sessions) == [("E1",), ("E3",), ("E5 E6",), ("E7",)]


def test_events_of_nobody_and_sessions_of_the_site_stay_apart(shop: Shop) -> None:
    at_ten = f"{D1} 10:00"
    shop.load(
        D1,
        web_events=[
            event("E1", "view", at_ten, None),
            event("E2", "view", at_ten, None),
            event("E3", "view", at_ten, "S1", "C1"),
            event("E4", "view", f"{D2} 10:00", "S1", "C1"),
            event("E5", "view", at_ten, None, "C1"),
        ],
    )
    shop.load(D2, web_events=[event("E5", "view", at_ten, "S2", "C1")])
    assert shop.read("select sessions, event_date from analytics.sales_funnel order by 2") == [
        (4, D1),
        (1, D2),
    ]


def test_a_visit_without_a_pause_is_one_session_however_long(shop: Shop) -> None:
    """Robots make such visits: its events are cut over days, delivered last first, and its middle is sent again."""
    hours = [
        f"{day} {hour:02d}:{minute:02d}" for day in (D1, D2, D3) for hour in range(24) for minute in (0, 29, 58)
    ]

    def visit(day: str) -> list[Row]:
        return [event(happened, "view", happened, None, "C1") for happened in hours if happened.startswith(day)]

    for day in (D3, D2, D1):
        shop.load(day, web_events=visit(day))
    count = "select count(distinct session_id) as sessions, count(*) as events from facts.fact_web_events"
    assert shop.read(count) == [(1, len(hours))]
    shop.load(D2, web_events=visit(D2)[:-2])
    assert shop.read(count) == [(2, len(hours) - 2)]
    shop.load(D2, web_events=visit(D2))
    assert shop.read(count) == [(1, len(hours))]
