"""How the daily steps of the warehouse grow with its history.

    .venv/local/bin/python benchmarks/warehouse_daily.py [--lines 1000000 10000000] [--daily 50000] [--folder F]
    .venv/local/bin/python benchmarks/warehouse_daily.py --lines 10000000 --folder F --rebuild

For each size: a history of order lines is written by SQL into ``history.*``, dimensions, facts and analytics are
rebuilt from it (timed: the first build), then one day of new lines arrives, with 2 % changed customers, 1 % changed
products, 1 % late orders (of the last week) and 1 % corrected lines (of any day), and a full snapshot of all products.
Everything from COPY (Parquet in the local S3 endpoint, by manifest) to the refresh of all analytics runs through the
Redshift endpoint, each file one transaction as the DAG runs it. Both sizes are open at once and take turns day by day,
so that neither has the quieter machine; the first day of each, which finds nothing in memory, is printed and not
counted. Medians of the other days (``--days``) are shown, step by step, with the statements of a day, the passes over
history and facts that no literal bounds (``tests/sql/unbounded_scans.txt``), the rows read per new line, and the bytes.

``--baseline`` adds what a nightly full rebuild of analytics would cost in the same database: all of them counted anew
from the whole fact (``maintenance/rebuild_analytics.sql`` and the refresh).

``--folder`` keeps the databases; a later run goes on with the next days. ``--rebuild`` empties and rebuilds the whole
warehouse from history (``maintenance/rebuild_warehouse.sql`` and every step after it) instead of running days.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / part) for part in ("", "plugins", "include/glue", "tests/sql", "tests/histories")]

from harness import MERGES, REFRESH, REPLACE, SOURCES, Load, Warehouse, load_of  # noqa: E402
from redshift_scans import all_unbounded  # noqa: E402
from serving import running_warehouse  # noqa: E402

from aws_local.server import Endpoint  # noqa: E402
from ecommerce_dwh_glue import manifest  # noqa: E402
from local import aws  # noqa: E402

LAST_DAY = date(2026, 1, 28)  # of the history; the measured days follow
LINES_PER_ORDER = 2.5
PRODUCTS = 5000
COPIES = tuple(f"staging/stg_{name}/copy.sql" for name in (*SOURCES, "ledger"))

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

    def __init__(self, warehouse: Warehouse, lines: int, daily: int, events: int) -> None:
        self.admin = warehouse.admin
        self.events = events
        self.lines = lines
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
                address="'Street 1'",
                **plain,
            ),
            "products": PRODUCT.format(
                keys=f"select p, d::date as d from generate_series(0, {PRODUCTS - 1}) as p cross join {days} as d",
                price="10 + p % 90",
                **plain,
            ),
            "web_events": EVENT.format(
                keys=f"select e, d::date as d from generate_series(0, {self.events - 1}) as e cross join {days} as d",
                **plain,
            ),
        }
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
                    address=f"'Street {number + 1}'",
                    **plain,
                )
            ],
            "products": [
                PRODUCT.format(
                    keys=f"select p, date '{day}' as d from generate_series(0, {PRODUCTS - 1}) as p",
                    price=f"10 + p % 90 + case when p % 100 = {number} then {number} else 0 end",
                    **plain,
                )
            ],
            "web_events": [
                EVENT.format(
                    keys=f"select e, date '{day}' as d from generate_series(0, {self.events - 1}) as e", **plain
                )
            ],
        }
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


class Lake:
    """Turns rows that SQL put into staging into the Parquet files and manifests that processing would have left."""

    def __init__(self, endpoint: Endpoint, warehouse: Warehouse) -> None:
        self.store = endpoint.store
        self.admin = warehouse.admin

    def objects(self, bucket: str, prefix: str) -> Iterator[Any]:
        return iter(self.store.scan(bucket, prefix))

    def write(self, bucket: str, key: str, content: bytes, content_type: str) -> None:
        self.store.put(bucket, key, self.store.receive([content]), {"Content-Type": content_type})

    def export(self, load: Load) -> None:
        """Move the run's rows from staging to the bucket."""
        self.store.create_bucket(load.processed_bucket)
        for name in (*SOURCES, "ledger"):
            columns = self.admin.execute(
                b"select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns "
                b"where table_schema = 'staging' and table_name = %s order by ordinal_position",
                (f"stg_{name}",),
            ).fetchall()
            names = ", ".join(column[0] for column in columns)
            found = self.admin.execute(
                f"delete from staging.stg_{name} where run_id = '{load.run_key}' returning {names}".encode()
            ).fetchall()
            table = pa.table(
                {
                    column[0]: pa.array([row[index] for row in found], _arrow_type(*column[1:]))
                    for index, column in enumerate(columns)
                }
            )
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink)
            content = sink.getvalue().to_pybytes()
            key = f"accepted/{name}/run={load.run_key}/part-0.parquet"
            self.write(load.processed_bucket, key, content, "application/octet-stream")
            manifest.write_copy_manifest(  # it asks for `write` alone
                self,  # type: ignore[arg-type]
                load.processed_bucket,
                load.run_key,
                name,
                [manifest.StoredObject(key, len(content))],
            )


def _arrow_type(kind: str, size: int | None, scale: int | None) -> pa.DataType:
    if kind == "numeric":
        return pa.decimal128(size or 18, scale or 0)
    known = {"date": pa.date32(), "bigint": pa.int64(), "integer": pa.int32(), "boolean": pa.bool_()}
    return pa.timestamp("us") if kind.startswith("timestamp") else known.get(kind, pa.string())


@contextmanager
def stack(folder: Path) -> Iterator[tuple[Warehouse, Endpoint]]:
    """PostgreSQL, the Redshift endpoint and the S3 endpoint that it copies from."""
    with running_warehouse(folder) as warehouse:
        endpoint = aws.endpoint(warehouse.config)
        endpoint.start()
        try:
            yield warehouse, endpoint
        finally:
            endpoint.stop()


def timed(work: Any, *arguments: Any) -> float:
    started = time.monotonic()
    work(*arguments)
    return time.monotonic() - started


def rebuild(warehouse: Warehouse, files: tuple[str, ...]) -> float:
    """Seconds of maintenance files and every step after them."""
    load = load_of(LAST_DAY, LAST_DAY)
    steps = {"audits": partial(audit, warehouse), VACUUM: lambda _: vacuum(warehouse)}
    total = 0.0
    for file in files:
        seconds = timed(steps[file], load) if file in steps else timed(warehouse.run, file, load)
        print(f"  {file}: {seconds:.1f} s", flush=True)
        total += seconds
    return total


def audit(warehouse: Warehouse, load: Load) -> None:
    """All audits, two at a time as the DAG runs them.

    Raises:
        AssertionError: one found rows.
    """
    beside = warehouse.connect()
    failed = warehouse.audit(load, beside=beside)
    beside.close()
    assert not failed, failed


def vacuum(warehouse: Warehouse) -> None:
    """What ``docs/maintenance.md`` has an admin do between emptying the model and rebuilding it."""
    session = warehouse.connect()
    session.autocommit = True
    for table in ("fact_sales", "fact_web_events", "fact_inventory", "agg_product_day"):
        session.cursor().execute(f"vacuum delete only facts.{table}")
    session.close()


VACUUM = "vacuum of the facts"
STEPS = (*MERGES, "audits", REFRESH)
WHOLE = ("maintenance/rebuild_warehouse.sql", VACUUM, *STEPS)
ANALYTICS = ("maintenance/rebuild_analytics.sql", REFRESH)


@dataclass
class Bench:
    """A running warehouse of one size.

    Attributes:
        days: file that holds the number of days loaded after the history.
        rounds: seconds of each step, of each measured day.
        once: seconds of what is done once.
    """

    warehouse: Warehouse
    lake: Lake
    shop: Shop
    days: Path
    rounds: list[dict[str, float]] = field(default_factory=list)
    once: dict[str, float] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write and build the history, unless the folder holds it."""
        if self.days.is_file():
            return
        seconds = timed(self.shop.history)
        print(f"{self.shop.days} days of history: {seconds:.0f} s to write", flush=True)
        self.once["first build"] = rebuild(self.warehouse, (WHOLE[0], *STEPS))
        self.warehouse.admin.execute("vacuum analyze")
        self.days.write_text("0", encoding="utf-8")

    def day(self) -> dict[str, float]:
        """Load the next day; seconds of each step."""
        number = int(self.days.read_text(encoding="utf-8")) + 1
        load = self.shop.day(number)
        self.lake.export(load)
        run = self.warehouse.run
        before, begin = self.reads(), self.statements()
        steps = {"COPY": sum((timed(run, file, load) for file in COPIES), 0.0)}
        steps |= {file: timed(run, file, load) for file in (REPLACE, *MERGES)}
        steps["audits"] = timed(audit, self.warehouse, load)
        steps[REFRESH] = timed(run, REFRESH, load)
        steps["day"] = sum(steps.values())
        rows, blocks = (after - old for after, old in zip(self.reads(), before, strict=True))
        steps["statements"] = self.statements() - begin
        steps["unbounded passes"] = len([line for line in all_unbounded(load) if " if " not in line])
        steps["rows read per new line"] = rows / (self.shop.daily_orders * LINES_PER_ORDER)
        steps["GB read"] = blocks * 8192 / 1e9
        self.days.write_text(str(number), encoding="utf-8")
        print(f"  {self.shop.lines:,} lines, day {number}: {steps['day']:.2f} s", flush=True)
        return steps

    def reads(self) -> tuple[int, int]:
        """Rows and blocks that were read of the warehouse's tables so far; temporary tables are left out."""
        self.warehouse.admin.execute(b"select pg_stat_force_next_flush()")
        time.sleep(1.5)  # sessions report their numbers a second after their last transaction
        [(rows, blocks)] = self.warehouse.admin.execute(
            b"select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint, "
            b"coalesce(sum(heap_blks_read + heap_blks_hit), 0)::bigint "
            b"from pg_stat_user_tables inner join pg_statio_user_tables using (relid) "
            b"where pg_stat_user_tables.schemaname in "
            b"('staging', 'history', 'dimensions', 'facts', 'analytics', 'quality')"
        ).fetchall()
        return rows, blocks

    def statements(self) -> int:
        """Statements that clients of the endpoint ran so far."""
        time.sleep(0.5)  # the endpoint notes them in batches
        found = self.warehouse.admin.execute(
            b"select count(*) from redshift_shim.query_history where query_type not in ('UTILITY') "
            b"and query_text !~* '^\\s*(begin|commit|rollback|set|drop)'"
        ).fetchall()
        return int(found[0][0])

    def results(self) -> dict[str, float]:
        """Medians of the measured days, and what was done once."""
        names = self.rounds[0] if self.rounds else ()
        return {name: statistics.median(r[name] for r in self.rounds) for name in names} | self.once


def measure(options: argparse.Namespace) -> dict[int, dict[str, float]]:
    """Seconds of each step, by lines of history."""
    kept = options.folder or Path(tempfile.mkdtemp(prefix="dwh-bench-"))
    try:
        with ExitStack() as opened:
            benches: dict[int, Bench] = {}
            for lines in options.lines:
                folder = kept / str(lines)
                folder.mkdir(parents=True, exist_ok=True)
                warehouse, endpoint = opened.enter_context(stack(folder))
                shop = Shop(warehouse, lines, options.daily, options.events)
                bench = Bench(warehouse, Lake(endpoint, warehouse), shop, folder / "days")
                bench.prepare()
                benches[lines] = bench
            turns = list(benches.values())
            if options.rebuild:
                for bench in turns:
                    bench.once["full rebuild"] = rebuild(bench.warehouse, WHOLE)
                return {lines: bench.results() for lines, bench in benches.items()}
            print("not counted, with nothing in memory yet:")
            for bench in turns:
                bench.day()
            print("counted:")
            for number in range(options.days):
                for bench in turns if number % 2 else reversed(turns):
                    bench.rounds.append(bench.day())
            if options.baseline:
                for bench in turns:
                    bench.once["baseline: analytics anew"] = rebuild(bench.warehouse, ANALYTICS)
            return {lines: bench.results() for lines, bench in benches.items()}
    finally:
        if not options.folder:
            shutil.rmtree(kept, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--daily", type=int, default=50_000)
    parser.add_argument(
        "--events", type=int, default=1000, help="web events of each day, of the history as well"
    )
    parser.add_argument("--days", type=int, default=5, help="days that are measured on each size")
    parser.add_argument("--folder", type=Path, help="keep the databases here, for another run")
    parser.add_argument(
        "--rebuild", action="store_true", help="rebuild the whole warehouse instead of running days"
    )
    parser.add_argument("--baseline", action="store_true", help="also count all analytics anew, for comparison")
    options = parser.parse_args()
    results = measure(options)
    smallest, largest = min(results), max(results)
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.daily:,} new lines\n"
    )
    print("| seconds | " + " | ".join(f"{lines:,} lines" for lines in results) + " | ratio |")
    print("|---|" + "---:|" * (len(results) + 1))
    names = [name for name in results[smallest] if name in results[largest]]
    for name in names:
        ratio = results[largest][name] / max(results[smallest][name], 0.001)
        print(f"| {name} | " + " | ".join(f"{r[name]:.2f}" for r in results.values()) + f" | {ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
