"""The shop's customers: names, contacts, segments, and the days on which each of them changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_data import words
from shop_data.hashed import I64, U64, below, cumulative, keyed, pick, salted, uniform
from shop_data.shop import DAY, Batch, Shop, schedule
from shop_data.text import blank, choose, constant, dates, epoch_day, ids, integers, join, times

_CITY_SHARES = cumulative([city[3] for city in words.CITIES])
# Stream, shortest and longest time between two changes in days.
_MOVES = (2, 300, 1200)
_CONTACTS = (4, 500, 1500)
_SEGMENTS = (6, 150, 700)


class Customers:
    """Customers by number, from 0 on in the order in which they joined."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._stream = shop.stream("customer")

    def base(self, customer: I64) -> U64:
        """Hash of each customer, from which everything about them follows."""
        return keyed(self._stream, customer)

    def _registered(self, customer: I64, base: U64) -> I64:
        founding = -1 - below(salted(base, 1), 1095)
        return np.where(
            customer < self._shop.customers,
            founding,
            1 + (customer - self._shop.customers) // self._shop.new_customers,
        )

    def city(self, base: U64, day: int) -> I64:
        """Cities of the customers on a day, as indexes of `words.CITIES`."""
        moves, _ = schedule(base, *_MOVES, day)
        return pick(keyed(np.uint64(0), base.view(np.int64), moves), _CITY_SHARES)

    def _rows(self, customer: I64, day: int) -> Batch:
        """Records of customers as they are at the end of ``day``."""
        base = self.base(customer)
        rows = len(customer)
        registered = self._registered(customer, base)
        moves, moved = schedule(base, *_MOVES, day)
        contacts, contacted = schedule(base, *_CONTACTS, day)
        segments, promoted = schedule(base, *_SEGMENTS, day)
        changed = np.maximum(np.maximum(moved, contacted), np.maximum(promoted, registered))
        here = keyed(np.uint64(1), base.view(np.int64), moves)
        mail = keyed(np.uint64(2), base.view(np.int64), contacts)
        rank = keyed(np.uint64(3), base.view(np.int64), segments)

        female = uniform(salted(base, 10)) < 0.47
        women = choose(words.FEMALE_NAMES, below(salted(base, 11), len(words.FEMALE_NAMES)))
        men = choose(words.MALE_NAMES, below(salted(base, 11), len(words.MALE_NAMES)))
        first_name = pc.if_else(pa.array(female), women, men)
        last_name = choose(words.LAST_NAMES, below(salted(base, 12), len(words.LAST_NAMES)))
        city = self.city(base, day)
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
            "registration_date": dates(self._shop.first + registered),
            "updated_at": times((self._shop.first + changed) * DAY + seconds),
        }
        return Batch(columns, base)

    def _changed(self, day: int) -> Iterator[I64]:
        """Customers who registered or changed on ``day``."""
        for customer in self._shop.chunks(self._shop.customer_count(day)):
            base = self.base(customer)
            registered = self._registered(customer, base)
            changed = registered == day
            for pace in (_MOVES, _CONTACTS, _SEGMENTS):
                changed |= (schedule(base, *pace, day)[1] == day) & (registered < day)
            if changed.any():
                yield customer[changed]

    def file(self, day: int) -> Iterator[Batch]:
        """All customers on the opening day; later those who registered or changed, one in twenty a day late."""
        if day == 0:
            for customer in self._shop.chunks(self._shop.customers):
                yield self._rows(customer, 0)
            return
        for late in (True, False):
            event = day - 1 if late else day
            if event < 1:
                continue
            for customer in self._changed(event):
                is_late = uniform(keyed(self._stream, customer, event)) < 0.05
                sent = customer[is_late if late else ~is_late]
                if len(sent):
                    yield self._rows(sent, event)
