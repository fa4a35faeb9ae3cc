"""Tests of DAGs, operators and sensors: Airflow in a home of its own, against real servers on free ports.

Servers (the local AWS endpoint, SMTP, Redshift) are started once per session, as separate processes of their
own environment, the way the local stack starts them.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile

_HOME = tempfile.mkdtemp(prefix="dwh-airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME
os.environ.update(
    {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": os.path.join(_HOME, "plugins"),  # noqa: PTH118 - before any import
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__ECOMMERCE_DWH__POLL_SECONDS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }
)

import json  # noqa: E402 - Airflow reads the environment when it is first imported
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import botocore.loaders  # noqa: E402
import psycopg  # noqa: E402
import pytest  # noqa: E402
from server_fixtures import aws, local_aws, mail_server, mailbox  # noqa: E402, F401 - pytest finds them here
from servers import REPO, LocalRedshift, ScriptedGlue, start_redshift  # noqa: E402

from ecommerce_dwh.warehouse.client import Cursor  # noqa: E402

sys.path.insert(0, str(REPO))
# Each hook has a session of its own, and each session parses megabytes of service models again.
botocore.loaders.JSONFileLoader.load_file = functools.cache(botocore.loaders.JSONFileLoader.load_file)
botocore.loaders.JSONFileLoader.__hash__ = lambda _self: 0
botocore.loaders.JSONFileLoader.__eq__ = lambda _self, other: isinstance(other, botocore.loaders.JSONFileLoader)


@pytest.fixture(autouse=True)
def _fresh_settings():
    """Settings are cached per process; a test that changes the environment gets its own."""
    from ecommerce_dwh.settings import get_settings

    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def airflow_db() -> str:
    """An initialised metadata database (SQLite), for tests that run whole DAGs."""
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        check=True,
        capture_output=True,
        cwd=REPO,
        timeout=120,
    )
    return os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


@pytest.fixture
def glue(monkeypatch) -> ScriptedGlue:
    """A Glue endpoint that answers as the test tells it, as Airflow's connection ``aws_default``."""
    with ScriptedGlue() as server:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(server.connection))
        yield server


@pytest.fixture(scope="session")
def local_redshift(tmp_path_factory) -> LocalRedshift:
    with start_redshift(tmp_path_factory.mktemp("redshift")) as redshift:
        yield redshift


@pytest.fixture
def redshift(local_redshift, monkeypatch) -> LocalRedshift:
    """The endpoint as Airflow's connection ``redshift_default``, with an empty schema ``t`` for the test."""
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(local_redshift.connection))
    local_redshift.run("drop schema if exists t cascade", "create schema t")
    return local_redshift


@pytest.fixture
def statements(monkeypatch) -> list[str]:
    """What tasks run in the warehouse from now on."""
    ran: list[str] = []
    run_one = Cursor.run

    def run(self: Cursor, statement: str, *arguments: object, **options: object) -> object:
        ran.append(statement)
        return run_one(self, statement, *arguments, **options)

    monkeypatch.setattr(Cursor, "run", run)
    return ran


@pytest.fixture
def shop(local_redshift, monkeypatch) -> Iterator[psycopg.Connection]:
    """The shop's empty tables, as Airflow's connection ``shop_postgres``; yields its owner's connection."""
    from local import postgres
    from local import shop as local_shop
    from local.config import LocalConfig

    config = LocalConfig(home=local_redshift.home)
    postgres.ensure_databases(config, [local_shop.DATABASE])
    with psycopg.connect(postgres.url(config, local_shop.DATABASE), autocommit=True) as owner:
        owner.execute("drop schema if exists shop cascade")
        local_shop.create(config)
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_POSTGRES", json.dumps(local_shop.connection(config)))
        yield owner


@pytest.fixture(scope="session")
def dags_folder() -> Path:
    return REPO / "dags"
