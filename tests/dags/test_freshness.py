"""The freshness watch: what it says of an age, whom it tells, and the command for cron."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from contexts import context_of, in_dag
from test_alerts import Variables

from ecommerce_dwh.alerts.incidents import FAILED, Incident, IncidentLog
from ecommerce_dwh.publishing import freshness
from ecommerce_dwh.publishing.freshness_task import FreshnessWatchOperator
from ecommerce_dwh.settings import get_settings

NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)


@pytest.fixture
def variables(monkeypatch):
    found = Variables()
    monkeypatch.setattr("ecommerce_dwh.alerts.incidents.VariableStore", lambda: found)
    return found


@pytest.fixture
def warehouse(redshift):
    """The warehouse with a published day that the test sets."""
    redshift.run(
        "create schema if not exists quality",
        "drop table if exists quality.warehouse_state",
        "create table quality.warehouse_state (published_day date, published_at timestamp, published_run_id "
        "varchar(250))",
        "insert into quality.warehouse_state (published_day) values (null)",
    )
    yield lambda day: redshift.run(f"update quality.warehouse_state set published_day = '{day}'")
    redshift.run("drop table quality.warehouse_state")


def days_ago(count):
    return (datetime.now(UTC) - timedelta(days=count)).date()


def watch(*, paused=False, live=0):
    task = in_dag(FreshnessWatchOperator, task_id="watch")
    task._is_paused = lambda: paused
    context = context_of(task)
    context["ti"].get_dr_count = lambda **_: live
    return task.execute(context)


@pytest.mark.parametrize(
    ("day", "lag", "stale"),
    [
        (date(2026, 3, 2), 8.0, False),
        (date(2026, 3, 1), 32.0, True),
        (date(2026, 3, 3), 0.0, False),
        (None, 0.0, False),
    ],
)
def test_age_counts_from_the_end_of_the_published_day(day, lag, stale):
    found = freshness.judge(day, NOW, 30)

    assert (found.lag_hours, found.is_stale) == (lag, stale)


def test_a_stale_warehouse_is_mailed_once_and_its_end_as_well(warehouse, aws, mailbox, variables):
    warehouse(days_ago(4))
    assert watch(paused=True)["told"] == "stale"
    assert watch(paused=True)["told"] == "told before"
    warehouse(days_ago(1))
    assert watch()["told"] == "recovery"
    assert watch()["told"] == "nothing"

    stale, recovered = sorted(mailbox.wait_for(2), key=lambda mail: "stale" not in mail["Subject"])
    assert stale["Subject"] == f"[dev] ecommerce_dwh_daily: analytics are stale at {days_ago(4)}"
    text = stale.get_body(("plain",)).get_content()
    assert "The DAG ecommerce_dwh_daily is paused" in text
    assert "#analytics-stale" in text
    assert "recovered" in recovered["Subject"]
    points = aws.client("cloudwatch").list_metrics(Namespace="EcommerceDWH", MetricName="PublishedLagHours")
    assert points["Metrics"]


def test_a_failure_that_was_mailed_explains_the_age(warehouse, aws, mailbox, variables):
    warehouse(days_ago(4))
    day = days_ago(3).isoformat()
    IncidentLog().open(Incident(FAILED, "ecommerce_dwh_daily", day, day))

    assert watch()["told"] == "told before"
    assert mailbox.mails() == []


def test_after_a_day_it_reminds(warehouse, aws, mailbox, variables):
    warehouse(days_ago(4))
    day = days_ago(3).isoformat()
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    IncidentLog().open(Incident(FAILED, "ecommerce_dwh_daily", day, day), now=long_ago)

    assert watch(live=1)["told"] == "stale"
    (mail,) = mailbox.wait_for(1)
    assert "A run is under way but did not end" in mail.get_body(("plain",)).get_content()


def test_the_command_needs_no_scheduler(warehouse, mailbox, capsys):
    assert freshness.main([]) == 2
    warehouse(days_ago(1))
    assert freshness.main(["--max-lag-hours", "48"]) == 0
    warehouse(days_ago(4))
    assert freshness.main(["--mail"]) == 1

    nothing, fresh, stale = capsys.readouterr().out.splitlines()
    assert nothing == "nothing was ever published"
    assert fresh.startswith(f"fresh: published up to {days_ago(1)}")
    assert stale.startswith(f"STALE: published up to {days_ago(4)}")
    (mail,) = mailbox.wait_for(1)
    assert "Airflow itself may be down" in mail.get_body(("plain",)).get_content()


def test_the_command_says_when_the_warehouse_is_silent(monkeypatch, capsys):
    from servers import free_port

    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", f"redshift://u:p@127.0.0.1:{free_port()}/db?ssl=False")

    assert freshness.main([]) == 2
    assert "did not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hours", "clock", "up"),
    [
        ("", "03:00", True),
        ("01:00-14:30", "00:59", False),
        ("01:00-14:30", "01:00", True),
        ("01:00-14:30", "14:29", True),
        ("01:00-14:30", "14:30", False),
        ("22:00-06:00", "23:15", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
    ],
)
def test_hours_of_the_warehouse(hours, clock, up):
    hour, minute = map(int, clock.split(":"))
    now = datetime(2026, 3, 3, hour, minute, tzinfo=UTC)

    assert freshness.is_up(hours, now) is up
    assert freshness.is_up(hours, now.astimezone(timezone(timedelta(hours=5, minutes=30)))) is up


def asleep_now():
    """Hours that do not contain this moment, nor the minutes after it."""
    now = datetime.now(UTC)
    return f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=4):%H:%M}"


def test_a_warehouse_that_sleeps_is_not_asked(monkeypatch, mailbox, variables, capsys):
    """No connection, no mail, no failure: the run is skipped, and the command for cron succeeds."""
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", "redshift://u:p@127.0.0.1:9/db?ssl=False")
    monkeypatch.setenv("AIRFLOW__ECOMMERCE_DWH__WAREHOUSE_HOURS", asleep_now())
    get_settings.cache_clear()

    with pytest.raises(AirflowSkipException, match=r"The warehouse is up at .* UTC only"):
        watch()
    assert freshness.main(["--mail"]) == 0
    assert "not asked" in capsys.readouterr().out
    assert mailbox.mails() == []
