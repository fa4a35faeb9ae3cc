"""Real Spark runs: scripts that know nothing of the laptop read and write ``s3://``."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest
from environments import SPARK

from aws_local.class_archive import archive_key
from aws_local.spark import spark_defaults
from aws_local.testing import Aws, until

ROUND_TRIP = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
out = sys.argv[sys.argv.index("--out") + 1]
spark.range(1000).selectExpr("id", "id % 2 as part").write.mode("overwrite").partitionBy("part").parquet(out)
back = spark.read.parquet(out.replace("s3://", "s3a://"))
print("rows", back.count(), "zone", spark.conf.get("spark.sql.session.timeZone"), spark.version)
raise SystemExit(0)
"""
FAILURE = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.read.parquet("s3://lake/nothing/here")
"""
WORKERS = """
import time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("session", flush=True)
spark.sparkContext.parallelize(range(2), 2).foreach(lambda _: time.sleep(120))
"""
# Prints what it finds of an earlier run, and leaves the same behind: a mark in the Java process, a view, settings.
TRACES = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
system = spark._jvm.java.lang.System
settings = [spark.conf.get(name, "none") for name in ("spark.sql.own", "spark.sql.shuffle.partitions")]
print("found", system.getProperty("mark"), *settings, [table.name for table in spark.catalog.listTables()])
print("is", spark.sparkContext.appName, spark.sparkContext.applicationId)
system.setProperty("mark", "left")
spark.range(1).createOrReplaceTempView("left_behind")
spark.conf.set("spark.sql.shuffle.partitions", "7")
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def buckets(spark_aws: Aws) -> None:
    for name in ("lake", "scripts"):
        spark_aws.bucket(name)


def make_job(aws: Aws, name: str, script: str) -> None:
    aws.put("scripts", f"{name}.py", script)
    command = {"Name": "glueetl", "ScriptLocation": f"s3://scripts/{name}.py"}
    aws.glue.create_job(Name=name, Role="r", Command=command)


def test_a_script_writes_and_reads_s3(spark_aws: Aws):
    make_job(spark_aws, "trip", ROUND_TRIP)
    run = spark_aws.run("trip", Arguments={"--out": "s3://lake/trip/"})
    log = spark_aws.log("trip", run["Id"])
    assert run["JobRunState"] == "SUCCEEDED", log
    assert "rows 1000 zone UTC 3.5.6" in log
    keys = [item["Key"] for item in spark_aws.s3.list_objects_v2(Bucket="lake", Prefix="trip/")["Contents"]]
    assert "trip/_SUCCESS" in keys
    assert not [key for key in keys if "_temporary" in key]
    part = next(key for key in keys if key.startswith("trip/part=1/"))
    body = spark_aws.s3.get_object(Bucket="lake", Key=part)["Body"].read()
    assert pq.read_table(io.BytesIO(body)).column("id").to_pylist()[0] % 2 == 1


def test_the_message_of_a_failed_run_is_sparks_own(spark_aws: Aws):
    make_job(spark_aws, "failure", FAILURE)
    run = spark_aws.run("failure")
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(
        "AnalysisException: [PATH_NOT_FOUND] Path does not exist: s3://lake/nothing"
    )


def test_runs_share_a_java_process_and_nothing_else(spark_aws: Aws):
    for name in ("traces", "others"):
        make_job(spark_aws, name, TRACES)
    make_job(spark_aws, "broken", "raise SystemExit('no more')")
    spark_aws.run("broken")  # ends the process that an earlier test may have left
    logs = []
    for name, arguments in (("traces", {"--conf": "spark.sql.own=1"}), ("others", {})):
        run = spark_aws.run(name, Arguments=arguments)
        logs.append(spark_aws.log(name, run["Id"]))
        assert run["JobRunState"] == "SUCCEEDED", logs[-1]
    assert "found None 1 4 []" in logs[0]
    assert "found left none 4 []" in logs[1], "the second run works in the first one's process"
    applications = [line for log in logs for line in log.splitlines() if line.startswith("is ")]
    assert [line.split()[1] for line in applications] == ["traces", "others"]
    assert len({line.split()[2] for line in applications}) == 2

    broken = spark_aws.run("broken")
    assert broken["JobRunState"] == "FAILED"
    run = spark_aws.run("traces")
    assert "found None none 4 []" in spark_aws.log("traces", run["Id"]), "a failed run takes its process along"


def test_stop_ends_python_workers_too(spark_aws: Aws):
    import psutil

    make_job(spark_aws, "workers", WORKERS)
    run_id = spark_aws.glue.start_job_run(JobName="workers")["JobRunId"]

    def is_worker(process: psutil.Process) -> bool:
        try:
            return "pyspark.daemon" in process.cmdline()
        except psutil.Error:
            return False

    def workers() -> list[psutil.Process]:
        return [process for process in psutil.Process().children(recursive=True) if is_worker(process)]

    found = until(workers, lambda processes: len(processes) >= 2, 60)
    spark_aws.glue.batch_stop_job_run(JobName="workers", JobRunIds=[run_id])
    assert spark_aws.wait_run("workers", run_id)["JobRunState"] == "STOPPED"
    _, alive = psutil.wait_procs(found, timeout=5)
    assert not alive


def test_the_runtime_is_described_in_one_place(spark_aws: Aws):
    defaults = spark_defaults(spark_aws.settings)
    assert defaults["spark.hadoop.fs.s3a.endpoint"] == spark_aws.settings.url
    assert defaults["spark.sql.session.timeZone"] == "UTC"
    assert len(archive_key(SPARK)) == 64
