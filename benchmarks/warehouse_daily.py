"""How the daily steps of the warehouse grow with its history.

    .venv/local/bin/python benchmarks/warehouse_daily.py [--lines 1000000 10000000] [--daily 50000]

For each size: a history of order lines is written by SQL into ``history.*``, dimensions, facts and analytics are
rebuilt from it (timed: the full rebuild), then one day of new lines arrives, with 2 % changed customers, 1 % changed
products, 1 % late orders (of the last week) and 1 % corrected lines (of any day), and a full snapshot of all products.
Every step from replace_slices to refresh runs through the Redshift endpoint, each file one transaction. COPY is not
in these figures: the lines are put into staging by SQL. The day runs three times for three days; medians are shown.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins"), str(REPO / "tests" / "sql")]

from harness import MERGES, REFRESH, REPLACE, SOURCES, Load, Warehouse, load_of  # noqa: E402
from serving import running_warehouse  # noqa: E402

LAST_DAY = date(2026, 1, 28)  # of the history; the measured days follow
LINES_PER_ORDER = 2.5
PRODUCTS = 5000
SERVICE = "md5({hash}) , '{source}/bench.csv', 1, '{run}'"

# One order: o is its number, d its day. One line: o and n, its number within the order.
ORDER = """
select d, 'O' || o, 'C' || (hashint8(o) & 2147483647) % {customers},
    d + make_interval(mins => (o % 1440)::int), {status}, 'card', 'City ' || o % 300, 'State ' || o % 30,
    null, 'IN', null, (o % 50)::numeric, (o % 7)::numeric, 0, null, 'INR', null, null, {updated}, null,
    coalesce({updated}, d), md5(o || {status} || d), 'orders/bench.csv', o, '{run}'
from ({keys}) as keys
"""
ITEM = """
select d, 'I' || o || '-' || n, 'O' || o, 'P' || (hashint8(o * 10 + n) & 2147483647) % {products},
    {quantity}, 10 + o % 90, null, d, md5(o || '-' || n || d || {quantity}), 'order_items/bench.csv', o, '{run}'
from ({keys}) as keys cross join lateral generate_series(1, 1 + (o % 4)::int) as n
"""
CUSTOMER = """
select d, 'C' || c, 'First ' || c, 'Last', 'c' || c || '@example.com', null, null, null, {address}, 'City ' || c % 300,
    'State ' || c % 30, null, 'IN', 'regular', null, {updated}, coalesce({updated}, d), md5(c || {address}),
    'customers/bench.csv', c, '{run}'
from ({keys}) as keys
"""
PRODUCT = """
select d, 'P' || p, 'Product ' || p, 'Category ' || p % 20, null, 'Brand', null, {price}, 5,
    (p + extract(doy from d))::int, true, null, d, md5(p || ({price})::text || d), 'products/bench.csv', p, '{run}'
from ({keys}) as keys
"""
EVENT = """
select d, 'E' || d || '-' || e, 'C' || e % {customers}, 'S' || d || e / 5, 'view', d + make_interval(secs => e),
    'P' || e % 5000, null, null, null, null, null, false, d, md5(e || '' || d), 'web_events/bench.csv', e, '{run}'
from ({keys}) as keys
"""


class Shop:
    """Writes histories and days by SQL."""

    def __init__(self, warehouse: Warehouse, lines: int, daily: int) -> None:
        self.admin = warehouse.admin
        self.daily_orders = int(daily / LINES_PER_ORDER)
        self.orders = int(lines / LINES_PER_ORDER)
        self.days = max(1, self.orders // self.daily_orders)
        self.first_day = LAST_DAY - timedelta(days=self.days - 1)
        self.customers = max(1000, self.orders // 10)

    def history(self) -> None:
        """All days up to LAST_DAY, straight into ``history``."""
        keys = (
            f"select o, (date '{self.first_day}' + (o / {self.daily_orders})::int) as d "
            f"from generate_series(0, {self.days * self.daily_orders - 1}) as o"
        )
        days = f"generate_series(date '{self.first_day}', date '{LAST_DAY}', interval '1 day')"
        run = "history"
        plain = {"run": run, "customers": self.customers, "products": PRODUCTS, "updated": "null::timestamp"}
        texts = {
            "orders": ORDER.format(keys=keys, status="'delivered'", **plain),
            "order_items": ITEM.format(keys=keys, quantity="1 + (o % 3)::int", **plain),
            "customers": CUSTOMER.format(
                keys=f"select c, date '{self.first_day}' as d from generate_series(0, {self.customers - 1}) as c",
                address="'Street 1'", **plain),
            "products": PRODUCT.format(
                keys=f"select p, d::date as d from generate_series(0, {PRODUCTS - 1}) as p cross join {days} as d",
                price="10 + p % 90", **plain),
            "web_events": EVENT.format(
                keys=f"select e, d::date as d from generate_series(0, 999) as e cross join {days} as d", **plain),
        }  # fmt: skip
        for source, text in texts.items():
            self.admin.execute(f"insert into history.{source} {text}".encode())
            self.admin.execute(f"analyze history.{source}".encode())

    def day(self, number: int) -> Load:
        """The files of a day after LAST_DAY, into staging."""
        day = LAST_DAY + timedelta(days=number)
        load = load_of(day, day)
        first = (self.days + number - 1) * self.daily_orders
        part = self.daily_orders // 100
        new = f"select o, date '{day}' as d from generate_series({first}, {first + self.daily_orders - 1}) as o"
        late = (
            f"select o, date '{day}' as d from generate_series({first - 7 * self.daily_orders}, {first - 1}) as o "
            f"where o % 700 = {number} limit {part}"
        )
        step = max(1, first // part)
        corrected = (
            f"select o, date '{day}' as d from generate_series({number}, {first - 1}, {step}) as o limit {part}"
        )
        plain = {
            "run": load.run_key,
            "customers": self.customers,
            "products": PRODUCTS,
            "updated": "null::timestamp",
        }
        late_status = {**plain, "updated": f"timestamp '{day} 12:00'"}
        texts = {
            "orders": [
                ORDER.format(keys=new, status="'placed'", **plain),
                ORDER.format(keys=late, status="'shipped'", **late_status),
            ],
            "order_items": [
                ITEM.format(keys=new, quantity="1 + (o % 3)::int", **plain),
                ITEM.format(keys=corrected, quantity="2 + (o % 3)::int", **plain),
            ],
            "customers": [
                CUSTOMER.format(
                    keys=f"select (hashint8(o) & 2147483647) % {self.customers} as c, date '{day}' as d "
                    f"from generate_series({first}, {first + self.daily_orders // 50}) as o group by 1",
                    address=f"'Street {number + 1}'", **plain)
            ],
            "products": [
                PRODUCT.format(
                    keys=f"select p, date '{day}' as d from generate_series(0, {PRODUCTS - 1}) as p",
                    price=f"10 + p % 90 + case when p % 100 = {number} then {number} else 0 end", **plain)
            ],
            "web_events": [
                EVENT.format(keys=f"select e, date '{day}' as d from generate_series(0, 999) as e", **plain)
            ],
        }  # fmt: skip
        for source, selects in texts.items():
            for text in selects:
                self.admin.execute(f"insert into staging.stg_{source} {text}".encode())
        for source in SOURCES:
            money = "sum(coalesce(line_total, quantity * unit_price))" if source == "order_items" else "0"
            self.admin.execute(
                f"insert into staging.stg_ledger select '{source}', date '{day}', '{load.run_key}', 1, count(*), "
                f"count(*), 0, 0, coalesce({money}, 0), coalesce({money}, 0), 0, 0 from staging.stg_{source} "
                f"where run_id = '{load.run_key}'".encode()
            )
        return load


def timed(work: Any, *arguments: Any) -> float:
    started = time.monotonic()
    work(*arguments)
    return time.monotonic() - started


def measure(lines: int, daily: int) -> dict[str, float]:
    """Seconds of each step on a history of so many lines."""
    folder = Path(tempfile.mkdtemp(prefix="dwh-bench-"))
    try:
        with running_warehouse(folder) as warehouse:
            shop = Shop(warehouse, lines, daily)
            print(
                f"history of {lines:,} lines, {shop.days} days: {timed(shop.history):.0f} s to write",
                flush=True,
            )
            load = load_of(LAST_DAY, LAST_DAY)
            started = time.monotonic()
            for file in ("maintenance/rebuild_warehouse.sql", *MERGES):
                print(f"  {file}: {timed(warehouse.run, file, load):.1f} s", flush=True)
                warehouse.admin.execute("analyze")
            print(f"  audits: {timed(warehouse.audit, load):.1f} s", flush=True)
            print(f"  {REFRESH}: {timed(warehouse.run, REFRESH, load):.1f} s", flush=True)
            rebuild = time.monotonic() - started
            warehouse.admin.execute("vacuum analyze")
            rounds: list[dict[str, float]] = []
            for number in (1, 2, 3):
                load = shop.day(number)
                seconds = {file: timed(warehouse.run, file, load) for file in (REPLACE, *MERGES)}
                seconds["audits"] = timed(warehouse.audit, load)
                seconds[REFRESH] = timed(warehouse.run, REFRESH, load)
                seconds["day"] = sum(seconds.values())
                rounds.append(seconds)
                print(f"  day {number}: {seconds['day']:.1f} s", flush=True)
            result = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
            result["full rebuild"] = rebuild
            return result
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--daily", type=int, default=50_000)
    options = parser.parse_args()
    results = {lines: measure(lines, options.daily) for lines in options.lines}
    smallest, largest = min(results), max(results)
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.daily:,} new lines\n"
    )
    print("| seconds | " + " | ".join(f"{lines:,} lines" for lines in results) + " | ratio |")
    print("|---|" + "---:|" * (len(results) + 1))
    for name in results[smallest]:
        ratio = results[largest][name] / max(results[smallest][name], 0.001)
        print(f"| {name} | " + " | ".join(f"{r[name]:.2f}" for r in results.values()) + f" | {ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
