"""Orders and their lines, from the click to the parcel that comes back.

An order's fate (when it ships, whether it is cancelled, corrected, returned, or delivered to us late) is looked
up, so the file of a day names the orders of earlier days without making those days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from shop_data import words
from shop_data.customers import Customers
from shop_data.hashed import I64, U64, below, cumulative, keyed, pick, salted, uniform
from shop_data.products import Products
from shop_data.shop import DAY, ITEM_WEIGHTS, Batch, Shop, take
from shop_data.text import Mask, Text, blank, choose, constant, ids, integers, join, money, times

_QUANTITIES = np.array([1, 2, 3, 4, 5, 6, 10, 12])
_QUANTITY_SHARES = cumulative([70, 17, 6, 3, 1.5, 1, 1, 0.5])
_CITY_SHARES = cumulative([city[3] for city in words.CITIES])
_GST = np.array([shelf.gst for shelf in words.SHELVES])
_PROMOTIONS = np.array([5, 10, 15, 20, 30])
SLOTS = np.concatenate(
    # India is 5½ hours ahead: eleven half-hour slots. A UTC day starts at 05:30 there.
    ([0.0], cumulative([words.HOURS_IST[((slot + 11) % 48) // 2] for slot in range(48)]))
)
"""Share of a day's orders that were placed before each half hour of a UTC day."""

_LAST_EVENT = 7  # days after the order on which its header may still change
_LAST_RETURN = _LAST_EVENT + 6


@dataclass(frozen=True)
class Fates:
    """Fate of orders, as offsets in days from the order's day (-1: never)."""

    day: int
    index: I64
    base: U64
    cancelled: I64
    shipped: I64
    delivered: I64
    returned: I64
    corrected: Mask
    header_lag: I64  # days by which the header file is late; 99: never sent
    items_lag: I64

    def at(self, chosen: Mask) -> Fates:
        values: dict[str, Any] = {
            name: value[chosen] if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }
        return Fates(**values)

    @property
    def key(self) -> I64:
        """One number per order over all days; the lowest bit marks a return."""
        return ((np.int64(self.day) << np.int64(32)) | self.index) << np.int64(1)

    def header_sent(self, day: int) -> Mask:
        """Whether the orders file of ``day`` carries the order: when it is new, and whenever it changed."""
        age = day - self.day
        changed = (
            (self.cancelled == age)
            | (self.shipped == age)
            | (self.delivered == age)
            | (self.corrected & (age == 1))
        )
        return (self.header_lag == age) | ((self.header_lag < age) & changed)


@dataclass(frozen=True)
class Lines:
    """Order lines: ``order`` is the position of their order in the batch they were made for."""

    order: I64
    starts: I64
    number: I64
    product: I64
    quantity: I64
    price: I64
    tax: I64

    @property
    def amount(self) -> I64:
        return self.quantity * self.price


class Orders:
    """Orders by day and number; within a day they are numbered in the order of their time."""

    def __init__(self, shop: Shop, customers: Customers, products: Products) -> None:
        self._shop, self._customers, self._products = shop, customers, products
        self._stream = shop.stream("order")

    def fates(self, day: int, index: I64) -> Fates:
        """Look up what happens to orders of ``day``."""
        base = keyed(self._stream, day, index)
        cancelled = np.where(uniform(salted(base, 1)) < 0.04, below(salted(base, 2), 3), -1)
        ships = pick(salted(base, 3), cumulative([10, 55, 25, 10]))
        shipped = np.where(cancelled < 0, ships, -1)
        delivered = np.where(cancelled < 0, ships + 1 + below(salted(base, 4), 4), -1)
        # Sent back a day or more after arrival; never later than _LAST_RETURN.
        returns = (uniform(salted(base, 5)) < 0.05) & (cancelled < 0)
        returned = np.where(returns, delivered + 1 + below(salted(base, 6), 6), -1)
        lag = uniform(salted(base, 7))
        header_lag = np.where(lag < 0.015, 1, 0)
        header_lag[(lag >= 0.018) & (lag < 0.0182)] = 99
        items_lag = np.where((lag < 0.010) | ((lag >= 0.015) & (lag < 0.018)), 1, 0)
        corrected = (uniform(salted(base, 8)) < 0.006) & (cancelled < 0) & (items_lag == 0)
        return Fates(
            day, index, base, cancelled, shipped, delivered, returned, corrected, header_lag, items_lag
        )

    def placed(self, fates: Fates) -> I64:
        """Second of the day: orders are numbered in the order of their time."""
        count = self._shop.order_count(fates.day)
        share = (fates.index + uniform(salted(fates.base, 20))) / count
        slot = np.clip(np.searchsorted(SLOTS, share, side="right") - 1, 0, 47)
        inside = (share - SLOTS[slot]) / (SLOTS[slot + 1] - SLOTS[slot])
        return np.minimum((slot + inside) * 1800, DAY - 1).astype(np.int64)

    def buyers(self, fates: Fates) -> tuple[I64, Mask]:
        """Customer of each order, and whether it is a guest's."""
        count = self._shop.customer_count(fates.day)
        # Early customers are the loyal ones: a few order often, most now and then.
        usual = (count * uniform(salted(fates.base, 21)) ** 1.7).astype(np.int64)
        fresh = count - 1 - below(salted(fates.base, 22), min(count, 3 * self._shop.new_customers))
        is_fresh = uniform(salted(fates.base, 23)) < 0.03
        return np.where(is_fresh, fresh, usual), uniform(salted(fates.base, 24)) < 0.06

    def lines(self, fates: Fates, day: int) -> Lines:
        """Lines of orders in their state at the end of ``day``."""
        count = 1 + pick(salted(fates.base, 30), cumulative(ITEM_WEIGHTS))
        starts = np.concatenate(([0], np.cumsum(count)[:-1])).astype(np.int64)
        order = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(order)) - starts[order]
        base = _line_base(fates.base[order], number)
        product = self._products.sold(fates.day, base)
        quantity = _QUANTITIES[pick(salted(base, 3), _QUANTITY_SHARES)]
        if day > fates.day:
            wrong = fates.corrected[order] & (number == 0)
            quantity = np.where(wrong, np.where(quantity == 1, 2, quantity - 1), quantity)
        # An exchange: the buyer hands something back and takes the rest.
        quantity = np.where((number > 0) & (uniform(salted(base, 4)) < 0.008), -quantity, quantity)
        price = self._products.prices(fates.day)[product]
        promotion = np.where(uniform(salted(base, 5)) < 0.15, _PROMOTIONS[below(salted(base, 6), 5)], 0)
        price = (price * (100 - promotion) + 50) // 100
        shelf = self._products.shelves(fates.day)[product]
        tax = (quantity * price * _GST[shelf] + 50) // 100
        return Lines(order, starts, number, product, quantity, price, tax)

    def _returned_lines(self, fates: Fates) -> Lines:
        """Returned lines of orders: at least one, as negative quantities at the price paid."""
        lines = self.lines(fates, fates.day + _LAST_RETURN)
        first = np.zeros(len(lines.order), dtype=bool)
        first[lines.starts] = True
        more = (uniform(salted(fates.base, 40)) < 0.3)[lines.order]
        back = first | (more & (lines.number % 2 == 1))
        order = lines.order[back]
        starts = np.searchsorted(order, np.arange(len(fates.index)))
        amount_sign = -np.sign(lines.quantity[back])
        return Lines(
            order,
            starts.astype(np.int64),
            lines.number[back],
            lines.product[back],
            lines.quantity[back] * amount_sign,
            lines.price[back],
            lines.tax[back] * amount_sign,
        )

    def _ids(self, fates: Fates, returned: bool) -> Text:
        stamp = self._shop.stamp(fates.day)
        return ids(b"RT" if returned else b"OD", stamp, (fates.index, 8), rows=len(fates.index))

    def _headers(self, fates: Fates, lines: Lines, day: int, returned: bool) -> Batch:
        """Order headers in their state at the end of ``day``."""
        base, age, rows = fates.base, day - fates.day, len(fates.index)
        customer, guest = self.buyers(fates)
        home = self._customers.city(self._customers.base(customer), fates.day)
        away = pick(salted(base, 50), _CITY_SHARES)
        city = np.where(guest | (uniform(salted(base, 51)) < 0.12), away, home)
        subtotal = np.add.reduceat(lines.amount, lines.starts)
        tax = np.add.reduceat(lines.tax, lines.starts)
        coupon = np.where(uniform(salted(base, 52)) < 0.2, 5 * (1 + below(salted(base, 53), 4)), 0)
        discount = np.where(subtotal > 0, (subtotal * coupon + 50) // 100, 0)
        postage = np.where((subtotal > 0) & (subtotal < 49_900), 4000 + 100 * below(salted(base, 54), 60), 0)
        if returned:
            discount, postage = np.zeros_like(discount), np.zeros_like(postage)

        placed_second = self.placed(fates)
        placed = (self._shop.first + fates.day) * DAY + placed_second

        def moment(offset: I64, salt: int, earliest: I64) -> I64:
            """A time on the day ``offset`` days later, after ``earliest`` where that is the same day."""
            midnight = (self._shop.first + fates.day + np.maximum(offset, 0)) * DAY
            floor = np.maximum(earliest, midnight)
            return floor + (uniform(salted(base, salt)) * (midnight + DAY - 1 - floor)).astype(np.int64)

        shipped_at = moment(fates.shipped, 55, placed)
        delivered_at = moment(fates.delivered, 56, shipped_at)
        cancelled_at = moment(fates.cancelled, 57, placed)
        corrected_at = moment(np.ones(rows, dtype=np.int64), 58, placed)
        is_cancelled = (fates.cancelled >= 0) & (fates.cancelled <= age)
        is_shipped = (fates.shipped >= 0) & (fates.shipped <= age)
        is_delivered = (fates.delivered >= 0) & (fates.delivered <= age)
        status = np.select([is_cancelled, is_delivered, is_shipped], [1, 3, 2], 0)
        updated = placed.copy()
        for happened, at in (
            (is_shipped, shipped_at),
            (is_delivered, delivered_at),
            (is_cancelled, cancelled_at),
            (fates.corrected & (age >= 1), corrected_at),
        ):
            updated = np.where(happened, np.maximum(updated, at), updated)
        nobody = np.ones(rows, dtype=bool)
        if returned:
            placed = moment(fates.returned, 59, placed)
            updated = placed
            status = np.full(rows, 4)
            is_shipped = is_delivered = ~nobody
        columns = {
            "order_id": self._ids(fates, returned),
            "customer_id": blank(ids((customer + 1, 9), rows=rows), guest),
            "order_date": times(placed),
            "order_status": choose(("confirmed", "cancelled", "shipped", "delivered", "returned"), status),
            "payment_method": choose(
                words.PAYMENT_METHODS, pick(salted(base, 60), cumulative(words.PAYMENT_WEIGHTS))
            ),
            "shipping_city": choose([place[0] for place in words.CITIES], city),
            "shipping_state": choose([place[1] for place in words.CITIES], city),
            "shipping_postal_code": join(
                choose([place[2] for place in words.CITIES], city),
                ids((below(salted(base, 61), 100), 2), rows=rows),
            ),
            "shipping_country": constant("India", rows),
            "subtotal": money(subtotal),
            "tax": money(tax),
            "shipping_cost": money(postage),
            "discount": money(discount),
            "total_amount": money(subtotal + tax + postage - discount),
            "currency": constant("INR", rows),
            "shipped_date": times(shipped_at, ~is_shipped),
            "delivered_date": times(delivered_at, ~is_delivered),
            "updated_at": times(updated),
        }
        return Batch(columns, salted(base, 70 + returned), fates.key | int(returned))

    def _items(self, fates: Fates, lines: Lines, returned: bool) -> Batch:
        order_ids = self._ids(fates, returned).take(pa.array(lines.order))
        amount = lines.amount
        columns = {
            "order_item_id": join(order_ids, integers(lines.number + 1), separator="-"),
            "order_id": order_ids,
            "product_id": ids(b"P", (lines.product + 1, 6), rows=len(lines.order)),
            "quantity": integers(lines.quantity),
            "unit_price": money(lines.price),
            "line_total": money(amount),
        }
        base = salted(fates.base, 80 + returned)[lines.order] ^ lines.number.astype(np.uint64)
        return Batch(columns, salted(base, 1), (fates.key | int(returned))[lines.order], amount, lines.number)

    def _returns(self, day: int) -> Iterator[Fates]:
        """Orders of earlier days of which something comes back on ``day``."""
        for earlier in range(max(0, day - _LAST_RETURN), day):
            for index in self._shop.chunks(self._shop.order_count(earlier)):
                fates = self.fates(earlier, index)
                chosen = (fates.returned == day - earlier) & (fates.header_lag < 99)
                if chosen.any():
                    yield fates.at(chosen)

    def header_file(self, day: int) -> Iterator[Batch]:
        """New orders, changed orders of the last days, and returns; one row per order."""
        for earlier in range(max(0, day - _LAST_EVENT), day + 1):
            for index in self._shop.chunks(self._shop.order_count(earlier)):
                fates = self.fates(earlier, index)
                sent = fates.header_sent(day)
                if sent.any():
                    chosen = fates.at(sent)
                    yield self._headers(chosen, self.lines(chosen, day), day, returned=False)
        for fates in self._returns(day):
            yield self._headers(fates, self._returned_lines(fates), day, returned=True)

    def line_file(self, day: int) -> Iterator[Batch]:
        """Lines of the day's orders, late and corrected lines of the day before, and returned lines."""
        for index in self._shop.chunks(self._shop.order_count(day)):
            fates = self.fates(day, index)
            chosen = fates.at(fates.items_lag == 0)
            if len(chosen.index):
                yield self._items(chosen, self.lines(chosen, day), returned=False)
        for index in self._shop.chunks(self._shop.order_count(day - 1)):
            fates = self.fates(day - 1, index)
            late = fates.at((fates.items_lag == 1) | fates.corrected)
            if not len(late.index):
                continue
            batch = self._items(late, self.lines(late, day), returned=False)
            # Of a corrected order only the corrected line comes again.
            repeated = np.isin(batch.order_key, late.key[late.corrected])  # type: ignore[arg-type]
            yield take(batch, ~repeated | (batch.line == 0))
        for fates in self._returns(day):
            yield self._items(fates, self._returned_lines(fates), returned=True)

    def first_products(self, fates: Fates) -> I64:
        """Product of the first line of each order."""
        return self._products.sold(
            fates.day, _line_base(fates.base, np.zeros(len(fates.index), dtype=np.int64))
        )


def _line_base(order_base: U64, number: I64) -> U64:
    """Hash of each line, from which everything about it follows."""
    return salted(order_base ^ (number.astype(np.uint64) << np.uint64(7)), 31)
