"""Drift between crawled columns and a contract, in words."""

from __future__ import annotations

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.drift import Drift, compare
from ecommerce_dwh.settings import get_settings

ITEMS = load_contracts(get_settings().sources_dir)["order_items"]
NAMES = [column.name for column in ITEMS.columns]


def drift_of(*days):
    drift = Drift()
    for number, columns in enumerate(days, 1):
        compare(drift, ITEMS, f"2026-03-{number:02}", columns)
    return drift


def test_case_blanks_order_and_the_partition_key_do_not_matter():
    drift = drift_of(
        [f" {name.upper()} " for name in reversed(NAMES)] + ["dt"], ["\ufeff" + NAMES[0], *NAMES[1:]]
    )

    assert drift.as_dict() == {"partitions": 2, "failures": [], "warnings": [], "notes": []}


def test_findings_of_many_days_make_one_line():
    drift = drift_of(*[[*NAMES, "colour"]] * 7)

    assert drift.warnings() == [
        "order_items: column colour is not in the contract and was kept out, on 2026-03-01, 2026-03-02, "
        "2026-03-03, 2026-03-04, 2026-03-05 and 2 more days"
    ]


def test_a_header_that_the_crawler_missed_is_no_missing_column():
    drift = drift_of(["col0", "col1", "col2"])

    assert drift.failures() == []
    assert "saw no header line on 2026-03-01" in drift.warnings()[0]
    assert drift_of(["_c0", "_c1"]).failures() == []


def test_a_day_without_columns_is_an_empty_day():
    assert drift_of([]).failures() == []
