"""What orchestration costs beside the work: measured from Airflow's own record of real runs on the running local stack.

    .venv/local/bin/python -m local run --keep          # or make up and some runs
    .venv/local/bin/python benchmarks/orchestration.py [--run] [--restart]

overhead   of each successful daily run: its wall time less the time that the tasks of its critical path worked. The
           critical path is found backwards from the task that ended last, each time to the upstream task that ended
           last. What is left is scheduling, starting of processes, and waiting for a slot. Runs of which a task was
           cleared are left out.
--run      loads the day that was loaded last once more before measuring.
--restart  ends the scheduler in the middle of a run (the day that was loaded last, again) and starts it; counts the
           seconds from its start to the first task that starts afterwards, and says how the run ended. Once it is
           asked to stop and killed ten seconds later, as `make down` does, once killed at once.

Figures are reported, never asserted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from local.config import load_config
from local.stack import runs
from local.stack.airflow import AirflowClient
from local.stack.display import console, grid
from local.stack.supervisor import Stack


@dataclass(frozen=True)
class Overhead:
    """A run's wall time, the part of it that its critical path worked, seconds, and the length of that path."""

    run_id: str
    wall: float
    worked: float
    tasks: int

    @property
    def seconds(self) -> float:
        return self.wall - self.worked


def critical_path(tasks: Mapping[str, Mapping[str, Any]], upstream: Mapping[str, Sequence[str]]) -> list[str]:
    """Ids of the tasks that a run waited for, first to last.

    Args:
        tasks: per task id its ``start_date`` and ``end_date``.
        upstream: per task id the tasks it waits for.
    """
    path = [max(tasks, key=lambda task: tasks[task]["end_date"])]
    while before := [task for task in upstream[path[-1]] if task in tasks]:
        path.append(max(before, key=lambda task: tasks[task]["end_date"]))
    return path[::-1]


def measure_run(
    client: AirflowClient, run: Mapping[str, Any], upstream: Mapping[str, Sequence[str]]
) -> Overhead | None:
    """The overhead of a finished run; None when it did not run in one go."""
    found = client.task_instances(runs.DAILY, run["dag_run_id"])
    tasks = {
        task["task_id"]: {"start_date": _time(task["start_date"]), "end_date": _time(task["end_date"])}
        for task in found
        if task["end_date"]
    }
    if min(task["start_date"] for task in tasks.values()) < _time(run["start_date"]):
        return None  # cleared: Airflow counts the run anew, and keeps the tasks that were not cleared
    path = critical_path(tasks, upstream)
    worked = sum((tasks[task]["end_date"] - tasks[task]["start_date"]).total_seconds() for task in path)
    wall = (_time(run["end_date"]) - _time(run["start_date"])).total_seconds()
    return Overhead(run["dag_run_id"], wall, worked, len(path))


def measure_restart(client: AirflowClient, stack: Stack, grace: float) -> tuple[str, float, float, str]:
    """Which task starts first under the new scheduler, seconds from that one's start, the same from the end of the old
    one, and the state in which the run ended.

    Args:
        grace: seconds that the old one may take to end by itself.
    """
    run_id = _start_again(client)
    while _states(client, run_id).get("process_data") != "running":
        time.sleep(0.2)
    time.sleep(3)  # its job is under way
    before = _begun(client, run_id)
    stack.book.stop(["scheduler"], {"scheduler": grace})
    stopped = datetime.now(UTC)
    stack.up()
    process = stack.book.find("scheduler")
    assert process is not None
    started = datetime.fromtimestamp(process.create_time(), UTC)
    while not (begun := _begun(client, run_id) - before):
        time.sleep(0.2)
    (resumed, task_id), *_ = sorted(begun)
    state = _await_end(client, run_id)
    return task_id, (resumed - started).total_seconds(), (resumed - stopped).total_seconds(), state


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--restart", action="store_true", help="also restart the scheduler in the middle of a run"
    )
    parser.add_argument("--run", action="store_true", help="load a day once more before measuring")
    given = parser.parse_args()
    config = load_config()
    stack, client = Stack(config), AirflowClient(config.airflow_url)
    finished = _finished(client)
    if not finished:
        console.print("No successful daily run here: `.venv/local/bin/python -m local run --keep` first.")
        return 1
    if given.run:
        _await_end(client, _start_again(client))
        finished = _finished(client)
    tasks = client.get(f"/dags/{runs.DAILY}/tasks")["tasks"]
    upstream: dict[str, list[str]] = {task["task_id"]: [] for task in tasks}
    for task in tasks:
        for follower in task["downstream_task_ids"]:
            upstream[follower].append(task["task_id"])
    found = [item for run in finished if (item := measure_run(client, run, upstream)) is not None]
    rows = (
        (item.run_id, f"{item.wall:.1f}", f"{item.worked:.1f}", item.tasks, f"{item.seconds:.1f}")
        for item in found
    )
    console.print(
        grid(("run", "wall, s", "worked, s", "tasks on the path", "overhead, s"), rows, right=(1, 2, 3, 4))
    )
    console.print(f"median overhead {statistics.median(item.seconds for item in found):.1f} s (aim 15 s)")
    if given.restart:
        for how, grace in (("stopped", 10.0), ("killed", 0.0)):
            task_id, resumed, away, state = measure_restart(client, stack, grace)
            console.print(
                f"scheduler {how} and started: {task_id} starts {resumed:.1f} s after it, {away:.1f} s after the old "
                f"one ended (aim 30 s); the run ended as {state}"
            )
    return 0


def _start_again(client: AirflowClient) -> str:
    """Start a run for the newest day that a backfill loaded; returns its id."""
    day = max(run["data_interval_start"] for run in _finished(client) if run["run_type"] == "backfill")[:10]
    return client.trigger(runs.DAILY, {"start_date": day, "end_date": day})


def _await_end(client: AirflowClient, run_id: str) -> str:
    """Wait for a run's end; returns its state."""
    while (state := str(client.run(runs.DAILY, run_id)["state"])) not in ("success", "failed"):
        time.sleep(1)
    return state


def _finished(client: AirflowClient) -> list[dict[str, Any]]:
    """Successful daily runs, newest first."""
    answer = client.get(f"/dags/{runs.DAILY}/dagRuns", state="success", order_by="-start_date", limit=20)
    return [run for run in answer["dag_runs"] if run["start_date"] and run["end_date"]]


def _states(client: AirflowClient, run_id: str) -> dict[str, str]:
    return {task["task_id"]: str(task["state"]) for task in client.task_instances(runs.DAILY, run_id)}


def _begun(client: AirflowClient, run_id: str) -> set[tuple[datetime, str]]:
    """Start and id of each task of a run that started."""
    found = client.task_instances(runs.DAILY, run_id)
    return {(_time(task["start_date"]), task["task_id"]) for task in found if task["start_date"]}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    sys.exit(main())
