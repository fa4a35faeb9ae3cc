"""One PostgreSQL, one Redshift endpoint and one S3 for all tests of this folder, on free ports, in a temporary home."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector
from moto.server import ThreadedMotoServer

from local import postgres
from local.config import REPO, LocalConfig

DATABASE = "ecommerce_dwh_dev"
BUCKET = "redshift-tests"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environ(config: LocalConfig) -> dict[str, str]:
    values = {
        f"DWH_LOCAL_{name.upper()}": str(getattr(config, name)) for name in LocalConfig.__dataclass_fields__
    }
    return {**os.environ, **values, "PYTHONPATH": str(REPO)}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _start(module: str, config: LocalConfig, ready: Callable[[], bool]) -> subprocess.Popen[bytes]:
    config.logs_dir.mkdir(parents=True, exist_ok=True)
    log = config.logs_dir / f"{module}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=_environ(config), cwd=REPO, stdout=output, stderr=output
        )
    deadline = time.monotonic() + 60
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"{module} did not start:\n{log.read_text()}")
        time.sleep(0.05)
    return process


@pytest.fixture(scope="session")
def warehouse_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalConfig]:
    """A running warehouse and S3."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    config = replace(
        LocalConfig(),
        home=tmp_path_factory.mktemp("redshift") / "home",
        redshift_port=_free_port(),
        aws_port=_free_port(),
    )
    s3 = ThreadedMotoServer("127.0.0.1", config.aws_port, verbose=False)
    s3.start()
    database = _start("local.postgres", config, lambda: postgres.answers(config))
    front = _start("local.redshift", config, lambda: _answers(config.redshift_port))
    yield config
    for process in (front, database):
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    s3.stop()


Connect = Callable[..., redshift_connector.Connection]


class Connections:
    """Opens connections of the real driver, and closes them all."""

    def __init__(self, config: LocalConfig) -> None:
        self._config = config
        self._opened: list[redshift_connector.Connection] = []

    def __call__(self, autocommit: bool = False, **changes: Any) -> redshift_connector.Connection:
        values = {
            "host": "127.0.0.1",
            "port": self._config.redshift_port,
            "database": DATABASE,
            "user": self._config.redshift_user,
            "password": self._config.redshift_password,
            "ssl": False,
            **changes,
        }
        connection = redshift_connector.connect(**values)
        connection.autocommit = autocommit
        self._opened.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._opened:
            with contextlib.suppress(Exception):  # a test may have closed or broken it
                connection.close()
        self._opened.clear()


@pytest.fixture
def connect(warehouse_config: LocalConfig) -> Iterator[Connections]:
    """Opens connections; all are closed after the test."""
    connections = Connections(warehouse_config)
    yield connections
    connections.close()


@pytest.fixture
def connect_serializable(warehouse_config: LocalConfig) -> Iterator[Connections]:
    """Opens connections to the same warehouse at isolation level SERIALIZABLE."""
    config = replace(warehouse_config, redshift_port=_free_port(), redshift_isolation="serializable")
    front = _start("local.redshift", config, lambda: _answers(config.redshift_port))
    connections = Connections(config)
    yield connections
    connections.close()
    front.send_signal(signal.SIGTERM)
    front.wait(30)


@pytest.fixture
def schema(connect: Connections, request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the test's own, dropped afterwards."""
    name = f"test_{zlib.crc32(request.node.nodeid.encode())}"
    connect(autocommit=True).cursor().execute(f"create schema {name}")
    connect.close()
    yield name
    connect.close()  # an open transaction would keep the tables locked
    connect(autocommit=True).cursor().execute(f"drop schema {name} cascade")


@pytest.fixture
def s3(warehouse_config: LocalConfig) -> Any:
    """An S3 client; the bucket is there."""
    client = boto3.client(
        "s3",
        endpoint_url=warehouse_config.aws_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name="ap-south-1",
    )
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return client


@pytest.fixture
def front_log(warehouse_config: LocalConfig) -> Path:
    return warehouse_config.logs_dir / "local.redshift.log"
