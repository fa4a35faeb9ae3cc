"""Every construct of ``cases.yaml`` through the real driver and the real endpoint."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
import yaml

from redshift_local.testing import RunningEndpoint

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())


def shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return value


def mask(row: list[Any], wanted: list[list[Any]]) -> list[Any]:
    """A row in which ``ANY`` stands where the case says so."""
    expected = wanted[0] if wanted and len(wanted[0]) == len(row) else row
    return ["ANY" if cell == "ANY" else value for value, cell in zip(row, expected, strict=True)]


def test_case_names_are_unique() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) > 100
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def session(endpoint: RunningEndpoint) -> Any:
    connection = redshift_connector.connect(**endpoint.connection())
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_construct(case: dict[str, Any], session: Any) -> None:
    cursor = session.cursor()
    cursor.execute("create schema dialect_case")
    try:
        cursor.execute("set search_path to dialect_case, public")
        for statement in case.get("setup", ()):
            cursor.execute(statement)
        if "error" in case:
            with pytest.raises(redshift_connector.ProgrammingError) as caught:
                cursor.execute(case["sql"])
            assert case["error"] in caught.value.args[0]["M"]
        else:
            cursor.execute(case["sql"])
            found = [[shown(value) for value in row] for row in cursor.fetchall()]
            assert [mask(row, case["rows"][number : number + 1]) for number, row in enumerate(found)] == case[
                "rows"
            ]
        if "columns" in case:
            assert [column[0] for column in cursor.description] == case["columns"]
    finally:
        cursor.execute("drop schema dialect_case cascade")
        cursor.execute("reset query_group")
        cursor.execute('drop table if exists "#t"')
        cursor.execute("drop table if exists only_here")
