"""How fast and how heavy the local stack is: ``make bench`` or

    .venv/local/bin/python benchmarks/run.py [import] [stack] [make-run]

import      median seconds to import each DAG file, in a fresh process that has Airflow loaded already
            (three processes per file; what the DAG processor pays per parse)
stack       one stack with its own home and ports: seconds of ``up`` from nothing, memory when idle (shared
            pages counted once), seconds of the bootstrap run, seconds of one generated day (``--lines``) by
            the daily DAG and the real scheduler, rows per second of COPY into staging.stg_order_items
            (``--copy-rows``)
make-run    seconds of ``make run`` in a fresh clone of HEAD, installs included (the package cache of this
            machine is used as it is)

Results are reported, never asserted: a busy machine is no failing test. The table names the machine, the commit
and the command of each figure, so that it can be repeated. Goals stand beside the figures.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import boto3
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from local.config import LocalConfig  # noqa: E402
from local.stack import runs, summary  # noqa: E402
from local.stack.airflow import AirflowClient  # noqa: E402
from local.stack.display import StepDisplay, console, grid  # noqa: E402
from local.stack.ports import free_port, separate_config  # noqa: E402
from local.stack.supervisor import Stack  # noqa: E402

DAY = date(2026, 1, 1)

_TIME_IMPORT = """
import importlib.util, sys, time
import airflow.sdk
sys.path.insert(0, sys.argv[1])
spec = importlib.util.spec_from_file_location("measured", sys.argv[2])
module = importlib.util.module_from_spec(spec)
begin = time.perf_counter()
spec.loader.exec_module(module)
print(time.perf_counter() - begin)
"""


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    what: str
    value: str
    goal: str
    command: str


def measure_imports(_options: argparse.Namespace) -> list[Figure]:
    """Seconds to import each DAG file."""
    python = REPO / ".venv" / "airflow" / "bin" / "python"
    found = []
    for path in sorted((REPO / "dags").glob("*.py")):
        command = [str(python), "-c", _TIME_IMPORT, str(REPO / "plugins"), str(path)]
        times = [float(subprocess.check_output(command, text=True).split()[-1]) for _ in range(3)]
        found.append(Figure(f"import {path.name}", f"{statistics.median(times):.2f} s", "≤ 1 s", "… import"))
    return found


def measure_stack(options: argparse.Namespace) -> list[Figure]:
    """Start, memory, one day, COPY."""
    with tempfile.TemporaryDirectory(prefix="dwh-bench-") as folder:
        config = separate_config(Path(folder) / "home")
        stack = Stack(config)
        try:
            began = time.monotonic()
            with StepDisplay() as display:
                stack.up(display)
            up = time.monotonic() - began
            time.sleep(20)  # until start-up work has settled
            memory = sum(state.memory for state in stack.status())
            bootstrap, day = _run_day(config, stack, options.lines)
            rate = _copy_rate(config, options.copy_rows)
        finally:
            stack.down()
    return [
        Figure("up, from nothing", f"{up:.0f} s", "≤ 35 s", "… stack"),
        Figure("memory, idle", f"{memory / 1e9:.2f} GB", "≤ 3 GB", "… stack"),
        Figure("bootstrap run", f"{bootstrap:.0f} s", "", "… stack"),
        Figure(f"one day of {options.lines:,} lines", f"{day:.0f} s", "≤ 75 s", "… stack"),
        Figure(f"COPY of {options.copy_rows:,} rows", f"{rate:,.0f} rows/s", "≥ 200,000 rows/s", "… stack"),
    ]


def _run_day(config: LocalConfig, stack: Stack, lines: int) -> tuple[float, float]:
    client = AirflowClient(config.airflow_url)
    runs.wait_for_dags(client, [runs.BOOTSTRAP, runs.DAILY])
    client.unpause(runs.BOOTSTRAP)
    began = time.monotonic()
    runs.watch(client, runs.BOOTSTRAP, {"bootstrap": client.trigger(runs.BOOTSTRAP)})
    bootstrap = time.monotonic() - began
    subprocess.run(
        [
            str(config.local_python),
            *("-m", "local.data", "generate", "--days", f"{DAY}:{DAY}", "--opened", str(DAY)),
            *("--lines-per-day", str(lines)),
        ],
        cwd=REPO,
        env=dict(stack.plan.local_environ),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    client.unpause(runs.DAILY)
    watched = runs.watch(client, runs.DAILY, runs.start_days(client, runs.DAILY, DAY, DAY))
    return bootstrap, watched.seconds[str(DAY)]


def _copy_rate(config: LocalConfig, rows: int) -> float:
    """Rows per second of COPY, the transaction's commit included."""
    settings = summary.load_settings({})
    with closing(summary.connect(config)) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns "
            "where table_schema = 'staging' and table_name = 'stg_order_items' order by ordinal_position"
        )
        table = pa.table(
            {name: _column(rows, kind, size, scale) for name, kind, size, scale in cursor.fetchall()}
        )
        path = config.home / "order_items.parquet"
        pq.write_table(table, path)
        client = boto3.client(
            "s3",
            endpoint_url=config.aws_url,
            region_name=settings.region,
            aws_access_key_id=config.aws_access_key,
            aws_secret_access_key=config.aws_secret_key,
        )
        client.upload_file(str(path), settings.processed_bucket, "bench/order_items/part-0.parquet")
        connection.commit()
        began = time.monotonic()
        cursor.execute(
            f"copy staging.stg_order_items from 's3://{settings.processed_bucket}/bench/order_items/' "
            "iam_role default format as parquet"
        )
        connection.commit()
        return rows / (time.monotonic() - began)


def _column(rows: int, kind: str, size: int | None, scale: int | None) -> pa.Array:
    """Made-up values of a warehouse type, as different from row to row as real ones."""
    numbers = range(rows)
    if kind.startswith("character"):
        return pa.array([f"value-{number}" for number in numbers], pa.string())
    if kind == "date":
        return pa.array([DAY] * rows, pa.date32())
    if kind.startswith("timestamp"):
        return pa.array([1_767_225_600_000_000 + number for number in numbers], pa.timestamp("us"))
    if kind == "numeric":
        from decimal import Decimal

        values = [Decimal(number).scaleb(-(scale or 0)) for number in numbers]
        return pa.array(values, pa.decimal128(size or 18, scale or 0))
    return pa.array(numbers, {"integer": pa.int32(), "smallint": pa.int16()}.get(kind, pa.int64()))


def measure_make_run(_options: argparse.Namespace) -> list[Figure]:
    """``make run`` as a newcomer meets it."""
    with tempfile.TemporaryDirectory(prefix="dwh-bench-") as folder:
        clone = Path(folder) / "ecommerce-dwh"
        subprocess.run(["git", "clone", "--quiet", str(REPO), str(clone)], check=True)
        ports = {
            f"DWH_LOCAL_{name}_PORT": str(free_port())
            for name in ("AWS", "REDSHIFT", "SMTP", "MAIL", "AIRFLOW")
        }
        began = time.monotonic()
        done = subprocess.run(["make", "run"], cwd=clone, env={**os.environ, **ports}, check=False)
        seconds = time.monotonic() - began
    value = f"{seconds:.0f} s" + ("" if done.returncode == 0 else f" (FAILED, exit code {done.returncode})")
    return [Figure("make run, fresh clone", value, "≤ 360 s", "… make-run")]


BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Figure]]] = {
    "import": measure_imports,
    "stack": measure_stack,
    "make-run": measure_make_run,
}


def machine() -> str:
    """The machine and the commit, for the table's title."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPO, capture_output=True, text=True, check=False
    ).stdout.strip()
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, commit {commit}, load {os.getloadavg()[0]:.1f}"
    )


def main() -> int:
    """Run the chosen benchmarks and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="benchmark", help=", ".join(BENCHMARKS))
    parser.add_argument("--lines", type=int, default=10_000, help="lines of the generated day")
    parser.add_argument("--copy-rows", type=int, default=1_000_000, help="rows of the COPY")
    options = parser.parse_args()
    if wrong := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {wrong[0]}; there are {', '.join(BENCHMARKS)}")
    title = machine()
    figures = [figure for name in options.names or BENCHMARKS for figure in BENCHMARKS[name](options)]
    console.print(f"\n{title}")
    rows = [(f.what, f.value, f.goal, f.command.replace("…", "benchmarks/run.py")) for f in figures]
    console.print(grid(["figure", "measured", "goal", "command"], rows, right=[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
