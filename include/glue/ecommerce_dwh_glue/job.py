"""Shared by all jobs: arguments, contracts, the Spark session, and the error that ends a job."""

from __future__ import annotations

import argparse
import datetime as dt
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from ecommerce_dwh.contracts import SourceContract, contracts_from_json
from ecommerce_dwh.limits import DEFAULT_LIMITS, RawLimits, RawLimitsError, read_limits

ARGUMENTS = ("env", "region", "raw_bucket", "processed_bucket", "start_date", "end_date", "run_id")
# Optional, because `aws glue start-job-run` without arguments does not give it.
LIMITS = "raw_limits"
LATEST = "latest"


class JobError(RuntimeError):
    """The job cannot do its work; the message is one line that a person can act on."""


@dataclass(frozen=True)
class Options:
    """Arguments of a run.

    Attributes:
        env: deployment name.
        region: AWS region.
        raw_bucket: where the source files are.
        processed_bucket: where results go.
        start_date: first day of the window, ``YYYY-MM-DD`` or ``latest``.
        end_date: last day of the window, included.
        run_id: the run key.
        limits: how much one raw file may be.
    """

    env: str
    region: str
    raw_bucket: str
    processed_bucket: str
    start_date: str
    end_date: str
    run_id: str
    limits: RawLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,250}", self.run_id):
            raise JobError(f"--run_id {self.run_id!r}: a run key has 1 to 250 characters of A-Z a-z 0-9 . _ -")
        for name in ("start_date", "end_date"):
            text = getattr(self, name)
            if text == LATEST:
                continue
            try:
                if dt.date.fromisoformat(text).isoformat() != text:
                    raise ValueError(text)
            except ValueError:
                raise JobError(f"--{name} is {text!r}; give a day as YYYY-MM-DD, or 'latest'") from None
        if LATEST not in (self.start_date, self.end_date) and self.start_date > self.end_date:
            raise JobError(f"--start_date {self.start_date} is after --end_date {self.end_date}")


def days_between(start: str, end: str) -> list[str]:
    """All days from ``start`` to ``end``, both included, as ``YYYY-MM-DD``."""
    first, last = dt.date.fromisoformat(start), dt.date.fromisoformat(end)
    return [(first + dt.timedelta(days=offset)).isoformat() for offset in range((last - first).days + 1)]


def read_options(argv: Sequence[str]) -> Options:
    """Arguments as Glue gives them: named options are required, unknown ones are ignored.

    Args:
        argv: the command line, program name first.

    Raises:
        JobError: an argument is missing or cannot be used.
    """
    try:
        from awsglue.utils import getResolvedOptions  # late import: only Glue has it
    except ImportError:
        getResolvedOptions = _resolved_options  # noqa: N806
    names = [*ARGUMENTS, *([LIMITS] if f"--{LIMITS}" in argv else [])]
    try:
        values = getResolvedOptions(list(argv), names)
    except (SystemExit, argparse.ArgumentError, KeyError) as error:
        needed = " ".join(f"--{name}" for name in ARGUMENTS)
        raise JobError(f"the job needs the arguments {needed} ({error})") from None
    try:
        limits = read_limits(str(values[LIMITS])) if LIMITS in names else DEFAULT_LIMITS
    except RawLimitsError as error:
        raise JobError(f"--{LIMITS} {error}") from None
    return Options(**{name: str(values[name]) for name in ARGUMENTS}, limits=limits)  # type: ignore[arg-type]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise KeyError(message)


def _resolved_options(argv: list[str], names: list[str]) -> dict[str, str]:
    """`awsglue.utils.getResolvedOptions` for plain spark-submit: no abbreviations, unknown arguments ignored."""
    parser = _Parser(allow_abbrev=False, add_help=False)
    for name in names:
        parser.add_argument(f"--{name}", required=True)
    known, _ = parser.parse_known_args(argv[1:])
    return vars(known)


def bundled_contracts() -> dict[str, SourceContract]:
    """The contracts that were packed into the library zip (`tools.generate.codegen` packs them).

    Raises:
        JobError: the zip was packed without them.
    """
    try:
        text = pkgutil.get_data("ecommerce_dwh_glue", "contracts.json")
    except OSError:
        text = None
    if text is None:
        raise JobError(
            "ecommerce_dwh_glue.zip has no contracts.json; pack it with python -m tools.generate.codegen"
        )
    return contracts_from_json(text.decode())


# Answers must not depend on the machine: UTC, strict dates, exact casts. ANSI is on because Glue 6.0 (Spark 4)
# has it on; a cast that could fail is a try_cast here.
SQL_SETTINGS: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.writeLegacyFormat": "false",
    "spark.sql.parquet.compression.codec": "snappy",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    # Sides that fit into memory part by part are hashed rather than sorted; decided by their true sizes.
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": str(32 << 20),
    # A task that reads files of one day, or few, writes them without sorting its rows by day first.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    # Compression of cached rows is off: their values hardly repeat, and trying the codecs takes longer than the work on
    # the rows. Batches of this size are short-lived for the garbage collector.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    "spark.sql.inMemoryColumnarStorage.batchSize": "3000",
    # Small files are packed: opening one costs little, a task for each would cost much.
    "spark.sql.files.maxPartitionBytes": str(64 << 20),
    "spark.sql.files.openCostInBytes": str(256 << 10),
    # Dates partition the output; inferring types of paths would only cost time.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    # The JVM never compiles a method of over 8,000 bytes; Spark would generate such for wide sources.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # Files are named one by one; looking them up takes few tasks, not one each.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    "spark.sql.maxPlanStringLength": "4096",
    # The text of each plan goes to the event log; the short form takes a tenth of the time.
    "spark.sql.ui.explainMode": "simple",
}
# Java classes that PySpark looks up by name whenever a function or `select` is called. py4j tries the name in each
# package that it imports, and every miss is an exception: a sixth of the time of a small run.
_JAVA_CLASSES = ("functions", "PythonUtils")
# Settings that a run chooses by the volume of its files.
VOLUME_SETTINGS = ("spark.sql.shuffle.partitions", "spark.sql.adaptive.enabled")


def tune(spark: SparkSession) -> SparkSession:
    """Apply the settings on which the jobs' answers depend to a session, and return it."""
    for name, value in SQL_SETTINGS.items():
        spark.conf.set(name, value)
    java = spark.sparkContext._jvm
    for name in _JAVA_CLASSES:
        setattr(java, name, getattr(java, name))  # an attribute that is there is not looked up again
    return spark


def spark_session(name: str) -> SparkSession:
    """The Spark session of a job, on Glue or under spark-submit."""
    builder = (
        SparkSession.builder.appName(name)
        .config("spark.scheduler.mode", "FAIR")
        .config("spark.ui.showConsoleProgress", "false")
        # Run-scoped folders and manifests make a rename of the whole job's output pointless.
        .config("spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version", "2")
        .config("spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        .config("spark.hadoop.parquet.summary.metadata.level", "NONE")
    )
    return tune(builder.getOrCreate())
