"""Days backfilled out of order by Airflow's own backfills leave the warehouse that one ranged run leaves.

``DWH_BACKFILL_DAYS`` says how many days (default 4; a small day takes about half a minute). They are cut into spans;
the spans are backfilled one after another in a shuffled order, each with its newest day first. Sixty days beside a
daily run, without Airflow and Spark, are in ``tests/sql/test_backfill.py``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from local.stack import runs
from local.stack.ports import separate_config
from tests.e2e.support import FIRST_DAY, generate
from tests.faults.support import FaultStack

DAYS = int(os.environ.get("DWH_BACKFILL_DAYS", "4"))
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
SPAN = max(1, DAYS // 10)
LINES = 100


def spans() -> list[tuple[date, date]]:
    """First and last day of each span, in the order in which they are loaded: by no means by day."""
    found = [
        (FIRST_DAY + timedelta(days=n), FIRST_DAY + timedelta(days=min(n + SPAN, DAYS) - 1))
        for n in range(0, DAYS, SPAN)
    ]
    random.Random(DAYS).shuffle(found)
    assert found != sorted(found)
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[FaultStack]:
    """A stack with all days in the raw bucket and an empty warehouse, remembered as its snapshot."""
    running = FaultStack(separate_config(tmp_path / "home"))
    try:
        running.stack.up()
        generate(tmp_path / "raw", FIRST_DAY, LAST_DAY, lines=LINES)
        running.land(tmp_path / "raw")
        running.bootstrap()
        running.snapshot()
        yield running
    finally:
        running.stack.down()


@pytest.mark.timeout(900 + 120 * DAYS)
def test_days_out_of_order_are_the_days_in_one_run(stack: FaultStack) -> None:
    stack.finish(stack.start_run(FIRST_DAY, LAST_DAY))
    wanted = stack.dump()
    assert wanted["facts.fact_sales"]
    stack.restore()

    for first, last in spans():
        stack.load(first, last, backwards=True)

    answer = stack.client.get(
        f"/dags/{runs.DAILY}/dagRuns", run_type="backfill", order_by="start_date", limit=1000
    )
    order = [run["logical_date"][:10] for run in answer["dag_runs"]]
    assert sorted(order) == [str(FIRST_DAY + timedelta(days=n)) for n in range(DAYS)]
    assert order != sorted(order)
    found = stack.dump()
    assert [name for name in wanted if found[name] != wanted[name]] == []
