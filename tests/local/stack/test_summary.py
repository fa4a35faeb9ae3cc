"""The summary's queries: every analytics view is shown, and each query stands alone."""

from __future__ import annotations

from decimal import Decimal

from local.stack import summary

VIEWS = (
    "customer_360",
    "product_performance",
    "monthly_sales_trends",
    "geographic_sales",
    "category_performance",
    "customer_cohorts",
    "sales_funnel",
)


def test_every_analytics_view_has_a_section() -> None:
    titles = [title for title, _ in summary.queries()]
    assert [title.removeprefix("analytics.") for title in titles if title.startswith("analytics.")] == list(
        VIEWS
    )


def test_each_section_is_one_select() -> None:
    for title, text in summary.queries():
        assert text.startswith("select"), title
        assert ";" not in text, title


def test_cells_are_short_and_readable() -> None:
    assert summary._cell("revenue", Decimal("1234567.5000")) == "1,234,567.50"
    assert summary._cell("rows", 12345) == "12,345"
    assert summary._cell("year", 2026) == "2026"
    assert str(summary._cell("city", None)) == "–"
    assert len(str(summary._cell("name", "x" * 100))) == 40
