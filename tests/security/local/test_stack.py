"""A whole stack, as ``make up`` starts it: every socket that it listens on, every file that it writes."""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from hostile_http import send

from aws_local.spark import spark_defaults
from local import aws, postgres
from local.config import LocalConfig
from local.stack import metadata as metadata_database
from local.stack.airflow import LOGIN, PASSWORD, airflow_environ
from local.stack.supervisor import Stack

EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


def _members(config: LocalConfig) -> list[psutil.Process]:
    """The stack's processes, children included."""
    book = Stack(config).book
    names = book.names()
    assert len(names) == 8, names
    return [process for name in names for process in book.family(name)]


def _listeners(config: LocalConfig) -> dict[int, str]:
    """Ports that the stack's processes listen on, with the address."""
    return {
        connection.laddr.port: connection.laddr.ip
        for process in _members(config)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


def _http_ports(config: LocalConfig) -> tuple[int, ...]:
    return (config.aws_port, config.mail_port, config.airflow_port)


def test_the_stack_listens_where_it_says_and_nowhere_else(stack: LocalConfig) -> None:
    expected = {*_http_ports(stack), stack.redshift_port, stack.smtp_port}
    assert _listeners(stack) == dict.fromkeys(expected, "127.0.0.1")


def test_every_socket_refuses_a_page(stack: LocalConfig) -> None:
    """One request of a foreign page to each; those that do not speak HTTP hang up or give an error of their own."""
    ports = _listeners(stack)
    assert len(ports) == 5
    for port in ports:
        body = b"EHLO x\r\nMAIL FROM:<e@evil.example>\r\nRCPT TO:<v@example.com>\r\nDATA\r\nx\r\n.\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: https://evil.example\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            received = _all(connection)
        if port in _http_ports(stack):
            assert re.match(rb"HTTP/1\.[01] 403 ", received), (port, received)
        else:
            assert b"HTTP/" not in received, (port, received)
            assert b"250 " not in received, (port, received)
    assert list(stack.mail_dir.glob("*.eml")) == []


def _all(connection: socket.socket) -> bytes:
    received = b""
    connection.settimeout(20)
    try:
        while block := connection.recv(4096):
            received += block
            if b"HTTP/1" in received:
                break
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/auth/token"),
        ("GET", "/auth/token"),
        ("POST", "/auth/token/cli"),
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/api/v2/dags"),
        ("GET", "/api/v2/monitor/health"),
        ("POST", "/api/v2/dags/ecommerce_dwh_bootstrap/dagRuns"),
        ("GET", "/execution/health"),
        ("PATCH", "/execution/task-instances/00000000-0000-0000-0000-000000000000/run"),
        ("GET", "/data-quality/"),
        ("GET", "/static/none"),
        ("OPTIONS", "/api/v2/dags"),
        ("OPTIONS", "/execution/health"),
    ],
)
@pytest.mark.parametrize(
    "hostile",
    [EVIL, {"Host": "evil.example"}, {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}],
)
def test_airflow_answers_no_page_and_no_foreign_name(
    stack: LocalConfig, method: str, target: str, hostile: dict[str, str]
) -> None:
    headers = {name: value.replace("{port}", str(stack.airflow_port)) for name, value in hostile.items()}
    body = f'{{"username": "{LOGIN}", "password": "{PASSWORD}"}}'.encode()
    answer = send(stack.airflow_port, method, target, {**headers, "Content-Type": "application/json"}, body)
    assert answer.status == 403
    assert b"token" not in answer.body
    assert answer.text.strip().endswith(".")


def test_airflow_answers_its_own_page(stack: LocalConfig) -> None:
    body = f'{{"username": "{LOGIN}", "password": "{PASSWORD}"}}'.encode()
    for headers in (
        {},
        {"Origin": f"http://127.0.0.1:{stack.airflow_port}", "Sec-Fetch-Site": "same-origin"},
        {"Host": f"localhost:{stack.airflow_port}", "Origin": f"http://localhost:{stack.airflow_port}"},
    ):
        given = {**headers, "Content-Type": "application/json"}
        assert send(stack.airflow_port, "POST", "/auth/token", given, body).status == 201
    opened = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert send(stack.airflow_port, "GET", "/", opened).status == 200


def _paths(folder: Path) -> Iterator[Path]:
    yield folder
    for path in folder.rglob("*"):
        if not path.is_symlink():
            yield path


def test_nobody_else_reads_what_the_stack_keeps(stack: LocalConfig) -> None:
    """Folders 0700, files 0600 or 0700; under root PostgreSQL's user may pass through the home, no more."""
    passes = {stack.home: 0o711} if os.geteuid() == 0 else {}
    seen, open_to_others = 0, []
    for path in _paths(stack.home):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:  # a file of a moment
            continue
        seen += 1
        if mode & 0o077 & ~passes.get(path, 0o700):
            open_to_others.append(f"{mode:o} {path.relative_to(stack.home)}")
    assert seen > 500
    assert open_to_others == []
    for folder in (
        stack.aws_dir,
        stack.logs_dir,
        stack.mail_dir,
        stack.run_dir,
        stack.airflow_home,
        stack.postgres_dir,
    ):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for name in ("passwords.json", "keys.json", "database-password"):
        assert stat.S_IMODE((stack.airflow_home / name).stat().st_mode) == 0o600


def test_a_jobs_driver_is_shut_to_others() -> None:
    """Spark's own ports: loopback, a secret of the run, and no web page."""
    conf = spark_defaults(aws.settings(LocalConfig(host="0.0.0.0")))
    assert conf["spark.driver.host"] == conf["spark.driver.bindAddress"] == "127.0.0.1"
    assert (conf["spark.ui.enabled"], conf["spark.authenticate"]) == ("false", "true")


@pytest.fixture
def metadata(stack: LocalConfig) -> Iterator[psycopg.Connection[Any]]:
    """The connection that Airflow's own processes, and so its tasks' parents, have."""
    options = airflow_environ(stack, metadata_database.url(stack), "dwh")
    url = options["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_airflow_owns_its_database_and_is_no_superuser(metadata: psycopg.Connection[Any]) -> None:
    role = metadata.execute(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles "
        "where rolname = current_user"
    ).fetchone()
    assert role == (False,) * 5
    owners = metadata.execute(
        "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace"
    ).fetchall()
    assert owners == [(metadata_database.ROLE,)]
    assert metadata.execute("select count(*) > 0 from dag").fetchone() == (True,)


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to '/tmp/airflow_was_here'",
        "copy dag from program 'id'",
        "select pg_read_file('/etc/passwd')",
        "create extension adminpack",
        "create role other superuser",
        f"alter role {metadata_database.ROLE} superuser",
        "set role postgres",
        "set session authorization postgres",
        "create database other",
        "select passwd from pg_shadow",
        "alter system set log_connections = on",
    ],
)
def test_airflow_s_connection_reaches_no_file_program_or_role(
    metadata: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
        metadata.execute(statement.encode())


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_airflow_s_role_enters_no_other_database(stack: LocalConfig, database: str) -> None:
    url = metadata_database.url(stack).replace("+psycopg2", "").replace("/airflow?", f"/{database}?")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url)


def test_tables_that_the_superuser_made_get_airflow_s_role_as_owner(
    stack: LocalConfig, metadata: psycopg.Connection[Any]
) -> None:
    """A stack of an earlier release has such tables; its next start migrates them."""
    with psycopg.connect(postgres.url(stack, metadata_database.DATABASE), autocommit=True) as superuser:
        superuser.execute("create type public.old_kind as enum ('a')")
        superuser.execute("create table public.old_table (id serial primary key, kind old_kind)")
        superuser.execute('create view public."Old view" as select id from old_table')
        superuser.execute("create function public.old_function() returns int language sql return 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        metadata.execute("alter table old_table add column note text")

    for _ in range(2):
        metadata_database.prepare(stack)

    metadata.execute("alter table old_table add column note text")
    metadata.execute('drop view "Old view"')
    metadata.execute("drop function old_function()")
    metadata.execute("drop table old_table")
    metadata.execute("drop type old_kind")


def test_the_warehouse_s_admin_has_no_power_over_airflow_s_role(stack: LocalConfig) -> None:
    with psycopg.connect(postgres.url(stack, "postgres")) as superuser:
        powers = superuser.execute(
            "select pg_has_role(%s, %s, 'MEMBER')", (stack.redshift_user, metadata_database.ROLE)
        ).fetchone()
    assert powers == (False,)
