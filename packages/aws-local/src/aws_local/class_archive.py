"""Makes the class-data archive that lets Spark's JVM start in half the time.

Most of a small job's time goes into loading and verifying some 17,000 classes. Java can keep them ready in a
file that it maps (class data sharing). The list of classes comes from a real run of ``warmup_job`` against an
endpoint of its own. An archive that does not fit (another Java, other jars) does no harm: the JVM ignores it.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from . import spark
from .server import Endpoint
from .settings import Settings, SparkRuntime

_BUCKET = "warmup"


class ArchiveError(RuntimeError):
    """The archive could not be made; Spark works without it, only slower."""


def archive_key(runtime: SparkRuntime) -> str:
    """Changes when Java, Spark or a jar changes."""
    jars = [*spark.s3a_jars(runtime), *sorted((spark.spark_home(runtime) / "jars").glob("*.jar"))]
    facts = [str(spark.java_home(runtime))]
    facts += [f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def is_current(runtime: SparkRuntime) -> bool:
    """Whether an archive for the installed Java, Spark and jars is there."""
    marker = _marker(runtime)
    return (
        spark.archive_path(runtime).is_file()
        and marker.is_file()
        and marker.read_text(encoding="utf-8") == archive_key(runtime)
    )


def _marker(runtime: SparkRuntime) -> Path:
    return spark.archive_path(runtime).with_suffix(".key")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def make_archive(settings: Settings) -> None:
    """Run the warm-up job on an endpoint of its own and archive its classes.

    Args:
        settings: an endpoint; the archive is for its Spark.

    Raises:
        ArchiveError: the job or Java's dump failed.
        SparkMissingError: the endpoint has no Spark.
    """
    runtime = spark.runtime_of(settings)
    archive = spark.archive_path(runtime)
    archive.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        classes = Path(folder) / "classes"
        home = Path(folder) / "home"
        own = replace(
            settings,
            folder=home / "aws",
            logs=home / "logs",
            faults=home / "faults.json",
            port=_free_port(settings.host),
        )
        endpoint = Endpoint(own)
        endpoint.start()
        try:
            endpoint.store.create_bucket(_BUCKET)
            options = f"{spark.JAVA_OPTIONS} -XX:DumpLoadedClassList={classes}"
            job = Path(__file__).with_name("warmup_job.py")
            _run(
                [
                    *spark.submit_command(runtime),
                    "--conf",
                    f"spark.driver.extraJavaOptions={options}",
                    str(job),
                    "--bucket",
                    _BUCKET,
                ],
                spark.spark_environ(own, spark.write_conf_dir(own)),
            )
        finally:
            endpoint.stop()
        partial = archive.with_suffix(".part")
        _run(
            [
                str(spark.java_home(runtime) / "bin" / "java"),
                "-Xshare:dump",
                "-XX:+UseSerialGC",
                "-Xlog:disable",
                f"-XX:SharedClassListFile={classes}",
                f"-XX:SharedArchiveFile={partial}",
                "-cp",
                spark.class_path(runtime),
            ],
            {},
        )
    partial.replace(archive)
    _marker(runtime).write_text(archive_key(runtime), encoding="utf-8")


def _run(command: list[str], environ: dict[str, str]) -> None:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ArchiveError(f"{Path(command[0]).name} ended with exit code {done.returncode}:\n{tail}")
