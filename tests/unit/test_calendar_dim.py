"""The calendar: complete, and right on days that are known."""

from __future__ import annotations

from datetime import date

import pytest

from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.calendar import COLUMNS, calendar_rows

ROWS = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in calendar_rows()}


def test_every_day_is_there_once():
    assert len(ROWS) == (date(2035, 12, 31) - date(2009, 1, 1)).days + 1 == 9861
    assert min(ROWS) == 20090101
    assert max(ROWS) == 20351231


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            20260101,
            {
                "day_of_week": 4,
                "day_name": "Thursday",
                "iso_week": 1,
                "iso_year": 2026,
                "fiscal_year": 2026,
                "fiscal_quarter": 4,
                "fiscal_month": 10,
                "quarter_number": 1,
                "day_of_year": 1,
            },
        ),
        (20210103, {"iso_week": 53, "iso_year": 2020, "is_weekend": True, "day_name": "Sunday"}),
        (20241230, {"iso_week": 1, "iso_year": 2025, "is_weekend": False}),
        (20260331, {"fiscal_year": 2026, "fiscal_quarter": 4, "fiscal_month": 12, "month_end": "2026-03-31"}),
        (20260401, {"fiscal_year": 2027, "fiscal_quarter": 1, "fiscal_month": 1, "month_start": "2026-04-01"}),
        (20240229, {"month_end": "2024-02-29", "day_of_year": 60, "full_date": "2024-02-29"}),
        (20260126, {"is_holiday": True, "holiday_name": "Republic Day"}),
        (20260815, {"is_holiday": True, "holiday_name": "Independence Day"}),
        (20261002, {"is_holiday": True, "holiday_name": "Mahatma Gandhi's Jayanti"}),
        (20260127, {"is_holiday": False, "holiday_name": None}),
    ],
)
def test_known_days(key, expected):
    assert {name: ROWS[key][name] for name in expected} == expected


def test_every_year_has_holidays_and_names_fit_their_column():
    years = {key // 10000 for key, row in ROWS.items() if row["is_holiday"]}

    assert years == set(range(2009, 2036))
    assert all(len((row["holiday_name"] or "").encode()) <= 255 for row in ROWS.values())


def test_the_insert_statement_names_the_same_columns():
    text = (get_settings().sql_dir / "control" / "dim_date_insert.sql").read_text("utf-8")
    listed = text.split("(", 1)[1].split(")", 1)[0].replace(",", " ").split()

    assert tuple(listed) == COLUMNS
    assert text.count("%s") == len(COLUMNS)
