"""``python -m local.postgres``: the embedded PostgreSQL that keeps the stack's warehouse and Airflow's own database.

The process owns the server: starts it, waits for SIGTERM or SIGINT, and shuts it down cleanly. With
``DWH_LOCAL_POSTGRES_URL`` set, that server is used and nothing is started.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import psycopg

from local.config import LocalConfig, keep_private, load_config
from redshift_local.postgres import (
    SOCKET_PORT,
    SUPERUSER,
    NotInstalledError,
    Postgres,
    PostgresError,
    Server,
    close_to_all,
    serve,
)

__all__ = ["DATABASES", "SOCKET_PORT", "SUPERUSER", "Server", "close_to_all"]

# Airflow's own database, the warehouse's, and that of the shop whose orders the product can extract.
DATABASES = ("airflow", "ecommerce_dwh_dev", "shop")
_PRIVATE = ("airflow", "postgres", "template1")  # no user of the warehouse or of the shop connects to these


def server_of(config: LocalConfig) -> Postgres:
    """The PostgreSQL of a stack."""
    return Postgres(
        config.postgres_dir, config.logs_dir / "postgres-server.log", config.postgres_url, DATABASES, _PRIVATE
    )


def url(config: LocalConfig, database: str, driver: str = "") -> str:
    """Connection URL of a database for the superuser."""
    return server_of(config).url(database, driver)


def socket_dir(config: LocalConfig) -> Path:
    """Folder of the embedded server's socket."""
    return server_of(config).socket_dir()


def sqlalchemy_url(config: LocalConfig, database: str) -> str:
    """Connection URL for Airflow, whose environment has psycopg2."""
    return url(config, database, "psycopg2")


def answers(config: LocalConfig, databases: Iterable[str] = DATABASES) -> bool:
    """Whether the server takes connections and all databases are there."""
    return server_of(config).answers(databases)


def ensure_databases(config: LocalConfig, databases: Iterable[str] = DATABASES) -> None:
    """Create the databases that are absent."""
    server_of(config).ensure_databases(databases)


def main() -> int:
    """Serve until a signal comes; the exit code is 1 when the server cannot start or dies."""
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = load_config()
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: ended.append(received))
    try:
        return serve(server_of(config), lambda: bool(ended))
    except NotInstalledError as error:
        print(f"{error}: run `make setup`, or set DWH_LOCAL_POSTGRES_URL", file=sys.stderr)
    except (PostgresError, OSError, psycopg.Error) as error:
        failed = (
            "DWH_LOCAL_POSTGRES_URL cannot be used" if config.postgres_url else "local.postgres cannot start"
        )
        print(f"{failed}: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
