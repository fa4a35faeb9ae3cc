"""Stubs of ``make new-source`` and ``make new-metric``: filled, or named with what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import new_metric, new_source, stubs

PAGES = ("docs/metrics.md", "docs/analytics/index.md")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages that a metric adds a section to."""
    for page in PAGES:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).write_bytes((stubs.REPO / page).read_bytes())
    return tmp_path


def test_no_stub_of_the_repository_waits_to_be_filled():
    waiting = list(stubs.open_points())

    assert not waiting, "stubs to be filled:\n" + "\n".join(waiting)


@pytest.mark.parametrize(
    ("module", "name", "written"),
    [
        (
            new_source,
            "gift_cards",
            {
                "include/sources/gift_cards.yaml",
                "include/sql/facts/fact_gift_cards/table.sql",
                "include/sql/facts/fact_gift_cards/columns.yaml",
                "include/sql/facts/fact_gift_cards/merge.sql",
                "tests/sql/test_source_gift_cards.py",
                "changelog.d/gift-cards.bootstrap.md",
            },
        ),
        (
            new_metric,
            "daily_revenue",
            {
                "include/sql/analytics/daily_revenue/view.sql",
                "tests/sql/views/daily_revenue.yaml",
                "changelog.d/daily-revenue.bootstrap.md",
                *PAGES,
            },
        ),
    ],
)
def test_each_file_of_a_stub_is_named_with_what_is_to_be_written(copy, capsys, module, name, written):
    assert module.main([name], copy) == 0

    points = list(stubs.open_points(copy))
    assert {point.split(":")[0] for point in points} == written
    assert all(point.split(": ", 1)[1].strip() for point in points)
    printed = capsys.readouterr().out
    assert all(point in printed for point in points)


@pytest.mark.parametrize("module", [new_source, new_metric])
def test_a_second_stub_of_a_name_changes_nothing(copy, capsys, module):
    module.main(["gift_cards"], copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    assert module.main(["gift_cards"], copy) == 2

    assert "exists. Choose another name" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("module", [new_source, new_metric])
@pytest.mark.parametrize("name", ["", "A", "Gift", "1st", "gift-cards", "../x", "a b", "x" * 50, "ä1"])
def test_a_name_that_is_no_identifier_is_refused(copy, capsys, module, name):
    before = sorted(copy.rglob("*"))

    assert module.main([name], copy) == 2

    assert "lower-case letters" in capsys.readouterr().err
    assert sorted(copy.rglob("*")) == before


def test_a_metric_s_section_stands_before_what_is_no_view(copy):
    new_metric.main(["daily_revenue"], copy)

    page = (copy / "docs/metrics.md").read_text()
    assert page.index("## `daily_revenue`: one row per") < page.index("## Beside the views")
    (copy / "docs/metrics.md").write_text("# Nothing\n")
    assert new_metric.main(["other_metric"], copy) == 2
