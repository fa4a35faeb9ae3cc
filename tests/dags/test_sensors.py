"""Sensors against the local AWS endpoint: what they wait for, what they say, on the worker and deferred."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import AirflowSensorTimeout
from contexts import context_of, execute, in_dag

from ecommerce_dwh.lake.sensors import RawFilesSensor
from ecommerce_dwh.quality.gate import DataQualitySensor, QualityGateClosed
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.window import WindowError

RAW, PROCESSED = "ecommerce-dwh-dev-raw", "ecommerce-dwh-dev-processed"
KEY = "quality/dt=2026-03-01/manual__1/report.json"


def raw_sensor(**arguments):
    defaults = {"required": ["orders", "order_items"], "optional": ["customers"], "poke_interval": 0.2}
    return in_dag(RawFilesSensor, **{**defaults, "defer_after": -1, "timeout": 1, **arguments})


def gate(**arguments):
    return in_dag(DataQualitySensor, **{"poke_interval": 0.2, "defer_after": -1, "timeout": 1, **arguments})


def later(seconds, action):
    threading.Thread(target=lambda: (time.sleep(seconds), action()), daemon=True).start()


def report(status="passed", passed=True, severity="error", run_id="manual__1"):
    rule = {
        "rule": "key_unique",
        "dimension": "uniqueness",
        "severity": severity,
        "rows_checked": 10,
        "rows_failed": 0 if passed else 2,
        "failed_ratio": 0.0 if passed else 0.2,
        "threshold": 0.0,
        "passed": passed,
        "message": "",
        "samples": [],
    }
    return json.dumps(
        {
            "schema_version": 1,
            "run_id": run_id,
            "start_date": "2026-03-01",
            "end_date": "2026-03-01",
            "status": status,
            "tables": [{"source": "orders", "rows": 10, "rules": [rule]}],
        }
    ).encode()


def test_a_complete_day_passes_and_reports_what_is_there(aws):
    aws.put(RAW, "orders/dt=2026-03-01/a.csv", "order_items/dt=2026-03-01/_EMPTY")
    task = raw_sensor()

    found = execute(task, context_of(task))

    assert found["sources"]["orders"]["files"] == 1
    assert found["sources"]["order_items"]["empty_days"] == 1
    assert found["optional_missing"] == ["customers/dt=2026-03-01/"]
    assert found["not_loaded"] == []


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
def test_a_missing_file_is_named_when_the_time_is_up(aws, defer_after):
    aws.put(RAW, "orders/dt=2026-03-01/a.csv", "order_items/dt=2026-03-01/notes.txt")
    task = raw_sensor(defer_after=defer_after)

    with pytest.raises(AirflowSensorTimeout) as failure:
        execute(task, context_of(task))

    text = str(failure.value)
    assert "s3://ecommerce-dwh-dev-raw/order_items/dt=2026-03-01/<file>.csv" in text
    assert "orders/dt" not in text.replace("order_items/dt", "")
    assert "nothing was loaded" in text
    assert "order_items/dt=2026-03-01/notes.txt is no kind of file that can be read" in text


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
def test_a_file_that_arrives_late_is_waited_for(aws, defer_after):
    aws.put(RAW, "orders/dt=2026-03-01/a.csv")
    task = raw_sensor(defer_after=defer_after, timeout=30)
    context = context_of(task)
    later(1.0, lambda: aws.put(RAW, "order_items/dt=2026-03-01/b.json.gz"))

    assert execute(task, context)["sources"]["order_items"]["files"] == 1
    assert len(getattr(context["ti"], "deferrals", [])) == (1 if defer_after == 0 else 0)


def test_every_day_of_a_range_is_asked_for(aws):
    days = [f"2026-02-{day:02}" for day in range(1, 11)]
    aws.put(RAW, *(f"{source}/dt={day}/a.csv" for day in days for source in ("orders", "order_items")))
    params = {"start_date": "2026-01-25", "end_date": "2026-02-10"}
    task = raw_sensor(timeout=0.1)

    with pytest.raises(AirflowSensorTimeout, match="14 required source days") as failure:
        execute(task, context_of(task, params=params))
    assert "… and 4 more" in str(failure.value)

    params["start_date"] = "2026-02-01"
    assert execute(task, context_of(task, params=params))["sources"]["orders"]["days"] == 10


def test_required_sources_come_from_the_contracts(aws):
    aws.put(RAW, "orders/dt=2026-03-01/a.csv", "order_items/dt=2026-03-01/a.csv")
    task = raw_sensor(required=None, optional=None)

    found = execute(task, context_of(task))

    assert found["optional_missing"] == [
        "customers/dt=2026-03-01/",
        "products/dt=2026-03-01/",
        "web_events/dt=2026-03-01/",
    ]


def test_dates_that_cannot_be_loaded_fail_at_once(aws):
    task = raw_sensor()

    with pytest.raises(WindowError, match="future"):
        execute(task, context_of(task, params={"start_date": "2027-01-01"}))


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (report(), {}),
        (report("warned", passed=False, severity="warning"), {}),
        (report("failed", passed=False), {"max_failed_ratio": {"orders.key_unique": 0.5}}),
    ],
)
def test_the_gate_opens(aws, body, options):
    aws.put(PROCESSED, KEY, body=body)
    task = gate(**options)
    context = context_of(task)

    assert execute(task, context)["report"].endswith("report.html")
    assert "report.html" in context["ti"].xcoms["task", "quality_report_url"]


def test_an_open_gate_mails_the_warnings_once(aws, mailbox, monkeypatch):
    body = json.loads(report("warned", passed=False, severity="warning"))
    body["tables"][0]["rules"][0] |= {"message": "2 of 10 rows break the rule", "samples": ["O7: a.csv line 3"]}
    body["not_loaded"] = [
        {"key": "orders/dt=2026-3-1/", "size": 0, "reason": "is no day's folder; name it dt=2026-03-01"}
    ]
    aws.put(PROCESSED, KEY, body=json.dumps(body).encode())
    task = gate(mails_warnings=True)
    context = context_of(task)
    execute(task, context)
    context["ti"].try_number = 2  # cleared and run again
    execute(task, context)
    for kind in (DagRunType.BACKFILL, DagRunType.OPERATOR_TRIGGERED):
        repeat = context_of(task)
        repeat["dag_run"].run_type = kind  # an enum, as a task has it
        execute(task, repeat)
    monkeypatch.setattr(
        "ecommerce_dwh.alerts.digest.get_settings", lambda: replace(get_settings(), warning_mail="off")
    )
    execute(task, context_of(task))

    (mail,) = mailbox.wait_for(1)
    assert mail["Subject"] == "[dev] test_dag: 1 warning about the data of 2026-03-01"
    text = mail.get_body(("plain",)).get_content()
    for words in (
        "orders.key_unique",
        "2 of 10 rows break the rule",
        "O7: a.csv line 3",
        "1 object(s) of the raw bucket are not loaded",
        "orders/dt=2026-3-1/ is no day's folder; name it dt=2026-03-01",
        "#data-warnings",
    ):
        assert words in text
    assert len(mailbox.mails()) == 1


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (report("failed", passed=False), {}),
        (report("warned", passed=False, severity="warning"), {"accept_warnings": False}),
        (report(), {"min_rows": {"orders": 11}}),
    ],
)
def test_the_gate_closes_at_once_and_says_why(aws, body, options):
    aws.put(PROCESSED, KEY, body=body)
    task = gate(timeout=60, **options)
    context = context_of(task)

    with pytest.raises(QualityGateClosed) as failure:
        execute(task, context)

    assert "orders" in str(failure.value)
    assert "Report: https://" in str(failure.value)
    page = context["ti"].xcoms["task", "quality_page_url"]
    assert page.endswith("/plugin/data-quality#/day/2026-03-01?run=manual__1")
    assert failure.value.page_url == page
    assert "report.html" in context["ti"].xcoms["task", "quality_report_url"]


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "there is no report at s3://ecommerce-dwh-dev-processed/quality/dt=2026-03-01/manual__1"),
        (report()[:-9], "not complete JSON"),
        (report(run_id="manual__0"), "belongs to run manual__0"),
        (report().replace(b"2026-03-01", b"2026-02-28"), "is of '2026-02-28', not of 2026-03-01"),
        (report().replace(b'"passed": true', b'"passed": null'), "rules.0.passed is None: "),
    ],
)
def test_without_a_whole_report_of_this_run_the_gate_stays_closed(aws, body, why, defer_after):
    if body is not None:
        aws.put(PROCESSED, KEY, body=body)
    task = gate(defer_after=defer_after)

    with pytest.raises(AirflowSensorTimeout, match=f"stays closed: .*{why}"):
        execute(task, context_of(task))


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
def test_a_report_that_comes_late_is_judged(aws, defer_after):
    aws.put(PROCESSED, KEY, body=report(run_id="manual__0"))
    task = gate(defer_after=defer_after, timeout=30)
    later(0.8, lambda: aws.put(PROCESSED, KEY, body=report()))

    assert execute(task, context_of(task))["status"] == "passed"


def test_any_dag_can_gate_on_any_report(aws):
    aws.put(PROCESSED, "elsewhere/report.json", body=report(run_id="whoever"))
    task = gate(bucket=PROCESSED, key="{{ 'else' ~ 'where' }}/report.json", run_id="")

    assert execute(task, context_of(task))["status"] == "passed"


def test_the_whole_wait_counts_the_time_before_a_deferral(aws):
    task = gate(timeout=timedelta(hours=1))
    context = context_of(task)
    context["ti"].start_date = datetime.now(UTC) - timedelta(hours=2)

    with pytest.raises(AirflowSensorTimeout):
        execute(task, context)


def test_a_person_opens_the_closed_gate_and_it_is_recorded(aws):
    aws.put(PROCESSED, KEY, body=report("failed", passed=False))
    task = gate()
    reason = "Asha Rao: two known test orders, agreed with finance"
    context = context_of(task, params={"gate_override_reason": reason})
    context["dag_run"].triggering_user_name = "asha"

    assert execute(task, context)["status"] == "overridden"

    key = KEY.replace("report.json", "gate_override.json")
    record = json.loads(aws.client("s3").get_object(Bucket=PROCESSED, Key=key)["Body"].read())
    assert (record["reason"], record["by"], record["run_id"]) == (reason, "asha", "manual__1")
    assert "orders.key_unique" in record["failures"][0]
    assert context["ti"].xcoms["task", "quality_gate_override"] == record


@pytest.mark.parametrize("reason", ["because", "          ", "aaaaaaaaaaaaaaaa", "x x x x x x x x x"])
def test_no_reason_opens_no_gate(aws, reason):
    aws.put(PROCESSED, KEY, body=report("failed", passed=False))
    task = gate()

    with pytest.raises(QualityGateClosed):
        execute(task, context_of(task, params={"gate_override_reason": reason}))


@pytest.mark.parametrize("body", [None, report("failed", passed=False)[:-9], report(run_id="manual__0")])
def test_no_reason_replaces_a_whole_report(aws, body):
    if body is not None:
        aws.put(PROCESSED, KEY, body=body)
    task = gate()

    with pytest.raises(AirflowSensorTimeout, match="stays closed"):
        execute(task, context_of(task, params={"gate_override_reason": "Asha Rao: it is urgent, let it pass"}))


def test_an_open_gate_needs_and_keeps_no_override(aws):
    aws.put(PROCESSED, KEY, body=report())
    task = gate()
    context = context_of(task, params={"gate_override_reason": "Asha Rao: it is urgent, let it pass"})

    assert execute(task, context)["status"] == "passed"
    listed = aws.client("s3").list_objects_v2(Bucket=PROCESSED)["Contents"]
    assert [item["Key"] for item in listed] == [KEY]
