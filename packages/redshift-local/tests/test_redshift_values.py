"""Values and start-up settings as clients get and give them, in text and in binary."""

from __future__ import annotations

import json
import struct
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redshift_connector.interval import Interval
from test_redshift_sessions import psycopg_url, run

from redshift_local import values
from redshift_local.session import startup_settings
from redshift_local.testing import RunningEndpoint


@pytest.mark.parametrize(
    ("literal", "wanted"),
    [
        ("2 days", timedelta(days=2)),
        ("36 hours", timedelta(hours=36)),
        ("-3 seconds", timedelta(seconds=-3)),
        ("0 days", timedelta()),
    ],
)
def test_the_driver_reads_intervals(connect: Any, literal: str, wanted: timedelta) -> None:
    connection = connect()
    assert run(connection, f"select interval '{literal}', 1") == [[wanted, 1]]
    cursor = connection.cursor()
    cursor.execute(f"select interval '{literal}' union all select null")
    assert cursor.fetchall() == ([wanted], [None])


def test_the_driver_reads_months(connect: Any) -> None:
    ((found,),) = run(connect(), "select interval '14 months'")
    assert isinstance(found, Interval)
    assert found.months == 14


def test_the_driver_gives_intervals(connect: Any) -> None:
    assert run(
        connect(),
        "select cast(timestamp '2024-01-01' + cast(%s as interval) as varchar(30))",
        (timedelta(days=2, hours=3),),
    ) == [["2024-01-03 03:00:00"]]


@given(st.integers(-(2**50), 2**50), st.integers(-10_000, 10_000))
@settings(max_examples=300)
def test_an_interval_keeps_its_length(microseconds: int, months: int) -> None:
    given_value = struct.pack("!qi", microseconds, months)
    assert values.interval_to_redshift(values.interval_from_redshift(given_value)) == given_value


def test_another_client_reads_its_own_intervals(endpoint: RunningEndpoint) -> None:
    with psycopg.connect(psycopg_url(endpoint)) as connection:
        for binary in (False, True):
            found = connection.execute("select interval '2 days'", binary=binary, prepare=True).fetchone()
            assert found == (timedelta(days=2),)


@pytest.mark.parametrize("binary", [False, True])
def test_super_and_varbyte_in_both_formats(endpoint: RunningEndpoint, binary: bool) -> None:
    with psycopg.connect(psycopg_url(endpoint)) as connection:
        cursor = connection.execute(
            "select json_parse('{\"a\": [1, \"x, y\"]}'), 'abc'::varbyte, 1, cast(null as super)", binary=binary
        )
        document, data, one, nothing = cursor.fetchone()
        assert [column.type_code for column in cursor.description] == [4000, 6551, 23, 4000]
    assert (document, one, nothing) in [
        ('{"a":[1,"x, y"]}', 1, None),
        (b'{"a":[1,"x, y"]}', 1, None),
    ]
    assert data in ("616263", b"abc")


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
DOCUMENTS = st.recursive(LEAVES, lambda leaf: st.lists(leaf) | st.dictionaries(st.text(), leaf))


@given(DOCUMENTS)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_compact_json_is_the_same_json(document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False)
    compact = values.compact_json(text.encode()).decode()
    assert json.loads(compact) == document
    assert compact == json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("-c statement_timeout=1234", {"statement_timeout": "1234"}),
        ("-cstatement_timeout=1234 -c search_path=a,b", {"statement_timeout": "1234", "search_path": "a,b"}),
        ("--search_path=other --no-such=1", {"search_path": "other"}),
        ("-c default_transaction_isolation=serializable -c session_authorization=x", {}),
        ("", {}),
        ("-c", {}),
    ],
)
def test_startup_options(options: str, wanted: dict[str, str]) -> None:
    assert startup_settings(options) == wanted


def test_startup_options_take_effect(endpoint: RunningEndpoint, schema: str) -> None:
    options = f"-c search_path={schema} -c statement_timeout=54321"
    with psycopg.connect(psycopg_url(endpoint), options=options) as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("54321ms",)
        connection.execute("create table t (a int)")
        assert connection.execute(f"select count(*) from {schema}.t").fetchone() == (0,)
        assert connection.execute("show search_path").fetchone() == (schema,)
        assert connection.execute("select len('abc')").fetchone() == (3,)


def test_the_driver_sees_keys(connect: Any, schema: str) -> None:
    connection = connect()
    run(connection, f"create table {schema}.t (a int, b int, primary key (a, b))")
    cursor = connection.cursor()
    assert [row[3] for row in cursor.get_primary_keys(schema=schema, table="t")] == ["a", "b"]
