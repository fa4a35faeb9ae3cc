"""The run's window: which days a run loads, from its interval or from its Params."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from ecommerce_dwh.settings import Settings
from ecommerce_dwh.window import (
    MAX_DAYS,
    WindowError,
    load_window,
    resolve_window,
    run_key,
    window_of,
    window_params,
)

RUN_AFTER = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
INTERVAL_START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def resolve(params=None, **changes):
    arguments = {
        "run_id": "scheduled__2026-03-01T02:00:00+00:00",
        "run_after": RUN_AFTER,
        "data_interval_start": INTERVAL_START,
        "settings": Settings(),
    }
    return resolve_window(params=params, **{**arguments, **changes})


def test_a_run_that_raw_files_started_loads_their_day():
    window = resolve(data_interval_start=None, partition_key="2026-02-14")

    assert window.days == ("2026-02-14",)


def test_params_come_before_the_raw_files_that_started_the_run():
    window = resolve({"start_date": "2026-01-05"}, data_interval_start=None, partition_key="2026-02-14")

    assert window.days == ("2026-01-05",)


def test_a_partition_that_is_no_day_is_refused():
    with pytest.raises(WindowError, match="partition_key is 'all'"):
        resolve(data_interval_start=None, partition_key="all")


def test_a_scheduled_run_loads_the_day_that_ended():
    window = resolve()

    assert (window.start_date, window.end_date) == ("2026-03-01", "2026-03-01")
    assert window.days == ("2026-03-01",)
    assert window.run_key == "scheduled__2026-03-01T02-00-00-00-00"
    assert (window.raw_bucket, window.processed_bucket) == (
        "ecommerce-dwh-dev-raw",
        "ecommerce-dwh-dev-processed",
    )


@pytest.mark.parametrize(
    ("logical_date", "day"),
    [
        (datetime(2026, 2, 14, tzinfo=UTC), "2026-02-14"),
        (datetime(2026, 2, 14, 23, 59, tzinfo=UTC), "2026-02-14"),
        # The present, as the trigger form proposes it: its day is not over.
        (RUN_AFTER, "2026-03-01"),
        (None, "2026-03-01"),
    ],
)
def test_a_person_s_logical_date_is_the_day_that_is_loaded(logical_date, day):
    run = SimpleNamespace(
        run_id="manual__1",
        run_type="manual",
        run_after=RUN_AFTER,
        data_interval_start=INTERVAL_START,
        logical_date=logical_date,
        conf={},
    )

    assert window_of(run, {}).days == (day,)
    assert window_of(run, {"start_date": "2026-01-05"}).days == ("2026-01-05",)
    run.run_type, run.logical_date = "scheduled", datetime(2026, 2, 14, tzinfo=UTC)
    assert window_of(run, {}).days == ("2026-03-01",)


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"startdate": "2026-01-05"}, r"'startdate' \(start_date\?\), which this DAG does not know"),
        (
            {"start_date": "2026-01-05", "day": "x"},
            "'day', which this DAG does not know; it knows end_date, start_date",
        ),
    ],
)
def test_a_run_that_asks_in_unknown_words_is_refused(conf, message):
    run = SimpleNamespace(
        run_id="manual__1",
        run_type="manual",
        run_after=RUN_AFTER,
        data_interval_start=INTERVAL_START,
        logical_date=None,
        conf=conf,
    )
    context = {"dag_run": run, "dag": SimpleNamespace(params=window_params()), "params": conf}

    with pytest.raises(WindowError, match=message):
        load_window(context)
    run.conf = {"start_date": "2026-01-05"}
    assert load_window({**context, "params": run.conf}).days == ("2026-01-05",)


def test_a_run_without_interval_loads_the_last_day_that_was_over():
    window = resolve(data_interval_start=None, run_after=datetime(2026, 3, 2, 0, 10, tzinfo=UTC))

    assert window.end_date == "2026-03-01"


def test_params_override_the_interval():
    window = resolve({"start_date": "2025-12-30", "end_date": "2026-01-02"})

    assert window.days == ("2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02")
    assert str(window) == "2025-12-30 … 2026-01-02 (4 days)"


@pytest.mark.parametrize("given_name", ["start_date", "end_date"])
def test_one_date_means_one_day(given_name):
    window = resolve({"start_date": None, "end_date": None, given_name: "2026-02-03"})

    assert (window.start_date, window.end_date) == ("2026-02-03", "2026-02-03")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "lies before start_date"),
        ({"start_date": "2026-03-03"}, "lies in the future"),
        ({"start_date": "2010-01-01", "end_date": "2026-01-01"}, f"at most {MAX_DAYS}"),
        ({"start_date": "2026-02-30"}, "start_date is '2026-02-30'"),
        ({"end_date": "yesterday"}, "end_date is 'yesterday'"),
        ({"start_date": "2026-1-1"}, "YYYY-MM-DD"),
        ({"start_date": "20260101"}, "YYYY-MM-DD"),
        ({"start_date": 20260101}, "YYYY-MM-DD"),
    ],
)
def test_a_range_that_cannot_be_loaded_is_refused(params, words):
    with pytest.raises(WindowError, match=words):
        resolve(params)


def test_the_longest_range_is_allowed():
    window = resolve({"start_date": "2015-03-21", "end_date": "2026-03-02"})

    assert len(window.days) == MAX_DAYS


def test_copys_role_is_default_or_a_quoted_arn():
    arn = "arn:aws:iam::123456789012:role/copy"

    assert resolve().copy_iam_role == "default"
    assert resolve(settings=Settings(copy_iam_role=arn)).copy_iam_role == f"'{arn}'"


@given(st.text(min_size=1, max_size=250))
def test_a_run_key_fits_s3_and_file_names_whatever_the_run_id(run_id):
    key = run_key(run_id)

    assert len(key) == len(run_id)
    assert all(c.isascii() and (c.isalnum() or c in "._-") for c in key)


@given(
    st.dates(min_value=date(2009, 1, 1), max_value=date(2026, 3, 1)),
    st.integers(min_value=0, max_value=400),
)
def test_the_days_of_a_window_are_consecutive_and_complete(first, length):
    last = min(first + timedelta(days=length), RUN_AFTER.date())
    days = resolve({"start_date": first.isoformat(), "end_date": last.isoformat()}).days

    assert days[0] == first.isoformat()
    assert days[-1] == last.isoformat()
    assert len(days) == (last - first).days + 1
    assert list(days) == sorted(set(days))


@pytest.mark.parametrize("value", [None, "2026-01-31"])
def test_the_params_accept_nothing_or_a_day(value):
    assert window_params()["start_date"].resolve(value) == value


@pytest.mark.parametrize("value", ["31.01.2026", "2026-02-30", 20260131, ["2026-01-31"]])
def test_the_params_refuse_everything_else(value):
    with pytest.raises(ParamValidationError):
        window_params()["end_date"].resolve(value)
