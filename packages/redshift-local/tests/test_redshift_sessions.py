"""Sessions: logins, transactions, cancelling, dying clients, concurrency, other clients, the record of what ran."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import psycopg
import pytest
import redshift_connector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redshift_local.postgres import bin_dir
from redshift_local.testing import RunningEndpoint

DATABASE = "dev"
DIGITS = " union all ".join(f"select {number} as n" for number in range(10))
HUNDRED_THOUSAND = " cross join ".join(f"({DIGITS}) as d{place}" for place in range(5))
MASS = f"select d0.n, d0.n from {HUNDRED_THOUSAND} cross join (select 1 as n union all select 2 as n) as twice"


def run(connection: redshift_connector.Connection, sql: str, parameters: Any = None) -> list[list[Any]]:
    cursor = connection.cursor()
    cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)
    return [list(row) for row in cursor.fetchall()] if cursor.description else []


def fields(caught: pytest.ExceptionInfo[Exception]) -> dict[str, str]:
    return dict(caught.value.args[0])


def psycopg_url(endpoint: RunningEndpoint) -> str:
    return (
        f"host=127.0.0.1 port={endpoint.port} dbname={DATABASE} user={endpoint.user} "
        f"password={endpoint.password} sslmode=prefer"
    )


# Logins


def test_wrong_password_is_refused(connect: Any) -> None:
    with pytest.raises(redshift_connector.Error, match="password authentication failed"):
        connect(password="wrong")


def test_the_server_behind_has_no_login_here(connect: Any) -> None:
    with pytest.raises(redshift_connector.Error, match="password authentication failed"):
        connect(user="postgres", password="")


def test_created_users_log_in_with_their_own_privileges(connect: Any, schema: str) -> None:
    admin = connect(autocommit=True)
    run(admin, f"create table {schema}.dim (id int, name varchar(10), email varchar(50))")
    run(admin, f"insert into {schema}.dim values (1, 'a', 'a@b.c')")
    run(admin, f"create role reader_{schema}")
    run(admin, f"create user user_{schema} password 'Secret123' nocreatedb")
    try:
        run(admin, f"grant usage on schema {schema} to role reader_{schema}")
        run(admin, f"grant select (id, name) on {schema}.dim to role reader_{schema}")
        run(admin, f"grant role reader_{schema} to user_{schema}")
        user = connect(user=f"user_{schema}", password="Secret123", autocommit=True)
        assert run(user, f"select id, name, getdate() > '2020-01-01' from {schema}.dim") == [[1, "a", True]]
        with pytest.raises(redshift_connector.ProgrammingError) as caught:
            run(user, f"select email from {schema}.dim")
        assert "permission denied" in fields(caught)["M"]
        with pytest.raises(redshift_connector.ProgrammingError):
            run(user, f"create table {schema}.mine (a int)")
        run(user, "create temp table mine (a varchar(3))")
        run(user, "drop table mine")
    finally:
        run(admin, f"drop schema {schema} cascade")
        run(admin, f"create schema {schema}")
        run(admin, f"drop user user_{schema}")
        run(admin, f"drop role reader_{schema}")


def test_weak_passwords_are_refused(connect: Any) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(autocommit=True), "create user weak password 'abcdefgh'")
    assert "upper case letter" in fields(caught)["M"]


# Transactions


def test_rollback_and_commit(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.t (a int)")
    connection.commit()
    run(connection, f"insert into {schema}.t values (1)")
    connection.rollback()
    run(connection, f"insert into {schema}.t values (2)")
    connection.commit()
    assert run(connect(), f"select a from {schema}.t") == [[2]]


def test_ddl_with_keys_rolls_back_whole(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.t (a int primary key) distkey (a) sortkey (a)")
    connection.rollback()
    run(connection, f"create table {schema}.t (a int primary key) distkey (a) sortkey (a)")
    connection.commit()


def test_tables_made_by_queries_are_analyzed(connect: Any) -> None:
    """As Redshift does after CREATE TABLE AS; PostgreSQL would take fifty rows for ten pages full of them."""
    connection = connect()
    rows = " union all ".join(f"select {number} as n" for number in range(50))
    run(connection, f"create temp table fifty as {rows}")
    assert run(connection, "select reltuples from pg_catalog.pg_class where relname = 'fifty'") == [[50.0]]


@pytest.mark.parametrize("autocommit", [False, True])
def test_many_rows_made_by_create_table_as_are_counted(connect: Any, autocommit: bool) -> None:
    """By its size PostgreSQL takes a table of wide text columns for a tenth of its rows."""
    connection = connect(autocommit=autocommit)
    target = "select current_setting('default_statistics_target')"
    before = run(connection, target)
    run(
        connection,
        f"create temp table many as select cast(a as varchar(4000)) as a from ({MASS}) as made (a, b)",
    )
    assert run(connection, "select reltuples from pg_catalog.pg_class where relname = 'many'") == [[200000.0]]
    assert run(connection, target) == before
    assert not connection.notices
    connection.rollback()


def test_functions_that_only_compute_leave_a_query_to_several_processes(connect: Any) -> None:
    assert (
        run(
            connect(),
            "select proname from pg_catalog.pg_proc join pg_catalog.pg_namespace on pg_namespace.oid = pronamespace "
            "where nspname = 'redshift_shim' and prokind = 'f' and provolatile <> 'v' and proparallel <> 's'",
        )
        == []
    )


def test_a_table_emptied_or_filled_at_once_is_analyzed_within_its_transaction(
    connect: Any, schema: str
) -> None:
    """PostgreSQL would plan the transaction's other statements as if the rows it deleted were still there."""
    connection = connect()
    run(connection, f"create table {schema}.t (a int)")
    connection.commit()
    run(connection, f"insert into {schema}.t select d0.n from {HUNDRED_THOUSAND}")
    size = f"select reltuples from pg_catalog.pg_class where oid = '{schema}.t'::regclass"
    assert run(connection, size) == [[100000.0]]
    run(connection, f"delete from {schema}.t")
    assert run(connection, size) == [[0.0]]
    run(connection, f"insert into {schema}.t values (1)")
    assert run(connection, size) == [[0.0]]
    connection.rollback()


def test_truncate_commits_its_transaction(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.t (a int)")
    run(connection, f"create table {schema}.u (a int)")
    connection.commit()
    run(connection, f"insert into {schema}.t values (1)")
    run(connection, f"insert into {schema}.u values (1)")
    run(connection, f"truncate table {schema}.t")
    connection.rollback()
    other = connect()
    assert run(other, f"select count(*) from {schema}.t") == [[0]]
    assert run(other, f"select count(*) from {schema}.u") == [[1]]


def test_a_refused_statement_aborts_the_transaction(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.t (a int)")
    with pytest.raises(redshift_connector.ProgrammingError):
        run(connection, "select string_agg('a', ',')")
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connection, "select 1")
    assert fields(caught)["C"] == "25P02"
    connection.rollback()
    assert run(connection, "select 1") == [[1]]


def test_a_cursors_name_folds_wherever_it_stands(connect: Any) -> None:
    connection = connect()
    run(connection, 'declare "MyCur" cursor for select 1 as a union all select 2 order by 1')
    assert run(connection, 'fetch next from "MyCur"') == [[1]]
    assert run(connection, "fetch 5 from MYCUR") == [[2]]
    run(connection, 'close "MyCur"')


def test_readers_see_a_snapshot(connect: Any, schema: str) -> None:
    writer, reader = connect(autocommit=True), connect()
    run(writer, f"create table {schema}.t (a int)")
    assert run(reader, f"select count(*) from {schema}.t") == [[0]]
    run(writer, f"insert into {schema}.t values (1)")
    assert run(reader, f"select count(*) from {schema}.t") == [[0]]
    reader.rollback()
    assert run(reader, f"select count(*) from {schema}.t") == [[1]]


def _write_after_another(connect: Any, table: str) -> dict[str, str]:
    """The error of a write to a row that another transaction changed after this one's snapshot."""
    first, second = connect(), connect()
    run(first, f"create table {table} (a int, v int)")
    run(first, f"insert into {table} values (1, 0)")
    first.commit()
    run(second, f"select * from {table}")
    run(first, f"update {table} set v = 1")
    first.commit()
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(second, f"update {table} set v = 2")
    second.rollback()
    return fields(caught)


def test_a_conflict_under_snapshot_isolation_has_its_own_message(connect: Any, schema: str) -> None:
    error = _write_after_another(connect, f"{schema}.t")
    assert error["C"] == "XX000"
    assert error["M"] == "could not complete because of conflict with concurrent transaction"
    level = run(connect(), "select isolation_level from stv_db_isolation_level")
    assert level == [["Snapshot Isolation"]]


def test_a_conflict_under_serializable_isolation_is_error_1023(connect_serializable: Any, schema: str) -> None:
    error = _write_after_another(connect_serializable, f"{schema}.t")
    assert error["C"] == "XX000"
    assert error["M"] == "1023"
    assert error["D"].startswith(f"Serializable isolation violation on table - {schema}.t")
    level = run(connect_serializable(), "select isolation_level from stv_db_isolation_level")
    assert level == [["Serializable"]]


def test_write_skew_is_refused_under_serializable_isolation_only(
    connect: Any, connect_serializable: Any, schema: str
) -> None:
    """Two transactions that each read what the other writes: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html"""
    run(connect(autocommit=True), f"create table {schema}.t (a int, v int)")
    run(connect(autocommit=True), f"insert into {schema}.t values (1, 0), (2, 0)")

    def skew(sessions: Any) -> None:
        first, second = sessions(), sessions()
        for session, row in ((first, 1), (second, 2)):
            run(session, f"select sum(v) from {schema}.t")
            run(session, f"update {schema}.t set v = v + 1 where a = {row}")
        first.commit()
        second.commit()

    skew(connect)
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        skew(connect_serializable)
    assert fields(caught)["M"] == "1023"


def test_lock_comes_before_the_snapshot(connect: Any, schema: str) -> None:
    """Lock first, then read: the second writer sees what the first one committed."""
    first, second = connect(), connect()
    run(first, f"create table {schema}.t (v int)")
    run(first, f"insert into {schema}.t values (0)")
    first.commit()
    run(first, f"lock table {schema}.t")
    seen: list[Any] = []

    def wait_and_add() -> None:
        run(second, f"lock {schema}.t")
        seen.extend(run(second, f"select v from {schema}.t"))
        run(second, f"update {schema}.t set v = v + 1")
        second.commit()

    thread = threading.Thread(target=wait_and_add)
    thread.start()
    time.sleep(0.3)
    assert not seen
    run(first, f"update {schema}.t set v = v + 1")
    first.commit()
    thread.join(20)
    assert seen == [[1]]
    assert run(first, f"select v from {schema}.t") == [[2]]


def test_a_killed_client_leaves_nothing(connect: Any, schema: str, endpoint: RunningEndpoint) -> None:
    admin = connect(autocommit=True)
    run(admin, f"create table {schema}.t (a bigint)")
    script = textwrap.dedent(
        f"""
        import redshift_connector
        c = redshift_connector.connect(host="127.0.0.1", port={endpoint.port}, database="{DATABASE}",
            user="{endpoint.user}", password="{endpoint.password}", ssl=False)
        k = c.cursor()
        k.execute("insert into {schema}.t values (1)")
        print("inserted", flush=True)
        k.execute("insert into {schema}.t with recursive n(i) as "
            "(select 1 union all select i + 1 from n where i < 100000000) select i from n")
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"inserted"
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with psycopg.connect(endpoint.postgres.url(DATABASE), autocommit=True) as inside:
        deadline = time.monotonic() + 15
        while inside.execute(
            "select 1 from pg_stat_activity where state <> 'idle' and query like 'insert into " + schema + "%'"
        ).fetchone():
            assert time.monotonic() < deadline, "the dead client's statement still runs"
            time.sleep(0.1)
    assert run(admin, f"select count(*) from {schema}.t") == [[0]]
    run(admin, f"truncate {schema}.t")


# Other clients


def test_psycopg_with_parameters_and_types(endpoint: RunningEndpoint) -> None:
    with psycopg.connect(psycopg_url(endpoint)) as connection:
        row = connection.execute(
            "select datediff(day, %s::date, %s::date), %s::varchar(10), 1.50::decimal(5,2), true",
            (dt.date(2024, 1, 1), dt.date(2024, 3, 1), "x"),
        ).fetchone()
        assert row is not None
        assert row[0] == 60
        cursor = connection.cursor(binary=True)
        cursor.execute("select %s::bigint, date '2024-01-02'", (5,))
        assert cursor.fetchone() == (5, dt.date(2024, 1, 2))


def test_psycopg_pipeline_and_named_statements(endpoint: RunningEndpoint) -> None:
    with psycopg.connect(psycopg_url(endpoint), autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("select nvl(%s::int, 0) + 1", (n,), prepare=True) for n in range(5)]
            connection.execute("set query_group to 'piped'")
        assert [cursor.fetchone() for cursor in cursors] == [(n + 1,) for n in range(5)]
        assert connection.execute("show query_group").fetchone() == ("piped",)


def test_cancel_stops_a_statement(endpoint: RunningEndpoint) -> None:
    with psycopg.connect(psycopg_url(endpoint), autocommit=True) as connection:
        threading.Timer(0.5, connection.cancel).start()
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(
                "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000000) "
                "select count(*) from n"
            )
        assert time.monotonic() - started < 15
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_script_is_one_transaction(endpoint: RunningEndpoint, connect: Any, schema: str) -> None:
    run(connect(autocommit=True), f"create table {schema}.t (a int)")
    with psycopg.connect(psycopg_url(endpoint), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute(f"insert into {schema}.t values (1); select 1 / 0")
        connection.execute(f"insert into {schema}.t values (2); insert into {schema}.t values (3)")
        assert connection.execute(f"select sum(a) from {schema}.t").fetchone() == (5,)


def test_driver_gets_only_single_statements(connect: Any) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), "select 1; select 2")
    assert "multiple commands" in fields(caught)["M"]


def test_psql(endpoint: RunningEndpoint, connect: Any, schema: str) -> None:
    run(connect(autocommit=True), f"create table {schema}.t (a int, name varchar(7))")
    environ = {**os.environ, "PGPASSWORD": endpoint.password}
    address = [
        "-h",
        "127.0.0.1",
        "-p",
        str(endpoint.port),
        "-U",
        endpoint.user,
    ]
    done = subprocess.run(
        [
            str(bin_dir() / "psql"),
            *(*address, "-d", DATABASE, "-X", "-v", "ON_ERROR_STOP=1"),
            *(
                "-c",
                f"\\d {schema}.t",
                "-c",
                "\\dn",
                "-c",
                "select datediff(year, '2008-12-31', '2009-01-01') as n",
            ),
        ],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "character varying(7)" in done.stdout
    assert schema in done.stdout


def test_strangers_are_sent_away(endpoint: RunningEndpoint) -> None:
    for request, answer in ((80877104, b"N"), (80877103, b"S")):  # GSS is refused, TLS is begun
        with socket.create_connection(("127.0.0.1", endpoint.port), 5) as client:
            client.sendall(struct.pack("!ii", 8, request))
            assert client.recv(1) == answer
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            rest = client.recv(100)
            assert rest == b"" or (answer == b"S" and rest[0] == 21)  # closed, behind an alert of TLS


def test_driver_parameters_and_percent_signs(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.t (a int, b varchar(20))")
    run(connection, f"insert into {schema}.t (a, b) values (%s, %s)", (1, "50 %"))
    assert run(connection, f"select b from {schema}.t where b like '%%' and a = %s", (1,)) == [["50 %"]]
    assert run(connection, f"select b from {schema}.t where b like '%\\\\%%' or b like '50%'") == [["50 %"]]


# The record of what ran


def test_queries_are_recorded(connect: Any, schema: str) -> None:
    connection = connect(autocommit=True)
    run(connection, f"set query_group to 'label-{schema}'")
    run(connection, f"create table {schema}.t (a int)")
    run(connection, f"insert into {schema}.t values (1), (2)")
    with pytest.raises(redshift_connector.ProgrammingError):
        run(connection, f"select no_such from {schema}.t")
    rows = run(
        connection,
        "select query_type, status, returned_rows, error_message, elapsed_time >= 0, end_time >= start_time "
        f"from sys_query_history where query_label = 'label-{schema}' and query_text like '%{schema}.t%' "
        "order by query_id",
    )
    assert [row[:3] for row in rows] == [
        ["DDL", "success", 0],
        ["INSERT", "success", 2],
        ["SELECT", "failed", 0],
    ]
    assert "no_such" in rows[2][3]
    assert all(row[4] and row[5] for row in rows)


def test_secrets_are_not_logged(connect: Any, front_log: Any, schema: str) -> None:
    connection = connect(autocommit=True)
    run(connection, f"create user secret_{schema} password 'TopSecret42'")
    run(connection, f"drop user secret_{schema}")
    for credentials in (
        "access_key_id 'AKIDHIDDEN' secret_access_key 'SECHIDDEN'",
        "credentials 'aws_access_key_id=AKIDHIDDEN;aws_secret_access_key=SECHIDDEN'",
    ):
        with pytest.raises(redshift_connector.ProgrammingError):
            run(connection, f"copy {schema}.none from 's3://nowhere/x' {credentials} format parquet")
    text = front_log.read_text()
    assert f"create user secret_{schema}" in text
    assert "TopSecret42" not in text
    assert "HIDDEN" not in text
    assert run(connection, "select count(*) from sys_query_history where query_text like '%HIDDE' || 'N%'") == [
        [0]
    ]


# DATEDIFF against a plain model

_MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 12, 31))  # noqa: DTZ001 - Redshift's has no zone
_MODEL = {
    "year": lambda t: t.year,
    "quarter": lambda t: t.year * 4 + (t.month - 1) // 3,
    "month": lambda t: t.year * 12 + t.month,
    "week": lambda t: t.toordinal() // 7,  # day 1 was a Monday, so sevens begin on Sunday
    "day": lambda t: t.toordinal(),
    "hour": lambda t: t.toordinal() * 24 + t.hour,
    "minute": lambda t: (t.toordinal() * 24 + t.hour) * 60 + t.minute,
    "second": lambda t: ((t.toordinal() * 24 + t.hour) * 60 + t.minute) * 60 + t.second,
}


@pytest.fixture(scope="module")
def plain(endpoint: RunningEndpoint) -> Any:
    with psycopg.connect(psycopg_url(endpoint), autocommit=True) as connection:
        yield connection


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_MOMENTS, second=_MOMENTS)
def test_datediff_counts_boundaries(plain: Any, first: dt.datetime, second: dt.datetime) -> None:
    parts = ", ".join(f"datediff({part}, timestamp '{first}', timestamp '{second}')" for part in _MODEL)
    assert list(plain.execute(f"select {parts}").fetchone()) == [
        ordinal(second) - ordinal(first) for ordinal in _MODEL.values()
    ]


# Lateral aliases: PostgreSQL is asked in between whether it finds a column


def test_aliases_in_a_transaction_and_with_parameters(endpoint: RunningEndpoint) -> None:
    with psycopg.connect(psycopg_url(endpoint)) as session:
        session.execute("create table lateral_lines (price int, n int)")
        session.execute("insert into lateral_lines values (3, 4)")
        query = "select price * n + %s as gross, gross * %s as twice from lateral_lines"
        for _ in range(7):  # psycopg prepares a statement once it has run five times
            assert session.execute(query, (1, 2)).fetchall() == [(13, 26)]
        with pytest.raises(psycopg.Error, match='column "net" does not exist'):
            session.execute("select price as gross, net * 2 as twice from lateral_lines")
        session.rollback()
        session.execute("create table lateral_lines (price int, gross int)")
        session.execute("insert into lateral_lines values (3, 100)")
        rows = session.execute("select price * 2 as gross, gross + 1 as more from lateral_lines").fetchall()
        assert rows == [(6, 101)]
        session.rollback()
        session.execute("declare few cursor for select 1 as a, a + 1 as b")
        assert session.execute("fetch all from few").fetchall() == [(1, 2)]
        with pytest.raises(psycopg.Error):
            session.execute("select 1 as a, b / 0 as c")
        with pytest.raises(psycopg.Error, match="aborted"):
            session.execute("select 1 as a, a + 1 as b")
