"""Texts that no mail can carry as they are: every alert reaches the mailbox, with replacement characters where needed.

Each mail is sent to a real SMTP server and read back as the server kept it.
"""

from __future__ import annotations

import json

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from contexts import context_of, in_dag
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecommerce_dwh import texts
from ecommerce_dwh.alerts import mail
from ecommerce_dwh.alerts.callbacks import gate_items, mail_run_failure, note_failure
from ecommerce_dwh.alerts.incidents import FAILED, Incident, fingerprint
from ecommerce_dwh.alerts.mail import Alert, Item, Link, Table, html_page, message, plain_text, send
from ecommerce_dwh.alerts.texts import failure_alert, recovery_alert, stale_alert
from ecommerce_dwh.quality.report import FailedRule
from ecommerce_dwh.settings import Settings

HOSTILE = {
    "surrogate": "run \ud800 id",
    "pair in halves": "\ud83d\ude00",
    "nul": "a\x00b",
    "line feed": "title\nBcc: victim@evil.example",
    "carriage return": "title\rBcc: victim@evil.example",
    "both": "title\r\nBcc: victim@evil.example\r\n\r\nbody",
    "line separators": "a\u2028Bcc: x@evil.example\u2029b\x85c\x0bd\x0ce\x1cf",
    "encoded word": "=?utf-8?q?a=0D=0ABcc:_x=40evil.example?=",
    "encoded word in base64": "=?utf-8?b?DQpCY2M6IHhAZXZpbC5leGFtcGxl?=",
    "escape": "\x1b[31mred\x1b[0m\x07",
    "right to left": "\u202egnp.exe",
    "byte order mark": "\ufeffx\ufffe\uffff",
    "long word": "x" * 100_000,
    "long line": "word " * 50_000,
    "megabytes": "é\n" * 2_000_000,
    "dots": ".\n.\n..\n",
    "end of data": "a\r\n.\r\nMAIL FROM:<x@evil.example>\r\n",
    "markup": "</pre></td><script>alert(1)</script><img src=x onerror=1>",
    "template": "{{ 7*7 }} {% raw %} %s %(a)s {0} ${x}",
    "only blanks": " \t\n ",
    "empty": "",
    "emoji": "🧾" * 400,
    "combining": "a" + "\u0301" * 5000,
    "private": "\ue000\U000f0000\U0010ffff",
}


class Variables(dict):
    """Airflow Variables in a dict, none of them known: each failure is a new incident."""

    def keys(self, prefix=""):
        return []

    def put(self, key, value):
        key.encode()
        value.encode()

    delete = get = None


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """No warehouse and no store of Variables."""
    monkeypatch.setattr("ecommerce_dwh.alerts.callbacks._published_day", lambda: None)
    monkeypatch.setattr("ecommerce_dwh.alerts.incidents.VariableStore", Variables)


def run_of(task_id, **more):
    """The context of a task that failed."""
    context = context_of(in_dag(EmptyOperator, task_id=task_id), **more)
    context["ti"].states = {task_id: "failed"}
    return context


def alert_of(text: str) -> Alert:
    """An alert with the text in every place that takes one."""
    return Alert(
        "error",
        text,
        text,
        facts=[(text, text)],
        error=text,
        items=[Item(text, [text])],
        table=Table(text, [text, text], [[text, text]]),
        links=[Link(text, text), Link("Log", f"https://a.example/{text}")],
    )


def check(found) -> None:
    """A mail as it must be: to our people only, with both parts, of sound characters."""
    assert found["To"] == "data-eng@company.com"
    assert found["Bcc"] is None
    assert found["Cc"] is None
    assert len(found["Subject"]) <= 260
    assert not found.defects
    plain, rich = (found.get_body([kind]).get_content() for kind in ("plain", "html"))
    for text in (plain, rich, found["Subject"]):
        text.encode()
        assert "\x00" not in text
    assert "<script" not in rich
    assert "<img" not in rich
    assert len(rich) < 500_000


@pytest.mark.parametrize("name", HOSTILE)
def test_an_alert_of_any_text_arrives(mailbox, name):
    assert send(alert_of(HOSTILE[name]), pauses=()) is True

    (found,) = mailbox.wait_for(1)
    check(found)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=300))
@example("=?utf-8?q?=0A?= =?")
@example('"' * 90 + "\ud800")
@example("a" * 75 + " \t" + "é" * 80)
def test_an_alert_of_random_text_arrives(mailbox, text):
    mailbox.clear()
    assert send(alert_of(text), pauses=()) is True

    (found,) = mailbox.wait_for(1)
    check(found)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_failed_run_is_mailed_whatever_its_ids_and_errors_hold(mailbox, name):
    text = HOSTILE[name]
    context = run_of("process_data", run_id=text or "r")
    context["exception"] = ValueError(text)
    note_failure(context)
    json.dumps(context["ti"].xcoms["process_data", "failure"]).encode()
    note = context["ti"].xcoms["process_data", "failure"]
    assert len(note["error"]) <= 4000
    note["error"].encode()  # as PostgreSQL and the task's supervisor need it

    context["reason"] = text
    mail_run_failure(context)

    (found,) = mailbox.wait_for(1)
    check(found)
    assert "process_data" in found["Subject"]


class _Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [_Unprintable(), ValueError(b"\xff"), ValueError(), KeyError("\ud800"), None])
def test_an_error_without_a_text_is_noted(error):
    context = run_of("t")
    context["exception"] = error
    note_failure(context)

    assert isinstance(context["ti"].xcoms["t", "failure"]["error"], str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NOTE = st.dictionaries(
    st.sampled_from(
        [
            "error",
            "type",
            "items",
            "log_url",
            "page_url",
            "report_url",
            "try_number",
            "max_tries",
            "published_day",
        ]
    ),
    JSON | st.just([{"text": "x", "details": ["y"]}]) | st.just([{"text": None}, 3]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(notes=st.dictionaries(st.sampled_from(["quality_gate", "refresh_views", "copy"]), NOTE))
def test_notes_of_any_form_stop_no_mail(mailbox, monkeypatch, notes):
    mailbox.clear()
    monkeypatch.setattr("ecommerce_dwh.alerts.callbacks._collect_notes", lambda *_: notes)

    mail_run_failure(run_of("copy"))

    (found,) = mailbox.wait_for(1)
    check(found)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_every_alert_can_be_built_of_any_ids(text):
    incident = Incident(FAILED, "d", text, text, run_id=text, since=text, tasks=(text,))
    for alert in (
        failure_alert(text, text, text, {text: {"error": text}}, reason=text, incident=incident),
        recovery_alert(text, text, text, [incident]),
        stale_alert(text, text, 1.0, why=text),
    ):
        built = message(alert, sender=f"x@company.com {text}", recipients=["data-eng@company.com"])
        assert built.as_bytes().count(b"\nTo: ") == 1
        plain_text(alert).encode()
        html_page(alert).encode()
    fingerprint([text], [text])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_failed_rule_of_any_text_can_be_noted(name):
    text = HOSTILE[name]
    rule = FailedRule(text, text, text, text, 1, 1, 1.0, 0.0, text, (text,))
    rejected = {"source": text, "rule": text, "samples": [{"source_file": text, "message": text}] * 9}

    note = json.dumps(gate_items([rule] * 99, [rejected]), ensure_ascii=False)

    note.encode()
    assert len(note) < 1_000_000


@given(st.text(st.characters()), st.integers(12, 60))
def test_texts_are_well_formed_and_short(text, limit):
    found = texts.said(text, limit)

    assert len(found) <= limit
    found.encode()
    assert texts.said(found, limit) == found
    assert "\n" not in texts.one_line(text, limit)


@pytest.mark.parametrize(
    ("setting", "reached"),
    [
        ("data-eng@company.com", ["data-eng@company.com"]),
        ("a@company.com; b@company.com,", ["a@company.com", "b@company.com"]),
        ("Data team <a@company.com>", ["a@company.com"]),
        (
            "a@company.com\r\nBcc: x@evil.example",
            ["a@company.com", "x@evil.example"],
        ),  # two addresses, no header
        ("a@company.com, nobody", ["a@company.com"]),
        ("a@company.com, \ud800@x, @, a b@c d", ["a@company.com"]),
        ("é@company.com, a@company.com", ["a@company.com"]),
    ],
)
def test_recipients_that_are_none_lose_nobody_the_mail(mailbox, setting, reached):
    assert send(Alert("error", "title", "text"), pauses=(), settings=Settings(alert_email=setting)) is True

    (found,) = mailbox.wait_for(1)
    assert found["To"] == ", ".join(reached)
    assert found["Bcc"] is None


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", " \n", "//evil.example", "https"]
)
def test_links_of_other_schemes_lead_nowhere(url):
    page = html_page(Alert("error", "t", "s", links=[Link("Log", url)]))

    assert 'href=""' in page


def test_sns_gets_what_it_takes(aws):
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name="hostile")["TopicArn"]
    queue = sqs.create_queue(QueueName="hostile")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    for text in HOSTILE.values():
        mail._send_sns(alert_of(f"t {text}"), Settings(sns_topic_arn=topic))
        (received,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2)["Messages"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])
        body = json.loads(received["Body"])
        assert len(body["Subject"]) < 100
        assert body["Subject"].isascii()
        assert body["Subject"].isprintable()
        assert len(body["Message"].encode()) <= 256 * 1024
