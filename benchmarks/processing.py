"""The processing job against DuckDB: the same gzipped CSV into the same typed, deduplicated Parquet, in one run.

    .venv/local/bin/python benchmarks/processing.py [--lines 10000000] [--days 10] [--rounds 3] [--engines duckdb spark]

The generator's order lines (default dirt: broken rows, repeated keys) lie as one ``csv.gz`` per day in a folder. Both
engines read that folder on the same cores and write snappy Parquet by day: typed columns, one row per key and day by
newest version and greatest hash, md5 of the content, file, day and run. DuckDB does what a person would write in
SQL. The job does all it always does on top: surveys the files, numbers the lines, keeps rejected rows with their text
and reason, counts rows and money for the ledger and reads back what it wrote. The rows that both accept are
compared at the end, hash for hash. The engines take turns, so that none has the quieter machine; medians are shown, and
each round's ratio.

Wall seconds include the start of either process; CPU seconds are those of the process and its children; memory is the
largest sum of their resident pages, sampled five times a second. Pages that they share are counted in each: to tell
those apart, the kernel would walk all pages, which takes a quarter of a core from what is measured. Only a child that
Java has just forked, and that has not become another program yet, is left out: all its pages are Java's.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import psutil

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from aws_local import spark  # noqa: E402
from local import aws  # noqa: E402
from local.config import load_config  # noqa: E402
from shop_data.schema import SOURCES  # noqa: E402

FIRST = date(2026, 1, 1)
DELIVERED_PER_LINE = 0.983  # what the generator writes of the lines it is asked for

# The code that works on rows runs millions of times, that of planning some thousand times. Java's own limits have both
# optimised, and a fifth of a job of a minute goes into the latter. Kept rows are copied less where the young ones have
# half of the heap, and both cores collect, as they do on Glue.
JAVA = (
    "-XX:-UseSerialGC -XX:+UseParallelGC "
    "-XX:Tier4InvocationThreshold=100000 -XX:Tier4MinInvocationThreshold=50000 "
    "-XX:Tier4CompileThreshold=200000 -XX:Tier4BackEdgeThreshold=400000 -XX:NewRatio=1"
)

# Key hashes hardly shrink, and on one machine they cross no network.
SETTINGS = ("spark.shuffle.compress=false", "spark.sql.codegen.aggregate.map.twolevel.enabled=false")

DUCKDB = """
import duckdb, sys
raw, out, threads, memory = sys.argv[1:]
db = duckdb.connect()
db.execute(f"set threads = {threads}")
db.execute(f"set memory_limit = '{memory}'")
db.execute(f"set temp_directory = '{out}/tmp'")
db.execute("set preserve_insertion_order = false")
db.execute(f'''
copy (
    with text as (
        select *, regexp_extract(filename, '[^/]+/dt=[^/]+/.*$') as source_file,
            cast(regexp_extract(filename, 'dt=([0-9-]+)', 1) as date) as delivery_date
        from read_csv('{raw}/order_items/dt=*/*.csv.gz', header = true, all_varchar = true, filename = true,
            delim = ',', quote = '"', escape = '"', ignore_errors = true, hive_partitioning = false)
    ), trimmed as (
        select delivery_date, source_file, nullif(trim(order_item_id), '') as order_item_id,
            nullif(trim(order_id), '') as order_id, nullif(trim(product_id), '') as product_id,
            try_cast(quantity as integer) as quantity, try_cast(unit_price as decimal(18, 4)) as unit_price,
            try_cast(line_total as decimal(18, 4)) as line_total, nullif(trim(line_total), '') as total_text
        from text
    ), typed as (
        select delivery_date, order_item_id, order_id, product_id, quantity, unit_price, line_total,
            cast(delivery_date as timestamp) as version_at,
            md5(concat_ws(chr(0), order_id, product_id, coalesce(cast(quantity as varchar), ''),
                coalesce(cast(unit_price as varchar), ''), coalesce(cast(line_total as varchar), ''))) as row_hash,
            source_file, 'benchmark' as run_id
        from trimmed
        where order_item_id is not null and order_id is not null and product_id is not null
            and instr(order_item_id || order_id || product_id, chr(0)) = 0
            and strlen(order_item_id) <= 64 and strlen(order_id) <= 64 and strlen(product_id) <= 64
            and quantity is not null and unit_price >= 0 and (total_text is null or line_total is not null)
    )
    select * exclude (place) from (
        select *, row_number() over (
            partition by delivery_date, order_item_id order by version_at desc, row_hash desc) as place
        from typed
    ) where place = 1
) to '{out}/accepted' (format parquet, compression snappy, partition_by (delivery_date), write_partition_columns true)
''')
"""

SPARK = """
import sys
from storage import FolderStorage
from pathlib import Path
from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh_glue.job import Options, spark_session
from ecommerce_dwh_glue.processing.ledger import table
from ecommerce_dwh_glue.processing.run import process
root, contracts, start, end = sys.argv[1:]
session = spark_session("benchmark")
options = Options("bench", "local", "raw", "processed", start, end, "benchmark")
outcome = process(session, FolderStorage(Path(root)), load_contracts(Path(contracts)), options)
print(table(outcome.ledger))
"""

COMPARE = """
import duckdb, sys
ours, theirs = sys.argv[1:]
counts = [duckdb.sql(f'''
    select count(*), sum(hash(delivery_date, order_item_id, row_hash)),
        sum(coalesce(line_total, quantity * unit_price))
    from read_parquet('{folder}/**/*.parquet', hive_partitioning = false)''').fetchall()[0]
    for folder in (ours, theirs)]
print("accepted rows, sum of hashes, amount:", *counts, sep="\\n  ")
if counts[0] != counts[1]:
    print(duckdb.sql(f'''
        select a.order_item_id, b.order_item_id, a.row_hash, b.row_hash
        from read_parquet('{ours}/**/*.parquet', hive_partitioning = false) a
        full join read_parquet('{theirs}/**/*.parquet', hive_partitioning = false) b
        using (delivery_date, order_item_id) where a.row_hash is distinct from b.row_hash limit 5'''))
    sys.exit("the engines do not agree")
"""


@dataclass(frozen=True)
class Cost:
    """What a process and its children took: wall and CPU seconds, bytes of memory at the peak."""

    wall: float
    cpu: float
    memory: int


def run(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Cost:
    """Run a command and measure it.

    Raises:
        SystemExit: it failed.
    """
    peak = 0
    done = threading.Event()
    began = time.monotonic()
    process = subprocess.Popen(command, env=dict(environ), cwd=folder)

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not done.wait(0.2):
            with suppress(psutil.NoSuchProcess):
                peak = max(peak, sum(map(_memory, (root, *root.children(recursive=True)))))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with exit code {process.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak)


def _memory(process: psutil.Process) -> int:
    """Resident bytes of a process; 0 when it is over, or still Java's copy."""
    try:
        program, parent = process.exe(), process.parent()
        if parent is not None and Path(program).name == "java" and program == parent.exe():
            return 0
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def generate(root: Path, lines: int, days: int) -> None:
    """Write the raw folder, unless it is there."""
    last = FIRST + timedelta(days=days - 1)
    raw = root / "raw"
    if not raw.is_dir():
        daily = round(lines / days / DELIVERED_PER_LINE)
        command = [
            sys.executable,
            "-m",
            "local.data",
            "generate",
            "--days",
            f"{FIRST}:{last}",
            "--lines-per-day",
            str(daily),
            "--sources",
            "order_items",
            "--to",
            str(raw),
            "--truth",
            str(root / "truth.json"),
        ]
        subprocess.run(command, check=True, cwd=REPO, stdout=subprocess.DEVNULL)
    for source in set(SOURCES) - {"order_items"}:
        for number in range(days):
            empty = raw / source / f"dt={FIRST + timedelta(days=number)}" / "_EMPTY"
            empty.parent.mkdir(parents=True, exist_ok=True)
            empty.touch()


def duckdb_cost(root: Path, options: argparse.Namespace) -> Cost:
    out = root / "duckdb"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    python = str(load_config().spark_python)
    arguments = [str(root / "raw"), str(out), str(options.cores), f"{options.memory}GB"]
    return run([python, "-c", DUCKDB, *arguments], os.environ, root)


def spark_cost(root: Path, options: argparse.Namespace) -> Cost:
    shutil.rmtree(root / "processed", ignore_errors=True)
    # The runtime of the local Glue jobs, with the optimising compiler that its own setting leaves out for small days.
    settings = aws.settings(
        replace(
            load_config(),
            home=root / "home",
            spark_driver_memory=f"{options.heap}m",
            spark_java_options=options.java,
            spark_codegen=True,
        )
    )
    script = root / "job.py"
    script.write_text(SPARK, encoding="utf-8")
    library = ("plugins", "include/glue", "tests/glue")
    environ = {
        **spark.spark_environ(settings, spark.write_conf_dir(settings)),
        "PYTHONPATH": os.pathsep.join(str(REPO / part) for part in library),
        "TMPDIR": str(root),
    }
    last = FIRST + timedelta(days=options.days - 1)
    command = [
        *spark.submit_command(spark.runtime_of(settings)),
        "--master",
        f"local[{options.cores}]",
        *(word for setting in (*SETTINGS, *options.conf) for word in ("--conf", setting)),
        str(script),
        str(root),
        str(REPO / "include" / "sources"),
        str(FIRST),
        str(last),
    ]
    return run(command, environ, root)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=10, help="one csv.gz each")
    parser.add_argument("--rounds", type=int, default=3, help="how often each engine does all of it")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--memory", type=int, default=6, help="GB that DuckDB may use")
    parser.add_argument("--heap", type=int, default=4608, help="MB of Spark's heap")
    parser.add_argument("--java", default=JAVA, help="options of the JVM")
    parser.add_argument("--conf", action="append", default=[], help="Spark setting, name=value")
    parser.add_argument("--folder", type=Path, help="keep data and results here, for another run")
    parser.add_argument("--engines", nargs="+", choices=("duckdb", "spark"), default=["duckdb", "spark"])
    options = parser.parse_args()
    root = options.folder or Path(tempfile.mkdtemp(prefix="dwh-bench-"))
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    try:
        generate(root, options.lines, options.days)
        size = sum(path.stat().st_size for path in root.glob("raw/order_items/*/*.csv.gz"))
        print(f"{options.days} files, {size / 1e6:,.0f} MB gzipped", flush=True)
        work = {"duckdb": duckdb_cost, "spark": spark_cost}
        rounds = []
        for number in range(1, options.rounds + 1):
            rounds.append({engine: work[engine](root, options) for engine in options.engines})
            walls = ", ".join(f"{engine} {cost.wall:.1f} s" for engine, cost in rounds[-1].items())
            print(f"round {number}: {walls}", flush=True)
        if len(options.engines) == 2:
            compare = [str(load_config().spark_python), "-c", COMPARE]
            subprocess.run(
                [*compare, str(root / "processed/accepted/order_items"), str(root / "duckdb/accepted")],
                check=True,
            )
    finally:
        if options.folder is None:
            shutil.rmtree(root, ignore_errors=True)
    print(
        f"\n{platform.machine()}, {options.cores} of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n"
        "| engine | wall s | CPU s | peak memory GB |\n|---|---:|---:|---:|"
    )
    median = statistics.median
    for engine in options.engines:
        spent = [costs[engine] for costs in rounds]
        print(
            f"| {engine} | {median(cost.wall for cost in spent):.1f} | {median(cost.cpu for cost in spent):.1f} "
            f"| {max(cost.memory for cost in spent) / 1e9:.2f} |"
        )
    if len(options.engines) == 2:
        wall = [costs["spark"].wall / costs["duckdb"].wall for costs in rounds]
        cpu = [costs["spark"].cpu / costs["duckdb"].cpu for costs in rounds]
        print(f"| ratio | {median(wall):.2f} ({min(wall):.2f} to {max(wall):.2f}) | {median(cpu):.2f} | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
