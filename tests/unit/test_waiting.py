"""The wait of a task: on the worker, to the deadline, and past errors that go away."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from ecommerce_dwh import waiting
from ecommerce_dwh.waiting import NotYet, PassingErrors, Wait, is_timeout


class Deferred(Exception):
    """The task handed over."""


class Task:
    log = logging.getLogger("test")

    def defer(self, **arguments):
        raise Deferred(arguments["method_name"])


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves."""
    now = SimpleNamespace(time=1000.0)
    monkeypatch.setattr(waiting.time, "time", lambda: now.time)
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: setattr(now, "time", now.time + seconds))
    return now


def wait(clock, *, defer_after=-1.0, deadline=None):
    return Wait(poll_seconds=10, defer_after=defer_after, deadline=deadline, began=clock.time)


def observing(*answers):
    left = list(answers)

    def observe():
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return observe


def throttled():
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "GetJobRun")


def test_the_result_ends_the_wait(clock):
    found = wait(clock).until(Task(), observing(NotYet("no"), throttled(), "yes"), lambda: None, "resume")

    assert found == "yes"
    assert clock.time == 1020


def test_the_deadline_ends_the_wait_with_the_last_finding(clock):
    with pytest.raises(NotYet, match="second"):
        wait(clock, deadline=1015).until(
            Task(), observing(NotYet("first"), NotYet("second")), lambda: None, "resume"
        )
    assert clock.time == 1015


@pytest.mark.parametrize(("defer_after", "at"), [(0, 1000), (15, 1020)])
def test_the_triggerer_takes_over_in_time(clock, defer_after, at):
    with pytest.raises(Deferred, match="resume"):
        wait(clock, defer_after=defer_after).until(Task(), observing(NotYet("no")), lambda: None, "resume")
    assert clock.time == at


def test_other_errors_and_lasting_ones_are_raised(clock):
    with pytest.raises(ClientError, match="AccessDenied"):
        denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "GetJobRun")
        wait(clock).until(Task(), observing(denied), lambda: None, "resume")
    with pytest.raises(ClientError, match="Throttling"):
        wait(clock).until(Task(), observing(throttled()), lambda: None, "resume")
    assert clock.time == 1200  # after 20 pauses


def test_a_success_between_errors_starts_the_count_again():
    errors = PassingErrors()
    for _ in range(5):
        assert all(errors.allow(throttled()) for _ in range(20))
        assert not errors.allow(throttled())
        errors.forget()


@pytest.mark.parametrize(
    ("event", "expected"), [(None, False), ({"status": "done"}, False), ({"status": "timeout"}, True)]
)
def test_an_event_says_whether_the_deadline_passed(event, expected):
    assert is_timeout(event, "the bucket") is expected


def test_a_trigger_that_could_not_observe_fails_the_task():
    with pytest.raises(AirflowException, match="the bucket could not be watched: AccessDenied"):
        is_timeout({"status": "error", "message": "AccessDenied"}, "the bucket")
