"""Connections to the warehouse: through its front, and past it."""

from __future__ import annotations

import psycopg

from local import postgres
from local.config import LocalConfig

DATABASE = "ecommerce_dwh_dev"


def login(config: LocalConfig, **changes: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection through the front, by default the admin's."""
    values = {
        "host": config.host,
        "port": str(config.redshift_port),
        "dbname": DATABASE,
        "user": config.redshift_user,
        "password": config.redshift_password,
        "sslmode": "disable",
        **changes,
    }
    return psycopg.connect(" ".join(f"{name}={value}" for name, value in values.items()), autocommit=True)


def behind(config: LocalConfig, **changes: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection to PostgreSQL itself, past the front, by default the admin's."""
    values = {
        "host": str(postgres.socket_dir(config)),
        "dbname": DATABASE,
        "user": config.redshift_user,
        "password": config.redshift_password,
        **changes,
    }
    return psycopg.connect(" ".join(f"{name}={value}" for name, value in values.items()), autocommit=True)
