"""The command ``redshift-local``: an endpoint with a PostgreSQL and a data folder of its own."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from redshift_local.postgres import Postgres, PostgresError, Server
from redshift_local.private import keep_private, private_folder
from redshift_local.running import prepare_logging, run
from redshift_local.server import Front
from redshift_local.settings import ISOLATION_LEVELS, S3Access, Settings


class InUseError(RuntimeError):
    """The port or the data folder belongs to another program; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the endpoint and serve until Ctrl-C; the exit code is 1 when it cannot start."""
    options = _parser().parse_args(arguments)
    keep_private()
    prepare_logging(level=20 if options.verbose else 30)
    folder: Path = (options.data or default_folder(options.port)).resolve()
    try:
        _check_port(options.host, options.port)
        with _locked(folder):
            return _serve(_settings(options, folder), folder)
    except (InUseError, PostgresError, OSError, psycopg.Error) as error:
        print(f"redshift-local cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the endpoint listens
        return 130


def default_folder(port: int) -> Path:
    """Data folder of the endpoint on a port: ``$XDG_DATA_HOME/redshift-local/<port>``."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "redshift-local" / str(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="redshift-local",
        description="Amazon Redshift's SQL and wire protocol on this machine, on an embedded PostgreSQL.",
    )
    parser.add_argument(
        "--port", type=int, default=5439, help="port to listen on; 0 takes a free one (default 5439)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help=f"folder of the data (default {default_folder(5439)})"
    )
    parser.add_argument("--database", default="dev", help="name of the database (default dev)")
    parser.add_argument("--user", default="awsuser", help="name of its admin (default awsuser)")
    parser.add_argument("--password", default="local", help="password of its admin (default local)")
    parser.add_argument(
        "--isolation",
        choices=tuple(ISOLATION_LEVELS),
        default="snapshot",
        help="isolation level (default snapshot)",
    )
    parser.add_argument(
        "--s3-endpoint", default="", metavar="URL", help="S3 for COPY (default: as boto3 finds it)"
    )
    parser.add_argument(
        "--postgres-url", default="", metavar="URL", help="a PostgreSQL that runs already, as superuser"
    )
    parser.add_argument("--verbose", action="store_true", help="log each statement to standard error")
    return parser


def _settings(options: argparse.Namespace, folder: Path) -> Settings:
    return Settings(
        postgres=Postgres(folder / "postgres", folder / "logs" / "postgres.log", options.postgres_url),
        database=options.database,
        user=options.user,
        password=options.password,
        host=options.host,
        port=options.port,
        isolation=options.isolation,
        s3=S3Access(endpoint_url=options.s3_endpoint),
        tls=folder / "tls",
    )


def _check_port(host: str, port: int) -> None:
    """Fail before PostgreSQL starts.

    Raises:
        InUseError: another program listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InUseError(
                f"port {port} of {host} is not free ({error.strerror}); choose another with --port"
            ) from None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a data folder, so that no second endpoint starts or stops its PostgreSQL.

    Raises:
        InUseError: another endpoint holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"another redshift-local uses {folder}; choose another folder with --data"
            ) from None
        private_folder(folder)
        yield


def _serve(settings: Settings, folder: Path) -> int:
    def announce(front: Front) -> None:
        print(_how_to_connect(settings, front.port, folder), flush=True)

    if settings.postgres.server_url:
        return run(settings, started=announce)
    server = Server(settings.postgres)
    server.start()
    try:
        return run(settings, started=announce)
    finally:
        server.stop()


def _how_to_connect(settings: Settings, port: int, folder: Path) -> str:
    host = "127.0.0.1" if settings.host in ("", "0.0.0.0") else settings.host
    user, password, database = settings.user, settings.password, settings.database
    return "\n".join(
        (
            f"Redshift endpoint: {host}:{port}, database {database}, user {user}, password {password}",
            f"  psql    PGPASSWORD={password} psql -h {host} -p {port} -U {user} {database}",
            f"  Python  redshift_connector.connect(host={host!r}, port={port}, database={database!r}, "
            f"user={user!r}, password={password!r}, ssl=False)",
            f"TLS: self-signed certificate {folder / 'tls' / 'server.crt'}",
            f"Data: {folder}. Ctrl-C ends the endpoint and keeps the data.",
        )
    )
