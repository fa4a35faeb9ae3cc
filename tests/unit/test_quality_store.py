"""Reading and indexing reports: what is read again and what is not, and what cannot be read."""

from __future__ import annotations

import gzip
import json
import time

import pytest
from fake_s3 import FakeS3

from ecommerce_dwh.quality.page.bucket import StoreError
from ecommerce_dwh.quality.page.index import IndexUnusable, Month
from ecommerce_dwh.quality.page.store import QualityStore, shift_month
from tests.quality_reports import report, story

LAST = "2026-03-10"


@pytest.fixture
def s3():
    fake = FakeS3()
    for key, body in story(LAST, 60):
        fake.put(key, body)
    return fake


def store_on(s3, **options):
    return QualityStore("processed", lambda: s3, **{"fresh": 0.0, "budget": 30.0, **options})


def read_reports(s3):
    return [key for key in s3.gets if key.endswith("report.json")]


def settle(store):
    """Wait for what the store does behind the visitor's back."""
    store.close()


def test_a_second_server_reads_index_objects_instead_of_reports(s3):
    first = store_on(s3)
    seen = first.snapshot(3)
    settle(first)
    assert sorted(s3.puts) == [f"quality/index/v1/2026-0{month}.json.gz" for month in (1, 2, 3)]
    s3.gets.clear()

    second = store_on(s3).snapshot(3)

    assert read_reports(s3) == []
    assert [month.dump() for month in second.months] == [month.dump() for month in seen.months]


def test_only_new_and_changed_reports_are_read(s3):
    store = store_on(s3)
    store.snapshot(3)
    s3.gets.clear()
    s3.put("quality/dt=2026-03-09/report.json", json.dumps(report("2026-03-09", poisoned=True)).encode())
    s3.put("quality/dt=2026-03-11/report.json", json.dumps(report("2026-03-11")).encode())

    snapshot = store.snapshot(3)

    assert sorted(read_reports(s3)) == [f"quality/dt=2026-03-{day}/report.json" for day in ("09", "11")]
    assert snapshot.entry("2026-03-09").status == "failed"
    assert snapshot.newest_day == "2026-03-11"


def test_a_deleted_report_leaves_the_index(s3):
    store = store_on(s3)
    store.snapshot(3)
    del s3.objects["quality/dt=2026-03-09/report.json"]

    month = store.snapshot(3).months[-1]

    assert "2026-03-09" not in month.days
    assert {rule.verdicts[8] for rule in month.rules.values()} == {"-"}


def test_what_cannot_be_read_is_entered_with_the_reason(s3):
    snapshot = store_on(s3).snapshot(3)

    assert "not complete JSON" in snapshot.entry("2026-03-07").problem
    assert "the report is of '2020-02-02', not of 2026-03-05" in snapshot.entry("2026-03-05").problem
    assert snapshot.entry("2026-03-03") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 2}, "schema version 2"),
        ({"tables": [{"source": "orders"}]}, "not as documented"),
        ({"tables": [{"source": "orders", "rules": [{"passed": True}]}]}, "not as documented"),
        ({"ledger": [{"source": "orders"}]}, "not as documented"),
        ({"ledger": [7]}, "not as documented"),
        ({"start_date": "soon"}, "start_date is 'soon'"),
        ({"start_date": "2026-04-01"}, "begins on 2026-04-01"),
    ],
)
def test_no_report_is_odd_enough_to_break_the_page(change, words):
    month = Month("2026-03")
    month.apply("2026-03-10", "e", json.dumps({**report("2026-03-10"), **change}).encode())

    assert words in month.days["2026-03-10"].problem
    assert month.rules == {}


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", gzip.compress(b"{}"), gzip.compress(b"[]"), gzip.compress(b'{"version": 99}')]
)
def test_a_damaged_index_is_built_anew(s3, body):
    with pytest.raises(IndexUnusable):
        Month.load("2026-03", body)
    s3.put("quality/index/v1/2026-03.json.gz", body)

    assert store_on(s3).snapshot(1).entry(LAST).status == "failed"


def test_an_index_survives_writing_and_reading(s3):
    month = store_on(s3).snapshot(1).months[0]
    again = Month.load("2026-03", month.dump())

    assert again == month
    with pytest.raises(IndexUnusable):
        Month.load("2026-02", month.dump())


def test_the_visitor_does_not_wait_for_everything(s3):
    s3.seconds_per_get = 0.15
    store = store_on(s3, budget=0.45)
    began = time.monotonic()

    snapshot = store.snapshot(3)

    assert time.monotonic() - began < 2
    assert snapshot.pending > 0
    assert snapshot.entry(LAST) is not None  # newest first
    deadline = time.monotonic() + 20
    while store.snapshot(3).pending and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(read_reports(s3)) == len(set(read_reports(s3))), "no report is read twice"


def test_listing_is_reused_for_a_moment(s3):
    store = store_on(s3, fresh=60.0)
    store.snapshot(3)
    lists = s3.lists

    store.snapshot(3)
    store.report(LAST)

    assert s3.lists == lists


def test_listings_of_many_pages_are_whole(s3):
    paged = FakeS3(page_size=7)
    paged.objects, paged.written = s3.objects, s3.written

    assert store_on(paged).snapshot(3).months == store_on(s3).snapshot(3).months


def test_without_the_right_to_write_memory_serves(s3):
    s3.denied = {"put"}
    store = store_on(s3)
    store.snapshot(3)
    s3.gets.clear()

    assert store.snapshot(3).entry(LAST).status == "failed"
    assert read_reports(s3) == []


@pytest.mark.parametrize("denied", ["list", "get"])
def test_a_refusal_is_told_without_secrets(s3, denied):
    s3.denied = {denied}

    with pytest.raises(StoreError, match=r"AccessDenied.*aws_default") as failure:
        store_on(s3).snapshot(3)
    assert "AKIA" not in str(failure.value)


def test_a_connection_that_is_missing_is_told_and_tried_again(s3):
    answers = iter([KeyError("secret"), None])

    def client():
        error = next(answers)
        if error:
            raise error
        return s3

    store = QualityStore("processed", client, fresh=0.0, budget=30.0)
    with pytest.raises(StoreError, match="connection aws_default cannot be used"):
        store.snapshot(1)
    assert store.snapshot(1).newest_day == LAST


def test_a_day_and_its_runs(s3):
    store = store_on(s3)
    newest = store.report(LAST)

    assert newest.report["run_id"] == f"scheduled__{LAST}T02-00-00-00-00"
    assert set(newest.runs) == {"manual__earlier", f"scheduled__{LAST}T02-00-00-00-00"}
    assert newest.runs[0] == "manual__earlier"  # written last
    assert store.report(LAST, "manual__earlier").report["run_id"] == "manual__earlier"
    assert "left no report" in store.report(LAST, "nobody").problem
    assert store.report("2026-03-03").problem == "there is no report for 2026-03-03"
    assert store.html(LAST).startswith(b"<!doctype")
    assert store.html("2026-03-09") is None


def test_an_opened_gate_is_told(s3):
    run = f"scheduled__{LAST}T02-00-00-00-00"
    record = {"by": "asha", "reason": "agreed", "at": "2026-03-11T02:30:00Z"}
    s3.put(f"quality/dt={LAST}/{run}/gate_override.json", json.dumps(record).encode())

    store = store_on(s3)

    assert store.report(LAST).override == record
    assert store.report(LAST, "manual__earlier").override is None


def test_an_empty_bucket_is_no_error():
    snapshot = store_on(FakeS3()).snapshot(3)

    assert (snapshot.months, snapshot.known_months, snapshot.newest_day) == ((), (), "")


def test_foreign_objects_are_left_alone(s3):
    for key in (
        "quality/dt=latest/report.json",
        "quality/dt=2026-13-40/report.json",
        "quality/dt=/report.json",
    ):
        s3.put(key, b"{}")

    assert store_on(s3).snapshot(36).known_months == ("2026-01", "2026-02", "2026-03")


def test_months_are_counted_across_years():
    assert shift_month("2026-03", -3) == "2025-12"
    assert shift_month("2025-12", 1) == "2026-01"
    assert shift_month("2026-01", -24) == "2024-01"
