"""Makes a PostgreSQL database a warehouse: the admin role and the shim schema.

The shim is what PostgreSQL lacks and Redshift has: functions, aggregates, system views. It lies in the schema
``redshift_shim``, which every session has at the end of its search path but before ``pg_catalog``, so that a
function of the same name and arguments is Redshift's.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import psycopg
from psycopg import sql

from redshift_local.settings import Settings

SHIM_SCHEMA = "redshift_shim"
_SHIM_FILES = sorted((Path(__file__).parent / "shim").glob("*.sql"))
_HISTORY_DAYS = 7
_TYPES = "date|jsonb|json|text|bytea|timestamptz|int4|int8|float8|regclass|regtype|name|oid"
# A user can make functions and operators in a schema of his own; PostgreSQL's superuser never looks for one there.
TRUSTED_PATH = "-c search_path=pg_catalog"


def install(settings: Settings) -> None:
    """Create the admin role and bring the shim of the warehouse's database up to date; both are safe to repeat."""
    texts = [_qualified(path.read_text()) for path in _SHIM_FILES]
    digest = hashlib.sha256("".join(texts).encode()).hexdigest()
    with psycopg.connect(
        settings.postgres.url(settings.database), connect_timeout=10, options=TRUSTED_PATH
    ) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('redshift_shim'))")
        _admin(connection, settings)
        _privileges(connection, settings.database, settings.user)
        connection.execute(f"create schema if not exists {SHIM_SCHEMA}")
        comment = connection.execute(
            "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s", (SHIM_SCHEMA,)
        ).fetchone()
        if comment != (digest,):
            for text in texts:
                connection.execute(text.encode())
            connection.execute(sql.SQL("comment on schema redshift_shim is {}").format(sql.Literal(digest)))
        connection.execute(
            "delete from redshift_shim.query_history where start_time < now() - make_interval(days => %s)",
            (_HISTORY_DAYS,),
        )


def _qualified(text: str) -> str:
    """The shim with its types qualified: its bodies are read by their caller's path, where a table may be named so."""
    text = re.sub(rf"::({_TYPES})\b", r"::pg_catalog.\1", text)
    text = re.sub(r"\bas (date|jsonb|json|text|bytea|timestamptz)(?=\))", r"as pg_catalog.\1", text)
    return re.sub(r"(?<![\w.'])date (?='')", "pg_catalog.date ", text)


def _admin(connection: psycopg.Connection[tuple[object, ...]], settings: Settings) -> None:
    """The admin is no superuser of PostgreSQL: that one reads and writes files and starts programs.

    As an admin of Redshift it makes users and ends sessions of others; what belongs to those it made is its own.
    """
    user = settings.user
    known = connection.execute("select 1 from pg_roles where rolname = %s", (user,)).fetchone()
    verb = "alter" if known else "create"
    name = sql.Identifier(user)
    connection.execute(
        sql.SQL(
            f"{verb} role {{}} with login nosuperuser nobypassrls noreplication createdb createrole password {{}}"
        ).format(name, sql.Literal(settings.password))
    )
    connection.execute(sql.SQL("grant pg_signal_backend, pg_read_all_stats to {}").format(name))
    # Users made while the admin was a superuser are its own as much as those that it makes now.
    others = connection.execute(
        "select rolname from pg_roles where not rolsuper and rolname <> all(%s) and rolname !~ '^pg_' "
        "and not pg_has_role(%s, oid, 'USAGE WITH ADMIN OPTION')",
        ([user, *settings.foreign_roles], user),
    ).fetchall()
    for (other,) in others:
        connection.execute(
            sql.SQL("grant {} to {} with admin true, inherit true, set true").format(
                sql.Identifier(str(other)), name
            )
        )


def _privileges(connection: psycopg.Connection[tuple[object, ...]], database: str, admin: str) -> None:
    """As in Redshift, the admin owns the database, and everybody may use it and its schema ``public``."""
    named = sql.Identifier(database)
    connection.execute(sql.SQL("alter database {} owner to {}").format(named, sql.Identifier(admin)))
    connection.execute(sql.SQL("revoke all on database {} from public").format(named))
    connection.execute(sql.SQL("grant connect, temporary on database {} to public").format(named))
    connection.execute("grant all on schema public to public")
