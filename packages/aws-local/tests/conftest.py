"""Fixtures: an endpoint with plain Python jobs, one with real Spark, and one in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import SPARK, has_spark

from aws_local.testing import FAKE_SUBMIT, Aws, ServerProcess


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """An endpoint whose jobs run under plain Python."""
    running = Aws(tmp_path, FAKE_SUBMIT, SPARK)
    yield running
    running.endpoint.stop()


@pytest.fixture(scope="module")
def spark_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An endpoint whose jobs run under the real spark-submit."""
    if not has_spark():
        pytest.skip("Spark is not set up beside this environment")
    running = Aws(tmp_path_factory.mktemp("spark"), None, SPARK)
    yield running
    running.endpoint.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    running = ServerProcess(tmp_path, "--spark-python", str(SPARK.python), "--spark-jars", str(SPARK.jars))
    yield running
    if running.process.poll() is None:
        running.stop()
