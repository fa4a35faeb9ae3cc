"""Servers that the hostile requests and statements meet: an AWS endpoint, a mailbox, a warehouse, and a whole stack."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from aws_local.server import Endpoint
from local import aws as local_aws
from local import postgres
from local.config import PRIVATE_UMASK, REPO, LocalConfig
from local.smtp.server import MailServer
from local.stack import ports
from local.stack.supervisor import Stack


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint with the bucket ``lake`` and nothing else."""
    config = replace(LocalConfig(), home=tmp_path_factory.mktemp("aws"), aws_port=ports.free_port())
    endpoint = local_aws.endpoint(config, command=[sys.executable, "-c", "raise SystemExit(1)"])
    endpoint.start()
    endpoint.store.create_bucket("lake", "ap-south-1")
    yield endpoint
    endpoint.stop()


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mailbox with one message."""
    with MailServer("127.0.0.1", ports.free_port(), 0, tmp_path_factory.mktemp("mail")) as server:
        server.mailbox.add(b"Subject: first\r\n\r\nHello\r\n", "a@example.com", ["b@example.com"])
        yield server


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalConfig]:
    """A warehouse with PostgreSQL behind it, empty."""
    home = tmp_path_factory.mktemp("warehouse")
    config = replace(LocalConfig(), home=home, redshift_port=ports.free_port(), aws_port=ports.free_port())
    server = postgres.Server(postgres.server_of(config))
    server.start()
    front = _front(config)
    yield config
    front.terminate()
    front.wait(20)
    server.stop()


def _front(config: LocalConfig) -> subprocess.Popen[bytes]:
    values = {
        f"DWH_LOCAL_{name.upper()}": str(getattr(config, name)) for name in LocalConfig.__dataclass_fields__
    }
    with (config.home / "redshift.log").open("wb") as log:
        front = subprocess.Popen(
            [sys.executable, "-m", "local.redshift"],
            cwd=REPO,
            env={**os.environ, **values},
            stdout=log,
            stderr=log,
        )
    _until(lambda: ports.answers(config.host, config.redshift_port) or front.poll() is not None)
    return front


def _until(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            pytest.fail("a server did not start")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalConfig]:
    """A whole running stack, as ``make up`` starts it: with that command's umask."""
    config = ports.separate_config(tmp_path_factory.mktemp("stack") / "home")
    running = Stack(config)
    before = os.umask(PRIVATE_UMASK)
    try:
        running.up()
    finally:
        os.umask(before)
    yield config
    running.down()
