"""The analytics views, case by case: ``views/*.yaml`` gives the files of some days and the rows that a view must show.

A case names its view, why it is there, its runs in order (``day``, and rows by source) and the expected rows, in any
order; ``columns`` limits the comparison, and ``options`` are settings of the deployment.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from comparing import content, difference
from harness import CONTRACTS, REPO, SOURCES, SQL, VIEWS, Row, Warehouse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from model import rounded

from ecommerce_dwh.warehouse import sql_files
from tools.generate.dictionary import METRICS, read_views

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
    warehouse.options.update(case.get("options", {}))
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


def test_metrics_md_defines_every_column_of_every_view_and_no_other(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'analytics' "
        "and table_name in (select viewname from pg_views where schemaname = 'analytics')"
    )
    defined = read_views((REPO / METRICS).read_text("utf-8"))
    assert {view.name for view in defined} == set(VIEWS)
    assert sorted((view.name, column) for view in defined for column in view.columns) == sorted(
        (row["table_name"], row["column_name"]) for row in found
    )


def test_the_warehouse_tells_the_definitions(warehouse: Warehouse) -> None:
    """What a catalogue or BI tool shows leads to docs/metrics.md, from every view and column."""
    comments = {
        (row["view"], row["column"]): row["comment"]
        for row in warehouse.rows(
            "select c.relname as view, a.attname as column, col_description(c.oid, a.attnum) as comment "
            "from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            "join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 "
            "where n.nspname = 'analytics' and c.relkind = 'v' union all "
            "select c.relname, '', obj_description(c.oid, 'pg_class') from pg_class as c "
            "join pg_namespace as n on n.oid = c.relnamespace where n.nspname = 'analytics' and c.relkind = 'v'"
        )
    }
    assert len(comments) > 70
    assert [name for name, comment in comments.items() if METRICS not in (comment or "")] == []
    assert comments["customer_cohorts", "retention_percent"] == (
        "100 × active_customers / cohort_size (docs/metrics.md)"
    )


def test_a_wrong_row_is_seen() -> None:
    assert difference("view", [{"a": Decimal("1.0")}], [{"a": 1}]) == ""
    assert "only in the model" in difference("view", [{"a": 1}], [{"a": 1}, {"a": 1}])
    assert content([{"a": None}]) != content([{"a": 0}])


_AMOUNT = st.decimals(-(10**15), 10**15, places=4)


@settings(max_examples=200, deadline=None)
@given(part=_AMOUNT, whole=_AMOUNT, places=st.sampled_from((2, 4)))
@example(part=Decimal("12.3449"), whole=Decimal("100"), places=2)
@example(part=Decimal("-0.005"), whole=Decimal("1"), places=2)
@example(part=Decimal("1"), whole=Decimal("-0.0001"), places=4)
def test_a_quotient_is_rounded_once(warehouse: Warehouse, part: Decimal, whole: Decimal, places: int) -> None:
    template = f'{{% from "macros/quotient.sql" import quotient %}}{{{{ quotient("a", "b", {places}) }}}}'
    code = sql_files.environment(SQL).from_string(template).render()
    [row] = warehouse.rows(
        f"select {code} as q from (select {part}::numeric(38, 4) as a, {whole}::numeric as b) as t"
    )
    assert row["q"] == (rounded(Fraction(part) / Fraction(whole), places) if whole else None)
