"""What the end-to-end tests do with a local stack."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import boto3

from local.config import REPO, LocalConfig
from local.stack import runs, summary
from local.stack.airflow import AirflowClient
from local.stack.supervisor import Stack

FIRST_DAY = date(2026, 1, 1)
LAST_DAY = date(2026, 1, 3)

REPLAY = "ecommerce_dwh_replay"

VIEWS = (
    "customer_360",
    "product_performance",
    "monthly_sales_trends",
    "geographic_sales",
    "category_performance",
    "customer_cohorts",
    "sales_funnel",
)


class LocalStack:
    """A running stack and what the tests do with it.

    Attributes:
        config: its ports and folders.
        client: Airflow's REST API.
        settings: names of the deployment.
    """

    def __init__(self, config: LocalConfig) -> None:
        self.config = config
        self.stack = Stack(config)
        self.client = AirflowClient(config.airflow_url)
        self.settings = summary.load_settings({})

    def restart(self, **changes: Any) -> None:
        """Stop, and start again with another configuration."""
        self.stack.down()
        self.__init__(replace(self.config, **changes))  # type: ignore[misc]
        self.stack.up()
        runs.wait_for_dags(self.client, [runs.BOOTSTRAP, runs.DAILY])

    def bootstrap(self) -> None:
        runs.wait_for_dags(self.client, [runs.BOOTSTRAP, runs.DAILY])
        self.client.unpause(runs.BOOTSTRAP)
        runs.watch(self.client, runs.BOOTSTRAP, {"bootstrap": self.client.trigger(runs.BOOTSTRAP)})

    def load(self, first: date, last: date, *, backwards: bool = False) -> runs.Watched:
        """Run the daily DAG for days by a native backfill, the newest day first if wanted."""
        self.client.unpause(runs.DAILY)
        labels = runs.start_days(self.client, runs.DAILY, first, last, backwards=backwards)
        assert len(labels) == (last - first).days + 1
        return runs.watch(self.client, runs.DAILY, labels)

    def land(self, folder: Path) -> None:
        """Put a folder's files into the raw bucket."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.s3.upload_file(str(path), self.settings.raw_bucket, path.relative_to(folder).as_posix())

    @property
    def s3(self) -> Any:
        return self.aws("s3")

    def aws(self, service: str) -> Any:
        """A client of the AWS endpoint."""
        return boto3.client(
            service,
            endpoint_url=self.config.aws_url,
            region_name=self.settings.region,
            aws_access_key_id=self.config.aws_access_key,
            aws_secret_access_key=self.config.aws_secret_key,
        )

    def metrics(self) -> set[tuple[str, ...]]:
        """Name and dimensions' values of each metric that was sent to CloudWatch."""
        pages = self.aws("cloudwatch").get_paginator("list_metrics").paginate(Namespace="EcommerceDWH")
        return {
            (metric["MetricName"], *(part["Value"] for part in metric["Dimensions"]))
            for page in pages
            for metric in page["Metrics"]
        }

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a query, through Redshift's own driver."""
        with closing(summary.connect(self.config)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(text)
            return [tuple(row) for row in cursor.fetchall()]

    def value(self, text: str) -> Any:
        """The one value that a query returns."""
        ((value,),) = self.query(text)
        return value

    def analytics(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that readers of analytics see."""
        return {view: sorted(self.query(f"select * from analytics.{view}"), key=repr) for view in VIEWS}

    def page(self, path: str) -> str:
        """A page of the data quality plugin, as a person who is logged in gets it."""
        self.client.get("/version")  # logs in
        request = urllib.request.Request(f"{self.config.airflow_url}/data-quality{path}")
        request.add_header("Authorization", f"Bearer {self.client._token}")
        with urllib.request.urlopen(request, timeout=30) as response:
            return str(response.read().decode())

    def replay(self, **params: Any) -> dict[str, Any]:
        """Run the replay DAG to its end; returns what its tasks left in XCom, by task."""
        runs.wait_for_dags(self.client, [REPLAY])
        run_id = self.client.trigger(REPLAY, params)
        watched = runs.watch(self.client, REPLAY, {"replay": run_id})
        found = {}
        for task_id, task in watched.tasks["replay"].items():
            path = f"/dags/{REPLAY}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
            found[task_id] = (
                self.client.get(path)["value"]
                if task_id != "replay_days" and task["state"] == "success"
                else None
            )
        return found

    def mails(self) -> list[dict[str, Any]]:
        """Mail received so far, oldest first."""
        with urllib.request.urlopen(f"{self.config.mail_url}/api/messages") as response:
            return list(reversed(json.loads(response.read())))

    def wait_for_mail(self, accept: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """The first mail that is accepted."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := [mail for mail in self.mails() if accept(mail)]:
                return found[0]
            time.sleep(0.5)
        raise AssertionError(
            f"no such mail within {seconds} s; there are {[m['subject'] for m in self.mails()]}"
        )


def generate(folder: Path, first: date, last: date, *, lines: int = 1500) -> None:
    """Generate days of raw files into a folder; the shop opened on the first day of the tests."""
    subprocess.run(
        [
            str(LocalConfig().local_python),
            *("-m", "local.data", "generate", "--days", f"{first}:{last}", "--opened", str(FIRST_DAY)),
            *("--lines-per-day", str(lines), "--to", str(folder)),
        ],
        cwd=REPO,
        check=True,
        stdout=subprocess.DEVNULL,
    )
