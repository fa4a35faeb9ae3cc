"""A real year of a real shop, against totals computed independently from its own files."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import Lake
from pyspark.sql import functions as F

DAY = "2011-12-09"


@pytest.fixture(scope="module")
def real() -> Path:
    folder = os.environ.get("DWH_REAL_DATA")
    if not folder and os.environ.get("CI") == "true":
        pytest.fail("DWH_REAL_DATA must name the folder of real data in CI")
    if not folder:
        pytest.skip("DWH_REAL_DATA names no folder of real data")
    return Path(folder)


def test_online_retail_adds_up_to_the_last_decimal(lake: Lake, real: Path) -> None:
    expected = {
        name: item["value"]
        for name, item in json.loads((real / "online_retail" / "expected.json").read_text())["results"].items()
    }
    for path in (real / "online_retail" / "full").glob("*.csv.gz"):
        lake.put(path.name.split(".")[0], DAY, path.read_bytes(), "full.csv.gz")
    lake.declare_empty(DAY, DAY)
    ledger = lake.process(DAY).ledger
    lines, orders = ledger[("order_items", DAY)], ledger[("orders", DAY)]
    assert lines.raw_rows == expected["lines"]
    assert lines.raw_amount == Decimal(expected["revenue_net_all_lines"])
    assert lines.quarantined_rows == 2
    assert {row["rule"] for row in lake.quarantine()} == {"below_minimum:unit_price"}
    assert (orders.raw_rows, orders.accepted_rows) == (expected["invoices"], expected["invoices"])
    customers = lake.loaded("customers").select(F.countDistinct("customer_id")).first()[0]
    products = lake.loaded("products").select(F.countDistinct("product_id")).first()[0]
    assert (customers, products) == (expected["customers"], expected["stock_codes"])


def test_adventureworks_dates_are_quarantined_not_guessed(lake: Lake, real: Path) -> None:
    for path in (real / "adventureworks" / "full").glob("*.csv.gz"):
        lake.put(path.name.split(".")[0], DAY, path.read_bytes(), "full.csv.gz")
    lake.declare_empty(DAY, DAY)
    ledger = lake.process(DAY).ledger
    assert ledger[("orders", DAY)].quarantined_rows == ledger[("orders", DAY)].raw_rows == 25_162
    assert ledger[("order_items", DAY)].superseded_rows == 4
