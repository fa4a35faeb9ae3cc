"""A real year of a real shop: in one ranged run to the last decimal, and its first days one by one, the newest first.

Reference: UCI "Online Retail" (D. Chen, 2015) and totals computed independently from its files
(``expected.json``).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.stack import runs
from local.stack.demo import land, load_sample
from local.stack.ports import separate_config
from tests.e2e.support import VIEWS, LocalStack

# Customers and products are delivered on the first of them. Saturday 2010-12-04 has no file: it is declared empty.
DAYS = (date(2010, 12, 1), date(2010, 12, 4))
TABLES = (
    *("dimensions.dim_customer", "dimensions.dim_product", "dimensions.dim_geography"),
    *("facts.fact_sales", "facts.fact_web_events", "facts.fact_inventory"),
    *(f"analytics.{view}" for view in VIEWS),
)

Dump = dict[str, list[str]]


@pytest.fixture(scope="module")
def expected(real_data: Path) -> dict[str, Any]:
    """Totals computed independently from the files."""
    results = json.loads((real_data / "online_retail" / "expected.json").read_text())["results"]
    return {name: item["value"] for name, item in results.items()}


@pytest.fixture(scope="module")
def days_in_one_run(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dump:
    """What the days leave in the warehouse when one run loads them, with compiled queries as on Glue."""
    home = tmp_path_factory.mktemp("range") / "home"
    local = LocalStack(replace(separate_config(home), spark_codegen=True))
    try:
        code = load_sample(local.config, real_data / "online_retail", ["--days", f"{DAYS[0]}:{DAYS[1]}"])
        assert code == 0
        return _dump(local)
    finally:
        local.stack.down()


@pytest.fixture(scope="module")
def local(real_data: Path, tmp_path_factory: pytest.TempPathFactory, days_in_one_run: Dump) -> Any:
    """A stack whose raw bucket has the whole year, and whose warehouse is empty at first."""
    assert days_in_one_run, "the other stack is gone before this one starts"
    running = LocalStack(separate_config(tmp_path_factory.mktemp("days") / "home"))
    try:
        running.stack.up()
        running.bootstrap()
        assert land(running.config, real_data / "online_retail")
        yield running
    finally:
        running.stack.down()


@pytest.mark.timeout(2400)
def test_days_one_by_one_are_the_days_in_one_run(
    local: LocalStack, days_in_one_run: Dump, expected: dict[str, Any]
) -> None:
    """The newest day first: Airflow's own backfill, one run a day."""
    local.load(*DAYS, backwards=True)
    assert _dump(local) == days_in_one_run
    days = [day for day in expected["lines_by_day"] if DAYS[0].isoformat() <= day["dt"] <= DAYS[1].isoformat()]
    found = local.query(
        "select order_date::date, count(*), sum(line_total) from facts.fact_sales group by 1 order by 1"
    )
    assert [(str(row[0]), row[1], row[2]) for row in found] == [
        (day["dt"], day["n_lines"], Decimal(day["net"])) for day in days
    ]


@pytest.mark.timeout(1800)
def test_the_year_in_one_run_adds_up_to_the_last_decimal(local: LocalStack, expected: dict[str, Any]) -> None:
    """The days already loaded are in the range, too: they are loaded again, and nothing doubles."""
    first, last = (str(expected["first_last"][end])[:10] for end in ("first", "last"))
    conf = {"start_date": first, "end_date": last}
    runs.watch(local.client, runs.DAILY, {f"{first} …": local.client.trigger(runs.DAILY, conf)})

    (ledger,) = local.query(
        "select sum(raw_rows), sum(accepted_rows), sum(superseded_rows), sum(quarantined_rows), "
        "sum(raw_amount), sum(quarantined_amount) from quality.ledger where source = 'order_items'"
    )
    assert ledger[0] == expected["lines"]
    assert ledger[0] == ledger[1] + ledger[2] + ledger[3]
    assert ledger[3] == expected["neg_price"]
    assert ledger[4] == Decimal(expected["revenue_net_all_lines"])
    (balance,) = local.query(
        "select current_rows, held_rows, superseded_rows, current_amount, held_amount, superseded_amount "
        "from quality.ledger_balance where source = 'order_items'"
    )
    assert balance[0] + balance[1] + balance[2] + ledger[2] + ledger[3] == expected["lines"]

    lines, total = local.query("select count(*), sum(line_total) from facts.fact_sales")[0]
    assert lines == balance[0]
    assert total + balance[4] + balance[5] + ledger[5] == Decimal(expected["revenue_net_all_lines"])
    assert local.value("select count(distinct order_id) from history.orders") == expected["invoices"]
    assert (
        local.value("select count(distinct customer_id) from dimensions.dim_customer where customer_key <> -1")
        == expected["customers"]
    )
    assert (
        local.value("select count(distinct product_id) from dimensions.dim_product where product_key <> -1")
        == expected["stock_codes"]
    )
    months = local.query("select year_number, month_number from analytics.monthly_sales_trends order by 1, 2")
    assert [f"{year}-{month:02d}" for year, month in months] == [
        month["ym"] for month in expected["revenue_by_month_net"]
    ]


def _dump(local: LocalStack) -> Dump:
    """Every row of the tables and views that readers see, as text in a fixed order."""
    return {table: sorted(map(repr, local.query(f"select * from {table}"))) for table in TABLES}
