"""Order amounts reach the lines exactly, whatever the numbers."""

from __future__ import annotations

import itertools
import random
from datetime import date, datetime
from decimal import Decimal

from comparing import check
from harness import Row, Warehouse
from hypothesis import given
from hypothesis import strategies as st
from model import allocate

DAY = date(2026, 1, 31)
# Signs, zeros, thirds, single ten-thousandths, the last amounts that are shared in BIGINTs and the first that are not,
# and the widest that a DECIMAL(18, 4) holds.
AMOUNTS = tuple(
    Decimal(text)
    for text in (
        "0",
        "0.0001",
        "-0.0001",
        "0.0002",
        "0.01",
        "1",
        "-1",
        "3.3333",
        "10",
        "33.33",
        "-99.99",
        "100",
        "12345.6789",
        "-12345.6789",
        "99999999.9999",
        "299999.9999",
        "-299999.9999",
        "300000",
    )
)
HUGE = (Decimal("99999999999999.9999"), Decimal("-99999999999999.9999"), Decimal("0.0001"))


def test_adversarial_orders_share_as_the_model_does(warehouse: Warehouse) -> None:
    choose = random.Random(20260131)
    orders: list[Row] = []
    items: list[Row] = []
    for number in range(300):
        orders.append(_order(number, *(choose.choice(AMOUNTS) for _ in range(3))))
        totals = [choose.choice(AMOUNTS) for _ in range(choose.randint(1, 7))]
        if number % 5 == 0:  # lines that cancel each other out
            totals.append(-sum(totals, Decimal(0)))
        if number % 7 == 0:
            totals.append(-sum(totals, Decimal(0)) + Decimal("0.0001"))
        items += [_item(number, line, total) for line, total in enumerate(totals)]
    for number in range(300, 340):  # one sign only: mixed signs of such size have no sensible share
        orders.append(_order(number, choose.choice(HUGE), Decimal(1), choose.choice(HUGE)))
        items += [_item(number, line, abs(choose.choice(HUGE))) for line in range(choose.randint(1, 4))]
    limits = [Decimal("299999.9999"), Decimal("300000")]
    for number, (amount, total) in enumerate(itertools.product(limits, limits), 340):  # the greatest products
        orders.append(_order(number, amount, -amount, Decimal(0)))
        items += [_item(number, line, total) for line in range(1 + number % 2)]
    warehouse.load(DAY, DAY, {"orders": {DAY: orders}, "order_items": {DAY: items}}, warehouse.quick)
    check(warehouse, DAY)


def test_lines_that_sum_to_a_hundredth_of_the_largest_are_the_last_to_share_in_proportion(
    warehouse: Warehouse,
) -> None:
    orders = [_order(number, Decimal(1), Decimal(0), Decimal(0)) for number in range(3)]
    totals = (("100", "-99"), ("100", "-99.0001"), ("-100", "99"))
    items = [_item(n, line, Decimal(text)) for n, texts in enumerate(totals) for line, text in enumerate(texts)]
    warehouse.load(DAY, DAY, {"orders": {DAY: orders}, "order_items": {DAY: items}}, warehouse.quick)
    check(warehouse, DAY)
    assert [
        row["tax_amount"]
        for row in warehouse.rows("select tax_amount from facts.fact_sales order by order_item_id")
    ] == [100, -99, Decimal("0.5"), Decimal("0.5"), 100, -99]


def _order(number: int, tax: Decimal, shipping: Decimal, discount: Decimal) -> Row:
    return {
        "order_id": f"O{number}",
        "order_date": datetime.fromisoformat("2026-01-31 10:00"),
        "tax": tax,
        "shipping_cost": shipping,
        "discount": discount,
    }


def _item(number: int, line: int, total: Decimal) -> Row:
    return {
        "order_item_id": f"O{number}-{line:02}",
        "order_id": f"O{number}",
        "product_id": "P1",
        "quantity": 1,
        "unit_price": Decimal(1),
        "line_total": total,
    }


@given(
    amount=st.decimals(-(10**14) + 1, 10**14 - 1, places=4),
    weights=st.lists(st.decimals(-(10**6), 10**6, places=4), min_size=1, max_size=9),
)
def test_shares_sum_to_the_amount_and_stay_near_their_proportion(
    amount: Decimal, weights: list[Decimal]
) -> None:
    shares = allocate(amount, {f"{n:02}": weight for n, weight in enumerate(weights)})
    assert sum(shares.values()) == amount
    assert all(share == share.quantize(Decimal("0.0001")) for share in shares.values() if abs(share) < 10**20)
    assert max(abs(share) for share in shares.values()) <= 101 * abs(amount) + 1
