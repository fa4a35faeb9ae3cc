"""Raw files whose names look like patterns, paths or URLs, through the processing job over S3A: the names are texts.

The job runs as on AWS: the endpoint starts spark-submit of the product's script, which lists by boto3 and reads ``s3://``
by S3A, both over HTTP.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore.config import Config

from local.config import REPO, LocalConfig
from local.packaging import LIBRARY, build_library, job_scripts
from local.stack import ports
from tests.security.object_names import NAMES, STYLES, contents

DAY = "2026-03-01"
SOURCES = sorted(path.stem for path in (REPO / "include" / "sources").glob("*.yaml"))
PATTERN = set("[]{}*?\\")
ENDED = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalConfig]:
    """An AWS endpoint in a process of its own."""
    config = replace(LocalConfig(), home=tmp_path_factory.mktemp("names"), aws_port=ports.free_port())
    environ = {"DWH_LOCAL_HOME": str(config.home), "DWH_LOCAL_AWS_PORT": str(config.aws_port)}
    server = subprocess.Popen(
        [
            "/usr/bin/env",
            *(f"{name}={value}" for name, value in environ.items()),
            sys.executable,
            "-m",
            "local.aws",
        ],
        cwd=REPO,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until(lambda: _answers(f"{config.aws_url}/_local/health"))
        yield config
    finally:
        server.terminate()
        server.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(is_done: Any, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def client(config: LocalConfig, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=config.aws_url,
        region_name="ap-south-1",
        aws_access_key_id=config.aws_access_key,
        aws_secret_access_key=config.aws_secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def process(config: LocalConfig) -> None:
    """Run the processing job over `DAY`."""
    s3, glue = client(config, "s3"), client(config, "glue")
    s3.put_object(Bucket="scripts", Key=LIBRARY, Body=build_library())
    name = "data_processing.py"
    s3.put_object(Bucket="scripts", Key=name, Body=job_scripts()[name])
    arguments = {
        "--env": "dev",
        "--region": "ap-south-1",
        "--raw_bucket": "raw",
        "--processed_bucket": "processed",
        "--start_date": DAY,
        "--end_date": DAY,
        "--run_id": "manual-1",
        "--extra-py-files": f"s3://scripts/{LIBRARY}",
    }
    command = {"Name": "glueetl", "ScriptLocation": f"s3://scripts/{name}", "PythonVersion": "3"}
    glue.create_job(Name="names", Role="r", Command=command, DefaultArguments=arguments)
    run = glue.start_job_run(JobName="names")["JobRunId"]

    def state() -> dict[str, Any]:
        return dict(glue.get_job_run(JobName="names", RunId=run)["JobRun"])

    _until(lambda: state()["JobRunState"] in ENDED, 600)
    done = state()
    logs = "".join(path.read_text(errors="replace") for path in Path(config.home).rglob(f"{run}*.log"))
    assert done["JobRunState"] == "SUCCEEDED", f"{done.get('ErrorMessage')}\n{logs[-3000:]}"


def test_every_name_is_the_object_of_this_name(config: LocalConfig) -> None:
    s3 = client(config, "s3")
    for bucket in ("raw", "processed", "scripts"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    expected = {}
    patterns = [name for name in NAMES if PATTERN & set(name)]
    assert len(patterns) > 15
    # Each name in one way of reading; what looks like a pattern in all of them, Parquet in some: each is a scan.
    wanted = [(name, STYLES[number % len(STYLES)]) for number, name in enumerate(NAMES)]
    wanted += [(name, style) for name in patterns for style in ("plain", "gzip", "json")]
    wanted += [(name, "parquet") for name in patterns[::4]]
    for number, (name, style) in enumerate(dict.fromkeys(wanted)):
        actual, content = contents(number, name, style)
        key = f"order_items/dt={DAY}/{actual}"
        if key not in expected:
            body = gzip.compress(content, mtime=0) if style == "gzip" else content
            s3.put_object(Bucket="raw", Key=key, Body=body)
            expected[key] = f"i{number}"
    for source in SOURCES:
        if source != "order_items":
            s3.put_object(Bucket="raw", Key=f"{source}/dt={DAY}/_EMPTY", Body=b"")

    process(config)

    summary = json.loads(s3.get_object(Bucket="processed", Key="runs/manual-1/processing.json")["Body"].read())
    assert summary["not_loaded"] == []
    found: Counter[tuple[str, str]] = Counter()
    for key in summary["accepted_files"]["order_items"]:
        body = s3.get_object(Bucket="processed", Key=key)["Body"].read()
        rows = pq.read_table(io.BytesIO(body), columns=["source_file", "order_item_id"])
        found.update((row["source_file"], row["order_item_id"]) for row in rows.to_pylist())
    assert found == Counter(expected.items())
