"""The rows of ``dimensions.dim_date``: ISO weeks, India's fiscal year (April to March), India's public
holidays.

Fiscal years are named by the year in which they end: April 2026 to March 2027 is fiscal year 2027.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta

FIRST_DAY = date(2009, 1, 1)
LAST_DAY = date(2035, 12, 31)
COLUMNS = (
    "date_key",
    "full_date",
    "day_of_week",
    "day_name",
    "day_of_month",
    "day_of_year",
    "iso_week",
    "iso_year",
    "month_number",
    "month_name",
    "quarter_number",
    "year_number",
    "fiscal_year",
    "fiscal_quarter",
    "fiscal_month",
    "is_weekend",
    "is_holiday",
    "holiday_name",
    "month_start",
    "month_end",
)
_FISCAL_START = 4  # April
_SATURDAY = 6
# Names are spelled out here rather than taken from the locale of the machine.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

Row = tuple[int | str | bool | None, ...]


def holiday_names(first: date, last: date) -> dict[date, str]:
    """Public holidays of India by day; two on one day are joined by a semicolon."""
    import holidays  # late import: used by the bootstrap only; DAG parsing need not load it

    # The language is named: left out, it depends on the locale and the Python version of the machine.
    found = holidays.country_holidays("IN", years=range(first.year, last.year + 1), language="en_IN")
    return {day: name[:255] for day, name in found.items() if first <= day <= last}


def calendar_rows(first: date = FIRST_DAY, last: date = LAST_DAY) -> Iterator[Row]:
    """One row per day in the order of `COLUMNS`; dates as ISO text, which every driver binds the same way."""
    names = holiday_names(first, last)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        yield _row(day, names.get(day))


def _row(day: date, holiday: str | None) -> Row:
    iso = day.isocalendar()
    fiscal_month = (day.month - _FISCAL_START) % 12 + 1
    month_start = day.replace(day=1)
    month_end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return (
        day.year * 10000 + day.month * 100 + day.day,
        day.isoformat(),
        iso.weekday,
        _DAYS[iso.weekday - 1],
        day.day,
        day.timetuple().tm_yday,
        iso.week,
        iso.year,
        day.month,
        _MONTHS[day.month - 1],
        (day.month - 1) // 3 + 1,
        day.year,
        day.year + (1 if day.month >= _FISCAL_START else 0),
        (fiscal_month - 1) // 3 + 1,
        fiscal_month,
        iso.weekday >= _SATURDAY,
        holiday is not None,
        holiday,
        month_start.isoformat(),
        month_end.isoformat(),
    )
