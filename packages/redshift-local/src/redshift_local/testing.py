"""Endpoints for tests, each in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redshift_local.postgres import Postgres

_ANNOUNCED = re.compile(r"Redshift endpoint: (\S+):(\d+),")


@dataclass(frozen=True)
class RunningEndpoint:
    """A Redshift endpoint that runs for a test.

    Attributes:
        host: address.
        port: port.
        database: name of the database.
        user: name of its admin.
        password: the admin's password.
        folder: data folder.
        log: what the endpoint logs, a line per statement.
    """

    host: str
    port: int
    database: str
    user: str
    password: str
    folder: Path
    log: Path

    @property
    def url(self) -> str:
        """Connection URL for libpq, psycopg and SQLAlchemy."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL behind the endpoint, for tests that look at the warehouse from within."""
        return Postgres(self.folder / "postgres", self.folder / "logs" / "postgres.log")

    def connection(self) -> dict[str, Any]:
        """Arguments of ``redshift_connector.connect``."""
        return {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": self.user,
            "password": self.password,
            "ssl": False,
        }


@contextmanager
def running(
    folder: Path,
    *options: str,
    database: str = "dev",
    user: str = "awsuser",
    environ: Mapping[str, str] | None = None,
) -> Iterator[RunningEndpoint]:
    """An endpoint on a free port, which ends with the block.

    Args:
        folder: data folder, kept when the endpoint ends.
        options: further options of ``redshift-local``.
        database: name of the database.
        user: name of its admin.
        environ: environment of the process; default: that of this process.

    Raises:
        RuntimeError: the endpoint did not start; the message has its log.
    """
    password = "local"  # noqa: S105 - loopback only
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "endpoint.log"
    command = [sys.executable, "-m", "redshift_local", "--port", "0", "--data", str(folder), "--verbose"]
    command += ["--database", database, "--user", user, "--password", password, *options]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=dict(os.environ if environ is None else environ),
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = _ANNOUNCED.match(line)
        if found is None:
            process.wait(30)
            raise RuntimeError(f"redshift-local did not start:\n{log.read_text(errors='replace')}")
        yield RunningEndpoint(found[1], int(found[2]), database, user, password, folder, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout:
            process.stdout.close()
