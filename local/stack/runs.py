"""Drives DAG runs through the real scheduler, and shows them task by task while they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.stack.airflow import AirflowClient, AirflowError
from local.stack.display import console

BOOTSTRAP = "ecommerce_dwh_bootstrap"
DAILY = "ecommerce_dwh_daily"

_STILL_RUNNING = 30.0  # seconds between two lines about a task that goes on, where there is no terminal
_PAUSE = 1.0  # each look asks the api-server twice, which takes it some 85 ms
_OVER = {"success", "failed"}
_MARKS = {
    "success": ("✔", "green"),
    "failed": ("✘", "red"),
    "upstream_failed": ("✘", "dim red"),
    "skipped": ("–", "dim"),
    "running": ("▶", "cyan"),
    "deferred": ("▶", "cyan"),  # waits outside a worker; to a person it is the same
    "up_for_retry": ("↻", "yellow"),
    "queued": ("·", "dim"),
    "scheduled": ("·", "dim"),
    "restarting": ("↻", "yellow"),
}


class RunFailedError(RuntimeError):
    """A DAG run failed; the message names the task and ends with its log."""


@dataclass
class Watched:
    """Runs under observation, and what is known of them.

    Attributes:
        runs: run ids by label, such as the day that a run loads.
        order: task ids in the order in which they can run.
    """

    dag_id: str
    runs: Mapping[str, str]
    order: Sequence[str]
    states: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)


def wait_for_dags(client: AirflowClient, dag_ids: Sequence[str], limit_seconds: float = 90) -> None:
    """Wait until the DAG processor has read the DAGs.

    Raises:
        RunFailedError: a DAG file cannot be imported, or a DAG did not appear in time.
    """
    end = time.monotonic() + limit_seconds
    while True:
        present = client.dags()
        if all(dag_id in present for dag_id in dag_ids):
            return
        if errors := client.import_errors():
            trace = str(errors[0]["stack_trace"]).strip().splitlines()
            raise RunFailedError(
                "\n".join([f"The DAG file {errors[0]['filename']} cannot be imported:", *trace[-20:]])
            )
        if time.monotonic() > end:
            missing = [dag_id for dag_id in dag_ids if dag_id not in present]
            raise RunFailedError(f"Airflow did not show the DAG {missing[0]} within {limit_seconds:.0f} s.")
        time.sleep(_PAUSE)


def start_days(
    client: AirflowClient, dag_id: str, first: date, last: date, *, backwards: bool = False
) -> dict[str, str]:
    """Start a native Airflow backfill of days, one run after another; returns run ids by day.

    Days that ran before run again. What an interrupted command left running is given up first, because Airflow
    allows one backfill per DAG.
    """
    for backfill in client.get("/backfills", dag_id=dag_id, limit=100)["backfills"]:
        if backfill["completed_at"] is None:
            _cancel_backfill(client, backfill["id"])
    for run in client.get(f"/dags/{dag_id}/dagRuns", state=["running", "queued"], limit=100)["dag_runs"]:
        client.patch(f"/dags/{dag_id}/dagRuns/{_quoted(run['dag_run_id'])}", {"state": "failed"})
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(hours=23, minutes=59)
    client.post(
        "/backfills",
        {
            "dag_id": dag_id,
            "from_date": begin.isoformat(),
            "to_date": end.isoformat(),
            "max_active_runs": 1,
            "run_backwards": backwards,
            "reprocess_behavior": "completed",
        },
    )
    runs = client.get(
        f"/dags/{dag_id}/dagRuns",
        logical_date_gte=begin.isoformat(),
        logical_date_lte=end.isoformat(),
        order_by="logical_date",
        limit=1000,
    )["dag_runs"]
    return {str(run["logical_date"])[:10]: str(run["dag_run_id"]) for run in runs}


def _cancel_backfill(client: AirflowClient, backfill_id: int) -> None:
    """Cancel a backfill, unless it has been completed since it was listed: Airflow answers that with 409."""
    try:
        client.put(f"/backfills/{backfill_id}/cancel")
    except AirflowError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise


def watch(
    client: AirflowClient,
    dag_id: str,
    runs: Mapping[str, str],
    *,
    target: Console = console,
    on_tick: Callable[[], None] = lambda: None,
) -> Watched:
    """Follow runs to their end.

    Args:
        client: the REST API.
        dag_id: the DAG.
        runs: run ids by label; they run one after the other.
        target: where the progress is shown.
        on_tick: called about once a second, for work that goes on beside.

    Raises:
        RunFailedError: a run failed.
    """
    watched = Watched(dag_id, runs, task_order(client, dag_id))
    live = Live(console=target, refresh_per_second=4, get_renderable=lambda: _table(watched))
    interactive = target.is_terminal
    told: set[tuple[str, str]] = set()
    silent_since = time.monotonic()
    if interactive:
        live.start()
    try:
        while True:
            on_tick()
            _look(client, watched)
            if not interactive:
                count = len(told)
                _tell(watched, told, target)
                if len(told) > count:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > _STILL_RUNNING:
                    silent_since = time.monotonic()
                    target.print(_running(watched))
            if failed := [label for label, state in watched.states.items() if state == "failed"]:
                raise RunFailedError(failure_text(client, watched, failed[0]))
            if all(watched.states.get(label) == "success" for label in runs):
                return watched
            time.sleep(_PAUSE)
    finally:
        if interactive:
            live.refresh()
            live.stop()


def task_order(client: AirflowClient, dag_id: str) -> list[str]:
    """Task ids, each after those it depends on."""
    tasks = {task["task_id"]: task for task in client.get(f"/dags/{dag_id}/tasks")["tasks"]}
    waits: dict[str, int] = dict.fromkeys(tasks, 0)
    for task in tasks.values():
        for follower in task["downstream_task_ids"]:
            waits[follower] += 1
    ready = [task_id for task_id, count in waits.items() if count == 0]
    order: list[str] = []
    while ready:
        # Depth first keeps the tasks of a group together.
        task_id = ready.pop()
        order.append(task_id)
        for follower in sorted(tasks[task_id]["downstream_task_ids"], reverse=True):
            waits[follower] -= 1
            if waits[follower] == 0:
                ready.append(follower)
    return order


def failure_text(client: AirflowClient, watched: Watched, label: str) -> str:
    """The task that failed a run, and the end of its log."""
    failed = [task for task in watched.tasks[label].values() if task["state"] == "failed"]
    if not failed:
        return f"The run {watched.runs[label]} of {watched.dag_id} failed without a failed task."
    task = failed[0]
    try:
        log = client.task_log(task, lines=30)
    except (AirflowError, OSError) as error:
        log = [f"(its log cannot be read: {error})"]
    address = f"{client.url}/dags/{watched.dag_id}/runs/{_quoted(watched.runs[label])}/tasks/{task['task_id']}"
    return "\n".join(
        [
            f"Task {task['task_id']} of {watched.dag_id} failed for {label} (attempt {task['try_number']}).",
            "The end of its log:",
            *(f"  {line}" for line in log),
            f"In the web UI (make up): {address}",
        ]
    )


def _look(client: AirflowClient, watched: Watched) -> None:
    for label, run_id in watched.runs.items():
        if watched.states.get(label) in _OVER:
            continue
        run = client.run(watched.dag_id, run_id)
        # A repeated run shows its old tasks until the scheduler has cleared it.
        watched.tasks[label] = {
            task["task_id"]: task for task in client.task_instances(watched.dag_id, run_id) if task["state"]
        }
        watched.states[label] = run["state"]
        watched.seconds[label] = _elapsed(run)
        if run["state"] not in _OVER:
            return  # the following runs wait for this one


def _elapsed(item: Mapping[str, Any]) -> float:
    if not item.get("start_date"):
        return 0.0
    begin = datetime.fromisoformat(item["start_date"])
    end = datetime.fromisoformat(item["end_date"]) if item.get("end_date") else datetime.now(UTC)
    return max((end - begin).total_seconds(), 0.0)


def _table(watched: Watched) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("task", no_wrap=True, style="dim")
    for label in watched.runs:
        table.add_column(label, no_wrap=True, min_width=10)
    for task_id in watched.order:
        table.add_row(task_id, *(_cell(watched.tasks.get(label, {}).get(task_id)) for label in watched.runs))
    totals = [
        Text.assemble(_mark(watched.states.get(label, "")), f" {watched.seconds.get(label, 0):.0f} s")
        for label in watched.runs
    ]
    table.add_row(Text("whole run", style="bold"), *totals)
    return table


def _cell(task: Mapping[str, Any] | None) -> Text:
    if task is None:
        return Text("")
    elapsed = _elapsed(task)
    return Text.assemble(_mark(task["state"]), f" {elapsed:.1f} s" if elapsed else "")


def _mark(state: str) -> tuple[str, str]:
    return _MARKS.get(state, ("", ""))


def _tell(watched: Watched, told: set[tuple[str, str]], target: Console) -> None:
    """Without a terminal: a line for each task that ended."""
    for label, tasks in watched.tasks.items():
        for task_id in watched.order:
            task = tasks.get(task_id)
            if task is None or task["state"] not in {"success", "failed", "skipped"}:
                continue
            if (label, task_id) not in told:
                told.add((label, task_id))
                mark, style = _mark(task["state"])
                target.print(Text.assemble((mark, style), f" {label}  {task_id:<40} {_elapsed(task):6.1f} s"))
        if watched.states.get(label) in _OVER and (label, "") not in told:
            told.add((label, ""))
            mark, style = _mark(watched.states[label])
            target.print(Text.assemble((mark, style), f" {label}  whole run {watched.seconds[label]:.0f} s"))


def _running(watched: Watched) -> Text:
    """What goes on, for a log that nobody should take for dead."""
    tasks = [
        f"{label}  {task_id} ({_elapsed(task):.0f} s)"
        for label, found in watched.tasks.items()
        for task_id, task in found.items()
        if task["state"] in {"running", "deferred", "up_for_retry"}
    ]
    return Text.assemble(_mark("running"), f" {', '.join(tasks) or 'waiting for the scheduler'}", style="dim")


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
