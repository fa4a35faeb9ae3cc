"""The analytics views, case by case: ``views/*.yaml`` gives the files of some days and the rows that a view must show.

A case names its view, why it is there, its runs in order (``day``, and rows by source) and the expected rows, in any
order; ``columns`` limits the comparison.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from comparing import content, difference
from harness import CONTRACTS, SOURCES, VIEWS, Row, Warehouse

CASES = sorted((Path(__file__).parent / "views").glob("*.yaml"))


def value(source: str, column: str, given: Any) -> Any:
    """A value of YAML in the type of its contract."""
    kind = next(c.base_type for c in CONTRACTS[source].columns if c.name == column)
    if given is None or isinstance(given, bool):
        return given
    if kind == "decimal":
        return Decimal(str(given))
    if kind == "timestamp":
        return datetime.fromisoformat(str(given))
    if kind == "date":
        return date.fromisoformat(str(given))
    return given


def rows_of(run: dict[str, Any], day: date) -> dict[str, dict[date, list[Row]]]:
    assert set(run) <= {"day", *SOURCES}
    return {
        source: {
            day: [{name: value(source, name, given) for name, given in row.items()} for row in run[source]]
        }
        for source in SOURCES
        if source in run
    }


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_view_shows(file: Path, warehouse: Warehouse) -> None:
    case = yaml.safe_load(file.read_text("utf-8"))
    for run in case["runs"]:
        day = date.fromisoformat(str(run["day"]))
        warehouse.load(day, day, rows_of(run, day))
    wanted = [
        {name: Decimal(str(v)) if isinstance(v, float) else v for name, v in row.items()}
        for row in case["expected"]
    ]
    columns = case.get("columns") or list(wanted[0])
    assert all(list(row) == columns for row in wanted), (
        "expected rows name other columns than the case compares"
    )
    found = warehouse.client_rows(f"select * from analytics.{case['view']}")
    if "columns" not in case:
        assert not found or set(found[0]) == set(columns), "the view has other columns than the case expects"
    problem = difference(case["view"], [{name: row[name] for name in columns} for row in found], wanted)
    assert not problem, f"{case['why']}\n{problem}"


def test_every_view_has_a_case() -> None:
    assert {yaml.safe_load(file.read_text("utf-8"))["view"] for file in CASES} == set(VIEWS)


def test_a_wrong_row_is_seen() -> None:
    assert difference("view", [{"a": Decimal("1.0")}], [{"a": 1}]) == ""
    assert "only in the model" in difference("view", [{"a": 1}], [{"a": 1}, {"a": 1}])
    assert content([{"a": None}]) != content([{"a": 0}])
