"""Random histories: what a shop's systems may deliver, with few keys and few days so that everything collides."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from harness import Row
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

DAYS = tuple(date(2026, 1, 29) + timedelta(days=n) for n in range(5))  # crosses a month
CUSTOMERS = ("C1", "C2", "C3")
PRODUCTS = ("P1", "P2", "P3")
ORDERS = ("O1", "O2", "O3", "O4")
ITEMS = ("I1", "I2", "I3", "I4", "I5", "I6")
EVENTS = ("E1", "E2", "E3", "E4", "E5", "E6")


# Histories of the first property by profile; the others draw their `examples` of it, 3.45 times as many in all.
#   default  make test: 103 in all, the same at every run, as a verdict on a change must not depend on luck
#   brief    CI: 201, the same at every run
#   soak     a batch of make soak: 552, new ones under each seed
#   ci       tests/run.py properties, at every push on GitHub: 1,725, new ones at every run
EXAMPLES = {"default": 30, "brief": 58, "soak": 160, "ci": 500}
_REPEATED = ("default", "brief")


def profiles() -> None:
    """``HYPOTHESIS_PROFILE`` chooses how many examples (`EXAMPLES`)."""
    for name, count in EXAMPLES.items():
        settings.register_profile(
            name,
            max_examples=count,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            derandomize=name in _REPEATED,
        )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def examples(share: float) -> int:
    """A share of the profile's examples, for tests that cost more or prove less."""
    return max(3, round(settings.default.max_examples * share))


def _instants(days: tuple[date, ...] = DAYS) -> st.SearchStrategy[datetime]:
    """Few instants, so that versions tie and facts lie exactly on their edges."""
    return st.builds(
        lambda day, hour: datetime.combine(day, time(hour)),
        st.sampled_from((days[0] - timedelta(days=40), *days)),
        st.sampled_from((0, 9, 18)),
    )


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_MONEY = st.sampled_from(
    [Decimal(x) for x in ("0", "0.0001", "0.01", "1", "3.3333", "10", "99.99", "1234.5678")]
)
_PLACE = st.sampled_from(("Pune", "Delhi"))

CUSTOMER = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(CUSTOMERS),
        "first_name": _maybe(st.sampled_from(("Asha", "Ravi"))),
        "last_name": _maybe(st.just("Rao")),
        "email": _maybe(st.sampled_from(("a@X.com", "nothing"))),
        "city": _maybe(_PLACE),
        "state": _maybe(st.sampled_from(("MH", "DL"))),
        "country": _maybe(st.just("IN")),
        "updated_at": _maybe(_instants()),
    }
)
PRODUCT = st.fixed_dictionaries(
    {
        "product_id": st.sampled_from(PRODUCTS),
        "product_name": _maybe(st.sampled_from(("Pen", "Book"))),
        "category_name": _maybe(st.sampled_from(("Office", "Home"))),
        "price": _maybe(_MONEY),
        "cost": _maybe(_MONEY),
        "stock_quantity": _maybe(st.integers(-3, 30)),
        "is_active": _maybe(st.booleans()),
        "updated_at": _maybe(_instants()),
    }
)
ORDER = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(ORDERS),
        "customer_id": _maybe(st.sampled_from((*CUSTOMERS, "C9"))),
        "order_date": _instants(),
        "order_status": _maybe(
            st.sampled_from(
                (
                    "delivered",
                    "cancelled",
                    "unavailable",
                    "voided",
                    "refunded",
                    "partially_refunded",
                    "odd word",
                )
            )
        ),
        "currency": _maybe(st.sampled_from(("INR", "inr", "USD"))),
        "shipping_city": _maybe(_PLACE),
        "shipping_state": _maybe(st.just("MH")),
        "shipping_country": _maybe(st.sampled_from(("IN", "NP"))),
        "tax": _maybe(_MONEY),
        "shipping_cost": _maybe(_MONEY | _MONEY.map(lambda x: -x)),
        "discount": _maybe(_MONEY),
        "subtotal": _maybe(_MONEY),
        "total_amount": _maybe(_MONEY),
        "updated_at": _maybe(_instants()),
    }
)
ITEM = st.fixed_dictionaries(
    {
        "order_item_id": st.sampled_from(ITEMS),
        "order_id": st.sampled_from(ORDERS),
        "product_id": st.sampled_from((*PRODUCTS, "P9")),
        "quantity": st.sampled_from((-2, -1, 0, 1, 2, 3)),
        "unit_price": _MONEY,
        "line_total": _maybe(_MONEY | _MONEY.map(lambda x: -x)),
    }
)
EVENT = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(EVENTS),
        "customer_id": _maybe(st.sampled_from((*CUSTOMERS, "C8"))),
        "session_id": _maybe(st.sampled_from(("S1", "S2"))),
        "device_type": _maybe(st.sampled_from(("phone", "desk"))),
        "event_type": st.sampled_from(("view", "add_to_cart", "checkout", "purchase", "search")),
        # Minutes beside the gap of sessions, and on both sides of midnight.
        "event_timestamp": st.builds(
            lambda instant, minutes: instant + timedelta(minutes=minutes),
            _instants(),
            st.sampled_from((-50, -29, -10, 0, 0, 0, 20, 30, 45)),
        ),
        "product_id": _maybe(st.sampled_from((*PRODUCTS, "P8"))),
    }
)
_ROWS = {"customers": CUSTOMER, "products": PRODUCT, "orders": ORDER, "order_items": ITEM, "web_events": EVENT}
_MOST = {"customers": 2, "products": 2, "orders": 2, "order_items": 4, "web_events": 4}

Day = dict[str, list[Row]]  # source → rows


def day_files() -> st.SearchStrategy[Day]:
    """The files of one day: some rows of each source, any of them possibly none."""
    return st.fixed_dictionaries({name: st.lists(row, max_size=_MOST[name]) for name, row in _ROWS.items()})


@dataclass(frozen=True)
class Run:
    """One run of the daily DAG: the days from ``first`` to ``last`` with the files as they lie in the raw bucket."""

    first: int
    last: int

    @property
    def days(self) -> range:
        return range(self.first, self.last + 1)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    first = draw(st.integers(0, len(DAYS) - 1))
    last = draw(st.sampled_from((first, first, min(first + 1, len(DAYS) - 1), len(DAYS) - 1)))
    return Run(first, last)


@st.composite
def histories(draw: st.DrawFn, most_runs: int = 4) -> list[tuple[Run, dict[int, Day]]]:
    """Runs in any order of days, ranges and repetitions; before each, some files may have been corrected."""
    files: dict[int, Day] = {}
    steps = []
    for _ in range(draw(st.integers(1, most_runs))):
        run = draw(runs())
        for day in run.days:
            if day not in files or draw(st.booleans()):
                files[day] = draw(day_files())
        steps.append((run, {day: files[day] for day in run.days}))
    return steps


def by_source(days: dict[int, Day]) -> dict[str, dict[date, list[Row]]]:
    """Files as the harness loads them."""
    return {name: {DAYS[number]: files[name] for number, files in days.items()} for name in _ROWS}
