"""Two runs at once never corrupt each other (G6), and readers see one published state or the next (G5).

Every transaction locks the queue first, so the order of whole transactions is all that can differ. Random orders of two
runs are in tests/histories/test_interleavings.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from comparing import check
from harness import MERGES, REFRESH, REPLACE, Load, Warehouse, stopping
from shop import customer, event, item, order, product

AUDIT = "audit"
STEPS = (REPLACE, *MERGES, AUDIT, REFRESH)


def step(warehouse: Warehouse, name: str, load: Load, session: Any) -> bool:
    """One task of the DAG; False when it asks to be tried again."""
    if name == AUDIT:
        return not stopping(warehouse.audit(load, session), load)
    try:
        warehouse.run(name, load, session)
    except AssertionError as error:
        assert name == REFRESH, error
        return False
    return True


@pytest.mark.parametrize("source", ["customers", "products"])
def test_facts_merged_by_another_run_before_their_dimension_are_pointed_anew(
    warehouse: Warehouse, source: str
) -> None:
    """Another run may merge the facts of this run's slices before this run has merged their dimension."""
    day = date(2026, 1, 31)
    versions = {
        "customers": [customer("C1", "2026-01-01", city="Pune"), customer("C1", "2026-01-20", city="Delhi")],
        "products": [
            product("P1", stock_quantity=3, updated="2026-01-01"),
            product("P1", stock_quantity=2, updated="2026-01-20", sku="x"),
        ],
    }
    rows = {
        source: versions[source],
        "orders": [order("O1", "C1", "2026-01-30 10:00", shipping_city="Goa")],
        "order_items": [item("I1", "O1", "P1", 1, "10")],
        "web_events": [event("E1", "view", "2026-01-30 10:00", "S1", "C1", "P1")],
    }
    load = warehouse.stage(day, day, {name: {day: given} for name, given in rows.items()})
    dimensions, facts = MERGES[:2], MERGES[2:]
    for file in (REPLACE, *facts, *dimensions, *facts):
        warehouse.run(file, load)
    warehouse.publish(load)
    check(warehouse, day)


def persistently(work: Callable[[], bool], seconds: float = 60) -> None:
    """Try as Airflow does: a conflict or a refused guard is tried again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if work():
                return
        except Exception as error:
            if not any(word in str(error) for word in ("conflict with concurrent", "deadlock")):
                raise
        assert time.monotonic() < deadline, "the run did not get through"
        time.sleep(0.02)


_ALL_VIEWS = """
select
    (select max(published_day) from analytics.published) as published_day,
    (select count(*) || '/' || coalesce(sum(lifetime_value), 0) from analytics.customer_360) as customers,
    (select count(*) || '/' || coalesce(sum(total_revenue), 0) from analytics.product_performance) as products,
    (select count(*) || '/' || coalesce(sum(total_revenue), 0) from analytics.monthly_sales_trends) as months,
    (select count(*) || '/' || coalesce(sum(total_revenue), 0) from analytics.geographic_sales) as places,
    (select count(*) || '/' || coalesce(sum(total_revenue), 0) from analytics.category_performance) as categories,
    (select count(*) || '/' || coalesce(sum(revenue), 0) from analytics.customer_cohorts) as cohorts,
    (select count(*) || '/' || coalesce(sum(revenue), 0) from analytics.sales_funnel) as funnel
"""


def test_readers_see_one_published_state_or_the_next(warehouse: Warehouse) -> None:
    from test_crash import _first_day, _second_day

    seen: list[tuple[Any, ...]] = []
    stop = threading.Event()
    problems: list[BaseException] = []

    def read() -> None:
        session = warehouse.connect()
        try:
            while not stop.is_set():
                [row] = warehouse.client_rows(_ALL_VIEWS, session)
                if not seen or seen[-1] != tuple(row.values()):
                    seen.append(tuple(row.values()))
        except BaseException as error:
            problems.append(error)
        finally:
            session.close()

    published: list[tuple[Any, ...]] = [tuple(warehouse.rows(_ALL_VIEWS)[0].values())]
    reader = threading.Thread(target=read)
    reader.start()
    for day, rows in (
        (date(2026, 1, 29), _first_day()),
        (date(2026, 1, 31), _second_day()),
        (date(2026, 1, 29), {}),
    ):
        warehouse.load(day, day, {source: {day: given} for source, given in rows.items()})
        published.append(tuple(warehouse.rows(_ALL_VIEWS)[0].values()))
        time.sleep(0.1)
    stop.set()
    reader.join()
    assert not problems, problems
    assert len(set(published)) == 4
    assert seen == published
