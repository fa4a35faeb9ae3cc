"""The ledger's columns are those of its tables, reports and metrics."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecommerce_dwh import ledger
from ecommerce_dwh.quality.report_model import LedgerEntry
from tools.generate.codegen import LEDGER_COLUMNS


def test_tables_and_reports_have_the_columns_of_the_ledger():
    assert [column.name for column in LEDGER_COLUMNS] == [name for name, _ in ledger.COLUMNS]
    assert tuple(LedgerEntry.__annotations__) == ("source", "delivery_date", *ledger.ROWS)


def test_a_figure_has_one_metric():
    columns = [*ledger.JUDGED_METRICS.values(), *ledger.PUBLISHED_METRICS.values()]

    assert sorted(columns) == sorted(ledger.ROWS)
    assert not ledger.JUDGED_METRICS.keys() & ledger.PUBLISHED_METRICS.keys()


@given(st.tuples(*[st.integers(0, 10**9)] * 3))
def test_the_parts_of_a_line_add_up(parts):
    assert ledger.accounted_rows(dict(zip(ledger.PARTS, parts, strict=True))) == sum(parts)
