"""The look ahead at a backfill: what it says of each day, on the real raw bucket and ledger."""

from __future__ import annotations

import json
import re

import pytest
from contexts import context_of, in_dag

from ecommerce_dwh.care import preflight
from ecommerce_dwh.care.preflight_task import PreflightOperator
from ecommerce_dwh.lake.layout import key_id
from ecommerce_dwh.settings import get_settings

RAW = "ecommerce-dwh-dev-raw"


@pytest.fixture
def ledger(redshift):
    """An empty ledger, as far as the look ahead reads it."""
    redshift.run(
        "create schema if not exists quality",
        "drop table if exists quality.ledger",
        "create table quality.ledger (source varchar(64), delivery_date date, run_id varchar(250), raw_rows bigint, "
        "accepted_rows bigint, superseded_rows bigint, quarantined_rows bigint, raw_amount decimal(38, 4), "
        "accepted_amount decimal(38, 4), superseded_amount decimal(38, 4), quarantined_amount decimal(38, 4))",
    )

    def load(day, sources=(), run=""):
        for source in sources or get_settings().sources:
            redshift.run(
                f"insert into quality.ledger (source, delivery_date, run_id) values ('{source}', '{day}', '{run}')"
            )

    yield load
    redshift.run("drop table quality.ledger")


@pytest.fixture
def raw(aws):
    """Raw days: two whole ones, one without order items, one declared empty, a gap."""
    for day in ("2026-01-30", "2026-01-31"):
        aws.put(RAW, *(f"{source}/dt={day}/a.csv" for source in get_settings().sources))
    aws.put(RAW, "orders/dt=2026-02-01/a.csv")
    aws.put(RAW, "orders/dt=2026-02-02/_EMPTY", "order_items/dt=2026-02-02/_EMPTY")
    return aws


def test_each_day_is_judged(raw, ledger, capsys):
    ledger("2026-01-30")
    ledger("2026-01-31", ["orders"])  # half a day is not loaded

    assert preflight.main(["--start", "2026-01-30", "--end", "2026-02-03", "--json"]) == 1

    days = {day["day"]: day for day in json.loads(capsys.readouterr().out)["days"]}
    assert {day: found["state"] for day, found in days.items()} == {
        "2026-01-30": "loaded",
        "2026-01-31": "ready",
        "2026-02-01": "incomplete",
        "2026-02-02": "ready",
        "2026-02-03": "absent",
    }
    assert days["2026-02-01"]["missing"] == ["order_items"]
    assert set(days["2026-02-02"]["empty"]) == {"orders", "order_items"}
    assert set(days["2026-02-02"]["optional_missing"]) == {"customers", "products", "web_events"}


def test_a_person_reads_counts_calendar_and_what_to_do(raw, ledger, capsys):
    ledger("2026-01-30")

    assert preflight.main(["--start", "2026-01-29", "--end", "2026-02-03"]) == 1

    text = capsys.readouterr().out
    assert "6 days, 11 files" in text
    assert re.search(r"#\s+1 loaded", text)
    assert f"{' ' * 28}.#o" in text
    assert "2026-02  !o." in text
    assert f"s3://{RAW}/order_items/dt=2026-02-01/" in text
    assert '--from-date 2026-01-31 --to-date "2026-01-31 02:00"' in text
    assert '--from-date 2026-02-02 --to-date "2026-02-02 02:00"' in text


def test_what_does_not_fit_the_layout_is_named(raw, ledger, capsys):
    raw.put(
        RAW,
        "orders/dt=2026-01-31/a\nb.csv",
        "orders/dt=2026-01-31/old/a.csv",
        "orders/dt=2026-02-30/a.csv",
        "order/dt=2026-01-31/a.csv",
    )

    assert preflight.main(["--start", "2026-01-30", "--end", "2026-02-28"]) == 1

    text = capsys.readouterr().out
    assert re.search(r"x\s+1 unreadable", text)
    assert "orders/dt=2026-01-31/a\\nb.csv has the control character U+000A" in text
    assert "orders/dt=2026-01-31/old/a.csv lies in a sub-folder" in text
    assert f"s3://{RAW}/order/ is the folder of no source" in text
    assert "orders/dt=2026-02-30/ is the folder of 2026-02-30, a day that no calendar has" in text

    preflight.main(["--start", "2026-02-01", "--end", "2026-03-01"])
    assert (
        "2026-02-30/a.csv lies in the folder of 2026-02-30, a day that no calendar has"
        in capsys.readouterr().out
    )


def test_files_that_changed_since_they_were_loaded_are_named(raw, ledger, capsys):
    """A part that came late, a file that was replaced and one that is gone; a file written again as it was is none."""
    day, keys = "2026-01-30", ["a.csv", "b.csv", "late.csv", "same.csv"]
    prefix = f"orders/dt={day}/"
    raw.put(RAW, *(f"{prefix}{name}" for name in keys))
    ledger(day, run="run-1")
    found = {
        entry["Key"]: entry for entry in raw.client("s3").list_objects_v2(Bucket=RAW, Prefix=prefix)["Contents"]
    }
    files = [
        {
            "source": "orders",
            "day": day,
            "id": key_id(key),
            "key": key,
            "size": entry["Size"],
            "etag": "0" * 32 if key.endswith("a.csv") else entry["ETag"].strip('"'),
            "modified": "2026-01-30T23:00:00+00:00",
        }
        for key, entry in found.items()
        if not key.endswith("late.csv")
    ]
    files.append({**files[0], "id": key_id("gone"), "key": f"{prefix}gone.csv"})
    ledger_entries = [{"source": "orders", "delivery_date": day}]
    processing = json.dumps({"ledger": ledger_entries, "files": files}).encode()
    raw.put(get_settings().processed_bucket, "runs/run-1/processing.json", body=processing)

    assert preflight.main(["--start", day, "--end", day]) == 0

    text = capsys.readouterr().out
    assert re.search(r"~\s+1 loaded, and changed since", text)
    assert f"{prefix}a.csv was replaced after the run" in text
    assert f"{prefix}late.csv landed after the run" in text
    assert f"{prefix}gone.csv was loaded and is gone" in text
    assert "same.csv" not in text
    assert f'{{"start_date": "{day}", "end_date": "{day}"}}' in text


def test_a_range_that_can_be_loaded_is_no_error(raw, ledger, capsys):
    ledger("2026-01-30")

    assert preflight.main(["--start", "2026-01-30", "--end", "2026-01-31"]) == 0
    assert "Missing" not in capsys.readouterr().out


def test_reversed_days_are_refused(capsys):
    with pytest.raises(SystemExit):
        preflight.main(["--start", "2026-01-02", "--end", "2026-01-01"])
    assert "lies before" in capsys.readouterr().err


def test_the_dag_says_the_same(raw, ledger):
    ledger("2026-01-30")
    task = in_dag(PreflightOperator)
    window = {"start_date": "2026-01-30", "end_date": "2026-02-03"}

    assert task.execute(context_of(task, params=window)) == {
        "loaded": 1,
        "changed": 0,
        "ready": 2,
        "incomplete": 1,
        "unreadable": 0,
        "absent": 1,
        "can_load": False,
    }


def test_days_in_a_row_are_one_range():
    days = ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-03"]

    assert preflight.ranges(days) == [("2026-01-30", "2026-02-01"), ("2026-02-03", "2026-02-03")]
