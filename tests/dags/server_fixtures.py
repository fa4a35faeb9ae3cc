"""Fixtures of real servers as Airflow's connections, for the conftest.py of each suite that needs them.

Airflow reads its environment at its first import, so a conftest.py sets it before it imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from servers import LocalAws, Mailbox, start_local_aws, start_mail


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """The local AWS endpoint with the deployment's buckets, crawler and jobs."""
    with start_local_aws(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """The endpoint as Airflow's connection ``aws_default``, its raw and processed buckets empty."""
    local_aws.clear()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(local_aws.connection))
    return local_aws


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    """An SMTP server that keeps what it gets."""
    with start_mail(tmp_path_factory.mktemp("mail")) as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(mail_server: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """The SMTP server as Airflow's connection ``smtp_default``; its mailbox is empty."""
    mail_server.clear()
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mail_server.connection))
    return mail_server
