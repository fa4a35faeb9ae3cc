"""Airflow's own database on the stack's PostgreSQL, owned by a role that is no superuser.

``python -m local.stack.metadata COMMAND…`` makes the role where it is absent, gives it the database with everything in
it (an older stack made its tables as the superuser), and becomes the command, which is Airflow's migration. Amazon MWAA
keeps this database out of reach altogether; here, a task that runs away with its connection reaches no other database,
no file and no program.
"""

from __future__ import annotations

import os
import secrets
import sys
import urllib.parse
from collections.abc import Sequence

import psycopg
from psycopg import sql

from local import postgres
from local.config import LocalConfig, load_config, private_folder

DATABASE = "airflow"
ROLE = "airflow_owner"

# Relations, types and functions of the schema that another role owns. An index or a column's sequence follows its
# table.
_FOREIGN = """
select case relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
    oid::regclass::text
from pg_class
where relnamespace = 'public'::regnamespace and relowner <> %(role)s::regrole and relkind in ('r', 'p', 'v', 'm', 'S')
    and not (relkind = 'S' and exists (
        select from pg_depend
        where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('a', 'i')
            and refclassid = 'pg_class'::regclass
    ))
union all
select 'type', typ.oid::regtype::text
from pg_type as typ
left join pg_class as rel on typ.typrelid = rel.oid
where typ.typnamespace = 'public'::regnamespace and typ.typowner <> %(role)s::regrole
    and typ.typtype in ('e', 'd', 'c') and coalesce(rel.relkind, 'c') = 'c'
union all
select 'routine', oid::regprocedure::text
from pg_proc
where pronamespace = 'public'::regnamespace and proowner <> %(role)s::regrole
"""


def url(config: LocalConfig) -> str:
    """SQLAlchemy URL of Airflow's database for its owner."""
    parts = urllib.parse.urlsplit(postgres.sqlalchemy_url(config, DATABASE))
    server = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=f"{ROLE}:{_password(config)}@{server}"))


def _password(config: LocalConfig) -> str:
    """The role's password, drawn once for each stack and kept where only its owner reads."""
    path = private_folder(config.airflow_home) / "database-password"
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(24))
        temporary.replace(path)
    return path.read_text()


def prepare(config: LocalConfig) -> None:
    """Make the role and give it the database; repeating it changes nothing."""
    role = sql.Identifier(ROLE)
    with psycopg.connect(postgres.url(config, "postgres"), autocommit=True) as server:
        known = server.execute("select 1 from pg_roles where rolname = %s", (ROLE,)).fetchone()
        server.execute(
            sql.SQL(
                "{} role {} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
            ).format(sql.SQL("alter" if known else "create"), role, sql.Literal(_password(config)))
        )
        server.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(DATABASE), role))
    with psycopg.connect(postgres.url(config, DATABASE)) as database:
        database.execute(sql.SQL("alter schema public owner to {}").format(role))
        for kind, name in database.execute(_FOREIGN, {"role": ROLE}).fetchall():
            # The names come quoted from the catalogue.
            database.execute(f"alter {kind} {name} owner to {ROLE}".encode())


def main(command: Sequence[str]) -> None:
    """Prepare the database, then become the command."""
    try:
        prepare(load_config())
    except psycopg.Error as error:
        sys.exit(f"Airflow's database cannot be prepared: {error}")
    os.execv(command[0], list(command))  # noqa: S606 - the command of the stack's own plan


if __name__ == "__main__":
    main(sys.argv[1:])
