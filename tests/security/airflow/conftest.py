"""Hostile reports, requests and texts against page, gate and mails: Airflow in a home of its own, real servers."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

_HOME = tempfile.mkdtemp(prefix="dwh-airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME
os.environ.update(
    {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "AIRFLOW__API__BASE_URL": "http://airflow.company.example:8080/air",
        "AIRFLOW__ECOMMERCE_DWH__POLL_SECONDS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }
)
TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS / "dags"), str(TESTS / "unit")]

import json  # noqa: E402 - Airflow reads the environment when it is first imported
from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402
from page_site import Site  # noqa: E402
from servers import LocalAws, Mailbox, start_local_aws, start_mail  # noqa: E402


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory) -> Iterator[LocalAws]:
    with start_local_aws(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


@pytest.fixture
def aws(local_aws, monkeypatch) -> LocalAws:
    """The local AWS endpoint as Airflow's connection ``aws_default``, its buckets empty."""
    local_aws.clear()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(local_aws.connection))
    return local_aws


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory) -> Iterator[Mailbox]:
    with start_mail(tmp_path_factory.mktemp("mail")) as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(mail_server, monkeypatch) -> Mailbox:
    """The SMTP server as Airflow's connection ``smtp_default``; its mailbox is empty."""
    mail_server.clear()
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mail_server.connection))
    return mail_server


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()
