"""Callbacks that turn failures and missed deadlines into one mail per incident.

A failure is notified in two steps. The failing task stores its error and the last published day in XCom; when the run
has failed, the DAG's callback collects these notes of all failed tasks into one mail. Several tasks that fail together
therefore make one mail, and a task whose worker was killed is part of it. The first success afterwards is mailed as
well, because `incidents` stores what was mailed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from ecommerce_dwh.alerts import run_history
from ecommerce_dwh.alerts.incidents import FAILED, LATE, Incident, IncidentLog, fingerprint
from ecommerce_dwh.alerts.mail import Alert, send
from ecommerce_dwh.alerts.texts import deadline_alert, failure_alert, moment, recovery_alert
from ecommerce_dwh.privacy.masking import mask, mask_error, mask_path
from ecommerce_dwh.run_types import run_type
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.texts import said

if TYPE_CHECKING:
    from airflow.sdk import Context

    from ecommerce_dwh.contracts import SourceContract
    from ecommerce_dwh.window import LoadWindow

log = logging.getLogger(__name__)

FAILURE_KEY = "failure"
_FAILED_STATES = ("failed",)
_WAREHOUSE_PATIENCE = 10.0  # seconds that an alert waits for the last published day
_SAMPLES = 3  # of each failed rule, and of each reason of quarantine
_COUNTED = ("rejected_files", "conflicts", "columns", "null_words", "key_spelling", "filled")
_MAX_ITEMS = 50  # failed rules in a mail
_MAX_MESSAGE = 4000  # characters of an error that are kept for the mail; the log has it all


def note_failure(context: Context) -> None:
    """Task callback: store the failing task's error and context for the run's mail."""
    if "exception" not in context:
        # Run by the DAG processor for a task that was ended from outside. It knows no error, and XComs cannot be
        # written there: the request would never be answered.
        return
    error = context["exception"]
    ti = context["ti"]
    max_tries = getattr(ti, "max_tries", None)
    note: dict[str, Any] = {
        # Databases quote values of rows in their messages; a mail reaches more people than the warehouse lets in.
        "error": mask_error(_message(error)),
        "type": type(error).__name__ if error else "",
        "try_number": ti.try_number,
        "max_tries": max_tries + 1 if isinstance(max_tries, int) else None,
        "log_url": said(ti.log_url, 2000),
        "items": gate_items(getattr(error, "failures", ()), getattr(error, "quarantine", ())),
        "report_url": getattr(error, "report_url", ""),
        "page_url": getattr(error, "page_url", ""),
        "published_day": _published_day(),
    }
    ti.xcom_push(key=FAILURE_KEY, value=note)


def gate_items(failures: Sequence[Any], quarantine: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The failed rules of a closed gate with samples of their rows, personal data masked.

    Args:
        failures: the failed rules (`ecommerce_dwh.quality.report.FailedRule`).
        quarantine: the report's section of that name.
    """
    contracts = _contracts() if failures else {}
    items = []
    for rule in failures[:_MAX_ITEMS]:
        contract = contracts.get(rule.source)
        columns = [column.name for column in contract.columns if column.pii] if contract else []
        kinds = {known.name: known.kind for known in contract.rules} if contract else {}
        is_personal = any(column in f"{rule.rule} {rule.message}" for column in columns)
        # Rules on what processing counted have sentences for samples, others keys; the message may have named some.
        word = "" if kinds.get(rule.rule) in _COUNTED else "row "
        details = [
            f"{word}{mask(said(key, 300), is_personal=is_personal)}"
            for key in rule.samples[:_SAMPLES]
            if not (key in rule.message and key in str(rule))
        ]
        if kinds.get(rule.rule) == "quarantine_ratio":
            details += _rejected_rows(rule.source, columns, quarantine)
        items.append(
            {"text": mask(said(rule, 2000), is_personal=is_personal), "details": details[: 3 * _SAMPLES]}
        )
    return items


def _rejected_rows(source: str, personal: Sequence[str], quarantine: Sequence[Mapping[str, Any]]) -> list[str]:
    """Samples of a source's quarantined rows: where each is, and what is wrong with it."""
    found = []
    for reason in quarantine:
        if reason.get("source") != source:
            continue
        hidden = str(reason.get("rule", "")).partition(":")[2] in personal
        found += [
            f"{mask_path(said(sample.get('source_file'), 300))}:{sample.get('source_line')} "
            f"{mask(said(sample.get('message'), 2000), is_personal=hidden)}"
            for sample in list(reason.get("samples", ()))[:_SAMPLES]
        ]
    return found


def mail_run_failure(context: Context) -> None:
    """DAG callback: one mail for the failed run, naming every failed task."""
    ti: Any = context.get("ti")
    run: Any = context.get("dag_run")
    dag_id = context["dag"].dag_id  # always there, unlike the rest
    run_id = str(context.get("run_id") or (run.run_id if run else ""))
    notes = _collect_notes(ti, dag_id, run_id) if ti is not None else {}
    window = _window_of(run)
    incident = IncidentLog().open(
        Incident(
            FAILED,
            dag_id,
            *_days(window),
            run_id=run_id,
            tasks=tuple(notes),
            cause=fingerprint(notes, (str(note.get("error", "")) for note in notes.values())),
            is_backfill=run_type(run) == "backfill",
        )
    )
    if not incident.is_mailed:
        log.info("Run %s failed for the cause that was mailed a short while ago; no further mail", run_id)
        return
    _send_whatever_happens(
        lambda: failure_alert(
            dag_id,
            run_id,
            _words(window, run),
            notes,
            reason=said(context.get("reason"), 1000),
            incident=incident,
            is_backfill=run_type(run) == "backfill",
        ),
        f"{dag_id}: a run failed",
        run_id,
    )


def _send_whatever_happens(build: Callable[[], Alert], title: str, run_id: str) -> None:
    """Send an alert; where its text cannot be built from the run's notes, send one that says so."""
    try:
        alert = build()
    except Exception:
        log.exception("The alert's text could not be made")
        alert = Alert(
            kind="error",
            title=f"[{get_settings().env}] {title}",
            summary="The run's notes could not be read; the callback's log says why. Look at the run itself.",
            facts=[("Run", run_id)],
        )
    send(alert)


def mail_run_success(context: Context) -> None:
    """DAG callback: mail the end of incidents that were mailed; without any, send nothing."""
    run: Any = context.get("dag_run")
    dag = context["dag"]
    run_id = str(context.get("run_id") or (run.run_id if run else ""))
    window = _window_of(run)
    # The success of a DAG with days resolves the incidents of its days; of any other DAG, all of its incidents.
    days = _days(window) if "start_date" in dag.params or _is_scheduled_by_day(dag) else ("", "")
    closed = [incident for incident in IncidentLog().close(dag.dag_id, *days) if incident.is_mailed]
    if closed:
        send(recovery_alert(dag.dag_id, run_id, _words(window, run), closed, published_day=_published_day()))


def _is_scheduled_by_day(dag: Any) -> bool:
    return bool(getattr(dag, "deadline", None))


def _collect_notes(ti: Any, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
    """Failed tasks of the run with their notes; without those that cannot be read, because the mail matters more."""
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


async def mail_missed_deadline(context: Mapping[str, Any], last_task: str = "") -> None:
    """Deadline callback, run by the triggerer: mail that a scheduled run is late.

    No mail is sent for runs that are over (a failure has its own mail) and for runs without a usual time of day:
    backfills, and runs that a person started.

    Args:
        context: the run and its deadline, as Airflow passes them.
        last_task: the run's last task; its ends in earlier runs give the usual end of a run.
    """
    run = context["dag_run"]
    dag_id, run_id = str(run.get("dag_id")), str(run.get("dag_run_id"))
    # The context was written when the deadline passed; the run may have ended since.
    state = await asyncio.to_thread(_asked, run_history.run_state, dag_id, run_id) or str(run.get("state"))
    if state in ("success", "failed") or str(run.get("run_type")) != "scheduled":
        log.info("Deadline of run %s passed without alert: %s, %s", run_id, run.get("run_type"), state)
        return
    await asyncio.to_thread(_tell_late, {**run, "state": state}, context.get("deadline") or {}, last_task)


def _tell_late(run: Mapping[str, Any], deadline: Mapping[str, Any], last_task: str) -> None:
    dag_id, run_id = str(run["dag_id"]), str(run["dag_run_id"])
    logical_date = moment(run.get("logical_date"))
    timings: list[run_history.TaskTiming] = []
    usual: timedelta | None = None
    if logical_date is not None:
        timings = _asked(run_history.task_timings, dag_id, run_id, logical_date) or []
        usual = _asked(run_history.usual_finish, dag_id, last_task, logical_date) if last_task else None
    day = str(run.get("data_interval_start") or run.get("logical_date") or "")[:10]
    IncidentLog().open(Incident(LATE, dag_id, day, day, run_id=run_id))
    _send_whatever_happens(
        lambda: deadline_alert(
            run,
            str(deadline.get("deadline_time") or ""),
            _published_day(),
            timings=timings,
            usual_finish=usual,
        ),
        f"{dag_id}: a run is late",
        run_id,
    )


def _asked(question: Any, *arguments: Any) -> Any:
    """The result of a question to Airflow, or None on an error: a mail without the figure is better than no mail."""
    try:
        return question(*arguments)
    except Exception as error:
        log.warning("Airflow did not say %s: %s", question.__name__, error)
        return None


def daily_deadline(last_task: str = "publish") -> DeadlineAlert:
    """The deadline of a daily run: ``deadline_minutes`` after its scheduled start.

    A run of the data-interval timetable has the start of its interval as logical date, one day before it is
    due.
    """
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(days=1, minutes=get_settings().deadline_minutes),
        callback=AsyncCallback(mail_missed_deadline, kwargs={"last_task": last_task}),
        name="published in time",
    )


def _message(error: Any) -> str:
    return said(error, _MAX_MESSAGE).strip() or (type(error).__name__ if error is not None else "")


def _contracts() -> dict[str, SourceContract]:
    from ecommerce_dwh.contracts import load_contracts  # late import: keeps alerts light

    try:
        return load_contracts(get_settings().sources_dir)
    except Exception as error:
        log.warning("The contracts could not be read: %s", error)
        return {}


def _window_of(run: Any) -> LoadWindow | None:
    """The days that a run loads; None where they cannot be derived from the run."""
    if run is None:
        return None
    from ecommerce_dwh.window import WindowError, window_of  # late import: keeps alerts light

    try:
        return window_of(run, run.conf)
    except WindowError:
        return None


def _days(window: LoadWindow | None) -> tuple[str, str]:
    return (window.start_date, window.end_date) if window is not None else ("", "")


def _words(window: LoadWindow | None, run: Any) -> str:
    if window is not None:
        return str(window)
    return "unreadable dates" if run is not None else "?"


def _published_day() -> str | None:
    """The last published day, or None when the warehouse does not answer within `_WAREHOUSE_PATIENCE` seconds."""
    found: list[str | None] = []

    def ask() -> None:
        from ecommerce_dwh.warehouse.state import ask_for_state  # late import: keeps alerts light

        try:
            day = ask_for_state().published_day
            found.append(str(day) if day else None)
        except Exception as error:
            log.info("The last published day is not known: %s", error)

    thread = threading.Thread(target=ask, name="last-published-day", daemon=True)
    thread.start()
    thread.join(_WAREHOUSE_PATIENCE)
    return found[0] if found else None
