"""``python -m local.aws``: the stack's AWS endpoint; serves until a signal comes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aws_local.settings import Mwaa, RedshiftLogin, Settings, SparkRuntime, in_folder
from local.config import LocalConfig, keep_private, load_config
from local.stack import airflow

if TYPE_CHECKING:
    from aws_local.server import Endpoint


def spark_runtime(config: LocalConfig) -> SparkRuntime:
    """The Spark of a stack, as `make setup` installs it."""
    return SparkRuntime(
        python=config.spark_python,
        jars=config.spark_jars,
        driver_memory=config.spark_driver_memory,
        java_options=config.spark_java_options,
        codegen=config.spark_codegen,
        reuse=config.spark_reuse,
        setup_advice="run `make setup`",
    )


def settings(config: LocalConfig) -> Settings:
    """The AWS endpoint of a stack."""
    trail = os.environ.get("DWH_LOCAL_AWS_TRAIL")
    return in_folder(
        config.home,
        spark=spark_runtime(config),
        mwaa=Mwaa(config.mwaa_image, config.airflow_url, (airflow.LOGIN, airflow.PASSWORD)),
        redshift=RedshiftLogin(
            config.host, config.redshift_port, config.redshift_user, config.redshift_password
        ),
        host=config.host,
        port=config.aws_port,
        allowed_hosts=config.allowed_hosts,
        access_key=config.aws_access_key,
        secret_key=config.aws_secret_key,
        key_source="the stack's DWH_LOCAL_AWS_ACCESS_KEY",
        hidden_variables=("DWH_LOCAL_",),
        trail=Path(trail) if trail else None,
    )


def endpoint(config: LocalConfig, command: Sequence[str] | None = None) -> Endpoint:
    """An endpoint of a stack, for tests that run it in their own process.

    Args:
        config: the stack.
        command: the start of a job's command line, in place of spark-submit.
    """
    # Late import: a planned stack reads the settings only, and the server brings moto.
    from aws_local.server import Endpoint

    return Endpoint(settings(config), command=command)


def main() -> int:
    """Run the endpoint; the exit code is 1 when it cannot start.

    Raises:
        ValueError: an entry of DWH_LOCAL_ALLOWED_HOSTS is no host name.
    """
    from aws_local.running import prepare_logging, run

    keep_private()
    prepare_logging()
    try:
        return run(settings(load_config()), name="local.aws")
    except ValueError as error:
        raise ValueError(f"DWH_LOCAL_ALLOWED_HOSTS has {error}") from None


if __name__ == "__main__":
    sys.exit(main())
