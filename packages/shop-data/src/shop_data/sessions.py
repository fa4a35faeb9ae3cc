"""Visits to the web shop: those that end in an order, those that do not, and robots."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_data import words
from shop_data.hashed import I64, U64, below, cumulative, keyed, pick, salted, uniform
from shop_data.orders import SLOTS, Orders
from shop_data.products import Products
from shop_data.shop import DAY, Batch, Shop
from shop_data.text import Mask, blank, choose, ids, join, times


class Sessions:
    """Web events, session by session."""

    def __init__(self, shop: Shop, products: Products, orders: Orders) -> None:
        self._shop, self._products, self._orders = shop, products, orders

    def file(self, day: int) -> Iterator[Batch]:
        """Sessions that end in an order, sessions that do not, and robots."""
        for index in self._shop.chunks(self._shop.order_count(day)):
            fates = self._orders.fates(day, index)
            online = fates.at(uniform(salted(fates.base, 90)) < 0.5)
            if len(online.index):
                customer, guest = self._orders.buyers(online)
                yield self._events(
                    day,
                    1,
                    online.index,
                    salted(online.base, 91),
                    self._orders.placed(online),
                    customer,
                    guest,
                    buys=True,
                )
        for kind, share, name in ((2, 0.8, "session"), (3, 0.003, "bot")):
            count = max(1, round(self._shop.order_count(day) * share))
            for index in self._shop.chunks(count):
                base = keyed(self._shop.stream(name), day, index)
                ends = (np.interp(uniform(salted(base, 1)), SLOTS, np.arange(49)) * 1800).astype(np.int64)
                customer = below(salted(base, 2), self._shop.customer_count(day))
                unknown = (uniform(salted(base, 3)) < 0.55) | (kind == 3)
                yield self._events(
                    day, kind, index, base, np.minimum(ends, DAY - 1), customer, unknown, buys=False
                )

    def _events(
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
        seconds = (self._shop.first + day) * DAY + ends[session] - rest * gap
        # 0 landing page, 1 product page, 2 cart, 3 checkout, 4 purchase
        what = np.where(step < views[session], 1, np.minimum(2 + step - views[session], 4))
        landing = (step == 0) & (uniform(salted(base, 14)) < 0.6)[session] & (views[session] > 1)
        what = np.where(landing, 0, what)
        product = self._products.sold(day, hashes)
        # Cart, checkout and purchase are about the product that the session ends with.
        target = (
            self._products.sold(day, salted(salted(salted(base, 0), 30), 31))
            if not buys
            else self._orders.first_products(self._orders.fates(day, index))
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
        stamp = self._shop.stamp(day)
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
