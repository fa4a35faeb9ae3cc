"""Texts of the alerts. Pure: facts in, an `Alert` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk.configuration import conf

from ecommerce_dwh.alerts.incidents import FAILED, LATE, Incident
from ecommerce_dwh.alerts.mail import Alert, Item, Link, Table
from ecommerce_dwh.alerts.run_history import TaskTiming
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.texts import said, well_formed

_SLOW_TASKS = 6  # rows of the late run's table
# Which runbook section helps with which failing task.
_RUNBOOKS = {
    "wait_for_raw": "raw-files-missing",
    "quality_gate": "quality-gate-closed",
    "audit": "audit-failed",
}
_WAITING = {
    "queued": "is queued for a worker",
    "scheduled": "waits for a free slot",
    "deferred": "is waiting (in the triggerer)",
    "up_for_retry": "failed and waits for its next try",
    "up_for_reschedule": "is waiting",
    "restarting": "is being restarted",
}


def failure_alert(
    dag_id: str,
    run_id: str,
    day: str,
    notes: Mapping[str, Mapping[str, Any]],
    *,
    reason: str = "",
    incident: Incident | None = None,
    is_backfill: bool = False,
) -> Alert:
    """The mail of a failed run.

    Args:
        dag_id: the DAG.
        run_id: the run.
        day: the days that it loads, for people.
        notes: per failed task what `alerts.note_failure` kept; empty for a task that could not note anything.
        reason: Airflow's own word for the failure.
        incident: the incident that the failure raised, for its count.
        is_backfill: the run belongs to a backfill, whose other runs may fail alike.
    """
    settings = get_settings()
    tasks = list(notes)
    first = notes[tasks[0]] if tasks else {}
    gate = "quality_gate" in notes and bool(notes["quality_gate"].get("items"))
    again = " again" if incident is not None and incident.count > 1 else ""
    if gate:
        title = f"[{settings.env}] {dag_id}: the quality gate is closed{again} for {day}"
        summary = (
            "Rules of severity 'error' failed, so nothing of the run was loaded. Analytics keep showing the "
            "last published day."
        )
    else:
        what = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks" if tasks else "the run"
        title = f"[{settings.env}] {dag_id}: {what} failed{again} for {day}"
        summary = "The run stopped and published nothing. Analytics keep showing the last published day."
    if is_backfill:
        summary += (
            " Runs of the same backfill that fail for the same cause within six hours make no further mail."
        )
    published = next((note["published_day"] for note in notes.values() if note.get("published_day")), None)
    facts = [("DAG", dag_id), ("Run", run_id), ("Day", day)]
    facts += [("Task" if len(tasks) == 1 else "Tasks", ", ".join(tasks))] if tasks else []
    if first.get("try_number"):
        of = f" of {first['max_tries']}" if first.get("max_tries") else ""
        facts.append(("Try", f"{first['try_number']}{of}"))
    facts += [("Reason", reason)] if reason and not tasks else []
    if again and incident is not None:
        facts.append(("Failures", f"{incident.count}, the first {clock(incident.since)}"))
    facts += [("Last published day", published)] if published else []
    links = [
        Link(
            "Log" if len(tasks) == 1 else f"Log of {task}",
            str(note.get("log_url") or task_url(dag_id, run_id, task)),
        )
        for task, note in list(notes.items())[:5]
    ]
    for name, key in (("Data quality page", "page_url"), ("Quality report", "report_url")):
        links += [Link(name, note[key]) for note in notes.values() if note.get(key)]
    links += [
        Link("Run", run_url(dag_id, run_id)),
        Link("Runbook", f"{settings.runbook_url}#{_runbook(notes)}"),
    ]
    return Alert(
        kind="error",
        title=title,
        summary=summary,
        facts=facts,
        error="" if gate else _errors(notes),
        items=_items(notes["quality_gate"]["items"]) if gate else (),
        links=links,
    )


def deadline_alert(
    run: Mapping[str, Any],
    deadline: str,
    published_day: str | None,
    *,
    timings: Sequence[TaskTiming] = (),
    usual_finish: timedelta | None = None,
    now: datetime | None = None,
) -> Alert:
    """The mail of a late run: which task is slow, how late it is, and what is usual.

    Args:
        run: the DAG run as the deadline's callback gets it.
        deadline: when it should have been done, ISO 8601.
        published_day: the last published day; None when the warehouse did not answer.
        timings: its tasks in the order of their start.
        usual_finish: how long after its logical date a run usually ends.
        now: the moment of the alert.
    """
    settings = get_settings()
    now = now or datetime.now(UTC)
    dag_id, run_id = str(run["dag_id"]), str(run["dag_run_id"])
    day = str(run.get("data_interval_start") or run.get("logical_date") or "")[:10] or "?"
    slow = slow_task(timings)
    due, logical = moment(run.get("run_after")), moment(run.get("logical_date"))
    facts = [("DAG", dag_id), ("Run", run_id), ("Day", day), ("State", str(run.get("state")))]
    if slow is not None:
        facts.append(("Slow task", describe_slow(slow)))
    deadline_at = moment(deadline)
    if deadline_at is not None:
        facts.append(("Deadline", f"{clock(deadline)}, missed by {span(now - deadline_at)}"))
    facts.append(("Started", clock(str(run.get("start_date") or "")) or "not yet"))
    if usual_finish is not None and due is not None and logical is not None:
        usual = logical + usual_finish
        facts.append(("Usually done", f"at {usual:%H:%M} UTC, {span(usual - due)} after it is due"))
    facts += [("Last published day", published_day)] if published_day else []
    table = None
    shown = sorted((t for t in timings if t.seconds is not None), key=lambda t: -t.excess)[:_SLOW_TASKS]
    if shown:
        rows = [(t.task_id, t.state, span(t.seconds), span(t.usual_seconds) or "not known") for t in shown]
        table = Table(
            "Tasks, slowest against their usual time first", ("Task", "State", "Took", "Usually"), rows
        )
    links = [Link(f"Task {slow.task_id}", task_url(dag_id, run_id, slow.task_id))] if slow is not None else []
    links += [Link("Run", run_url(dag_id, run_id)), Link("Runbook", f"{settings.runbook_url}#run-late")]
    return Alert(
        kind="warning",
        title=f"[{settings.env}] {dag_id}: the run for {day} is late"
        + (f" ({slow.task_id})" if slow is not None else ""),
        summary=(
            f"The run has not finished by its deadline. It goes on; analytics show "
            f"{published_day or 'the last published day'} until it is done."
        ),
        facts=facts,
        table=table,
        links=links,
    )


def slow_task(timings: Sequence[TaskTiming]) -> TaskTiming | None:
    """The task that makes the run late: the one furthest beyond its usual time, else the one that is due next."""
    begun = [timing for timing in timings if timing.seconds is not None]
    if begun:
        return max(begun, key=lambda timing: (timing.excess, not timing.is_over))
    return next((timing for timing in timings if timing.state in _WAITING), None)


def describe_slow(timing: TaskTiming) -> str:
    """A sentence on the slow task."""
    usual = f"; usually {span(timing.usual_seconds)}" if timing.usual_seconds is not None else ""
    if timing.seconds is None:
        return f"{timing.task_id} {_WAITING.get(timing.state, 'has not started')}{usual}"
    if timing.is_over:
        return f"{timing.task_id} took {span(timing.seconds)}{usual}"
    doing = _WAITING.get(timing.state, "is running")
    return f"{timing.task_id} {doing}, {span(timing.seconds)} since its start{usual}"


def recovery_alert(
    dag_id: str,
    run_id: str,
    day: str,
    closed: Sequence[Incident],
    *,
    published_day: str | None = None,
    now: datetime | None = None,
) -> Alert:
    """The mail of the first success after mails of trouble.

    Args:
        closed: the incidents that are over, oldest first; at least one.
    """
    settings = get_settings()
    now = now or datetime.now(UTC)
    facts = [("DAG", dag_id), ("Run", run_id), ("Day", day)]
    facts += [(_WAS[incident.kind], _story(incident, now)) for incident in closed[:5]]
    if len(closed) > 5:
        facts.append(("And", f"{len(closed) - 5} more"))
    facts += [("Published day", published_day)] if published_day else []
    late_only = all(incident.kind == LATE for incident in closed)
    return Alert(
        kind="info",
        title=f"[{settings.env}] {dag_id}: {'done' if late_only else 'recovered'} for {day}",
        summary=(
            "The late run has finished." if late_only else "The run succeeded; the mailed failure is resolved."
        ),
        facts=facts,
        links=[Link("Run", run_url(dag_id, run_id))],
    )


_WAS = {FAILED: "Failed", LATE: "Late", "stale": "Stale"}


def _story(incident: Incident, now: datetime) -> str:
    parts = [f"since {clock(incident.since)} ({span(incident.age(now))})"]
    if incident.tasks:
        parts.append(", ".join(incident.tasks[:3]))
    if incident.count > 1:
        parts.append(f"{incident.count} times")
    return "; ".join(parts)


def stale_alert(
    dag_id: str,
    published_day: str,
    lag_hours: float,
    *,
    why: str,
    count: int = 1,
    links: Sequence[Link] = (),
) -> Alert:
    """The mail that analytics are old although no run failed.

    Args:
        dag_id: the DAG that should have published.
        published_day: the last published day.
        lag_hours: hours since its end.
        why: the cause, as far as it is known.
        count: how often this was mailed, this time included.
    """
    settings = get_settings()
    return Alert(
        kind="error",
        title=f"[{settings.env}] {dag_id}: analytics are {'still ' if count > 1 else ''}stale at {published_day}",
        summary=f"Nothing was published since {published_day}, and no failed run explains it. {why}",
        facts=[
            ("DAG", dag_id),
            ("Published day", published_day),
            ("Age", f"{span(lag_hours * 3600)} since its end; {settings.max_lag_hours} h are allowed"),
        ],
        links=[*links, Link("Runbook", f"{settings.runbook_url}#analytics-stale")],
    )


def run_url(dag_id: str, run_id: str) -> str:
    """The run's page in the Airflow UI."""
    return f"{dag_url(dag_id)}/runs/{_quoted(run_id)}"


def dag_url(dag_id: str) -> str:
    """The DAG's page in the Airflow UI."""
    return f"{_base_url()}/dags/{_quoted(dag_id)}"


def quality_page_url(day: str, run_key: str = "") -> str:
    """A day on the Data quality page of the Airflow UI; with a run key, that run's own report."""
    run = f"?run={_quoted(run_key)}" if run_key else ""
    return f"{_base_url()}/plugin/data-quality#/day/{day}{run}"


def _base_url() -> str:
    return (conf.get("api", "base_url", fallback="") or "http://localhost:8080").rstrip("/")


def task_url(dag_id: str, run_id: str, task_id: str) -> str:
    """The task's page in the Airflow UI."""
    return f"{run_url(dag_id, run_id)}/tasks/{_quoted(task_id)}"


def _quoted(name: str) -> str:
    return quote(well_formed(name))


def span(seconds: float | timedelta | None) -> str:
    """A duration for a person, for example ``2 h 05 min``; empty for None."""
    if seconds is None:
        return ""
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if total < 90:
        return f"{max(total, 0):.0f} s"
    minutes = round(total / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def moment(text: Any) -> datetime | None:
    """A time as Airflow's API writes it; None where there is none."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def clock(text: str) -> str:
    """A time as people read it; the text itself when it is none."""
    found = moment(text)
    return text if found is None else found.strftime("%Y-%m-%d %H:%M UTC%z").replace("UTC+0000", "UTC")


def _runbook(notes: Mapping[str, Mapping[str, Any]]) -> str:
    for task, note in notes.items():
        if note.get("type") == "GuardError" and task == "refresh_views":
            return "merge-conflict"
        if task in _RUNBOOKS:
            return _RUNBOOKS[task]
    return "task-failed"


def _items(found: Any) -> list[Item]:
    """The failed rules of a note, which came through XCom; what has another form is left out."""
    return [
        Item(said(item.get("text"), 2000), [said(detail, 500) for detail in _listed(item.get("details"))])
        for item in _listed(found)
        if isinstance(item, Mapping)
    ]


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else []


def _errors(notes: Mapping[str, Mapping[str, Any]]) -> str:
    lost = "no message: the task was ended from outside (killed, out of memory, marked failed); see the log"
    if len(notes) == 1:
        return said(next(iter(notes.values())).get("error"), 4000) or lost
    return "\n\n".join(f"{task}: {said(note.get('error'), 1000) or lost}" for task, note in notes.items())
