"""Endpoints for tests: each with its own folder and port, in this process or as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.core.base_backend import BackendDict

from aws_local.server import Endpoint
from aws_local.settings import Settings, SparkRuntime, in_folder

FAKE_SUBMIT = [sys.executable, str(Path(__file__).with_name("fake_submit.py"))]
MINUTE = 1.0  # seconds; a timeout of one minute is over soon


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings_in(home: Path, spark: SparkRuntime | None = None) -> Settings:
    """An endpoint in a folder, on a free port."""
    return in_folder(home, port=free_port(), spark=spark)


def client(settings: Settings, service: str, **options: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=settings.url,
        region_name="ap-south-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **options),
    )


class Aws:
    """An endpoint in this process that can be stopped and started again, with its clients."""

    def __init__(self, home: Path, command: list[str] | None, spark: SparkRuntime | None = None) -> None:
        self.home = home
        self.settings = settings_in(home, spark)
        self._command = command
        self.endpoint: Endpoint
        self.start()

    def start(self) -> None:
        BackendDict.reset()  # moto's memory is the process's; a new server starts without it
        self.endpoint = Endpoint(self.settings, command=self._command, minute=MINUTE)
        self.endpoint.start()
        self.s3, self.glue, self.logs = (client(self.settings, name) for name in ("s3", "glue", "logs"))

    def restart(self) -> None:
        self.endpoint.stop()
        self.start()

    def client(self, service: str, **options: Any) -> Any:
        return client(self.settings, service, **options)

    def bucket(self, name: str) -> str:
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        return name

    def put(self, bucket: str, key: str, body: bytes | str) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def crawl(self, name: str) -> dict[str, Any]:
        self.glue.start_crawler(Name=name)
        return self.wait_crawler(name)

    def wait_crawler(self, name: str) -> dict[str, Any]:
        return until(
            lambda: self.glue.get_crawler(Name=name)["Crawler"], lambda crawler: crawler["State"] == "READY"
        )

    def run(self, job: str, **arguments: Any) -> dict[str, Any]:
        run_id = self.glue.start_job_run(JobName=job, **arguments)["JobRunId"]
        return self.wait_run(job, run_id)

    def wait_run(self, job: str, run_id: str, seconds: float = 60) -> dict[str, Any]:
        ended = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR"}
        return until(
            lambda: self.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"],
            lambda run: run["JobRunState"] in ended,
            seconds,
        )

    def log(self, job: str, run_id: str) -> str:
        return (self.settings.logs / "glue" / job / f"{run_id}.log").read_text()


def until(get: Callable[[], Any], done: Callable[[Any], bool], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not done(value := get()):
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.02)
    return value


class ServerProcess:
    """``aws-local`` as a user starts it, for tests that kill it."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self.settings = settings_in(home)
        self._options = options
        self.process: subprocess.Popen[bytes]
        self.start()

    def environ(self) -> dict[str, str]:
        return {**os.environ, **self.settings.environ()}

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "aws_local",
                    "--port",
                    str(self.settings.port),
                    "--data",
                    str(self.home),
                ),
                *self._options,
            ],
            env=self.environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._healthy, bool, 20)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.settings.url}/_local/health", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)

    def client(self, service: str) -> Any:
        return client(self.settings, service)
