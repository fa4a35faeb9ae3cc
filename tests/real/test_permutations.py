"""Days of a real shop in any order and any cut give the same warehouse, byte for byte (G1).

Most orders are tried below the jobs, where they are affordable: the files' rows go to staging as processing would
leave them, and the product's own SQL does the rest. ``DWH_PERMUTED_DAYS`` (0: the whole year) and ``DWH_PERMUTATIONS``
make it larger. One order goes through the processing job and COPY as well; whole DAG runs in both orders are in
test_online_retail.py.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sql"))

from comparing import TABLES
from harness import CONTRACTS, MERGES, REPLACE, REPO, SOURCES, VIEWS, Row, Warehouse, add_days, load_of
from serving import running_warehouse

from aws_local.server import Endpoint
from ecommerce_dwh.warehouse.sql_files import WHOLE_AUDITS
from local import aws

# Both sides of the turn of the year: ten days without files lie between.
FIRST = date(2010, 12, 13)
DAYS = int(os.environ.get("DWH_PERMUTED_DAYS", "16"))
PERMUTATIONS = int(os.environ.get("DWH_PERMUTATIONS", "3"))

Files = dict[str, dict[date, list[Row]]]
Dump = dict[str, bytes]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        add_days(running.admin, date(2010, 1, 1), date(2011, 12, 31))
        yield running


@pytest.fixture(scope="module")
def files(real_data: Path) -> Files:
    """Rows by source and day, typed by the contracts; those that break a hard rule are left out."""
    folders = {date.fromisoformat(f.name[3:]): f for f in (real_data / "online_retail" / "daily").glob("dt=*")}
    days = sorted(folders) if not DAYS else sorted(day for day in folders if day >= FIRST)[:DAYS]
    return {source: {day: list(_rows(source, folders[day])) for day in days} for source in CONTRACTS}


def _rows(source: str, folder: Path) -> Iterator[Row]:
    columns = {column.name: column for column in CONTRACTS[source].columns}
    for path in folder.rglob(f"{source}*.csv.gz"):
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
        for given in csv.DictReader(io.StringIO(text)):
            row = {name: _value(columns[name].base_type, value.strip()) for name, value in given.items()}
            if all(
                column.minimum is None or row[name] is None or row[name] >= Decimal(column.minimum)
                for name, column in columns.items()
                if name in row
            ):
                yield row


def _value(kind: str, text: str) -> Any:
    if not text:
        return None
    if kind == "decimal":
        return Decimal(text).quantize(Decimal("0.0001"))
    if kind in ("integer", "bigint"):
        return int(Decimal(text))
    if kind == "timestamp":
        return datetime.fromisoformat(text)
    if kind == "date":
        return date.fromisoformat(text)
    return text.lower() == "true" if kind == "boolean" else text


def cuts(days: list[date], luck: random.Random) -> list[list[date]]:
    """The days cut into ranges of one to six days, in random order, some of them twice."""
    ranges: list[list[date]] = []
    left = list(days)
    while left:
        size = luck.choice((1, 1, 2, 3, 6))
        ranges.append(left[:size])
        left = left[size:]
    return luck.sample(ranges, len(ranges)) + luck.sample(ranges, min(2, len(ranges)))


def load(warehouse: Warehouse, days: list[date], files: Files) -> None:
    load = warehouse.stage(
        days[0], days[-1], {source: {day: rows[day] for day in days} for source, rows in files.items()}
    )
    for file in (REPLACE, *MERGES):
        warehouse.run(file, load, warehouse.quick)
    warehouse.publish(load, warehouse.quick)


def dump(warehouse: Warehouse) -> Dump:
    """Every row of dimensions, facts and views as sorted text."""
    result = {}
    for name in (*TABLES, *(f"analytics.{view}" for view in VIEWS)):
        with warehouse.admin.cursor().copy(f"copy (select * from {name}) to stdout") as copy:
            result[name] = b"\n".join(sorted(b"".join(map(bytes, copy)).splitlines()))
    return result


@pytest.fixture(scope="module")
def in_one_run(warehouse: Warehouse, files: Files) -> Dump:
    warehouse.reset()
    load(warehouse, sorted(files["orders"]), files)
    found = dump(warehouse)
    assert all(found[f"analytics.{view}"] for view in VIEWS if view != "sales_funnel")
    lines = sum(len(rows) for rows in files["order_items"].values())
    assert found["facts.fact_sales"].count(b"\n") + 1 == lines > 5_000
    return found


@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(PERMUTATIONS))
def test_days_in_any_order_and_cut_give_the_same_bytes(
    warehouse: Warehouse, files: Files, in_one_run: Dump, seed: int
) -> None:
    warehouse.reset()
    order = cuts(sorted(files["orders"]), random.Random(seed))
    assert order != sorted(order)
    for days in order:
        load(warehouse, days, files)
    found = dump(warehouse)
    assert [name for name in in_one_run if found[name] != in_one_run[name]] == [], order
    assert not warehouse.audit(load_of(*_span(files)), files=WHOLE_AUDITS)


def _span(files: Files) -> tuple[date, date]:
    days = sorted(files["orders"])
    return days[0], days[-1]


# The same through the processing job and COPY -----------------------------------------------------------------------


class Job:
    """The processing job on a folder of raw files, and COPY of what it leaves.

    Args:
        warehouse: loads what the job leaves.
        endpoint: the object store that COPY reads.
        folder: holds the buckets, as folders.
    """

    def __init__(self, warehouse: Warehouse, endpoint: Endpoint, folder: Path) -> None:
        self.warehouse = warehouse
        self.store = endpoint.store
        self.folder = folder
        venvs = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")
        self.process = subprocess.Popen(
            [venvs / "spark" / "bin" / "python", REPO / "tests" / "real" / "processing_server.py", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, first: date, last: date, run_key: str) -> None:
        """One whole run of the daily DAG's work, from raw files to publish."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{first} {last} {run_key}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", "the processing job failed; see its error above"
        load = load_of(first, last, run_key)
        self.store.create_bucket(load.processed_bucket)
        processed = self.folder / load.processed_bucket
        for path in processed.rglob("*"):
            if path.is_file() and not path.name.endswith(".crc"):
                key = path.relative_to(processed).as_posix()
                self.store.put(load.processed_bucket, key, self.store.receive([path.read_bytes()]), {})
        shutil.rmtree(processed)
        for file in (*(f"staging/stg_{name}/copy.sql" for name in (*SOURCES, "ledger")), REPLACE, *MERGES):
            self.warehouse.run(file, load)
        self.warehouse.publish(load)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture
def job(
    warehouse: Warehouse, real_data: Path, files: Files, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Job]:
    folder = tmp_path_factory.mktemp("lake")
    first, last = _span(files)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for source in CONTRACTS:
            landed = folder / "raw" / source / f"dt={day}"
            landed.mkdir(parents=True)
            found = list((real_data / "online_retail" / "daily" / f"dt={day}").rglob(f"{source}*.csv.gz"))
            for path in found:
                shutil.copy(path, landed)
            if not found:
                (landed / "_EMPTY").touch()
    endpoint = aws.endpoint(warehouse.config)
    endpoint.start()
    running = Job(warehouse, endpoint, folder)
    try:
        yield running
    finally:
        running.close()
        endpoint.stop()


@pytest.mark.timeout(900)
def test_the_processing_job_gives_the_same_bytes_for_any_order_and_cut(
    warehouse: Warehouse, files: Files, job: Job
) -> None:
    warehouse.reset()
    first, last = _span(files)
    job.run(first, last, "whole")
    whole = dump(warehouse)
    assert whole["facts.fact_sales"].count(b"\n") > 5_000

    warehouse.reset()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    order = cuts(days, random.Random(7))
    assert order != sorted(order)
    for number, cut in enumerate(order):
        job.run(cut[0], cut[-1], f"cut-{number}")
    found = dump(warehouse)
    assert [name for name in whole if found[name] != whole[name]] == [], order
    assert not warehouse.audit(load_of(first, last), files=WHOLE_AUDITS)
