"""The shop's frame: how big it is, how busy its days are, and the batches of rows that its parts make.

Days are counted from the opening day. Money is counted in paise (integers), so that totals are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from shop_data import words
from shop_data.hashed import I64, U64, below, keyed, salted, stream, uniform
from shop_data.text import Mask, Text, epoch_day

DEFAULT_OPENED = date(2026, 1, 1)
DAY = 86_400
CHUNK = 50_000  # orders, customers or products handled at once; bounds memory, does not change the output

ITEM_WEIGHTS = (42, 24, 14, 8, 5, 3, 2, 2)  # orders of one line, two, …
_MEAN_ITEMS = sum((n + 1) * w for n, w in enumerate(ITEM_WEIGHTS)) / sum(ITEM_WEIGHTS)


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


def festivals(year: int) -> list[tuple[date, int, float]]:
    """Sale seasons of a year: first day, days, factor. Diwali is a new moon of October or November."""
    seasons = [(date(year, month, day), days, factor) for month, day, days, factor in words.SALES]
    new_moon, month = date(2000, 1, 6).toordinal() + 0.76, 29.530588853
    diwali = new_moon + math.ceil((date(year, 10, 16).toordinal() - new_moon) / month) * month
    # The weeks before the feast sell best; the feast itself is spent at home.
    seasons.append((date.fromordinal(int(diwali) - 14), 13, 1.75))
    return seasons


def schedule(base: U64, salt: int, shortest: int, longest: int, day: int) -> tuple[I64, I64]:
    """When things change that change now and then, each thing at its own pace.

    Returns:
        How often each has changed up to ``day``, and the day of its last change.
    """
    period = shortest + below(salted(base, salt), longest - shortest)
    phase = below(salted(base, salt + 1), period)
    count = (day + phase) // period
    return count, count * period - phase


class Shop:
    """One shop, fixed by seed, size and opening day.

    Attributes:
        first: the opening day, in days since 1970.
        customers: how many there are on the opening day; ``new_customers`` join every day.
        products: how many there are on the opening day; ``new_products`` join every day.
    """

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
        self._busyness = stream(seed, "day")

    def stream(self, name: str) -> np.uint64:
        """Start of the random numbers of one kind of thing."""
        return stream(self.seed, name)

    def stamp(self, day: int) -> bytes:
        """The day as written in ids: ``260131``."""
        return (self.opened + timedelta(days=day)).strftime("%y%m%d").encode()

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

    def season(self, day: int) -> float:
        """Factor of a day's orders; 1 on an ordinary day."""
        when = self.opened + timedelta(days=day)
        factor = words.WEEKDAYS[when.weekday()] * words.MONTHS[when.month - 1]
        for start, days, boost in festivals(when.year):
            if start <= when < start + timedelta(days=days):
                factor *= boost
        return factor * (0.95 + 0.1 * float(uniform(keyed(self._busyness, day))[0]))

    def order_count(self, day: int) -> int:
        return 0 if day < 0 else max(1, round(self.lines_per_day * self.season(day) / _MEAN_ITEMS))

    def customer_count(self, day: int) -> int:
        return self.customers + self.new_customers * day

    def product_count(self, day: int) -> int:
        return self.products + self.new_products * day

    def chunks(self, count: int) -> Iterator[I64]:
        """The numbers 0 … count - 1 in pieces of `CHUNK`."""
        for start in range(0, count, CHUNK):
            yield np.arange(start, min(start + CHUNK, count))
