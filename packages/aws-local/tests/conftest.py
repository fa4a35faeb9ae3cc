"""Fixtures: an endpoint with plain Python jobs, one with real Spark, and one in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_local.testing import FAKE_SUBMIT, Aws, ServerProcess
from local.config import LocalConfig


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """An endpoint whose jobs run under plain Python."""
    running = Aws(tmp_path, FAKE_SUBMIT)
    yield running
    running.endpoint.stop()


@pytest.fixture(scope="module")
def spark_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An endpoint whose jobs run under the real spark-submit."""
    config = LocalConfig()
    if not config.spark_python.is_file() or not list(config.spark_jars.glob("*.jar")):
        pytest.skip("Spark is not set up; run `make setup`")
    running = Aws(tmp_path_factory.mktemp("spark"), None)
    yield running
    running.endpoint.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    running = ServerProcess(tmp_path)
    yield running
    if running.process.poll() is None:
        running.stop()
