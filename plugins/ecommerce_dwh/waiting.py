"""The one way in which tasks wait: polling on the worker for a while, then in the triggerer.

A deferral costs a few seconds of hand-over, a sleeping worker costs its slot; the setting ``defer_after_seconds``
weighs the two. The whole wait, deferrals included, ends at one deadline, counted from the start of the task's try.

A trigger only observes and decides nothing; the task that resumes observes again by itself. A wrong or repeated event
therefore does no harm, and a trigger can stay small.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from ecommerce_dwh.aws import is_passing

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from airflow.sdk import Context

Found = TypeVar("Found")

_MAX_PASSING_ERRORS = 20
# Airflow's own limit of a deferral lies behind the trigger's deadline: it acts when the triggerer was away.
_TRIGGER_GRACE = timedelta(minutes=2)


class NotYet(Exception):
    """The awaited thing is absent; the message describes the state that was found."""


class PassingErrors:
    """Counts the errors in a row that a later attempt can get past."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def allow(self, error: Exception) -> bool:
        """Whether to observe again after this error: the error is passing, and not the 21st in a row."""
        self._in_a_row += 1
        return is_passing(error) and self._in_a_row <= _MAX_PASSING_ERRORS

    def forget(self) -> None:
        """An observation succeeded."""
        self._in_a_row = 0


@dataclass(frozen=True)
class Wait:
    """One wait of a task.

    Attributes:
        poll_seconds: pause between two observations.
        defer_after: seconds on the worker before the triggerer takes over; negative never defers.
        deadline: Unix time at which the whole wait is over; None waits for ever.
        began: Unix time at which this worker began to wait.
    """

    poll_seconds: float
    defer_after: float
    deadline: float | None
    began: float

    @classmethod
    def of(
        cls, context: Context, *, limit: timedelta | float | None, poll_seconds: float, defer_after: float
    ) -> Wait:
        """The wait of a task's try, of at most ``limit`` (seconds or a time span) since the try started."""
        now = time.time()
        seconds = limit.total_seconds() if isinstance(limit, timedelta) else limit
        started = context["ti"].start_date
        begun = started.timestamp() if started else now
        return cls(poll_seconds, defer_after, None if seconds is None else begun + seconds, now)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.time() >= self.deadline

    @property
    def pause(self) -> float:
        """Seconds until the next observation, which is not later than the deadline."""
        if self.deadline is None:
            return self.poll_seconds
        return min(self.poll_seconds, max(self.deadline - time.time(), 0.1))

    def until(
        self, task: Any, observe: Callable[[], Found], trigger: Callable[[], BaseTrigger], method_name: str
    ) -> Found:
        """Observe until there is a result; after ``defer_after`` seconds, hand over to the triggerer.

        Args:
            task: operator or sensor.
            observe: returns the result, or raises `NotYet`.
            trigger: makes the trigger that watches on; called only when the task defers.
            method_name: method of the task that resumes after the trigger.

        Returns:
            The result of ``observe``.

        Raises:
            NotYet: the deadline has passed; the error of the last observation.
            TaskDeferred: Airflow's signal that the triggerer takes over.
        """
        errors, said = PassingErrors(), ""
        while True:
            try:
                return observe()
            except NotYet as why:
                if self.is_over:
                    raise
                errors.forget()
                if str(why) != said:
                    task.log.info("Not yet: %s", why)
                said = str(why)
            except Exception as error:
                if self.is_over or not errors.allow(error):
                    raise
                task.log.warning("Observation failed, trying again: %s", error)
            if self.defer_after >= 0 and time.time() - self.began >= self.defer_after:
                task.defer(trigger=trigger(), method_name=method_name, timeout=self._longest_deferral)
            time.sleep(self.pause)

    @property
    def _longest_deferral(self) -> timedelta | None:
        if self.deadline is None:
            return None
        return timedelta(seconds=max(self.deadline - time.time(), 1)) + _TRIGGER_GRACE


def is_timeout(event: Mapping[str, Any] | None, what: str) -> bool:
    """Whether a `PollingTrigger` fired because the deadline had passed.

    Args:
        event: the trigger's event.
        what: the watched thing, in words, for the error.

    Raises:
        AirflowException: the trigger could not observe; the message has AWS's answer.
    """
    status = (event or {}).get("status")
    if status == "error":
        raise AirflowException(f"{what} could not be watched: {(event or {}).get('message')}")
    return status == "timeout"


class PollingTrigger(BaseTrigger):
    """Base: poll until `observe` returns a mapping, or until the deadline passes.

    Args:
        poll_seconds: pause between two observations.
        deadline: Unix time at which to give up and fire ``{"status": "timeout"}``; None waits for ever.
        aws_conn_id: Airflow connection for AWS.
        region_name: region, or None for the connection's.
    """

    client_type = "s3"

    def __init__(
        self,
        *,
        poll_seconds: float,
        deadline: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
    ) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds
        self.deadline = deadline
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def arguments(self) -> dict[str, Any]:
        """The subclass's own arguments, for serialisation."""
        return {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        common = {
            "poll_seconds": self.poll_seconds,
            "deadline": self.deadline,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", {**common, **self.arguments()}

    async def observe(self, client: Any) -> Mapping[str, Any] | None:
        """One observation; a mapping ends the wait, None continues it."""
        raise NotImplementedError

    def aws(self, client_type: str | None = None) -> AwsBaseHook:
        """Hook for a service."""
        from airflow.providers.amazon.aws.hooks.base_aws import (
            AwsBaseHook,  # late import: heavy; triggerer only
        )

        return AwsBaseHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            client_type=client_type or self.client_type,
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        errors = PassingErrors()
        async with await self.aws().get_async_conn() as client:
            while True:
                try:
                    found = await self.observe(client)
                    errors.forget()
                except Exception as error:
                    if not errors.allow(error):
                        yield TriggerEvent({"status": "error", "message": f"{type(error).__name__}: {error}"})
                        return
                    self.log.warning("Observation failed, trying again: %s", error)
                    found = None
                if found is not None:
                    yield TriggerEvent({"status": "done", **found})
                    return
                if self.deadline is not None and time.time() >= self.deadline:
                    yield TriggerEvent({"status": "timeout"})
                    return
                await asyncio.sleep(self.poll_seconds)
