"""The shop's products: goods, their popularity, and the changes of price, cost and stock."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_data import words
from shop_data.hashed import F64, I64, U64, below, cumulative, keyed, pick, salted, uniform
from shop_data.shop import DAY, Batch, Shop, schedule
from shop_data.text import blank, choose, ids, integers, join, money, times

_SHELF_SHARES = cumulative([shelf.weight for shelf in words.SHELVES])
# Stream, shortest and longest time between two changes in days.
_PRICES = (10, 20, 180)
_COSTS = (12, 60, 360)


class Products:
    """Products by number, from 0 on in the order of their launch."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._stream = shop.stream("product")
        self._known = lru_cache(maxsize=1)(self._describe)
        self._shares = lru_cache(maxsize=4)(self._share_table)
        # The days whose orders a file still speaks of.
        self.prices = lru_cache(maxsize=32)(self._price_table)

    def shelves(self, day: int) -> I64:
        """Shelf of every product that is known on a day, as indexes of `words.SHELVES`."""
        return self._known(self._shop.product_count(day))["shelf"]

    def sold(self, day: int, hashes: U64) -> I64:
        """Products that somebody buys or looks at on a day."""
        usual = pick(hashes, self._shares(day))
        count = self._shop.product_count(day)
        new = count - 1 - below(salted(hashes, 1), min(count, 3 * self._shop.new_products))
        # Products launched in the last days sell better, as on a front page. None is new on the opening day.
        return np.where(uniform(salted(hashes, 2)) < (0.02 if day else 0.0), new, usual)

    def _describe(self, count: int) -> dict[str, Any]:
        """Constant fields of the first ``count`` products."""
        product = np.arange(count)
        base = keyed(self._stream, product)
        shelf = pick(salted(base, 1), _SHELF_SHARES)
        low = np.log([shelf.low for shelf in words.SHELVES])[shelf]
        high = np.log([shelf.high for shelf in words.SHELVES])[shelf]
        # Cheap goods are more common than dear ones, so the draw leans low.
        list_price = np.exp(low + (high - low) * uniform(salted(base, 2)) ** 1.6)
        launch = np.where(
            product < self._shop.products, 0, 1 + (product - self._shop.products) // self._shop.new_products
        )
        # Two new products in five reach the products file one or two days after they are first sold.
        late = np.where(launch > 0, np.array([0, 0, 0, 1, 2])[below(salted(base, 3), 5)], 0)
        ends = np.where(uniform(salted(base, 4)) < 0.15, launch + 2 + below(salted(base, 5), 365), 10**6)
        rank = 1 + below(salted(base, 6), self._shop.products)
        return {
            "base": base,
            "shelf": shelf,
            "list_price": list_price,
            "launch": launch,
            "first_sent": launch + late,
            "ends": ends,
            "weight": (rank + 2.0) ** -0.9,
        }

    def _values(self, product: I64, day: int) -> tuple[I64, I64, I64]:
        """Price and cost in paise as of ``day``, and the day on which either last changed."""
        known = self._known(self._shop.product_count(day))
        base = known["base"][product]
        prices, priced = schedule(base, *_PRICES, day)
        costs, costed = schedule(base, *_COSTS, day)
        drift = 0.88 + 0.24 * uniform(keyed(np.uint64(5), base.view(np.int64), prices))
        raw = known["list_price"][product] * drift
        price = np.maximum(np.round(raw).astype(np.int64) * 100 - below(salted(base, 14), 2) * 5, 100)
        margin = np.array([shelf.margin for shelf in words.SHELVES])[known["shelf"][product]]
        share = (1 - margin) * (0.93 + 0.12 * uniform(keyed(np.uint64(6), base.view(np.int64), costs)))
        cost = np.round(known["list_price"][product] * 100 * share).astype(np.int64)
        return price, cost, np.maximum(np.maximum(priced, costed), known["launch"][product])

    def _price_table(self, day: int) -> I64:
        return self._values(np.arange(self._shop.product_count(day)), day)[0]

    def _share_table(self, day: int) -> F64:
        known = self._known(self._shop.product_count(day))
        return cumulative(np.where(known["ends"] > day, known["weight"], 0.0))

    def _rows(self, product: I64, day: int, snapshot: bool) -> Batch:
        known = self._known(self._shop.product_count(day))
        base, shelf = known["base"][product], known["shelf"][product]
        rows = len(product)
        price, cost, changed = self._values(product, day)
        moment = keyed(np.uint64(7), base.view(np.int64), day)
        # New prices hold from the small hours of the day; stock is counted in the evening.
        news = (changed == day) | (known["ends"][product] == day)
        second = np.where(news, below(moment, 6 * 3600), 18 * 3600 + below(moment, 6 * 3600))
        when = (self._shop.first + day) * DAY + second
        if snapshot:
            when = (self._shop.first - 1 - below(salted(base, 20), 60)) * DAY + second
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

    def file(self, day: int) -> Iterator[Batch]:
        """The opening day brings the catalogue; later days what is new, changed price, or was counted."""
        if day == 0:
            yield self._rows(np.arange(self._shop.products), 0, snapshot=True)
            return
        count = self._shop.product_count(day)
        known = self._known(count)
        product = np.arange(count)
        _, _, changed = self._values(product, day)
        counted = uniform(keyed(self._stream, product, day)) < 0.35
        sent = (changed == day) | (known["first_sent"] == day) | (known["ends"] == day) | counted
        sent &= known["first_sent"] <= day
        for piece in self._shop.chunks(count):
            chosen = piece[sent[piece]]
            if len(chosen):
                yield self._rows(chosen, day, snapshot=False)
