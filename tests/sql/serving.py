"""Starts a warehouse for the tests: embedded PostgreSQL and the Redshift endpoint, in a folder of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from harness import REPO, Warehouse, bootstrap, psycopg_connect, redshift_connect

from local import postgres
from local.config import LocalConfig
from local.product import load_settings

_START_SECONDS = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_warehouse(folder: Path) -> Iterator[Warehouse]:
    """A warehouse, bootstrapped unless its folder holds one; stopped when the block ends."""
    config = LocalConfig(home=folder, redshift_port=_free_port(), aws_port=_free_port())
    server = postgres.Server(postgres.server_of(config))
    server.start()
    with psycopg.connect(postgres.url(config, "postgres"), autocommit=True) as setup:
        # Nobody needs these data after a power cut, and each dropped temporary table would wait for the disk.
        setup.execute("alter system set fsync = off")
        setup.execute("alter system set full_page_writes = off")
        setup.execute("select pg_reload_conf()")
    endpoint = None
    try:
        endpoint = _endpoint(config)
        database = load_settings(os.environ).database
        login = (config.redshift_port, config.redshift_user, config.redshift_password, database)
        connect = partial(redshift_connect, *login)
        client = _patiently(connect, endpoint)
        admin = psycopg.connect(postgres.url(config, database), autocommit=True)
        if admin.execute("select to_regclass('quality.warehouse_state')").fetchone() == (None,):
            bootstrap(client, admin)
        client.close()
        warehouse = Warehouse(connect, partial(psycopg_connect, *login), admin, config)
        yield warehouse
        warehouse.close()
    finally:
        if endpoint:
            endpoint.terminate()
            endpoint.wait(20)
        server.stop()


def _endpoint(config: LocalConfig) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "DWH_LOCAL_HOME": str(config.home),
        "DWH_LOCAL_REDSHIFT_PORT": str(config.redshift_port),
        "DWH_LOCAL_AWS_PORT": str(config.aws_port),
    }
    log = (config.home / "redshift.log").open("wb")
    return subprocess.Popen(
        [sys.executable, "-m", "local.redshift"], cwd=REPO, env=environ, stdout=log, stderr=log
    )


def _patiently(connect: Any, endpoint: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return connect()
        except Exception:
            if endpoint.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="session")
def _warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        yield running


@pytest.fixture
def warehouse(_warehouse: Warehouse) -> Warehouse:
    """The warehouse as bootstrap leaves it."""
    _warehouse.reset()
    return _warehouse
