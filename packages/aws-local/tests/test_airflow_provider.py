"""Airflow's own Amazon hooks, waiters and triggers against the endpoint, from Airflow's environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from environments import AIRFLOW_PYTHON

from aws_local.testing import Aws

PROGRAM = """
import asyncio
from airflow.providers.amazon.aws.hooks.glue import GlueJobHook
from airflow.providers.amazon.aws.hooks.glue_crawler import GlueCrawlerHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.triggers.glue import GlueJobCompleteTrigger
from airflow.providers.amazon.aws.triggers.glue_crawler import GlueCrawlerCompleteTrigger

crawler = GlueCrawlerHook(aws_conn_id=None, region_name="ap-south-1")
crawler.start_crawler("crawler")
print("crawler", crawler.wait_for_crawler_completion("crawler", poll_interval=1))

async def first(trigger):
    async for event in trigger.run():
        return event.payload

crawler.start_crawler("crawler")
print("crawler trigger", asyncio.run(first(GlueCrawlerCompleteTrigger(
    crawler_name="crawler", waiter_delay=1, aws_conn_id=None, region_name="ap-south-1")))["status"])

job = GlueJobHook(aws_conn_id=None, region_name="ap-south-1", job_name="job", s3_bucket="scripts")
run = job.initialize_job({"--word": "sync"})
print("job", job.job_completion("job", run["JobRunId"])["JobRunState"])

def deferred(word):
    run = job.initialize_job({"--word": word})
    trigger = GlueJobCompleteTrigger(
        job_name="job", run_id=run["JobRunId"], aws_conn_id=None, region_name="ap-south-1",
        waiter_delay=1, waiter_max_attempts=30,
    )
    return asyncio.run(first(trigger))["status"]

print("job trigger", deferred("async"))
print("failed", deferred("fail"))

s3 = S3Hook(aws_conn_id=None, region_name="ap-south-1")
s3.load_string("hello", "a/b.txt", "scripts")
print("s3", s3.read_key("a/b.txt", "scripts"), s3.list_keys("scripts", prefix="a/"))

async def keys():
    async with await s3.get_async_conn() as client:
        found = await client.list_objects_v2(Bucket="scripts", Prefix="a/")
        body = await (await client.get_object(Bucket="scripts", Key="a/b.txt"))["Body"].read()
        return [item["Key"] for item in found["Contents"]], body
print("s3 async", asyncio.run(keys()))
"""
SCRIPT = "import sys\nword = sys.argv[sys.argv.index('--word') + 1]\nassert word != 'fail'\nprint(word)\n"


def test_hooks_waiters_and_triggers(aws: Aws, tmp_path: Path):
    if not AIRFLOW_PYTHON.is_file():
        pytest.skip("Airflow is not set up beside this environment")
    for bucket in ("scripts", "raw-lake"):
        aws.bucket(bucket)
    aws.put("raw-lake", "orders/dt=2024-01-01/a.csv", "id\n1\n")
    aws.put("scripts", "job.py", SCRIPT)
    aws.glue.create_job(
        Name="job", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://scripts/job.py"}
    )
    aws.glue.create_crawler(
        Name="crawler", Role="r", DatabaseName="raw", Targets={"S3Targets": [{"Path": "s3://raw-lake/orders/"}]}
    )
    environ = {
        **os.environ,
        **aws.settings.environ(),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [str(AIRFLOW_PYTHON), "-c", PROGRAM],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [
        line for line in done.stdout.splitlines() if line.split(" ")[0] in ("crawler", "job", "failed", "s3")
    ] == [
        "crawler SUCCEEDED",
        "crawler trigger success",
        "job SUCCEEDED",
        "job trigger success",
        "failed error",
        "s3 hello ['a/b.txt']",
        "s3 async (['a/b.txt'], b'hello')",
    ]
