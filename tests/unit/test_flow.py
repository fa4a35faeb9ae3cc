"""Which statements of a file run, and with which values."""

from datetime import date, datetime

import pytest

from ecommerce_dwh.warehouse.flow import Flow
from ecommerce_dwh.warehouse.sql_text import SqlTextError


def answered(**values):
    flow = Flow()
    flow.answer(flow.step("-- bounds: known\nselect 1"), list(values), [list(values.values())])
    return flow


@pytest.mark.parametrize(
    ("statement", "part", "text"),
    [
        ("-- guard: nothing may be pending\nselect 1", "guard", "nothing may be pending"),
        ("-- first words\n\n--guard:   tight  \nselect 1", "guard", "tight"),
        ("-- why: it is so\n-- needed: keys wait\nselect 1", "needed", "keys wait"),
        ("-- bounds: days\n-- of sales\nselect 1", "bounds", "days"),
        ("select 1 -- guard: too late", "", ""),
        ("-- no guard here\nselect 1", "", ""),
    ],
)
def test_a_part_is_a_comment_before_the_code(statement, part, text):
    step = Flow().step(statement)
    assert (step.part, step.text, step.statement) == (part, text, statement)


def test_without_work_the_rest_of_a_file_is_left_out():
    flow = Flow()
    flow.answer(flow.step("-- needed: keys\nselect 1"), ["n"], [[1]])
    assert flow.step("delete from t") is not None
    flow.answer(flow.step("-- needed: keys\nselect 1"), ["n"], [])
    assert flow.step("delete from t") is None
    assert flow.ended


@pytest.mark.parametrize(("value", "runs"), [(0, False), (None, False), (3, True), (False, False)])
def test_a_statement_runs_where_its_value_says_so(value, runs):
    step = answered(rows=value).step("-- if: rows\ndelete from t")
    assert (step is not None) is runs
    assert step is None or step.part == ""


def test_values_become_literals():
    flow = answered(first=date(2, 1, 3), last=datetime.fromisoformat("2026-01-31 10:00:00.000005"))
    step = flow.step("select '{first}', '{last}', '{ x }', 'first' from t")
    assert step.statement == "select '0002-01-03', '2026-01-31 10:00:00.000005', '{ x }', 'first' from t"


@pytest.mark.parametrize("value", ["'; drop table t; --", 1, None])
def test_what_is_no_date_becomes_no_literal(value):
    with pytest.raises(SqlTextError, match="must be a date"):
        answered(first=value).step("select '{first}'")


def test_a_value_that_nothing_gave_is_named():
    with pytest.raises(SqlTextError, match="gives the value first"):
        Flow().step("select '{first}'")
    with pytest.raises(SqlTextError, match="gives the value rows"):
        Flow().step("-- if: rows\nselect 1")


def test_bounds_are_one_row():
    flow = Flow()
    with pytest.raises(SqlTextError, match="returned 2 rows"):
        flow.answer(flow.step("-- bounds: days\nselect 1"), ["a"], [[1], [2]])
