"""Schema drift: the catalogue as the local crawler fills it, against the contracts."""

from __future__ import annotations

import html
import time

import pytest
from contexts import context_of, execute, in_dag

from ecommerce_dwh.alerts.callbacks import mail_run_failure, note_failure
from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.lake.crawler import GlueCrawlerOperator
from ecommerce_dwh.lake.drift_task import SchemaDriftError, SchemaDriftOperator
from ecommerce_dwh.settings import get_settings

RAW = "ecommerce-dwh-dev-raw"


def header(source, *, without=(), extra=()):
    names = [column.name for column in load_contracts(get_settings().sources_dir)[source].columns]
    return (",".join([n for n in names if n not in without] + list(extra)) + "\n").encode()


def crawl_and_check(aws, **files):
    for source, (day, body) in files.items():
        aws.put(RAW, f"{source}/dt={day}/a.csv", body=body)
    crawler = in_dag(GlueCrawlerOperator, crawler_name=get_settings().crawler, poll_seconds=0.1, defer_after=-1)
    execute(crawler, context_of(crawler))
    task = in_dag(SchemaDriftOperator)
    context = context_of(task)
    time.sleep(0.1)
    return execute(task, context), context


VALUES = {
    "integer": "1",
    "decimal": "1.50",
    "timestamp": "2026-03-01 10:00:00",
    "date": "2026-03-01",
    "boolean": "true",
}


def row(body, count=30, **values):
    """A file of rows with sensible values, or those given."""
    types = {
        c.name: c.base_type for s in load_contracts(get_settings().sources_dir).values() for c in s.columns
    }
    names = body.decode().strip().split(",")
    line = ",".join(values.get(name, VALUES.get(types.get(name), "text")) for name in names)
    return body + f"{line}\n".encode() * count


def test_files_as_agreed_show_no_drift(aws):
    found, _ = crawl_and_check(aws, orders=("2026-03-01", row(header("orders"))))

    assert found["failures"] == []
    assert found["warnings"] == []
    assert found["partitions"] >= 1


def test_new_columns_are_warned_of_and_optional_ones_noted(aws):
    body = row(header("orders", without=["discount"], extra=["gift_note"]))
    found, _ = crawl_and_check(aws, orders=("2026-03-01", body))

    assert found["warnings"] == [
        "orders: column gift_note is not in the contract and was kept out, on 2026-03-01"
    ]
    assert found["notes"] == ["orders: the optional column discount is absent on 2026-03-01 and loaded as null"]


def test_a_missing_required_column_fails_the_day(aws):
    body = row(header("order_items", without=["quantity"]))

    with pytest.raises(
        SchemaDriftError, match="order_items: the required column quantity is missing on 2026-03-01"
    ):
        crawl_and_check(aws, order_items=("2026-03-01", body))


def test_a_retyped_column_fails_the_day_in_the_log_and_in_the_mail(aws, mailbox, monkeypatch):
    """The diff in readable words is where people look: in the task's error and in the mail about it."""
    monkeypatch.setattr("ecommerce_dwh.alerts.callbacks._published_day", lambda: "2026-02-28")
    words = "order_items: the column quantity holds date on 2026-03-01, the contract says integer"
    body = row(header("order_items"), quantity="2026-01-31")

    with pytest.raises(SchemaDriftError) as caught:
        crawl_and_check(aws, order_items=("2026-03-01", body))

    assert words in str(caught.value)
    failed = in_dag(SchemaDriftOperator)
    context = context_of(failed)
    note_failure({**context, "exception": caught.value})
    context["ti"].states = {failed.task_id: "failed"}
    mail_run_failure({**context, "reason": "task_failure"})
    (mail,) = mailbox.wait_for(1)
    for kind in ("plain", "html"):
        assert words in html.unescape(mail.get_body((kind,)).get_content())


def test_a_dirty_row_does_not_make_a_column_retyped(aws):
    body = row(header("order_items")) + row(header("order_items"), 1, quantity="many").partition(b"\n")[2]
    found, _ = crawl_and_check(aws, order_items=("2026-03-01", body))

    assert (found["failures"], found["warnings"]) == ([], [])


def test_days_outside_the_window_do_not_matter(aws):
    found, _ = crawl_and_check(
        aws,
        order_items=("2026-02-28", row(header("order_items", without=["quantity"]))),
        orders=("2026-03-01", row(header("orders"))),
    )

    assert found["failures"] == []


def test_files_that_were_taken_back_do_not_matter_though_the_catalogue_remembers_them(aws):
    bad = row(header("order_items", without=["quantity"]))
    with pytest.raises(SchemaDriftError):
        crawl_and_check(aws, order_items=("2026-03-01", bad))

    aws.clear()
    aws.put(RAW, "order_items/dt=2026-03-01/_EMPTY")
    found, _ = crawl_and_check(aws, orders=("2026-03-01", row(header("orders"))))

    assert found["failures"] == []
