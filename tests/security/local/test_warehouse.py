"""Statements that would leave the warehouse: as text, inside a procedure, and past the front.

Each is refused with the given words. A refusal that comes from PostgreSQL proves that the login has not the privilege;
one of the front's own proves nothing of it, so most statements also come as dynamic SQL of a procedure and by a direct
connection, which the front does not see.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from connections import DATABASE, behind, login

from local.config import LocalConfig

SYNTAX = "syntax error"
NOT_REDSHIFT = "not supported by Amazon Redshift"
NOT_SERVED = "not served by the local warehouse"
DENIED = "permission denied"
# What the text names, what the front says, and what PostgreSQL says when the front is not asked.
STATEMENTS: list[tuple[str, str, str]] = [
    # Programs and files by COPY
    ("copy public.loot to program 'touch {mark}'", "COPY", DENIED),
    ("copy public.loot from program 'touch {mark}; echo 1'", "COPY", DENIED),
    ("copy (select 1) to program 'touch {mark}'", "COPY", DENIED),
    ("copy public.loot to '{mark}'", "COPY", DENIED),
    ("copy public.loot from '/etc/passwd'", "COPY", DENIED),
    ("copy public.loot from '/etc/passwd' with (format csv)", "COPY", DENIED),
    # Files by function
    ("select pg_read_file('/etc/passwd')", DENIED, DENIED),
    ("select pg_read_file('postgresql.conf')", DENIED, DENIED),
    ("select pg_read_file('/etc/passwd', 0, 10)", DENIED, DENIED),
    ("select pg_read_file('/etc/passwd', 0, 10, true)", DENIED, DENIED),
    ("select pg_read_file('/etc/passwd', true)", DENIED, DENIED),
    ("select pg_read_binary_file('/etc/passwd')", DENIED, DENIED),
    ("select pg_catalog.pg_read_binary_file('pg_hba.conf')", DENIED, DENIED),
    ("select * from pg_ls_dir('/')", DENIED, DENIED),
    ("select * from pg_ls_dir('.', true, true)", DENIED, DENIED),
    ("select * from pg_catalog.pg_ls_dir('/root')", DENIED, DENIED),
    ("select * from pg_ls_logdir()", DENIED, DENIED),
    ("select * from pg_ls_waldir()", DENIED, DENIED),
    ("select * from pg_ls_tmpdir()", DENIED, DENIED),
    ("select * from pg_ls_archive_statusdir()", DENIED, DENIED),
    ("select * from pg_stat_file('/etc/passwd')", DENIED, DENIED),
    ("select pg_current_logfile()", DENIED, DENIED),
    # Large objects
    ("select lo_import('/etc/passwd')", DENIED, DENIED),
    ("select lo_import('/etc/passwd', 4711)", DENIED, DENIED),
    ("select lo_export(4711, '{mark}')", DENIED, DENIED),
    ("select lo_create(4711)", DENIED, DENIED),
    ("select lo_creat(-1)", DENIED, DENIED),
    ("select lo_from_bytea(4711, 'x'::bytea)", NOT_REDSHIFT, DENIED),
    ("select lo_get(4711)", DENIED, DENIED),
    ("select lo_put(4711, 0, 'x'::bytea)", NOT_REDSHIFT, DENIED),
    ("select lo_unlink(4711)", DENIED, DENIED),
    # The server
    ("alter system set archive_command = 'touch {mark}'", NOT_SERVED, DENIED),
    ("alter system set archive_mode = 'on'", NOT_SERVED, DENIED),
    ("alter system set shared_preload_libraries = 'evil'", NOT_SERVED, DENIED),
    ("alter system reset all", NOT_SERVED, DENIED),
    ("select pg_reload_conf()", DENIED, DENIED),
    ("select pg_rotate_logfile()", DENIED, DENIED),
    ("select pg_switch_wal()", DENIED, DENIED),
    ("select pg_create_restore_point('x')", DENIED, DENIED),
    ("select pg_backup_start('x')", DENIED, DENIED),
    ("select pg_create_physical_replication_slot('x')", DENIED, DENIED),
    ("select pg_create_logical_replication_slot('x', 'pgoutput')", DENIED, DENIED),
    ("select pg_promote()", DENIED, DENIED),
    ("select pg_notify('a', 'b')", DENIED, DENIED),
    ("checkpoint", NOT_REDSHIFT, DENIED),
    ("load '/tmp/evil.so'", NOT_REDSHIFT, "access to library|could not access file|" + DENIED),
    ("create tablespace t location '/tmp'", NOT_REDSHIFT, DENIED),
    # Code of other languages, and what brings it
    (
        "create function evil(cstring) returns int as '/lib/x86_64-linux-gnu/libc.so.6', 'system' language c strict",
        NOT_REDSHIFT,
        DENIED,
    ),
    ("create function evil() returns int as 'pg_read_file' language internal", NOT_REDSHIFT, DENIED),
    (
        "create function evil() returns int as $$ import os $$ language plpythonu",
        NOT_REDSHIFT,
        "does not exist",
    ),
    ("create function evil() returns int as $$ 1 $$ language plperlu", NOT_REDSHIFT, "does not exist"),
    ("create language plpython3u", SYNTAX, NOT_REDSHIFT),
    ("create trusted language plperl", SYNTAX, NOT_REDSHIFT),
    ("create extension dblink", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create extension vector", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create extension file_fdw", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create extension if not exists plpgsql", NOT_REDSHIFT, NOT_REDSHIFT),
    (
        "create event trigger t on ddl_command_start execute function redshift_shim.only_redshift()",
        NOT_REDSHIFT,
        DENIED,
    ),
    ("drop event trigger redshift_only_redshift", NOT_REDSHIFT, "must be owner"),
    ("alter event trigger redshift_only_redshift disable", NOT_SERVED, "must be owner"),
    (
        "create trigger t before insert on public.loot for each row execute function redshift_shim.only_redshift()",
        NOT_REDSHIFT,
        NOT_REDSHIFT,
    ),
    ("create rule r as on select to public.loot do instead select 1", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create server s foreign data wrapper postgres_fdw", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create foreign table f (a int) server s", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create subscription s connection 'host=/tmp' publication p", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create publication p for all tables", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create type public.t as (a int)", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create domain public.d as int", NOT_REDSHIFT, NOT_REDSHIFT),
    ("create cast (text as int) without function", NOT_REDSHIFT, NOT_REDSHIFT),
    ("do $$ begin perform 1; end $$ language plpython3u", NOT_REDSHIFT, "does not exist"),
    # Becoming somebody else
    ("set role postgres", NOT_REDSHIFT, DENIED),
    ("set role none", NOT_REDSHIFT, ""),
    ("set local role postgres", NOT_REDSHIFT, DENIED),
    ("set session authorization postgres", DENIED, DENIED),
    ("set session authorization 'postgres'", DENIED, DENIED),
    ("select set_config('role', 'postgres', false)", DENIED, DENIED),
    ("select set_config('session_authorization', 'postgres', false)", DENIED, DENIED),
    ("grant postgres to dwh_admin", NOT_SERVED, DENIED),
    ("grant pg_execute_server_program to dwh_admin", NOT_SERVED, DENIED),
    ("grant role postgres to dwh_admin", DENIED, ""),
    ("grant role pg_execute_server_program to dwh_admin", DENIED, ""),
    ("grant role pg_read_server_files to dwh_admin", DENIED, ""),
    ("grant role pg_write_server_files to dwh_admin", DENIED, ""),
    ("grant role pg_read_all_data to dwh_admin", DENIED, ""),
    ("alter user postgres password 'Abcdefg1'", DENIED, DENIED),
    ("alter user dwh_admin createuser", NOT_SERVED, "unrecognized role option"),
    ("create user boss password 'Abcdefg1' createuser", NOT_SERVED, "unrecognized role option"),
    ("alter role dwh_admin superuser", DENIED, DENIED),
    ("alter role dwh_admin bypassrls", DENIED, DENIED),
    ("alter role dwh_admin replication", DENIED, DENIED),
    ("create role boss superuser", NOT_SERVED, DENIED),
    ("drop user postgres", DENIED, DENIED),
    ("alter role postgres set search_path = public", DENIED, DENIED),
    ("alter role all set role = dwh_admin", "", DENIED),
    # What belongs to the warehouse itself
    ("drop schema redshift_shim cascade", "must be owner", "must be owner"),
    ("create table redshift_shim.mine (a int)", DENIED, DENIED),
    (
        "create function redshift_shim.getdate() returns timestamp as $$ select null::timestamp $$ language sql",
        DENIED,
        DENIED,
    ),
    ("delete from redshift_shim.query_history", DENIED, DENIED),
    ("select rolpassword from pg_catalog.pg_authid", DENIED, DENIED),
    ("select * from pg_catalog.pg_shadow", DENIED, DENIED),
    ("select * from pg_catalog.pg_hba_file_rules", DENIED, DENIED),
    ("select * from pg_catalog.pg_file_settings", DENIED, DENIED),
    ("update pg_catalog.pg_proc set proacl = null", DENIED, DENIED),
    ("update pg_catalog.pg_authid set rolsuper = true", DENIED, DENIED),
    ("insert into pg_catalog.pg_auth_members values (1, 2, 3)", DENIED, DENIED),
    ("select query_to_xml('select 1', true, true, '')", DENIED, DENIED),
    ("select database_to_xml(true, true, '')", DENIED, DENIED),
]
# Cannot come as dynamic SQL: COPY, sessions and servers are none of a function's business, whoever calls it.
_NOT_IN_A_FUNCTION = (
    "alter system",
    "create tablespace",
    "create subscription",
    "copy public.loot from",
    "do ",
)


@pytest.fixture(scope="module")
def admin(warehouse: LocalConfig) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with login(warehouse) as connection:
        connection.execute("create table public.loot (a varchar(200))")
        connection.execute(
            "create or replace procedure public.anything(statement varchar(2000)) as "
            "$$ begin execute statement; end $$ language plpgsql"
        )
        yield connection


@pytest.fixture(scope="module")
def analyst(
    warehouse: LocalConfig, admin: psycopg.Connection[tuple[object, ...]]
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    admin.execute("create user analyst password 'Analyst1x'")
    with login(warehouse, user="analyst", password="Analyst1x") as connection:
        yield connection


def _refused(connection: psycopg.Connection[tuple[object, ...]], statement: str, words: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    assert any(word in str(caught.value) for word in words.split("|")), str(caught.value)
    connection.execute("select 1")


def _marked(statement: str, tmp_path: Path) -> tuple[str, Path]:
    mark = tmp_path / "mark"
    tmp_path.chmod(0o777)
    return statement.replace("{mark}", str(mark)), mark


@pytest.mark.parametrize(("statement", "words"), [(text, words) for text, words, _ in STATEMENTS])
def test_the_front_refuses(
    admin: psycopg.Connection[tuple[object, ...]], tmp_path: Path, statement: str, words: str
) -> None:
    text, mark = _marked(statement, tmp_path)
    _refused(admin, text, words)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("statement", "words"),
    [(text, words) for text, _, words in STATEMENTS if words and not text.startswith(_NOT_IN_A_FUNCTION)],
)
def test_a_procedure_cannot_do_it_either(
    admin: psycopg.Connection[tuple[object, ...]], tmp_path: Path, statement: str, words: str
) -> None:
    text, mark = _marked(statement, tmp_path)
    _refused(admin, f"call public.anything('{text.replace(chr(39), chr(39) * 2)}')", words)
    assert not mark.exists()


@pytest.mark.parametrize(("statement", "words"), [(text, words) for text, _, words in STATEMENTS if words])
def test_the_login_cannot_do_it_past_the_front(
    warehouse: LocalConfig,
    admin: psycopg.Connection[tuple[object, ...]],
    tmp_path: Path,
    statement: str,
    words: str,
) -> None:
    text, mark = _marked(statement, tmp_path)
    with behind(warehouse) as connection:
        _refused(connection, text, words)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("set session authorization dwh_admin", DENIED),
        ("create schema mine", DENIED),
        ("create user other password 'Abcdefg1'", DENIED),
        ("select * from public.loot", DENIED),
        ("drop table public.loot", "must be owner"),
        ("grant role dwh_admin to analyst", DENIED),
        ("alter user dwh_admin password 'Abcdefg1'", DENIED),
        ("alter user analyst createuser", NOT_SERVED),
        ("select pg_read_file('/etc/passwd')", DENIED),
        (
            "select pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where usename = 'dwh_admin'",
            DENIED,
        ),
    ],
)
def test_an_ordinary_user_is_less_than_the_admin(
    analyst: psycopg.Connection[tuple[object, ...]], statement: str, words: str
) -> None:
    _refused(analyst, statement, words)


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "postgres"},
        {"user": "postgres", "password": "postgres"},
        {"user": "nobody"},
        {"password": "wrong"},
        {"password": "''"},
        {"dbname": "airflow"},
        {"dbname": "postgres"},
        {"dbname": "template1"},
    ],
)
def test_no_other_login(warehouse: LocalConfig, changes: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError):
        login(warehouse, **changes).close()


def test_another_superuser_of_postgresql_is_no_user_of_the_warehouse(warehouse: LocalConfig) -> None:
    with behind(warehouse, user="postgres") as inside:
        inside.execute("create role root with login superuser password 'Abcdefg1'")
        try:
            with pytest.raises(psycopg.OperationalError, match="no user of the warehouse"):
                login(warehouse, user="root", password="Abcdefg1").close()
        finally:
            inside.execute("drop role root")


def test_a_cluster_of_an_earlier_version_loses_its_superuser(warehouse: LocalConfig) -> None:
    """Installing again takes the privilege away, and what the admin's users own stays the admin's."""
    from local import redshift
    from redshift_local import warehouse as installing

    with behind(warehouse, user="postgres") as inside:
        inside.execute("create role keeper with login password 'Keeper1x'")
        inside.execute("create table public.kept (a int)")
        inside.execute("alter table public.kept owner to keeper")
        inside.execute("alter role dwh_admin superuser")
        installing.install(redshift.settings(warehouse, DATABASE))
        assert inside.execute("select rolsuper from pg_roles where rolname = 'dwh_admin'").fetchone() == (
            False,
        )
    with login(warehouse) as connection:
        connection.execute("insert into public.kept values (1)")
        connection.execute("drop table public.kept")
        connection.execute("drop user keeper")


def test_the_admin_does_what_redshifts_admin_does(warehouse: LocalConfig) -> None:
    with login(warehouse) as admin, login(warehouse) as other:
        for statement in (
            "create schema works",
            "create table works.t (a int) diststyle all",
            "insert into works.t values (1)",
            "create group readers",
            "create user reader password 'Reader12' in group readers",
            "grant usage on schema works to group readers",
            "grant select on works.t to group readers",
            "alter default privileges in schema works grant select on tables to group readers",
            "create role maker",
            "grant role maker to reader",
            "grant create on schema works to reader",
        ):
            admin.execute(statement)
        with login(warehouse, user="reader", password="Reader12") as reader:
            reader.execute("create table works.own (a int)")
        admin.execute("insert into works.own values (1)")
        admin.execute("vacuum works.own")
        admin.execute("analyze works.own")
        admin.execute("set session authorization reader")
        assert admin.execute("select current_user").fetchone() == ("reader",)
        with pytest.raises(psycopg.Error, match=DENIED):
            admin.execute("insert into works.t values (2)")
        admin.execute("reset session authorization")
        assert admin.execute("select current_user").fetchone() == ("dwh_admin",)
        (pid,) = other.execute("select pg_backend_pid()").fetchone() or (0,)
        assert admin.execute(f"select pg_terminate_backend({pid})".encode()).fetchone() == (True,)
        for statement in (
            "drop schema works cascade",
            "drop user reader",
            "drop group readers",
            "drop role maker",
        ):
            admin.execute(statement.encode())
