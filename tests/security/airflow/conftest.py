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

import pytest  # noqa: E402 - Airflow reads the environment when it is first imported
from page_site import Site  # noqa: E402
from server_fixtures import aws, local_aws, mail_server, mailbox  # noqa: E402, F401 - pytest finds them here


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()
