"""Driving and watching runs, against a stand-in of Airflow's REST API."""

from __future__ import annotations

import io
from contextlib import nullcontext
from datetime import date
from typing import Any

import pytest
from rich.console import Console

from local.stack import runs
from local.stack.airflow import AirflowError

TASKS = {
    "wait": ["crawl"],
    "crawl": ["load.a", "load.b"],
    "load.a": ["merge"],
    "load.b": ["merge"],
    "merge": [],
}


class FakeClient:
    """Answers like Airflow: each look at a run shows the next of its prepared states."""

    url = "http://airflow"

    def __init__(self, *looks: tuple[str, dict[str, str]], errors: list[dict[str, str]] | None = None) -> None:
        self.looks = list(looks)
        self.errors = errors or []
        self.calls: list[tuple[str, str, Any]] = []
        self.visible: dict[str, dict[str, Any]] = {}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        self.calls.append(("GET", path, query))
        if path.endswith("/tasks"):
            return {"tasks": [{"task_id": name, "downstream_task_ids": after} for name, after in TASKS.items()]}
        if path == "/backfills":
            return {"backfills": [{"id": 7, "completed_at": None}, {"id": 6, "completed_at": "2026-01-01"}]}
        if query.get("state"):
            return {"dag_runs": [{"dag_run_id": "stuck"}]}
        days = ("2026-01-01", "2026-01-02")
        return {
            "dag_runs": [{"logical_date": f"{day}T02:00:00Z", "dag_run_id": f"backfill__{day}"} for day in days]
        }

    def post(self, path: str, body: Any) -> dict[str, Any]:
        self.calls.append(("POST", path, body))
        return {}

    def put(self, path: str) -> dict[str, Any]:
        self.calls.append(("PUT", path, None))
        return {}

    def patch(self, path: str, body: Any) -> dict[str, Any]:
        self.calls.append(("PATCH", path, body))
        return {}

    def dags(self) -> dict[str, dict[str, Any]]:
        return self.visible

    def import_errors(self) -> list[dict[str, str]]:
        return self.errors

    def run(self, _dag_id: str, _run_id: str) -> dict[str, Any]:
        state = self.looks[0][0]
        return {"state": state, "start_date": "2026-01-02T02:00:00Z", "end_date": "2026-01-02T02:00:42Z"}

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        _, states = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        return [
            {
                "task_id": name,
                "state": state,
                "dag_id": dag_id,
                "dag_run_id": run_id,
                "try_number": 3,
                "start_date": "2026-01-02T02:00:00Z",
                "end_date": "2026-01-02T02:00:07Z",
            }
            for name, state in states.items()
        ]

    def task_log(self, task: dict[str, Any], lines: int = 30) -> list[str]:
        return [f"log of {task['task_id']}", "boom"][:lines]


def paper() -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, width=100), output


def test_tasks_are_listed_after_what_they_depend_on() -> None:
    order = runs.task_order(FakeClient(), "daily")  # type: ignore[arg-type]
    assert order == ["wait", "crawl", "load.a", "load.b", "merge"]


def test_watch_ends_when_all_runs_succeeded_and_tells_each_task_once() -> None:
    client = FakeClient(
        ("running", {"wait": "success", "crawl": "running"}),
        ("running", {"wait": "success", "crawl": "success"}),
        ("success", dict.fromkeys(TASKS, "success")),
    )
    console, output = paper()
    watched = runs.watch(client, "daily", {"2026-01-01": "run"}, target=console)  # type: ignore[arg-type]
    assert watched.states == {"2026-01-01": "success"}
    assert watched.seconds == {"2026-01-01": 42.0}
    lines = output.getvalue().splitlines()
    assert len([line for line in lines if " wait " in line]) == 1
    assert lines[-1] == "✔ 2026-01-01  whole run 42 s"


def test_a_failed_run_names_the_task_and_shows_its_log() -> None:
    client = FakeClient(("failed", {"wait": "success", "crawl": "failed", "merge": "upstream_failed"}))
    with pytest.raises(runs.RunFailedError) as caught:
        runs.watch(client, "daily", {"2026-01-01": "a+b"}, target=paper()[0])  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("Task crawl of daily failed for 2026-01-01 (attempt 3).")
    assert "  boom" in message
    assert "http://airflow/dags/daily/runs/a%2Bb/tasks/crawl" in message


def test_days_start_as_one_backfill_after_giving_up_what_was_left_running() -> None:
    client = FakeClient()
    found = runs.start_days(client, "daily", date(2026, 1, 1), date(2026, 1, 2))  # type: ignore[arg-type]
    assert found == {"2026-01-01": "backfill__2026-01-01", "2026-01-02": "backfill__2026-01-02"}
    changes = [call for call in client.calls if call[0] != "GET"]
    assert changes[0] == ("PUT", "/backfills/7/cancel", None)
    assert changes[1] == ("PATCH", "/dags/daily/dagRuns/stuck", {"state": "failed"})
    method, path, body = changes[2]
    assert (method, path) == ("POST", "/backfills")
    assert body["from_date"].startswith("2026-01-01T00:00")
    assert body["to_date"].startswith("2026-01-02T23:59")
    assert body["max_active_runs"] == 1


@pytest.mark.parametrize(("status", "starts"), [(409, True), (404, False), (500, False)])
def test_a_backfill_that_completes_between_the_list_and_its_cancellation_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, status: int, starts: bool
) -> None:
    """Airflow marks a backfill as completed some time after its last run; cancelling it is a conflict from then on."""
    client = FakeClient()

    def put(path: str) -> dict[str, Any]:
        raise AirflowError(f"PUT {path}: HTTP {status}", status)

    monkeypatch.setattr(client, "put", put)
    day = date(2026, 1, 1)
    with nullcontext() if starts else pytest.raises(AirflowError, match=str(status)):
        runs.start_days(client, "daily", day, day)  # type: ignore[arg-type]
    assert any(call[:2] == ("POST", "/backfills") for call in client.calls) == starts


def test_a_dag_that_cannot_be_imported_is_told_with_its_trace() -> None:
    client = FakeClient(errors=[{"filename": "daily.py", "stack_trace": "…\nNameError: name 'x'"}])
    with pytest.raises(runs.RunFailedError, match=r"(?s)daily.py cannot be imported.*NameError"):
        runs.wait_for_dags(client, ["daily"], 1)  # type: ignore[arg-type]


def test_a_dag_that_never_appears_is_told() -> None:
    with pytest.raises(runs.RunFailedError, match="did not show the DAG daily"):
        runs.wait_for_dags(FakeClient(), ["daily"], 0)  # type: ignore[arg-type]
