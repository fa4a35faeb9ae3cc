"""Who hears of what: callbacks that turn failures and missed deadlines into one mail per incident.

A failure is told in two steps. The failing task notes what it knows (error, last published day) in XCom while
it still has it; when the run has failed, the DAG's callback collects the notes of all failed tasks into one
mail. So several tasks that fail together make one mail, and a task whose worker was killed is told as well.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]
from airflow.sdk.configuration import conf

from ecommerce_dwh.mail import Alert, Link, send
from ecommerce_dwh.settings import get_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

FAILURE_KEY = "failure"
_FAILED_STATES = ("failed",)
_WAREHOUSE_PATIENCE = 10.0  # seconds that an alert waits for the last published day
# Which runbook section helps with which failing task.
_RUNBOOKS = {
    "wait_for_raw": "raw-files-missing",
    "quality_gate": "quality-gate-closed",
    "audit": "audit-failed",
}


def note_failure(context: Context) -> None:
    """Task callback: keep what the failing task knows, for the run's mail."""
    if "exception" not in context:
        # Run by the DAG processor for a task that was ended from outside. It knows no error, and XComs cannot be
        # written there: the request would never be answered.
        return
    error = context["exception"]
    ti = context["ti"]
    note: dict[str, Any] = {
        "error": _message(error),
        "type": type(error).__name__ if error else "",
        "try_number": ti.try_number,
        "log_url": ti.log_url,
        "items": [str(rule) for rule in getattr(error, "failures", ())],
        "report_url": getattr(error, "report_url", ""),
        "published_day": _published_day(),
    }
    ti.xcom_push(key=FAILURE_KEY, value=note)


def mail_run_failure(context: Context) -> None:
    """DAG callback: one mail for the failed run, naming every failed task."""
    ti: Any = context.get("ti")
    run: Any = context.get("dag_run")
    dag_id = context["dag"].dag_id  # always there, unlike the rest
    run_id = context.get("run_id") or (run.run_id if run else "")
    notes = _collect_notes(ti, dag_id, str(run_id)) if ti is not None else {}
    send(failure_alert(dag_id, str(run_id), run, notes, reason=str(context.get("reason") or "")))


def failure_alert(
    dag_id: str, run_id: str, run: Any, notes: Mapping[str, Mapping[str, Any]], *, reason: str = ""
) -> Alert:
    """The mail of a failed run.

    Args:
        dag_id: the DAG.
        run_id: the run.
        run: the DAG run as the callback got it, or None.
        notes: per failed task what `note_failure` kept; empty for a task that could not note anything.
        reason: Airflow's own word for the failure.
    """
    settings = get_settings()
    tasks = list(notes)
    first = notes[tasks[0]] if tasks else {}
    gate = "quality_gate" in notes and bool(notes["quality_gate"].get("items"))
    day = _day_of(run)
    if gate:
        title = f"[{settings.env}] {dag_id}: the quality gate is closed for {day}"
        summary = (
            "Rules of severity 'error' failed, so nothing of the run was loaded. Analytics keep showing the "
            "last published day."
        )
    else:
        what = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks" if tasks else "the run"
        title = f"[{settings.env}] {dag_id}: {what} failed for {day}"
        summary = "The run stopped and published nothing. Analytics keep showing the last published day."
    published = next((note["published_day"] for note in notes.values() if note.get("published_day")), None)
    facts = [("DAG", dag_id), ("Run", run_id), ("Day", day)]
    facts += [("Task" if len(tasks) == 1 else "Tasks", ", ".join(tasks))] if tasks else []
    facts += [("Try", str(first["try_number"]))] if first.get("try_number") else []
    facts += [("Reason", reason)] if reason and not tasks else []
    facts += [("Last published day", published)] if published else []
    links = [
        Link(
            "Log" if len(tasks) == 1 else f"Log of {task}",
            str(note.get("log_url") or task_url(dag_id, run_id, task)),
        )
        for task, note in list(notes.items())[:5]
    ]
    links += [Link("Quality report", note["report_url"]) for note in notes.values() if note.get("report_url")]
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
        items=notes["quality_gate"]["items"] if gate else (),
        links=links,
    )


def _collect_notes(ti: Any, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
    """Failed tasks of the run with their notes. Whatever cannot be read is left out: the mail matters more."""
    try:
        states = ti.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
        failed = [task for task, state in states.items() if str(state) in _FAILED_STATES]
    except Exception:
        log.exception("The states of the run's tasks could not be read")
        failed = []
    notes: dict[str, dict[str, Any]] = {}
    for task in failed or [ti.task_id]:
        try:
            notes[task] = dict(ti.xcom_pull(task_ids=task, key=FAILURE_KEY, run_id=run_id) or {})
        except Exception:
            log.exception("The note of task %s could not be read", task)
            notes[task] = {}
    return notes


async def mail_missed_deadline(context: Mapping[str, Any]) -> None:
    """Deadline callback, run by the triggerer: tell that a scheduled run is late.

    Silent for runs that are over (a failure has its own mail) and for runs that nobody waits for at a certain
    hour: backfills, and runs that a person started.
    """
    run = context["dag_run"]
    if str(run.get("state")) in ("success", "failed") or str(run.get("run_type")) != "scheduled":
        log.info(
            "Deadline of run %s passed without alert: %s, %s",
            run.get("dag_run_id"),
            run.get("run_type"),
            run.get("state"),
        )
        return
    published = await asyncio.to_thread(_published_day)
    alert = deadline_alert(run, str(context.get("deadline", {}).get("deadline_time") or ""), published)
    await asyncio.to_thread(send, alert)


def deadline_alert(run: Mapping[str, Any], deadline: str, published_day: str | None) -> Alert:
    """The mail of a late run."""
    settings = get_settings()
    dag_id, run_id = str(run["dag_id"]), str(run["dag_run_id"])
    day = str(run.get("data_interval_start") or run.get("logical_date") or "")[:10] or "?"
    facts = [
        ("DAG", dag_id),
        ("Run", run_id),
        ("Day", day),
        ("Deadline", _clock(deadline)),
        ("State", str(run.get("state"))),
        ("Started", _clock(str(run.get("start_date") or "")) or "not yet"),
    ]
    facts += [("Last published day", published_day)] if published_day else []
    return Alert(
        kind="warning",
        title=f"[{settings.env}] {dag_id}: the run for {day} is late",
        summary=(
            f"The run has not finished by its deadline. It goes on; analytics show "
            f"{published_day or 'the last published day'} until it is done."
        ),
        facts=facts,
        links=[Link("Run", run_url(dag_id, run_id)), Link("Runbook", f"{settings.runbook_url}#run-late")],
    )


def daily_deadline() -> DeadlineAlert:
    """The deadline of a daily run: ``deadline_minutes`` after its scheduled start.

    A run of the data-interval timetable has the start of its interval as logical date, one day before it is
    due.
    """
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(days=1, minutes=get_settings().deadline_minutes),
        callback=AsyncCallback(mail_missed_deadline),
        name="published in time",
    )


def run_url(dag_id: str, run_id: str) -> str:
    """The run's page in the Airflow UI."""
    base = conf.get("api", "base_url", fallback="") or "http://localhost:8080"
    return f"{base.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id)}"


def task_url(dag_id: str, run_id: str, task_id: str) -> str:
    """The task's page in the Airflow UI."""
    return f"{run_url(dag_id, run_id)}/tasks/{task_id}"


def _runbook(notes: Mapping[str, Mapping[str, Any]]) -> str:
    for task, note in notes.items():
        if note.get("type") == "GuardError" and task == "refresh_views":
            return "merge-conflict"
        if task in _RUNBOOKS:
            return _RUNBOOKS[task]
    return "task-failed"


def _errors(notes: Mapping[str, Mapping[str, Any]]) -> str:
    lost = "no message: the task was ended from outside (killed, out of memory, marked failed); see the log"
    if len(notes) == 1:
        return str(next(iter(notes.values())).get("error") or lost)
    return "\n\n".join(f"{task}: {note.get('error') or lost}" for task, note in notes.items())


def _message(error: Any) -> str:
    text = str(error).strip() if error is not None else ""
    return text or (type(error).__name__ if error is not None else "")


def _day_of(run: Any) -> str:
    """The days that a run loads, as far as the callback can tell."""
    if run is None:
        return "?"
    from ecommerce_dwh.window import WindowError, resolve_window  # noqa: PLC0415 - keeps alerts light

    try:
        return str(
            resolve_window(
                run_id=run.run_id,
                run_after=run.run_after,
                data_interval_start=run.data_interval_start,
                params=run.conf,
            )
        )
    except WindowError:
        return "unreadable dates"


def _clock(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC%z").replace("UTC+0000", "UTC")
    except ValueError:
        return text


def _published_day() -> str | None:
    """The last published day, or None when the warehouse does not answer at once: an alert must not wait for
    it."""
    found: list[str | None] = []

    def ask() -> None:
        from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook  # noqa: PLC0415 - heavy

        try:
            sql = (get_settings().sql_dir / "control" / "warehouse_state.sql").read_text("utf-8")
            row = RedshiftSQLHook().get_first(sql.rstrip().rstrip(";"))
            found.append(str(row[0]) if row and row[0] else None)
        except Exception as error:
            log.info("The last published day is not known: %s", error)

    thread = threading.Thread(target=ask, name="last-published-day", daemon=True)
    thread.start()
    thread.join(_WAREHOUSE_PATIENCE)
    return found[0] if found else None
