"""One PostgreSQL, one Redshift endpoint and one S3 for all tests of this folder, on free ports, in a temporary home."""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector
from moto.server import ThreadedMotoServer

from redshift_local.testing import RunningEndpoint, running

BUCKET = "redshift-tests"
AWS_KEYS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "ap-south-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Address of an S3."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[RunningEndpoint]:
    """A running warehouse that copies from the S3."""
    environ = {**os.environ, **AWS_KEYS}
    with running(tmp_path_factory.mktemp("redshift"), "--s3-endpoint", s3_url, environ=environ) as found:
        yield found


class Connections:
    """Opens connections of the real driver, and closes them all."""

    def __init__(self, endpoint: RunningEndpoint) -> None:
        self._endpoint = endpoint
        self._opened: list[redshift_connector.Connection] = []

    def __call__(self, autocommit: bool = False, **changes: Any) -> redshift_connector.Connection:
        values = {**self._endpoint.connection(), **changes}
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
def connect(endpoint: RunningEndpoint) -> Iterator[Connections]:
    """Opens connections; all are closed after the test."""
    connections = Connections(endpoint)
    yield connections
    connections.close()


@pytest.fixture
def connect_serializable(endpoint: RunningEndpoint, tmp_path: Path) -> Iterator[Connections]:
    """Opens connections to the same warehouse at isolation level SERIALIZABLE."""
    options = ("--isolation", "serializable", "--postgres-url", endpoint.postgres.url("postgres"))
    with running(tmp_path / "serializable", *options) as found:
        connections = Connections(found)
        yield connections
        connections.close()


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
def s3(s3_url: str) -> Any:
    """An S3 client; the bucket is there."""
    client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name="ap-south-1",
    )
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return client


@pytest.fixture
def front_log(endpoint: RunningEndpoint) -> Path:
    """The endpoint's log."""
    return endpoint.log
