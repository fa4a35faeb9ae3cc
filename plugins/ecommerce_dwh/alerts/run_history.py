"""States and usual durations of a run's tasks, by the messages that a triggerer and a DAG processor may send.

Neither process can query the metadata database. The task SDK lets both request the states of a run's tasks and the
newest instance of a task before a date; the usual duration of a task is computed from these.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

PAST_RUNS = 7  # successful instances of a task; their median is its usual duration
_PATIENCE = 20.0  # seconds that the questions of one alert may take together


@dataclass(frozen=True)
class TaskTiming:
    """The duration of a task in a run, and its usual duration.

    Attributes:
        task_id: the task.
        state: its state, ``none`` before it is scheduled.
        seconds: duration so far, retries included; None before the task started.
        usual_seconds: median of its newest successful instances in earlier runs; None without any.
    """

    task_id: str
    state: str
    seconds: float | None = None
    usual_seconds: float | None = None

    @property
    def is_over(self) -> bool:
        return self.state in ("success", "failed", "skipped", "upstream_failed", "removed")

    @property
    def excess(self) -> float:
        """Seconds beyond what is usual."""
        return (self.seconds or 0.0) - (self.usual_seconds or 0.0)


def run_state(dag_id: str, run_id: str) -> str:
    """The run's state now."""
    from airflow.sdk.execution_time.comms import GetDagRunState  # late import: not in DAG files

    return _word(getattr(_ask(GetDagRunState(dag_id=dag_id, run_id=run_id)), "state", None))


def task_timings(
    dag_id: str, run_id: str, logical_date: datetime, *, now: datetime | None = None
) -> list[TaskTiming]:
    """The run's tasks in the order of their start, each with its usual time.

    Args:
        logical_date: of the run; earlier runs are those before it.
    """
    from airflow.sdk.execution_time.comms import GetPreviousTI, GetTaskStates

    now = now or datetime.now(UTC)
    until = time.monotonic() + _PATIENCE
    reply = _ask(GetTaskStates(dag_id=dag_id, run_ids=[run_id]))
    states = dict((getattr(reply, "task_states", None) or {}).get(run_id, {}))
    found: list[tuple[datetime, TaskTiming]] = []
    for task_id, state in states.items():
        # "Before" is exclusive: a moment later finds the run itself.
        own = _instance(
            GetPreviousTI(dag_id=dag_id, task_id=task_id, logical_date=logical_date + timedelta(microseconds=1))
        )
        started = own.start_date if own is not None and own.run_id == run_id else None
        seconds = None
        if own is not None and started is not None:
            is_over = own.end_date is not None and _word(state) in ("success", "failed")
            seconds = ((own.end_date if is_over else now) - started).total_seconds()
        usual = None
        if time.monotonic() < until:
            past = [ti.duration for ti in _past(dag_id, task_id, logical_date) if ti.duration is not None]
            usual = median(past) if past else None
        found.append((started or now, TaskTiming(task_id, _word(state) or "none", seconds, usual)))
    return [timing for _, timing in sorted(found, key=lambda pair: pair[0])]


def usual_finish(dag_id: str, task_id: str, logical_date: datetime) -> timedelta | None:
    """Usual time from the logical date of a scheduled run to its end: the median for its last task."""
    ends = [
        (ti.end_date - ti.logical_date).total_seconds()
        for ti in _past(dag_id, task_id, logical_date)
        if ti.end_date and ti.logical_date and str(ti.run_id).startswith("scheduled__")
    ]
    return timedelta(seconds=median(ends)) if ends else None


def _past(dag_id: str, task_id: str, before: datetime) -> Iterator[Any]:
    """Successful instances of earlier runs, newest first."""
    from airflow.sdk import TaskInstanceState
    from airflow.sdk.execution_time.comms import GetPreviousTI

    for _ in range(PAST_RUNS):
        ti = _instance(
            GetPreviousTI(dag_id=dag_id, task_id=task_id, logical_date=before, state=TaskInstanceState.SUCCESS)
        )
        if ti is None or ti.logical_date is None:
            return
        yield ti
        before = ti.logical_date


def _instance(message: Any) -> Any:
    return getattr(_ask(message), "task_instance", None)


def _word(state: Any) -> str:
    """A state as its plain word; Airflow gives texts here and enumerations there."""
    return str(getattr(state, "value", state) or "")


def _ask(message: Any) -> Any:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import PreviousTIResult
    from pydantic import ValidationError

    try:
        return task_runner.SUPERVISOR_COMMS.send(message)
    except ValidationError as refused:
        # The triggerer of Airflow 3.3.1 forwards the request for a task instance and receives the answer, but the
        # answer's type is missing from its union of types. The validation error holds the answer.
        answer = refused.errors(include_url=False)[0]["input"]
        if isinstance(answer, dict) and answer.get("type") == "PreviousTIResult":
            return PreviousTIResult.model_validate(answer)
        raise
