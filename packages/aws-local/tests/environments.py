"""Environments beside the one in which the tests run: Spark for jobs, Airflow for its own hooks."""

from __future__ import annotations

import sys
from pathlib import Path

from aws_local.settings import SparkRuntime

ENVIRONMENTS = Path(sys.prefix).parent
SPARK = SparkRuntime(
    ENVIRONMENTS / "spark" / "bin" / "python", ENVIRONMENTS / "spark-jars", setup_advice="install Spark"
)
AIRFLOW_PYTHON = ENVIRONMENTS / "airflow" / "bin" / "python"


def has_spark() -> bool:
    """Whether Spark and its S3 connector are installed."""
    return SPARK.python.is_file() and any(SPARK.jars.glob("*.jar"))
