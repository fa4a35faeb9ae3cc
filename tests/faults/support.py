"""What fault tests do with a running stack: freeze, block, kill, look, and go back to a known state."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from local import postgres
from local.stack import runs
from tests.e2e.support import LocalStack

OVER = ("success", "failed")
_DUMPED = ("dimensions", "facts", "analytics", "history")
# What names a run, not the data; the calendar, which no run writes.
_RUN_COLUMNS = {"run_id", "published_day"}
_UNDUMPED = {"dimensions.dim_date"}


class FaultStack(LocalStack):
    """A running stack that can be hurt, and whose warehouse can be put back."""

    # Runs ----------------------------------------------------------------------------------------------------------

    def start_run(self, first: date, last: date | None = None) -> str:
        """Start a manual run of days; a new run id each time, so that nothing of an earlier run is found."""
        self.client.unpause(runs.DAILY)
        conf = {"start_date": str(first), "end_date": str(last or first)}
        return self.client.trigger(runs.DAILY, conf)

    def finish(self, run_id: str) -> None:
        """Wait for a run's success.

        Raises:
            RunFailedError: it failed; the message ends with the failed task's log.
        """
        runs.watch(self.client, runs.DAILY, {run_id: run_id})

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's task instances by task id."""
        return {task["task_id"]: task for task in self.client.task_instances(runs.DAILY, run_id)}

    def run_state(self, run_id: str) -> str:
        return str(self.client.run(runs.DAILY, run_id)["state"])

    def follow(
        self, run_id: str, act: Callable[[Mapping[str, Mapping[str, Any]]], None], seconds: float
    ) -> str:
        """Call ``act`` with the tasks a few times a second until the run is over; returns its state."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            act(self.tasks(run_id))
            if (state := self.run_state(run_id)) in OVER:
                return state
            time.sleep(0.1)
        raise AssertionError(f"{run_id} is not over after {seconds:.0f} s: {self.tasks(run_id)}")

    def clear(self, run_id: str, *task_ids: str) -> None:
        """Clear tasks with downstream, as a person does in the web UI."""
        self.client.post(
            f"/dags/{runs.DAILY}/clearTaskInstances",
            {
                "dry_run": False,
                "dag_run_id": run_id,
                "task_ids": list(task_ids),
                "include_downstream": True,
                "only_failed": False,
                "reset_dag_runs": True,
            },
        )

    def attempts(self, run_id: str, task_id: str) -> int:
        """How often a task was tried."""
        path = f"/dags/{runs.DAILY}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/tries"
        return len(self.client.get(path)["task_instances"])

    # Faults --------------------------------------------------------------------------------------------------------

    def process(self, name: str) -> psutil.Process:
        """The process of a component of the stack."""
        found = self.stack.book.find(name)
        assert found is not None, f"{name} does not run"
        return found

    def task_process(self, task: Mapping[str, Any]) -> psutil.Process | None:
        """The process that runs a task now; None when it is not there (yet, or any more)."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(task["pid"]) if task["pid"] else None
            if process is not None and task["id"] in " ".join(process.cmdline()):
                return process
        return None

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A component that answers nobody."""
        process = self.process(name)
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def freeze(self, name: str) -> None:
        self.process(name).send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.process(name).send_signal(signal.SIGCONT)

    @property
    def glue(self) -> Any:
        return self.aws("glue")

    def glue_run(self, job: str) -> dict[str, Any]:
        """The newest run of a Glue job."""
        return self.glue.get_job_runs(JobName=job, MaxResults=1)["JobRuns"][0]  # type: ignore[no-any-return]

    def job_process(self, job: str) -> psutil.Process:
        """The driver process of a Glue job's live run."""
        run_id = self.glue_run(job)["Id"]
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if run_id in process.cmdline():
                    return process
        raise AssertionError(f"no process runs {job} {run_id}")

    def is_connected(self, process: psutil.Process, port: int) -> bool:
        """Whether a process is talking to a server of the stack."""
        with suppress(psutil.NoSuchProcess):
            return any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp4"))
        return False

    def admin(self) -> psycopg.Connection[Any]:
        """A connection to the PostgreSQL behind the warehouse."""
        return psycopg.connect(postgres.url(self.config, self.settings.database))

    # State ---------------------------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Remember the warehouse as it is; see `restore`."""
        self._copy_database(self.settings.database, self._copy)

    def restore(self) -> None:
        """Put the warehouse back to the last `snapshot`."""
        self._copy_database(self._copy, self.settings.database)

    @property
    def _copy(self) -> str:
        return f"{self.settings.database}_snapshot"

    def _copy_database(self, source: str, target: str) -> None:
        self.stack.book.stop(["redshift"], {"redshift": 10})
        with psycopg.connect(postgres.url(self.config, "postgres"), autocommit=True) as server:
            server.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = any(%s)",
                ([source, target],),
            )
            server.execute(f'drop database if exists "{target}" with (force)')
            server.execute(f'create database "{target}" template "{source}"')
        self.stack.up()

    def dump(self) -> dict[str, bytes]:
        """Every row of dimensions, facts, analytics (aggregates and views) and history, as sorted text."""
        with self.admin() as connection:
            columns: dict[str, list[str]] = {}
            for name, column in connection.execute(
                "select table_schema || '.' || table_name, column_name from information_schema.columns "
                "where table_schema = any(%s) order by 1, ordinal_position",
                (list(_DUMPED),),
            ):
                columns.setdefault(name, []).append(column)
            return {
                name: _table(connection, name, [column for column in found if column not in _RUN_COLUMNS])
                for name, found in columns.items()
                if name not in _UNDUMPED
            }


def _table(connection: psycopg.Connection[Any], name: str, columns: list[str]) -> bytes:
    if not columns:
        return b""
    listed = ", ".join(f'"{column}"' for column in columns)
    lines = []
    with connection.cursor().copy(f"copy (select {listed} from {name}) to stdout") as copy:
        lines += [line for block in copy for line in bytes(block).splitlines()]
    return b"\n".join(sorted(lines))


def kill(process: psutil.Process) -> None:
    """As the kernel does it when memory is out: no signal handler, no clean-up."""
    os.kill(process.pid, signal.SIGKILL)
