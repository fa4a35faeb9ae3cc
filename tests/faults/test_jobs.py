"""The processing job itself dies: disk full while it writes Parquet, no memory, killed, timed out.

On the endpoint alone, without Airflow: what a task makes of a failed job is in tests/dags, and a whole day around
dying jobs in test_kill_every_task. Of a dead job nothing may be visible; the next attempt, under the same run, brings
what an undisturbed one brings.
"""

from __future__ import annotations

import io
import json
import re
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from aws_local.testing import Aws
from local import aws as local_aws
from local.config import LocalConfig
from local.provision import Provisioner, provision

DAY = "2026-03-01"
LINES = 400
LIMIT = 240  # seconds for a run on a busy machine


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    running = Aws(
        tmp_path_factory.mktemp("jobs"), None, local_aws.spark_runtime(LocalConfig(spark_reuse=False))
    )
    yield running
    running.endpoint.stop()


@pytest.fixture(scope="module")
def deployed(aws: Aws) -> Provisioner:
    """The jobs as they are provisioned, and a day of orders and lines."""
    made = provision(replace(LocalConfig(), home=aws.home, aws_port=aws.settings.port))
    orders = "order_id,customer_id,order_date\n" + "".join(f"o{n},c{n},{DAY} 10:00\n" for n in range(LINES))
    items = "order_item_id,order_id,product_id,quantity,unit_price\n" + "".join(
        f"i{n},o{n},p1,2,{n}.50\n" for n in range(LINES)
    )
    for source, body in (("orders", orders), ("order_items", items)):
        aws.s3.put_object(Bucket=made.settings.raw_bucket, Key=f"{source}/dt={DAY}/a.csv", Body=body.encode())
    return made


def start(aws: Aws, deployed: Provisioner, run_id: str, **more: Any) -> str:
    arguments = {"--start_date": DAY, "--end_date": DAY, "--run_id": run_id}
    job = deployed.settings.processing_job
    return str(aws.glue.start_job_run(JobName=job, Arguments=arguments, **more)["JobRunId"])


def published(aws: Aws, deployed: Provisioner, run_id: str) -> dict[str, Any] | None:
    """What a run's last object says; its presence means that processing is complete."""
    bucket = deployed.settings.processed_bucket
    try:
        body = aws.s3.get_object(Bucket=bucket, Key=f"runs/{run_id}/processing.json")["Body"].read()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey"
        return None
    return dict(json.loads(body))


def java_of(aws: Aws, run_id: str, seconds: float = LIMIT) -> psutil.Process:
    """The run's Java process, as soon as Spark works in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if (
                    process.name() == "java"
                    and run_id in " ".join(process.cmdline())
                    and process.num_threads() > 25
                ):
                    return process
        time.sleep(0.05)
    raise AssertionError(f"no Java process of {run_id} within {seconds:.0f} s")


def at_work(aws: Aws, deployed: Provisioner, run_id: str, seconds: float = LIMIT) -> psutil.Process:
    """The run's Java process, when it has looked at the files and goes on to read and write."""
    java = java_of(aws, run_id)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(FileNotFoundError):
            if "can be read" in aws.log(deployed.settings.processing_job, run_id):
                return java
        time.sleep(0.02)
    raise AssertionError(f"{run_id} does not begin within {seconds:.0f} s")


def fill_the_disk(java: psutil.Process) -> None:
    """No file of the job can grow any more."""
    java.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def take_the_memory(java: psutil.Process) -> None:
    """No more memory, and no thread, is to be had from the system."""
    java.rlimit(psutil.RLIMIT_AS, (1, resource.RLIM_INFINITY))


def kill(java: psutil.Process) -> None:
    """As the kernel does it when the machine's memory is out."""
    java.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    ("hurt", "words"),
    [
        (fill_the_disk, "File too large|No space|I/O|IOException|FileSystemException|disk"),
        (take_the_memory, "(?i)memory|thread|allocate|signal|exit code"),
        (kill, "(?i)signal 9|killed|exit code"),
    ],
    ids=["disk full", "out of memory", "killed"],
)
def test_a_dying_job_leaves_nothing_to_be_seen_and_says_why(
    aws: Aws, deployed: Provisioner, hurt: Callable[[psutil.Process], None], words: str
) -> None:
    run_id = f"dies-{hurt.__name__}"
    job_run = start(aws, deployed, run_id)
    hurt(at_work(aws, deployed, job_run))

    run = aws.wait_run(deployed.settings.processing_job, job_run, LIMIT)

    assert run["JobRunState"] == "FAILED"
    assert re.search(words, run["ErrorMessage"]), run["ErrorMessage"]
    assert published(aws, deployed, run_id) is None


def test_a_job_that_hangs_is_ended_by_its_timeout(aws: Aws, deployed: Provisioner) -> None:
    job_run = start(aws, deployed, "hangs", Timeout=15)  # of the endpoint's short minutes
    at_work(aws, deployed, job_run).send_signal(signal.SIGSTOP)

    run = aws.wait_run(deployed.settings.processing_job, job_run, LIMIT)

    assert run["JobRunState"] == "TIMEOUT"
    assert published(aws, deployed, "hangs") is None


def test_the_next_attempt_of_a_dead_run_brings_all_of_it_once(aws: Aws, deployed: Provisioner) -> None:
    """Of the attempt that died, files may lie about; no manifest names them."""
    job_run = start(aws, deployed, "again")
    prefix = "accepted/orders/run=again/"
    bucket = deployed.settings.processed_bucket
    java = java_of(aws, job_run)
    while not aws.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] and java.is_running():
        time.sleep(0.02)
    with suppress(psutil.NoSuchProcess):
        kill(java)
    aws.wait_run(deployed.settings.processing_job, job_run, LIMIT)

    second = aws.wait_run(deployed.settings.processing_job, start(aws, deployed, "again"), LIMIT)

    assert second["JobRunState"] == "SUCCEEDED", second
    told = published(aws, deployed, "again")
    assert told is not None
    manifest = json.loads(
        aws.s3.get_object(Bucket=bucket, Key="runs/again/copy/orders.manifest")["Body"].read()
    )
    keys = [entry["url"].removeprefix(f"s3://{bucket}/") for entry in manifest["entries"]]
    tables = [
        pq.read_table(io.BytesIO(aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read())) for key in keys
    ]
    found = [value for table in tables for value in table["order_id"].to_pylist()]
    assert sorted(found) == sorted(f"o{n}" for n in range(LINES))
