"""Alerts: what they say, and that they arrive at a real mail server once per incident."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from contexts import TaskInstance, context_of, in_dag
from servers import free_port

from ecommerce_dwh.alerts.callbacks import (
    gate_items,
    mail_missed_deadline,
    mail_run_failure,
    mail_run_success,
    note_failure,
)
from ecommerce_dwh.alerts.incidents import IncidentLog
from ecommerce_dwh.alerts.mail import Alert, Item, Link, Table, html_page, plain_text, send
from ecommerce_dwh.alerts.run_history import TaskTiming
from ecommerce_dwh.alerts.texts import deadline_alert, failure_alert, span
from ecommerce_dwh.quality.gate import QualityGateClosed
from ecommerce_dwh.quality.report import FailedRule
from ecommerce_dwh.settings import Settings, get_settings
from ecommerce_dwh.warehouse.errors import GuardError

RULE = FailedRule(
    "orders", "order_date_valid", "validity", "error", 100, 7, 0.07, 0.0, "7 dates lie in the future"
)
RUN = {
    "dag_id": "ecommerce_dwh_daily",
    "dag_run_id": "scheduled__1",
    "state": "running",
    "run_type": "scheduled",
    "start_date": "2026-03-02T02:00:05Z",
    "data_interval_start": "2026-03-01T02:00:00Z",
    "logical_date": "2026-03-01T02:00:00Z",
    "run_after": "2026-03-02T02:00:00Z",
}


@pytest.fixture
def no_warehouse(monkeypatch):
    monkeypatch.setattr("ecommerce_dwh.alerts.callbacks._published_day", lambda: "2026-02-28")


class Variables(dict):
    """Airflow Variables in a dict."""

    def keys(self, prefix=""):
        return [key for key in super().__iter__() if key.startswith(prefix)]

    def get(self, key):
        return super().get(key)

    def put(self, key, value):
        self[key] = value

    def delete(self, key):
        del self[key]


@pytest.fixture
def variables(monkeypatch):
    found = Variables()
    monkeypatch.setattr("ecommerce_dwh.alerts.incidents.VariableStore", lambda: found)
    return found


def operator(task_id):
    from airflow.providers.standard.operators.empty import EmptyOperator

    return in_dag(EmptyOperator, task_id=task_id)


def failing_run(failures, *, run_id="scheduled__1"):
    """Let each task note its failure, and return the context of the DAG's callback."""
    xcoms, states = {}, {"fine": "success", "blocked": "upstream_failed"}
    for task_id, error in failures.items():
        context = context_of(operator(task_id), run_id=run_id)
        context["ti"].xcoms = xcoms
        states[task_id] = "failed"
        if error is not None:
            note_failure({**context, "exception": error})
    context["ti"].states = states
    return {**context, "reason": "task_failure"}


def test_several_tasks_that_fail_together_make_one_mail(mailbox, no_warehouse):
    mail_run_failure(
        failing_run(
            {
                "copy_orders": RuntimeError("COPY refused: <File> & path"),
                "copy_customers": ValueError("no manifest"),
                "copy_products": None,  # its worker was killed before it could note anything
            }
        )
    )

    (mail,) = mailbox.wait_for(1)
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "[dev] test_dag: 3 tasks failed for 2026-03-01"
    assert mail["To"] == "data-eng@company.com"
    assert mail["From"] == "airflow@ecommerce-dwh.local"
    assert "copy_orders: COPY refused: <File> & path" in text
    assert "copy_customers: no manifest" in text
    assert "copy_products: no message: the task was ended from outside" in text
    assert "Last published day: 2026-02-28" in text
    assert text.count("/tasks/copy_") == 3
    assert "#task-failed" in text
    assert "fine" not in text.replace("define", "")


def test_a_failed_task_is_told_with_its_message_try_and_log(mailbox, no_warehouse):
    mail_run_failure(failing_run({"process_data": RuntimeError("run jr_1 ended as FAILED: no header")}))

    (mail,) = mailbox.wait_for(1)
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert mail["Subject"] == "[dev] test_dag: process_data failed for 2026-03-01"
    assert "Try:                1" in text
    assert "Log: http://airflow/dags/test_dag/runs/scheduled__1/tasks/process_data?try_number=1" in text
    for body in (text, html):
        assert "run jr_1 ended as FAILED: no header" in body


def test_a_closed_gate_names_rules_and_report(mailbox, no_warehouse):
    closed = QualityGateClosed("closed", failures=[RULE], report_url="https://reports/1")
    mail_run_failure(failing_run({"quality_gate": closed}))

    (mail,) = mailbox.wait_for(1)
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "[dev] test_dag: the quality gate is closed for 2026-03-01"
    assert "- orders.order_date_valid (validity, error): 7 of 100 rows failed (7.00%, allowed 0.00%)" in text
    assert "Quality report: https://reports/1" in text
    assert "#quality-gate-closed" in text


@pytest.mark.parametrize(
    ("task", "error", "section"),
    [
        ("wait_for_raw", RuntimeError("x"), "raw-files-missing"),
        ("audit", RuntimeError("x"), "audit-failed"),
        ("refresh_views", GuardError("x"), "merge-conflict"),
        ("refresh_views", RuntimeError("x"), "task-failed"),
        ("merge_facts.fact_sales", RuntimeError("x"), "task-failed"),
    ],
)
def test_the_runbook_fits_the_failure(task, error, section):
    notes = {task: {"error": str(error), "type": type(error).__name__}}

    links = failure_alert("d", "r", "2026-03-01", notes).links

    assert links[-1].url.endswith(f"#{section}")


def test_the_runbooks_that_alerts_name_exist():
    from servers import REPO

    text = (REPO / "docs" / "runbooks.md").read_text("utf-8")
    for section in (
        "raw-files-missing",
        "quality-gate-closed",
        "audit-failed",
        "merge-conflict",
        "task-failed",
        "run-late",
        "analytics-stale",
    ):
        assert f"\n## {section}\n" in text, section


def test_a_callback_without_a_task_still_tells(mailbox):
    dag = SimpleNamespace(dag_id="ecommerce_dwh_daily")
    mail_run_failure({"dag": dag, "run_id": "scheduled__1", "reason": "all_tasks_deadlocked"})

    (mail,) = mailbox.wait_for(1)
    assert "all_tasks_deadlocked" in mail.get_body(("plain",)).get_content()


def test_the_dag_processor_writes_no_notes():
    """It cannot: a request to write an XCom is never answered there and would hang the callback."""
    context = context_of(operator("t"))

    note_failure(context)

    assert context["ti"].xcoms == {}


def test_unreadable_notes_do_not_stop_the_mail(mailbox):
    class Broken(TaskInstance):
        def get_task_states(self, **_):
            raise RuntimeError("the API server is away")

        def xcom_pull(self, **_):
            raise RuntimeError("the API server is away")

    context = context_of(operator("load"))
    context["ti"] = Broken("test_dag", "load", "scheduled__1")
    mail_run_failure(context)

    (mail,) = mailbox.wait_for(1)
    assert mail["Subject"] == "[dev] test_dag: load failed for 2026-03-01"


def test_a_late_run_is_told(mailbox, no_warehouse, variables):
    context = {"dag_run": RUN, "deadline": {"id": "1", "deadline_time": "2026-03-02T04:00:00Z"}}
    asyncio.run(mail_missed_deadline(context))

    (mail,) = mailbox.wait_for(1)
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "[dev] ecommerce_dwh_daily: the run for 2026-03-01 is late"
    assert "2026-03-02 04:00 UTC" in text
    assert "2026-03-02 02:00 UTC" in text
    assert "2026-02-28" in text
    assert "#run-late" in text


@pytest.mark.parametrize(
    "change",
    [
        {"state": "failed"},
        {"state": "success"},
        {"run_type": "backfill"},
        {"run_type": "manual"},
        {"run_type": "asset_triggered"},
    ],
)
def test_a_deadline_is_silent_where_nobody_waits(mailbox, no_warehouse, change):
    asyncio.run(mail_missed_deadline({"dag_run": {**RUN, **change}, "deadline": {}}))

    assert mailbox.wait_for(1, seconds=0.5) == []


def test_a_mail_server_that_is_down_raises_nothing(monkeypatch, caplog):
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": free_port(), "extra": {"disable_ssl": True}}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))

    assert send(Alert("error", "title", "summary"), pauses=(0.01, 0.01)) is False


def test_a_mail_server_that_comes_back_gets_the_mail(mailbox, monkeypatch):
    connections = iter([{**mailbox.connection, "port": free_port()}, mailbox.connection])
    from ecommerce_dwh.alerts import mail

    real = mail._smtp_hook

    def hook():
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(next(connections)))
        return real()

    monkeypatch.setattr(mail, "_smtp_hook", hook)

    assert send(Alert("error", "title", "summary"), pauses=(0.01,)) is True
    assert len(mailbox.wait_for(1)) == 1


def test_sns_gets_the_text_when_a_topic_is_set(mailbox, aws):
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name="alerts-test")["TopicArn"]
    queue = sqs.create_queue(QueueName="alerts-test")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    alert = Alert("error", "[dev] ünïcode title", "summary", error="boom")
    assert send(alert, settings=Settings(sns_topic_arn=topic)) is True

    (received,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2)["Messages"]
    body = json.loads(received["Body"])
    assert "boom" in body["Message"]
    assert body["Subject"].isascii()
    assert len(mailbox.wait_for(1)) == 1


def test_many_recipients_and_line_breaks_in_titles(mailbox):
    settings = Settings(alert_email="a@company.com; b@company.com")
    send(Alert("info", "two\nlines", "summary"), settings=settings)

    (mail,) = mailbox.wait_for(1)
    assert mail["Subject"] == "two lines"
    assert [address.addr_spec for address in mail["To"].addresses] == ["a@company.com", "b@company.com"]


def test_html_is_escaped_and_holds_all_that_the_text_holds():
    alert = Alert(
        "warning",
        "a <b> title",
        "sum & mary",
        facts=[("Day", "<i>")],
        error="x < y\nz",
        items=[Item("<script>alert(1)</script>", ["row <u>"])],
        table=Table("<caption>", ("<h>", "n"), [("<c>", "1")]),
        links=[Link("log", 'http://a/?b="c"&d=1')],
    )
    page, text = html_page(alert), plain_text(alert)

    assert "<script>" not in page
    assert "<b>" not in page.replace('<b style="', "")
    assert "&lt;script&gt;" in page
    assert 'href="http://a/?b=&#34;c&#34;&amp;d=1"' in page
    assert "x &lt; y\nz</pre>" in page
    for tag in ("<u>", "<h>", "<c>", "<caption>"):
        assert tag not in page
        assert tag.replace("<", "&lt;").replace(">", "&gt;") in page
    for part in (
        "a <b> title",
        "sum & mary",
        "<i>",
        "x < y",
        "<script>",
        "http://a/",
        "<u>",
        "<h>",
        "<caption>",
    ):
        assert part in text


def test_an_endless_error_is_cut():
    assert len(plain_text(Alert("error", "t", "s", error="x" * 100_000))) < 5000


def test_the_deadline_mail_survives_a_run_that_never_started():
    alert = deadline_alert({**RUN, "state": "queued", "start_date": None}, "", None)

    assert ("Started", "not yet") in alert.facts
    assert alert.table is None
    assert get_settings().runbook_url in alert.links[-1].url


def test_a_late_run_names_the_slow_task_and_what_is_usual():
    timings = [
        TaskTiming("wait_for_raw", "success", 65.0, 60.0),
        TaskTiming("process_data", "success", 6900.0, 540.0),
        TaskTiming("fact_sales", "running", 120.0, 100.0),
        TaskTiming("publish", "none", None, 4.0),
    ]
    alert = deadline_alert(
        RUN,
        "2026-03-02T04:00:00+00:00",
        "2026-02-28",
        timings=timings,
        usual_finish=timedelta(days=1, minutes=21),
        now=datetime(2026, 3, 2, 4, 3, tzinfo=UTC),
    )

    facts = dict(alert.facts)
    assert facts["Slow task"] == "process_data took 1 h 55 min; usually 9 min"
    assert facts["Deadline"] == "2026-03-02 04:00 UTC, missed by 3 min"
    assert facts["Usually done"] == "at 02:21 UTC, 21 min after it is due"
    assert alert.table.rows[0] == ("process_data", "success", "1 h 55 min", "9 min")
    assert [row[0] for row in alert.table.rows] == ["process_data", "fact_sales", "wait_for_raw"]
    assert alert.links[0].url.endswith("/runs/scheduled__1/tasks/process_data")


def test_a_late_run_whose_tasks_wait_names_the_first():
    timings = [TaskTiming("wait_for_raw", "queued", None, 60.0)]

    assert dict(deadline_alert(RUN, "", None, timings=timings).facts)["Slow task"] == (
        "wait_for_raw is queued for a worker; usually 60 s"
    )


def test_lengths_of_time_read_like_speech():
    assert [span(s) for s in (None, -1, 5, 89.6, 91, 5400, 172_800)] == [
        "",
        "0 s",
        "5 s",
        "90 s",
        "2 min",
        "1 h 30 min",
        "2 d 0 h",
    ]


def test_a_closed_gate_shows_rows_without_personal_data():
    rule = FailedRule(
        "customers",
        "email_valid",
        "validity",
        "error",
        10,
        2,
        0.2,
        0.0,
        "2 values such as 'asha@example.in'",
        ("c-1", "+91 98765 43210"),
    )
    ratio = FailedRule("customers", "quarantine_ratio", "conformity", "error", 10, 2, 0.2, 0.0)
    quarantine = [
        {
            "source": "customers",
            "rule": "uncastable:date_of_birth",
            "samples": [
                {
                    "source_file": "customers/dt=2026-03-01/a.csv",
                    "source_line": 7,
                    "message": "'1990-13-01' is no date",
                },
            ],
        },
        {
            "source": "orders",
            "rule": "uncastable:order_date",
            "samples": [{"source_file": "x", "source_line": 1}],
        },
    ]
    email, rejected = gate_items([rule, ratio], quarantine)

    assert email["details"] == ["row c-1", "row •••"]
    assert "asha" not in email["text"]
    assert email["text"].startswith("customers.email_valid (validity, error): 2 of 10 rows failed")
    assert rejected["details"] == ["customers/dt=2026-03-01/a.csv:7 ••• is no date"]


def test_errors_are_mailed_without_personal_data(mailbox, no_warehouse):
    mail_run_failure(failing_run({"fact_sales": RuntimeError("bad row: asha@example.in")}))

    (mail,) = mailbox.wait_for(1)
    assert "bad row: •••" in mail.get_body(("plain",)).get_content()
    assert "asha" not in mail.as_string()


def test_the_first_success_after_a_failure_is_told_once(mailbox, no_warehouse, variables):
    mail_run_failure(failing_run({"load": RuntimeError("boom")}))
    mail_run_failure(failing_run({"load": RuntimeError("boom")}))
    context = context_of(operator("load"), run_id="scheduled__1")
    mail_run_success(context)
    mail_run_success(context)

    first, second, third = sorted(mailbox.wait_for(3), key=lambda mail: "failed" not in mail["Subject"])[:3]
    assert {first["Subject"], second["Subject"]} == {
        "[dev] test_dag: load failed for 2026-03-01",
        "[dev] test_dag: load failed again for 2026-03-01",
    }
    assert third["Subject"] == "[dev] test_dag: recovered for 2026-03-01"
    assert "2 times" in third.get_body(("plain",)).get_content()
    assert not variables
    assert len(mailbox.mails()) == 3


def test_runs_of_a_backfill_that_fail_alike_make_one_mail(mailbox, no_warehouse, variables):
    for number in range(1, 4):
        context = failing_run({"load": RuntimeError(f"no file for day {number}")}, run_id=f"backfill__{number}")
        context["dag_run"].data_interval_start = datetime(2026, 1, number, 2, tzinfo=UTC)
        context["dag_run"].run_type = DagRunType.BACKFILL  # an enum, as a task has it
        mail_run_failure(context)
    other = failing_run({"load": RuntimeError("disk full")}, run_id="backfill__9")
    mail_run_failure(other)

    subjects = [mail["Subject"] for mail in mailbox.wait_for(2)]
    assert sorted(subjects) == [
        "[dev] test_dag: load failed for 2026-01-01",
        "[dev] test_dag: load failed for 2026-03-01",
    ]
    assert len(mailbox.mails()) == 2
    assert len(variables) == 4


def test_days_that_fail_alike_have_a_mail_each(mailbox, no_warehouse, variables):
    for number in range(1, 3):
        context = failing_run(
            {"load": RuntimeError(f"no file for day {number}")}, run_id=f"scheduled__{number}"
        )
        context["dag_run"].data_interval_start = datetime(2026, 1, number, 2, tzinfo=UTC)
        mail_run_failure(context)

    assert sorted(mail["Subject"] for mail in mailbox.wait_for(2)) == [
        "[dev] test_dag: load failed for 2026-01-01",
        "[dev] test_dag: load failed for 2026-01-02",
    ]


def test_incidents_that_cannot_be_kept_stop_no_mail(mailbox, no_warehouse, monkeypatch):
    class Broken:
        def keys(self, prefix):
            raise RuntimeError("the API server is away")

        put = keys

    monkeypatch.setattr("ecommerce_dwh.alerts.incidents.VariableStore", Broken)
    mail_run_failure(failing_run({"load": RuntimeError("boom")}))

    assert len(mailbox.wait_for(1)) == 1
    assert IncidentLog().close("test_dag") == []
