"""A real year of a real shop, against totals computed independently from its own files."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

from conftest import Lake
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.rules import history

DAY = "2011-12-09"


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


def test_a_real_year_is_unusual_on_its_holidays_and_hardly_else(
    real: Path, contracts: dict[str, SourceContract]
) -> None:
    """As if each day had been judged in turn by the shipped rule on the number of orders."""
    with gzip.open(
        real / "online_retail" / "full" / "orders.csv.gz", "rt", encoding="utf-8", newline=""
    ) as file:
        orders = Counter(row["order_date"][:10] for row in csv.DictReader(file))
    first, last = (dt.date.fromisoformat(end(orders)) for end in (min, max))
    days = [(first + dt.timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    figures: dict[str, float | None] = {day: float(orders[day]) for day in days}
    (rule,) = (rule for rule in contracts["orders"].rules if rule.name == "rows_as_usual")
    findings = [history.judge(rule, day, figures[day], figures) for day in days]
    judged = [finding for finding in findings if finding.judged]
    unusual = [finding for finding in judged if finding.deviates]
    assert (len(days), len(judged)) == (374, 303), "Saturdays usually have nothing"
    closed = {finding.day for finding in unusual if not finding.value}
    assert {"2010-12-24", "2011-04-22", "2011-04-25", "2011-04-29", "2011-05-30", "2011-08-29"} < closed
    assert (len(closed), len(unusual)) == (13, 19)
