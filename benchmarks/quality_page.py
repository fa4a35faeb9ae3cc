"""How fast the data quality page answers with two years of history:

    .venv/airflow/bin/python benchmarks/quality_page.py [--days 730] [--rules 40]

Writes reports of 5 tables × 40 rules a day to the local AWS endpoint (a process of its own, in a temporary home), then
asks the page, through its routes, from processes that have nothing in memory. Two cases:

first ever    no index in S3 yet: what the very first visitor of a new deployment meets; the rest is read behind them
after start   the web server was restarted: the index lies in S3, some reports are new; it prepares itself when it
              starts, so that only a visitor of its first seconds waits

The goal is 1 s for the first page. Results are reported, never asserted: a busy machine is no failing test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import date, timedelta
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")
LAST = "2026-03-10"
BUCKET = "ecommerce-dwh-dev-processed"

_ASK = """
import json, sys, time
sys.path[:0] = [sys.argv[1] + "/plugins", sys.argv[1]]
from fastapi.testclient import TestClient
from ecommerce_dwh.quality.page.app import create_app
from ecommerce_dwh.quality.page.store import QualityStore, page_client
page_client().list_buckets()  # provider and connection: the server loads them when it starts
store = QualityStore(sys.argv[2])
client = TestClient(create_app(store, guard=lambda: None))
found = {}
def ask(name, path):
    began = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, answer.text[:500]
    found[name] = [round(time.perf_counter() - began, 3), len(answer.content)]
client.get("/static/app.css")  # the test client's own start
if sys.argv[3] != "all":
    began = time.perf_counter()
    store.warm_up()
    found["(server start, in background)"] = [round(time.perf_counter() - began, 3), 0]
ask("first page (3 months)", "/")
if sys.argv[3] == "all":
    began = time.perf_counter()
    while True:
        snapshot = store.snapshot(24)
        if not snapshot.pending: break
        time.sleep(0.2)
    found["until everything is indexed"] = [round(time.perf_counter() - began, 3), 0]
ask("two years", "/?months=24")
ask("two years, again", "/?months=24")
ask("search", "/?q=completeness&months=24")
ask("rule over two years", "/rule/orders/filled_00?months=24")
ask("day", "/day/2026-03-10")
ask("ledger of a month", "/ledger")
store.close()
print(json.dumps(found))
"""


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--rules", type=int, default=40)
    parser.add_argument("--port", type=int, default=14599)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="quality-page-") as folder:
        url = f"http://127.0.0.1:{given.port}"
        environ = {**os.environ, "DWH_LOCAL_HOME": folder, "DWH_LOCAL_AWS_PORT": str(given.port)}
        with Path(folder, "aws.log").open("wb") as log:
            server = subprocess.Popen(
                [str(VENVS / "local" / "bin" / "python"), "-m", "local.aws"],
                cwd=REPO,
                env=environ,
                stdout=log,
                stderr=log,
            )
            try:
                return measure(given, url, folder)
            finally:
                server.terminate()
                server.wait()


def measure(given: argparse.Namespace, url: str, folder: str) -> int:
    """Seed, then ask in both cases."""
    wait(url)
    seed(url, given.days, given.rules, LAST)
    connection = {
        "conn_type": "aws",
        "login": "local",
        "password": "local",
        "extra": {"endpoint_url": url, "region_name": "ap-south-1"},
    }
    environ = {
        **os.environ,
        "AIRFLOW_HOME": folder,
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def ask(case: str) -> dict[str, list[float]]:
        done = subprocess.run(
            [sys.executable, "-c", _ASK, str(REPO), BUCKET, case],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    tables = {"first ever": ask("all")}
    next_day = (date.fromisoformat(LAST) + timedelta(days=1)).isoformat()
    seed(url, 21, given.rules, next_day)  # rewrites the newest days: they are new to the index
    tables["after start"] = ask("")
    print(f"{given.days} days × 5 tables × {given.rules} rules; seconds (kB of HTML before compression)")
    for case, found in tables.items():
        print(f"\n{case}")
        for name, (seconds, size) in found.items():
            print(f"  {name:30} {seconds:7.3f}  {size / 1000:8.0f} kB")
    return 0


def seed(url: str, days: int, rules: int, last: str) -> None:
    """Write a story of so many days."""
    subprocess.run(
        [
            str(VENVS / "local" / "bin" / "python"),
            "-m",
            "tests.quality_reports",
            "--endpoint",
            url,
            "--last-day",
            last,
            "--days",
            str(days),
            "--rules",
            str(rules),
        ],
        cwd=REPO,
        check=True,
    )


def wait(url: str) -> None:
    """Until the endpoint answers."""
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing answers at {url}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
