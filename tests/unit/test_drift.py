"""Drift between crawled columns and a contract, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.lake.drift import Crawled, Drift, compare
from ecommerce_dwh.settings import get_settings

ITEMS = load_contracts(get_settings().sources_dir)["order_items"]
NAMES = [column.name for column in ITEMS.columns]


def drift_of(*days):
    drift = Drift()
    for number, columns in enumerate(days, 1):
        compare(drift, ITEMS, f"2026-03-{number:02}", Crawled(dict.fromkeys(columns, "string")))
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


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ("quantity", "date"),
        ("quantity", "boolean"),
        ("quantity", "array<int>"),
        ("unit_price", "timestamp"),
        ("unit_price", "struct<amount:double>"),
        ("order_id", "map<string,string>"),
    ],
)
def test_a_column_of_another_type_fails_the_day_in_words(column, found):
    drift = Drift()
    compare(drift, ITEMS, "2026-03-01", Crawled(dict.fromkeys(NAMES, "string") | {column: found}, 500))

    agreed = ITEMS.column(column).type
    assert drift.failures() == [
        f"order_items: the column {column} holds {found} on 2026-03-01, the contract says {agreed}"
    ]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ("quantity", "bigint"),
        ("quantity", "double"),  # 6.0 is read as 6
        ("quantity", "string"),  # one bad row makes a column text
        ("unit_price", "bigint"),
        ("unit_price", "decimal(10,2)"),
        ("order_id", "bigint"),
        ("order_id", "date"),
        ("unit_price", "unknown"),  # a column without values
    ],
)
def test_a_type_that_can_be_read_is_no_drift(column, found):
    drift = Drift()
    compare(drift, ITEMS, "2026-03-01", Crawled(dict.fromkeys(NAMES, "string") | {column: found}, 500))

    assert (drift.failures(), drift.warnings()) == ([], [])


def test_a_few_rows_of_text_only_look_like_another_type():
    few, parquet = Drift(), Drift()
    columns = dict.fromkeys(NAMES, "string") | {"quantity": "date"}
    compare(few, ITEMS, "2026-03-01", Crawled(columns, 3))
    compare(parquet, ITEMS, "2026-03-01", Crawled(columns, 3, is_typed=True))

    assert few.failures() == []
    assert "the column quantity holds date on 2026-03-01, the contract says integer; rows" in few.warnings()[0]
    assert parquet.failures() != []


def test_numbers_may_be_dates_where_a_pattern_is_declared():
    orders = load_contracts(get_settings().sources_dir)["orders"]
    columns = {column.name: "string" for column in orders.columns} | {"order_date": "bigint"}
    compact = replace(
        orders,
        columns=tuple(
            replace(c, formats=("yyyyMMdd",)) if c.name == "order_date" else c for c in orders.columns
        ),
    )
    agreed, declared = Drift(), Drift()
    compare(agreed, orders, "2026-03-01", Crawled(columns, 500))
    compare(declared, compact, "2026-03-01", Crawled(columns, 500))

    assert (len(agreed.failures()), declared.failures()) == (1, [])
