"""The invented marketplace: who its customers are, what it sells, and what happens on a day.

Everything is a pure function of (seed, size, opening day, index): an order's fate (when it ships, whether it
is cancelled, corrected, returned or delivered to us late) is looked up, so the file of a day is made without
making the days before. Days are counted from the opening day, which brings the full snapshot of customers and
products.

Money is counted in paise (integers), so that totals are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from local.data import words
from local.data.hashed import F64, I64, U64, below, cumulative, keyed, pick, salted, stream, uniform
from local.data.text import (
    Mask,
    Text,
    blank,
    choose,
    constant,
    dates,
    epoch_day,
    ids,
    integers,
    join,
    money,
    times,
)

DEFAULT_OPENED = date(2026, 1, 1)
DAY = 86_400
CHUNK = 50_000  # orders, customers or products handled at once; bounds memory, does not change the output

_ITEM_WEIGHTS = (42, 24, 14, 8, 5, 3, 2, 2)
_MEAN_ITEMS = sum((n + 1) * w for n, w in enumerate(_ITEM_WEIGHTS)) / sum(_ITEM_WEIGHTS)
_QUANTITIES = np.array([1, 2, 3, 4, 5, 6, 10, 12])
_QUANTITY_SHARES = cumulative([70, 17, 6, 3, 1.5, 1, 1, 0.5])
_SHELF_SHARES = cumulative([shelf.weight for shelf in words.SHELVES])
_CITY_SHARES = cumulative([city[3] for city in words.CITIES])
_GST = np.array([shelf.gst for shelf in words.SHELVES])
_PROMOTIONS = np.array([5, 10, 15, 20, 30])
_SLOTS = np.concatenate(
    # India is 5½ hours ahead: eleven half-hour slots. A UTC day starts at 05:30 there.
    ([0.0], cumulative([words.HOURS_IST[((slot + 11) % 48) // 2] for slot in range(48)]))
)

_LAST_EVENT = 7  # days after the order on which its header may still change
_LAST_RETURN = _LAST_EVENT + 6


@dataclass(frozen=True)
class Batch:
    """Clean rows of one source and day, before dirt.

    Attributes:
        columns: text of every column, in the source's order.
        identity: hash per row; decides, with source and day, which rows get which dirt.
        order_key: number of the order that an order or order item belongs to.
        amount: line amount in paise, order items only.
        line: number of the line within its order, order items only.
    """

    columns: dict[str, Text]
    identity: U64
    order_key: I64 | None = None
    amount: I64 | None = None
    line: I64 | None = None

    def __len__(self) -> int:
        return len(self.identity)


@dataclass(frozen=True)
class Fates:
    """What becomes of orders, as offsets in days from the order's day (-1: never)."""

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
        values = {
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


def festivals(year: int) -> list[tuple[date, int, float]]:
    """Sale seasons of a year: first day, days, factor. Diwali is a new moon of October or November."""
    seasons = [(date(year, month, day), days, factor) for month, day, days, factor in words.SALES]
    new_moon, month = date(2000, 1, 6).toordinal() + 0.76, 29.530588853
    diwali = new_moon + math.ceil((date(year, 10, 16).toordinal() - new_moon) / month) * month
    # The weeks before the feast sell best; the feast itself is spent at home.
    seasons.append((date.fromordinal(int(diwali) - 14), 13, 1.75))
    return seasons


class World:
    """One shop, fixed by seed, size and opening day."""

    def __init__(self, seed: int, lines_per_day: int, opened: date = DEFAULT_OPENED) -> None:
        if lines_per_day < 1:
            raise ValueError(f"lines per day is {lines_per_day}; it must be 1 or more")
        self.seed = seed
        self.lines_per_day = lines_per_day
        self.opened = opened
        self.first = epoch_day(opened)
        # A big shop has busier customers: 8,000 for 10,000 lines a day, 8 million for 100 million.
        self.customers = max(50, round(8 * lines_per_day**0.75))
        self.new_customers = max(2, self.customers // 1000)
        self.products = min(20_000, max(500, round(5 * lines_per_day**0.5)))
        self.new_products = max(2, self.products // 1000)
        self._streams = {
            name: stream(seed, name) for name in ("customer", "product", "order", "session", "bot", "day")
        }
        self._prices = lru_cache(maxsize=32)(self._price_table)
        self._shares = lru_cache(maxsize=4)(self._product_shares)
        self._catalogue = lru_cache(maxsize=1)(self._describe_products)

    def day_number(self, day: date) -> int:
        """Days since the opening.

        Raises:
            ValueError: the shop was not open yet.
        """
        number = epoch_day(day) - self.first
        if number < 0:
            raise ValueError(
                f"{day} lies before the shop opened ({self.opened}); give --opened {day} or earlier"
            )
        return number

    # --- sizes ----------------------------------------------------------------------------------------------

    def season(self, day: int) -> float:
        """How busy a day is; 1 is an ordinary one."""
        when = self.opened + timedelta(days=day)
        factor = words.WEEKDAYS[when.weekday()] * words.MONTHS[when.month - 1]
        for start, days, boost in festivals(when.year):
            if start <= when < start + timedelta(days=days):
                factor *= boost
        return factor * (0.95 + 0.1 * float(uniform(keyed(self._streams["day"], day))[0]))

    def order_count(self, day: int) -> int:
        return 0 if day < 0 else max(1, round(self.lines_per_day * self.season(day) / _MEAN_ITEMS))

    def customer_count(self, day: int) -> int:
        return self.customers + self.new_customers * day

    def product_count(self, day: int) -> int:
        return self.products + self.new_products * day

    # --- customers ------------------------------------------------------------------------------------------

    def _customer_base(self, customer: I64) -> U64:
        return keyed(self._streams["customer"], customer)

    def _registered(self, customer: I64, base: U64) -> I64:
        founding = -1 - below(salted(base, 1), 1095)
        return np.where(
            customer < self.customers, founding, 1 + (customer - self.customers) // self.new_customers
        )

    @staticmethod
    def _schedule(base: U64, salt: int, shortest: int, longest: int, day: I64 | int) -> tuple[I64, I64]:
        """How often something has changed up to ``day``, and the day of the last change."""
        period = shortest + below(salted(base, salt), longest - shortest)
        phase = below(salted(base, salt + 1), period)
        count = (day + phase) // period
        return count, count * period - phase

    def _customer_city(self, base: U64, day: I64 | int) -> I64:
        moves, _ = self._schedule(base, 2, 300, 1200, day)
        return pick(keyed(np.uint64(0), base.view(np.int64), moves), _CITY_SHARES)

    def _customer_rows(self, customer: I64, day: int) -> Batch:
        """Records of customers as they are at the end of ``day``."""
        base = self._customer_base(customer)
        rows = len(customer)
        registered = self._registered(customer, base)
        moves, moved = self._schedule(base, 2, 300, 1200, day)
        contacts, contacted = self._schedule(base, 4, 500, 1500, day)
        segments, promoted = self._schedule(base, 6, 150, 700, day)
        changed = np.maximum(np.maximum(moved, contacted), np.maximum(promoted, registered))
        here = keyed(np.uint64(1), base.view(np.int64), moves)
        mail = keyed(np.uint64(2), base.view(np.int64), contacts)
        rank = keyed(np.uint64(3), base.view(np.int64), segments)

        female = uniform(salted(base, 10)) < 0.47
        women = choose(words.FEMALE_NAMES, below(salted(base, 11), len(words.FEMALE_NAMES)))
        men = choose(words.MALE_NAMES, below(salted(base, 11), len(words.MALE_NAMES)))
        first_name = pc.if_else(pa.array(female), women, men)
        last_name = choose(words.LAST_NAMES, below(salted(base, 12), len(words.LAST_NAMES)))
        city = self._customer_city(base, day)
        person = pc.utf8_lower(pc.replace_substring(join(first_name, last_name, separator="."), "'", ""))
        born = epoch_day(date(1950, 1, 1)) + below(salted(base, 13), 20_000)
        seconds = below(keyed(np.uint64(4), base.view(np.int64), changed), DAY)
        columns = {
            "customer_id": ids((customer + 1, 9), rows=rows),
            "first_name": first_name,
            "last_name": last_name,
            "email": join(
                person, integers(customer % 9973), "@", choose(words.MAIL_DOMAINS, below(mail, 5)), separator=""
            ),
            "phone": blank(
                ids(b"+919", (below(salted(mail, 1), 10**9), 9), rows=rows), uniform(salted(base, 14)) < 0.05
            ),
            "date_of_birth": dates(born, uniform(salted(base, 15)) < 0.15),
            "gender": choose(("F", "M"), (~female).astype(np.int64), uniform(salted(base, 16)) < 0.08),
            "address": join(
                integers(1 + below(here, 480)),
                choose(words.STREETS, below(salted(here, 1), 30)),
                separator=", ",
            ),
            "city": choose([city[0] for city in words.CITIES], city),
            "state": choose([city[1] for city in words.CITIES], city),
            "postal_code": join(
                choose([city[2] for city in words.CITIES], city),
                ids((below(salted(here, 2), 100), 2), rows=rows),
            ),
            "country": constant("India", rows),
            "customer_segment": choose(
                words.SEGMENTS, pick(rank, cumulative(words.SEGMENT_WEIGHTS)), uniform(salted(base, 17)) < 0.02
            ),
            "registration_date": dates(self.first + registered),
            "updated_at": times((self.first + changed) * DAY + seconds),
        }
        return Batch(columns, base)

    def _customers_changed(self, day: int) -> Iterator[I64]:
        """Customers who registered or changed on ``day``."""
        for start in range(0, self.customer_count(day), 4 * CHUNK):
            customer = np.arange(start, min(start + 4 * CHUNK, self.customer_count(day)))
            base = self._customer_base(customer)
            registered = self._registered(customer, base)
            changed = registered == day
            for salt, shortest, longest in ((2, 300, 1200), (4, 500, 1500), (6, 150, 700)):
                changed |= (self._schedule(base, salt, shortest, longest, day)[1] == day) & (registered < day)
            if changed.any():
                yield customer[changed]

    def customers_file(self, day: int) -> Iterator[Batch]:
        """The opening day brings everybody; later days who registered or changed, one in twenty a day late."""
        if day == 0:
            for start in range(0, self.customers, CHUNK):
                yield self._customer_rows(np.arange(start, min(start + CHUNK, self.customers)), 0)
            return
        for late in (True, False):
            event = day - 1 if late else day
            if event < 1:
                continue
            for customer in self._customers_changed(event):
                is_late = uniform(keyed(self._streams["customer"], customer, event)) < 0.05
                sent = customer[is_late if late else ~is_late]
                if len(sent):
                    yield self._customer_rows(sent, event)

    # --- products -------------------------------------------------------------------------------------------

    def _describe_products(self, count: int) -> dict[str, I64 | U64 | F64]:
        """What never changes about the first ``count`` products."""
        product = np.arange(count)
        base = keyed(self._streams["product"], product)
        shelf = pick(salted(base, 1), _SHELF_SHARES)
        low = np.log([shelf.low for shelf in words.SHELVES])[shelf]
        high = np.log([shelf.high for shelf in words.SHELVES])[shelf]
        # Cheap goods are more common than dear ones, so the draw leans low.
        list_price = np.exp(low + (high - low) * uniform(salted(base, 2)) ** 1.6)
        launch = np.where(product < self.products, 0, 1 + (product - self.products) // self.new_products)
        # Two new products in five reach the products file one or two days after they are first sold.
        late = np.where(launch > 0, np.array([0, 0, 0, 1, 2])[below(salted(base, 3), 5)], 0)
        ends = np.where(uniform(salted(base, 4)) < 0.15, launch + 2 + below(salted(base, 5), 365), 10**6)
        rank = 1 + below(salted(base, 6), self.products)
        return {
            "base": base,
            "shelf": shelf,
            "list_price": list_price,
            "launch": launch,
            "first_sent": launch + late,
            "ends": ends,
            "weight": (rank + 2.0) ** -0.9,
        }

    def _product_values(self, product: I64, day: int) -> tuple[I64, I64, I64]:
        """Price and cost in paise as of ``day``, and the day on which either last changed."""
        known = self._catalogue(self.product_count(day))
        base = known["base"][product]
        prices, priced = self._schedule(base, 10, 20, 180, day)
        costs, costed = self._schedule(base, 12, 60, 360, day)
        drift = 0.88 + 0.24 * uniform(keyed(np.uint64(5), base.view(np.int64), prices))
        raw = known["list_price"][product] * drift
        price = np.maximum(np.round(raw).astype(np.int64) * 100 - below(salted(base, 14), 2) * 5, 100)
        margin = np.array([shelf.margin for shelf in words.SHELVES])[known["shelf"][product]]
        share = (1 - margin) * (0.93 + 0.12 * uniform(keyed(np.uint64(6), base.view(np.int64), costs)))
        cost = np.round(known["list_price"][product] * 100 * share).astype(np.int64)
        return price, cost, np.maximum(np.maximum(priced, costed), known["launch"][product])

    def _price_table(self, day: int) -> I64:
        return self._product_values(np.arange(self.product_count(day)), day)[0]

    def _product_shares(self, day: int) -> F64:
        known = self._catalogue(self.product_count(day))
        return cumulative(np.where(known["ends"] > day, known["weight"], 0.0))

    def _product_rows(self, product: I64, day: int, snapshot: bool) -> Batch:
        known = self._catalogue(self.product_count(day))
        base, shelf = known["base"][product], known["shelf"][product]
        rows = len(product)
        price, cost, changed = self._product_values(product, day)
        moment = keyed(np.uint64(7), base.view(np.int64), day)
        # New prices hold from the small hours of the day; stock is counted in the evening.
        news = (changed == day) | (known["ends"][product] == day)
        second = np.where(news, below(moment, 6 * 3600), 18 * 3600 + below(moment, 6 * 3600))
        when = (self.first + day) * DAY + second
        if snapshot:
            when = (self.first - 1 - below(salted(base, 20), 60)) * DAY + second
        cycle = 7 + below(salted(base, 15), 24)
        most = 20 + below(salted(base, 16), 480)
        used = ((day + below(salted(base, 17), cycle)) % cycle) / cycle
        # Stock falls until it is refilled; one product in ten runs out first.
        thirst = np.where(uniform(salted(base, 18)) < 0.1, 1.3, 0.85)
        stock = np.maximum(0, np.round(most * (1 - thirst * used)).astype(np.int64) - below(moment, 5))
        # One shelf after another, since names and brands belong to the shelf.
        brand = np.empty(rows, dtype=object)
        noun = np.empty(rows, dtype=object)
        for number, kind in enumerate(words.SHELVES):
            here = np.flatnonzero(shelf == number)
            brand[here] = np.array(kind.brands, dtype=object)[below(salted(base[here], 21), len(kind.brands))]
            noun[here] = np.array(kind.nouns, dtype=object)[below(salted(base[here], 22), len(kind.nouns))]
        brand_text, noun_text = pa.array(brand, pa.string()), pa.array(noun, pa.string())
        columns = {
            "product_id": ids(b"P", (product + 1, 6), rows=rows),
            "product_name": join(
                brand_text,
                choose(words.ADJECTIVES, below(salted(base, 23), len(words.ADJECTIVES))),
                join(noun_text, choose(words.COLOURS, below(salted(base, 24), 10)), separator=", "),
                separator=" ",
            ),
            "category_name": choose([kind.category for kind in words.SHELVES], shelf),
            "subcategory_name": choose([kind.name for kind in words.SHELVES], shelf),
            "brand": brand_text,
            "sku": join(
                pc.utf8_upper(pc.utf8_slice_codeunits(brand_text, 0, 3)),
                ids((product * 7 + 1000, 7), rows=rows),
            ),
            "price": money(price),
            "cost": blank(money(cost), uniform(salted(base, 19)) < 0.03),
            "stock_quantity": integers(stock),
            "is_active": choose(("true", "false"), (known["ends"][product] <= day).astype(np.int64)),
            "updated_at": times(when),
        }
        return Batch(columns, base)

    def products_file(self, day: int) -> Iterator[Batch]:
        """The opening day brings the catalogue; later days what is new, changed price, or was counted."""
        if day == 0:
            yield self._product_rows(np.arange(self.products), 0, snapshot=True)
            return
        count = self.product_count(day)
        known = self._catalogue(count)
        product = np.arange(count)
        _, _, changed = self._product_values(product, day)
        counted = uniform(keyed(self._streams["product"], product, day)) < 0.35
        sent = (changed == day) | (known["first_sent"] == day) | (known["ends"] == day) | counted
        sent &= known["first_sent"] <= day
        for start in range(0, count, CHUNK):
            chosen = product[start : start + CHUNK][sent[start : start + CHUNK]]
            if len(chosen):
                yield self._product_rows(chosen, day, snapshot=False)

    # --- orders ---------------------------------------------------------------------------------------------

    def _chunks(self, day: int) -> Iterator[I64]:
        count = self.order_count(day)
        for start in range(0, count, CHUNK):
            yield np.arange(start, min(start + CHUNK, count))

    def fates(self, day: int, index: I64) -> Fates:
        """Look up what happens to orders of ``day``."""
        base = keyed(self._streams["order"], day, index)
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

    def _placed(self, fates: Fates) -> I64:
        """Second of the day: orders are numbered in the order of their time."""
        count = self.order_count(fates.day)
        share = (fates.index + uniform(salted(fates.base, 20))) / count
        slot = np.clip(np.searchsorted(_SLOTS, share, side="right") - 1, 0, 47)
        inside = (share - _SLOTS[slot]) / (_SLOTS[slot + 1] - _SLOTS[slot])
        return np.minimum((slot + inside) * 1800, DAY - 1).astype(np.int64)

    def _buyer(self, fates: Fates) -> tuple[I64, Mask]:
        """Customer of each order, and whether it is a guest's."""
        count = self.customer_count(fates.day)
        # Early customers are the loyal ones: a few order often, most now and then.
        usual = (count * uniform(salted(fates.base, 21)) ** 1.7).astype(np.int64)
        fresh = count - 1 - below(salted(fates.base, 22), min(count, 3 * self.new_customers))
        is_fresh = uniform(salted(fates.base, 23)) < 0.03
        return np.where(is_fresh, fresh, usual), uniform(salted(fates.base, 24)) < 0.06

    def _product(self, day: int, hashes: U64) -> I64:
        usual = pick(hashes, self._shares(day))
        count = self.product_count(day)
        new = count - 1 - below(salted(hashes, 1), min(count, 3 * self.new_products))
        # What was launched in the last days is pushed on the front page. Nothing is new on the opening day.
        return np.where(uniform(salted(hashes, 2)) < (0.02 if day else 0.0), new, usual)

    def lines(self, fates: Fates, day: int) -> Lines:
        """Lines of orders as they stand at the end of ``day``."""
        count = 1 + pick(salted(fates.base, 30), cumulative(_ITEM_WEIGHTS))
        starts = np.concatenate(([0], np.cumsum(count)[:-1])).astype(np.int64)
        order = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(order)) - starts[order]
        base = salted(fates.base[order] ^ (number.astype(np.uint64) << np.uint64(7)), 31)
        product = self._product(fates.day, base)
        quantity = _QUANTITIES[pick(salted(base, 3), _QUANTITY_SHARES)]
        if day > fates.day:
            wrong = fates.corrected[order] & (number == 0)
            quantity = np.where(wrong, np.where(quantity == 1, 2, quantity - 1), quantity)
        # An exchange: the buyer hands something back and takes the rest.
        quantity = np.where((number > 0) & (uniform(salted(base, 4)) < 0.008), -quantity, quantity)
        price = self._prices(fates.day)[product]
        promotion = np.where(uniform(salted(base, 5)) < 0.15, _PROMOTIONS[below(salted(base, 6), 5)], 0)
        price = (price * (100 - promotion) + 50) // 100
        shelf = self._catalogue(self.product_count(fates.day))["shelf"][product]
        tax = (quantity * price * _GST[shelf] + 50) // 100
        return Lines(order, starts, number, product, quantity, price, tax)

    def _returned_lines(self, fates: Fates) -> Lines:
        """What comes back of orders: at least one line, as negative quantities at the price paid."""
        lines = self.lines(fates, fates.day + _LAST_RETURN)
        first = np.zeros(len(lines.order), dtype=bool)
        first[lines.starts] = True
        back = (first | (uniform(salted(fates.base[lines.order], 40)) < 0.3)) & (
            first | (lines.number % 2 == 1)
        )
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
        stamp = (self.opened + timedelta(days=fates.day)).strftime("%y%m%d").encode()
        return ids(b"RT" if returned else b"OD", stamp, (fates.index, 8), rows=len(fates.index))

    def _headers(self, fates: Fates, lines: Lines, day: int, returned: bool) -> Batch:
        """Order headers as they stand at the end of ``day``."""
        base, age, rows = fates.base, day - fates.day, len(fates.index)
        customer, guest = self._buyer(fates)
        home = self._customer_city(self._customer_base(customer), fates.day)
        away = pick(salted(base, 50), _CITY_SHARES)
        city = np.where(guest | (uniform(salted(base, 51)) < 0.12), away, home)
        subtotal = np.add.reduceat(lines.amount, lines.starts)
        tax = np.add.reduceat(lines.tax, lines.starts)
        coupon = np.where(uniform(salted(base, 52)) < 0.2, 5 * (1 + below(salted(base, 53), 4)), 0)
        discount = np.where(subtotal > 0, (subtotal * coupon + 50) // 100, 0)
        postage = np.where((subtotal > 0) & (subtotal < 49_900), 4000 + 100 * below(salted(base, 54), 60), 0)
        if returned:
            discount, postage = np.zeros_like(discount), np.zeros_like(postage)

        placed_second = self._placed(fates)
        placed = (self.first + fates.day) * DAY + placed_second

        def moment(offset: I64, salt: int, earliest: I64) -> I64:
            """A time on the day ``offset`` days later, after ``earliest`` where that is the same day."""
            midnight = (self.first + fates.day + np.maximum(offset, 0)) * DAY
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
            for index in self._chunks(earlier):
                fates = self.fates(earlier, index)
                chosen = (fates.returned == day - earlier) & (fates.header_lag < 99)
                if chosen.any():
                    yield fates.at(chosen)

    def orders_file(self, day: int) -> Iterator[Batch]:
        """New orders, changed orders of the last days, and returns; one row per order."""
        for earlier in range(max(0, day - _LAST_EVENT), day + 1):
            for index in self._chunks(earlier):
                fates = self.fates(earlier, index)
                sent = fates.header_sent(day)
                if sent.any():
                    chosen = fates.at(sent)
                    yield self._headers(chosen, self.lines(chosen, day), day, returned=False)
        for fates in self._returns(day):
            yield self._headers(fates, self._returned_lines(fates), day, returned=True)

    def items_file(self, day: int) -> Iterator[Batch]:
        """Lines of the day's orders, late and corrected lines of the day before, and returned lines."""
        for index in self._chunks(day):
            fates = self.fates(day, index)
            chosen = fates.at(fates.items_lag == 0)
            if len(chosen.index):
                yield self._items(chosen, self.lines(chosen, day), returned=False)
        for index in self._chunks(day - 1):
            fates = self.fates(day - 1, index)
            late = fates.at((fates.items_lag == 1) | fates.corrected)
            if not len(late.index):
                continue
            batch = self._items(late, self.lines(late, day), returned=False)
            # Of a corrected order only the corrected line comes again.
            repeated = np.isin(batch.order_key, late.key[late.corrected])
            yield take(batch, ~repeated | (batch.line == 0))
        for fates in self._returns(day):
            yield self._items(fates, self._returned_lines(fates), returned=True)

    # --- web events -----------------------------------------------------------------------------------------

    def events_file(self, day: int) -> Iterator[Batch]:
        """Sessions that end in an order, sessions that do not, and robots."""
        for index in self._chunks(day):
            fates = self.fates(day, index)
            online = fates.at(uniform(salted(fates.base, 90)) < 0.5)
            if len(online.index):
                customer, guest = self._buyer(online)
                yield self._events(
                    day,
                    1,
                    online.index,
                    salted(online.base, 91),
                    self._placed(online),
                    customer,
                    guest,
                    buys=True,
                )
        for kind, share, name in ((2, 0.8, "session"), (3, 0.003, "bot")):
            count = max(1, round(self.order_count(day) * share))
            for start in range(0, count, CHUNK):
                index = np.arange(start, min(start + CHUNK, count))
                base = keyed(self._streams[name], day, index)
                ends = (np.interp(uniform(salted(base, 1)), _SLOTS, np.arange(49)) * 1800).astype(np.int64)
                customer = below(salted(base, 2), self.customer_count(day))
                unknown = (uniform(salted(base, 3)) < 0.55) | (kind == 3)
                yield self._events(
                    day, kind, index, base, np.minimum(ends, DAY - 1), customer, unknown, buys=False
                )

    def _events(  # noqa: PLR0917 - arrays of one session table, read in order
        self,
        day: int,
        kind: int,
        index: I64,
        base: U64,
        ends: I64,
        customer: I64,
        unknown: Mask,
        *,
        buys: bool,
    ) -> Batch:
        """Events of sessions: they lead up to ``ends``, so a session never runs past its day."""
        robot = kind == 3
        views = 20 + below(salted(base, 10), 40) if robot else 1 + below(salted(base, 10), 5)
        depth = uniform(salted(base, 11))
        cart = np.ones(len(base), dtype=np.int64) if buys else ((depth < 0.25) & ~robot).astype(np.int64)
        checkout = cart if buys else ((depth < 0.09) & ~robot).astype(np.int64)
        purchase = cart if buys else np.zeros_like(cart)
        count = views + cart + checkout + purchase
        starts = np.concatenate(([0], np.cumsum(count)[:-1]))
        session = np.repeat(np.arange(len(base)), count)
        step = np.arange(len(session)) - starts[session]
        hashes = salted(base[session] ^ (step.astype(np.uint64) << np.uint64(9)), 12)
        rest = count[session] - 1 - step
        gap = 1 if robot else 5 + below(salted(base, 13), 115)[session]
        seconds = (self.first + day) * DAY + ends[session] - rest * gap
        # 0 landing page, 1 product page, 2 cart, 3 checkout, 4 purchase
        what = np.where(step < views[session], 1, np.minimum(2 + step - views[session], 4))
        landing = (step == 0) & (uniform(salted(base, 14)) < 0.6)[session] & (views[session] > 1)
        what = np.where(landing, 0, what)
        product = self._product(day, hashes)
        # Cart, checkout and purchase are about the product that the session ends with.
        target = (
            self._product(day, salted(salted(salted(base, 0), 30), 31)) if not buys else self._first(day, index)
        )
        product = np.where(what >= 2, target[session], product)
        product = np.where((what == 1) & (step == views[session] - 1), target[session], product)
        rows = len(session)
        product_ids = ids(b"P", (product + 1, 6), rows=rows)
        client = pick(salted(base, 15), cumulative([client[2] for client in words.CLIENTS]))[session]
        paths = choose(("/", "/p/", "/cart", "/checkout", "/order/complete"), what)
        browsers = [words.BROWSERS[client[1]] for client in words.CLIENTS]
        agents = choose([client[3] for client in words.CLIENTS], client)
        if robot:
            agents = choose(words.BOT_AGENTS, below(salted(base, 16), 2)[session])
        stamp = (self.opened + timedelta(days=day)).strftime("%y%m%d").encode()
        session_ids = ids(b"S", stamp, (np.full(rows, kind, dtype=np.int64), 1), (index[session], 8), rows=rows)
        referrer = pick(salted(base, 17), cumulative(words.REFERRER_WEIGHTS))[session]
        columns = {
            "event_id": join(session_ids, ids((step, 2), rows=rows), separator="E"),
            "customer_id": blank(ids((customer[session] + 1, 9), rows=rows), unknown[session]),
            "session_id": blank(session_ids, (uniform(salted(base, 18)) < 0.04)[session]),
            "event_type": choose(("page_view", "product_view", "add_to_cart", "checkout", "purchase"), what),
            "event_timestamp": times(seconds),
            "product_id": blank(product_ids, what == 0),
            "page_url": join(words.SITE, paths, pc.if_else(pa.array(what == 1), product_ids, "")),
            "referrer": blank(choose(words.REFERRERS, referrer), step > 0),
            "device_type": choose([client[0] for client in words.CLIENTS], client),
            "browser": blank(choose(browsers, client), np.full(rows, robot)),
            "user_agent": agents,
        }
        return Batch(columns, hashes)

    def _first(self, day: int, index: I64) -> I64:
        """Product of the first line of each order."""
        base = salted(self.fates(day, index).base ^ np.uint64(0), 31)
        return self._product(day, base)

    def files(self, source: str, day: int) -> Iterator[Batch]:
        """Clean rows of a source's file of ``day`` (days since the opening)."""
        maker = {
            "customers": self.customers_file,
            "products": self.products_file,
            "orders": self.orders_file,
            "order_items": self.items_file,
            "web_events": self.events_file,
        }[source]
        return maker(day)


def take(batch: Batch, chosen: Mask) -> Batch:
    """The chosen rows of a batch."""
    mask = pa.array(chosen)

    def part(values: I64 | None) -> I64 | None:
        return None if values is None else values[chosen]

    return Batch(
        {name: column.filter(mask) for name, column in batch.columns.items()},
        batch.identity[chosen],
        part(batch.order_key),
        part(batch.amount),
        part(batch.line),
    )
