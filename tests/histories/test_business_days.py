"""Days are those of the business's time zone, and revenue is in one currency, after any history."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from comparing import check
from harness import MERGES, SQL, GuardFailed, Warehouse, load_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from worlds import DAYS, Day, Run, by_source, examples, histories

from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_files import WHOLE_AUDITS

# Half hours, quarter hours, both sides of the date line, daylight saving of an hour and of half an hour.
ZONES = (
    "UTC",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Europe/Berlin",
)


@settings(max_examples=examples(0.5))
@given(steps=histories(most_runs=3), zone=st.sampled_from(ZONES), currency=st.sampled_from(("", "INR", "USD")))
def test_every_run_leaves_what_the_model_says_in_any_zone_and_currency(
    warehouse: Warehouse, steps: list[tuple[Run, dict[int, Day]]], zone: str, currency: str
) -> None:
    warehouse.reset()
    warehouse.options.update(business_timezone=zone, reporting_currency=currency)
    published = None
    for run, files in steps:
        warehouse.load(DAYS[run.first], DAYS[run.last], by_source(files), warehouse.quick)
        published = max(published or DAYS[run.last], DAYS[run.last])
        check(warehouse, published)
    assert not warehouse.audit(load_of(DAYS[0], DAYS[-1]), files=WHOLE_AUDITS)


@settings(max_examples=300, deadline=None)
@given(
    instant=st.datetimes(datetime(1971, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001
    zone=st.sampled_from(ZONES),
)
@example(datetime(2011, 12, 30, 9, 59), "Pacific/Apia")  # noqa: DTZ001 - the day before the one that Samoa left out
@example(datetime(2011, 12, 30, 10, 0), "Pacific/Apia")  # noqa: DTZ001
@example(datetime(2026, 3, 8, 6, 59), "America/New_York")  # noqa: DTZ001 - the hour that does not exist
@example(datetime(2026, 1, 31, 18, 30), "Asia/Kolkata")  # noqa: DTZ001
def test_a_business_day_is_that_of_the_zone(warehouse: Warehouse, instant: datetime, zone: str) -> None:
    assert _day(warehouse, instant, zone) == instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("instant", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_the_ends_of_time_have_a_business_day(warehouse: Warehouse, instant: str, zone: str) -> None:
    moment = datetime.fromisoformat(instant)
    assert abs((_day(warehouse, moment, zone) - moment.date()).days) <= 3


def _day(warehouse: Warehouse, instant: datetime, zone: str) -> date:
    macro = '{% from "macros/time.sql" import business_day %}{{ business_day(load, "t.instant") }}'
    load = SimpleNamespace(business_timezone=zone)
    code = sql_files.environment(SQL).from_string(macro).render(load=load)
    [row] = warehouse.client_rows(
        f"select {code} as day from (select cast('{instant}' as timestamp) as instant) as t"
    )
    found: date = row["day"]
    return found


@pytest.mark.parametrize(
    ("option", "other"), [("business_timezone", "Asia/Kolkata"), ("reporting_currency", "INR")]
)
def test_another_value_of_an_option_waits_for_a_rebuild(warehouse: Warehouse, option: str, other: str) -> None:
    warehouse.reset()
    ordered = datetime.fromisoformat("2026-01-31 20:00:00")
    day = DAYS[2]
    files = {
        "orders": {
            day: [
                {"order_id": "O1", "order_date": ordered, "currency": "USD"},
                {"order_id": "O2", "order_date": ordered, "currency": "INR"},
            ]
        },
        "order_items": {
            day: [
                {
                    "order_item_id": f"I{n}",
                    "order_id": f"O{n}",
                    "product_id": "P1",
                    "quantity": 1,
                    "unit_price": n,
                }
                for n in (1, 2)
            ]
        },
    }
    load = warehouse.load(day, day, files, warehouse.quick)
    warehouse.options[option] = other
    with pytest.raises(GuardFailed, match=r"is not that of the facts; run maintenance/rebuild_warehouse\.sql"):
        warehouse.load(day, day, files, warehouse.quick)
    warehouse.slices.clear()
    load = warehouse.stage(day, day, files)
    for file in ("maintenance/rebuild_warehouse.sql", *MERGES):
        warehouse.run(file, load, warehouse.quick)
    warehouse.publish(load, warehouse.quick)
    check(warehouse, day)
    warehouse.load(day, day, files, warehouse.quick)
    check(warehouse, day)
