"""An AWS endpoint as the stack starts it, for tests of what the stack puts there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aws_local.testing import FAKE_SUBMIT, Aws
from local import aws as local_aws
from local.config import LocalConfig


def config_of(aws: Aws) -> LocalConfig:
    """The stack that an endpoint belongs to."""
    return replace(LocalConfig(), home=aws.home, aws_port=aws.settings.port)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """An endpoint whose jobs run under plain Python."""
    running = Aws(tmp_path, FAKE_SUBMIT, local_aws.spark_runtime(LocalConfig()))
    yield running
    running.endpoint.stop()


@pytest.fixture
def aws_config(aws: Aws) -> LocalConfig:
    """The stack of the endpoint."""
    return config_of(aws)


@pytest.fixture(scope="module")
def spark_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An endpoint whose jobs run under the real spark-submit."""
    config = LocalConfig()
    if not config.spark_python.is_file() or not list(config.spark_jars.glob("*.jar")):
        pytest.skip("Spark is not set up; run `make setup`")
    running = Aws(tmp_path_factory.mktemp("spark"), None, local_aws.spark_runtime(config))
    yield running
    running.endpoint.stop()


@pytest.fixture(scope="module")
def spark_config(spark_aws: Aws) -> LocalConfig:
    """The stack of the endpoint with Spark."""
    return config_of(spark_aws)
