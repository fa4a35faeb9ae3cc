"""Access paths and the order of rows: the leading sort column's blocks, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import redshift_connector
from test_redshift_sessions import HUNDRED_THOUSAND, psycopg_url, run

from redshift_local.testing import RunningEndpoint, running

NUMBERS = f"(select d0.n + 10 * d1.n + 100 * d2.n + 1000 * d3.n + 10000 * d4.n as n from {HUNDRED_THOUSAND}) as numbers"
MASS = f"select d0.n, d0.n from {HUNDRED_THOUSAND} cross join (select 1 as n union all select 2 as n) as twice"


def plan_of(connection: redshift_connector.Connection, sql: str) -> str:
    return "\n".join(row[0] for row in run(connection, f"explain {sql}"))


def filled(connection: redshift_connector.Connection, table: str, columns: str, rows: str) -> None:
    run(connection, f"create table {table} {columns}")
    run(connection, f"insert into {table} {rows}")
    connection.commit()


def pages_read(endpoint: RunningEndpoint, sql: str) -> int:
    """Pages of tables that a statement reads."""
    with psycopg.connect(endpoint.postgres.url(endpoint.database)) as inside:
        found = inside.execute(f"explain (analyze, buffers, format json) {sql}").fetchone()
    plan = found[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize(
    "kind", ["date", "timestamp", "timestamptz", "int", "bigint", "decimal(18, 4)", "float8"]
)
def test_the_leading_sort_column_skips_blocks(
    connect: Any, schema: str, endpoint: RunningEndpoint, kind: str
) -> None:
    connection = connect()
    moment = kind.startswith(("date", "time"))
    value = f"cast(dateadd(hour, n, '2024-01-01') as {kind})" if moment else f"cast(n as {kind})"
    literal = f"cast('2024-02-01' as {kind})" if moment else f"cast(744 as {kind})"
    rows = f"select {value}, n, 'x' from {NUMBERS} order by 1"
    filled(connection, f"{schema}.t", f"(a {kind}, b int, c varchar(9)) sortkey (a, b)", rows)
    whole = pages_read(endpoint, f"select max(c) from {schema}.t")
    assert 2 * pages_read(endpoint, f"select max(c) from {schema}.t where a < {literal}") < whole
    # the second sort column and others do not
    assert pages_read(endpoint, f"select max(c) from {schema}.t where b < 744") >= whole


@pytest.mark.parametrize(
    "columns",
    [
        "(a int primary key, b int)",
        "(a int, b int) distkey (a)",
        "(a int, b int, primary key (a))",
        "(a int unique, b int)",
    ],
)
def test_no_other_key_leads_to_rows(connect: Any, schema: str, columns: str) -> None:
    connection = connect()
    filled(connection, f"{schema}.t", columns, MASS.replace("d0.n, d0.n", "d0.n + 10 * d1.n, d0.n"))
    for condition in ("a = 3", "b = 3", "a in (1, 2)", "a > 98"):
        assert "Scan on t" in plan_of(connection, f"select * from {schema}.t where {condition}")
        assert "Index" not in plan_of(connection, f"select * from {schema}.t where {condition}")


def test_a_foreign_key_and_a_temporary_table_have_no_access_path(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.p (a int primary key)")
    filled(connection, f"{schema}.t", f"(a int references {schema}.p (a), b int)", MASS)
    run(connection, "create temp table s (a int, b int) distkey (a) sortkey (a)")
    run(connection, f"insert into s {MASS}")
    for table in (f"{schema}.t", "s"):
        assert "Index" not in plan_of(connection, f"select * from {table} where a = 3")


def test_a_text_sort_key_skips_blocks_by_eight_bytes(
    connect: Any, schema: str, endpoint: RunningEndpoint
) -> None:
    """Keys that begin with the same eight bytes lie in one block as far as the blocks' values say."""
    connection = connect()
    number = "lpad(cast(n as varchar(9)), 8, '0')"
    for table, key, wanted in (
        ("near", number, "00000744"),
        ("far", f"'CUSTOMER' || {number}", "CUSTOMER00000744"),
    ):
        rows = f"select {key}, n from {NUMBERS} order by 1"
        filled(connection, f"{schema}.{table}", "(a varchar(64), b int) sortkey (a)", rows)
        whole = pages_read(endpoint, f"select max(b) from {schema}.{table}")
        read = pages_read(endpoint, f"select max(b) from {schema}.{table} where a = '{wanted}'")
        assert run(connection, f"select b from {schema}.{table} where a = '{wanted}'") == [[744]]
        assert (2 * read < whole) == (table == "near")


SHUFFLED = f"select (n * 7919) % 100000 as a, n as b from {NUMBERS}"


def correlation(endpoint: RunningEndpoint, schema: str, column: str) -> float:
    """How far the stored order of the rows is that of a column: 1 when it is the same."""
    with psycopg.connect(endpoint.postgres.url(endpoint.database), autocommit=True) as inside:
        inside.execute(f"analyze {schema}.t")
        found = inside.execute(
            "select correlation from pg_stats where schemaname = %s and tablename = 't' and attname = %s",
            (schema, column),
        ).fetchone()
    return float(found[0])


@pytest.mark.parametrize(
    "insert",
    [
        "insert into {t} {rows}",
        "insert into {t} (b, a) select b, a from ({rows}) as r",
        "insert into {t} with r as ({rows}) select a, b from r",
        "insert into {t} (a, b) ({rows})",
        "insert into {t} {rows} union all select a, b from ({rows}) as again",
    ],
)
@pytest.mark.parametrize("simple", [False, True])
def test_a_load_stores_its_rows_by_the_sort_key(
    connect: Any, schema: str, endpoint: RunningEndpoint, insert: str, simple: bool
) -> None:
    """r_ALTER_TABLE: data is loaded in the order of the sort key."""
    connection = connect()
    run(connection, f"create table {schema}.t (a int, b int) compound sortkey (a, b)")
    connection.commit()
    text = insert.format(t=f"{schema}.t", rows=SHUFFLED)
    if simple:
        with psycopg.connect(psycopg_url(endpoint)) as other:
            other.execute(text)
    else:
        run(connection, text)
        connection.commit()
    assert correlation(endpoint, schema, "a") == pytest.approx(1)


@pytest.mark.parametrize(
    "select",
    [
        "select '2024-01-01', 1",
        "select null, 1",
        "select a, b from {s} order by b limit 1",
        "select top 1 a, b from {s}",
    ],
)
def test_a_load_that_cannot_be_sorted_is_loaded_as_it_is(connect: Any, schema: str, select: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.s (a date, b int)")
    run(connection, f"insert into {schema}.s values ('2024-01-01', 1), ('2024-01-02', 2)")
    run(connection, f"create table {schema}.t (a date, b int) sortkey (a)")
    run(connection, f"insert into {schema}.t {select.format(s=f'{schema}.s')}")
    assert run(connection, f"select count(*) > 0 from {schema}.t") == [[True]]


@pytest.mark.parametrize("command", ["vacuum {t}", "vacuum sort only {t}", "alter table {t} alter sortkey (b)"])
def test_what_sorts_a_table_sorts_it(
    connect: Any, schema: str, endpoint: RunningEndpoint, command: str
) -> None:
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.t (a int, b int) sortkey (a)")
    for remainder in range(5):
        run(
            connection,
            f"insert into {schema}.t select a, b from ({SHUFFLED}) as rows where a % 5 = {remainder}",
        )
    key = "b" if "sortkey" in command else "a"
    assert correlation(endpoint, schema, key) < 0.9
    run(connection, f"vacuum delete only {schema}.t")
    assert correlation(endpoint, schema, key) < 0.9
    reader = connect()
    run(reader, f"select count(*) from {schema}.t")
    if command.startswith("vacuum"):  # somebody reads
        run(connection, command.format(t=f"{schema}.t"))
        assert correlation(endpoint, schema, key) < 0.9
    reader.rollback()
    run(connection, command.format(t=f"{schema}.t"))
    assert correlation(endpoint, schema, key) == pytest.approx(1)
    assert run(connection, f"select count(*), sum(a), sum(b) from {schema}.t") == [
        [100000, 4999950000, 4999950000]
    ]


def test_blocks_follow_the_sort_key(connect: Any, schema: str) -> None:
    connection = connect()
    filled(
        connection,
        f"{schema}.t",
        "(a int, b int) sortkey (a)",
        MASS.replace("d0.n, d0.n", "d0.n + 10 * d1.n, d0.n"),
    )
    served = (
        f"select pg_get_indexdef(indexrelid) from pg_catalog.pg_index where indrelid = '{schema}.t'::regclass"
    )

    def column() -> list[str]:
        connection.commit()
        return [row[0].split("(", 1)[1].split(")")[0] for row in run(connection, served)]

    assert column() == ["a"]
    run(connection, f"alter table {schema}.t alter sortkey (b)")
    assert column() == ["b"]
    run(connection, f"alter table {schema}.t rename column b to c")
    assert column() == ["c"]
    run(connection, f"set search_path to {schema}")
    assert run(connection, 'select "column" from pg_table_def where sortkey = 1') == [["c"]]
    run(connection, f"alter table {schema}.t alter sortkey none")
    assert column() == []
    run(connection, f"create table if not exists {schema}.t (a int, c int) sortkey (a)")
    assert column() == []


def test_a_warehouse_of_an_earlier_version_is_converted(
    connect: Any, schema: str, endpoint: RunningEndpoint, tmp_path: Path
) -> None:
    """Its keys had plain indexes."""
    connection = connect()
    filled(connection, f"{schema}.t", "(a int, b int, primary key (b)) sortkey (a)", SHUFFLED)
    connection.commit()
    names = f"select indexname from pg_indexes where schemaname = '{schema}'"
    served = f"select indexdef from pg_indexes where schemaname = '{schema}'"
    with psycopg.connect(endpoint.postgres.url(endpoint.database), autocommit=True) as inside:
        (name,) = inside.execute(f"{names} and indexdef like '%brin%'").fetchone()
        inside.execute(
            f"drop index {schema}.{name}; create index old on {schema}.t (a); create index on {schema}.t (b)"
        )
        inside.execute("comment on schema redshift_shim is 'of an earlier version'")
        with running(tmp_path / "next", "--postgres-url", endpoint.postgres.url("postgres")):
            found = inside.execute(served).fetchall()
    kept = sorted(definition.split(" USING ")[1] for (definition,) in found)
    assert kept == ["brin (a) WITH (autosummarize='on')", "btree (b) WHERE false"]
