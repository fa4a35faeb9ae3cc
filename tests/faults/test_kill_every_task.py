"""Every task of the daily DAG dies once in the midst of its work (G2), and the day comes out as if none had.

Death is SIGKILL of the task's process, as the kernel deals it when memory is out: no handler runs, nothing is
cleaned up. To be struck in the midst of its work and not beside it, a task is first held there:

- a task of SQL by a table lock, so that its transaction is open when it dies;
- a task of AWS by freezing the endpoint while it waits for an answer, a Glue task while its job is running;
- the Glue job itself, and not only the task that waits for it, when it has begun to write.

Airflow then tries the task again. One task is killed on all its tries, so that the run fails; it is cleared with
downstream as the runbook says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from local.stack import runs
from tests.faults.days import SECOND_DAY
from tests.faults.support import FaultStack, kill

Task = Mapping[str, Any]
LIVE = ("scheduled", "queued", "running")
CLEARED = "merge_facts.fact_sales"
TRIES = 3  # the first and two retries, dag_defaults.py


@dataclass
class Fault:
    """A death that waits for its task.

    Attributes:
        deaths: how many tries of the task die.
        struck: tries that died.
    """

    task_id: str
    deaths: int = 1
    struck: list[int] = field(default_factory=list)
    released: bool = False

    def arm(self, stack: FaultStack) -> None:
        """Called when the task is about to run."""

    def holds(self, stack: FaultStack, process: psutil.Process) -> bool:
        """Whether the task is in the midst of its work."""
        raise NotImplementedError

    def release(self, stack: FaultStack) -> None:
        """Let the next try go through."""

    def look(self, stack: FaultStack, task: Task) -> None:
        """Arm, strike or release, as the task's state asks."""
        if len(self.struck) == self.deaths:
            if not self.released:
                self.release(stack)
                self.released = True
            return
        if task["state"] in LIVE and not self.struck:
            self.arm(stack)
        if task["state"] != "running" or task["try_number"] in self.struck:
            return
        process = stack.task_process(task)
        if process is not None and self.holds(stack, process):
            kill(process)
            self.struck.append(task["try_number"])


@dataclass
class HeldByLock(Fault):
    """Dies with its transaction open, waiting to write to a table.

    Attributes:
        table: what the task writes late in its transaction, and no earlier task writes.
    """

    table: str = ""
    _lock: psycopg.Connection[Any] | None = None

    def arm(self, stack: FaultStack) -> None:
        if self._lock is None:
            self._lock = stack.admin()
            self._lock.execute(f"lock table {self.table} in share mode")  # readers pass, writers wait

    def holds(self, stack: FaultStack, process: psutil.Process) -> bool:
        if not stack.is_connected(process, stack.config.redshift_port):
            return False
        with stack.admin() as connection:
            return bool(
                connection.execute(
                    "select 1 from pg_locks where relation = %s::regclass and not granted", (self.table,)
                ).fetchall()
            )

    def release(self, stack: FaultStack) -> None:
        if self._lock is not None:
            self._lock.close()


@dataclass
class HeldByFrozenAws(Fault):
    """Dies while it waits for an answer of AWS, which gets the request all the same."""

    armed: bool = False

    def arm(self, stack: FaultStack) -> None:
        if not self.armed:
            stack.freeze("aws")
            self.armed = True

    def holds(self, stack: FaultStack, process: psutil.Process) -> bool:
        return stack.is_connected(process, stack.config.aws_port)

    def release(self, stack: FaultStack) -> None:
        stack.thaw("aws")


@dataclass
class HeldByJob(Fault):
    """Dies while its Glue job runs; the job is not told and goes on.

    Attributes:
        job: the job.
        and_the_job: kill the job's process as well, when it has written its first files.
    """

    job: str = ""
    and_the_job: bool = False
    job_killed: bool = False

    def holds(self, stack: FaultStack, process: psutil.Process) -> bool:
        return stack.glue_run(self.job)["JobRunState"] == "RUNNING"

    def look(self, stack: FaultStack, task: Task) -> None:
        super().look(stack, task)
        if self.and_the_job and self.struck and not self.job_killed:
            prefix = f"accepted/orders/run={_run_key(task)}/"
            found = stack.s3.list_objects_v2(Bucket=stack.settings.processed_bucket, Prefix=prefix)
            if found["KeyCount"]:
                kill(stack.job_process(self.job))
                self.job_killed = True


def _run_key(task: Task) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in task["dag_run_id"])


def faults(stack: FaultStack) -> list[Fault]:
    """One for each task of the DAG."""
    copies = ("customers", "products", "orders", "order_items", "web_events", "ledger", "check_result")
    return [
        HeldByFrozenAws("wait_for_raw"),
        HeldByFrozenAws("crawl_raw"),
        HeldByFrozenAws("check_schema_drift"),
        HeldByJob("process_data", job=stack.settings.processing_job, and_the_job=True),
        HeldByJob("assess_quality", job=stack.settings.quality_job),
        HeldByFrozenAws("quality_gate"),
        *(HeldByLock(f"load_staging.copy_{name}", table=f"staging.stg_{name}") for name in copies),
        HeldByLock("load_staging.replace_slices", table="quality.load_runs"),
        HeldByLock("merge_dimensions.dim_customer", table="dimensions.dim_customer"),
        HeldByLock("merge_dimensions.dim_product", table="dimensions.dim_product"),
        HeldByLock(CLEARED, table="facts.agg_product_day", deaths=TRIES),
        HeldByLock("merge_facts.fact_web_events", table="facts.fact_web_events"),
        HeldByLock("merge_facts.fact_inventory", table="facts.fact_inventory"),
        HeldByLock("audit", table="quality.audit_results"),
        HeldByLock("refresh_views", table="analytics.published"),
        HeldByFrozenAws("publish"),
    ]


def test_a_day_whose_every_task_dies_is_the_day_undisturbed(
    stack: FaultStack, wanted: Mapping[str, bytes]
) -> None:
    waiting = {fault.task_id: fault for fault in faults(stack)}
    assert set(waiting) == set(runs.task_order(stack.client, runs.DAILY)), "a task of the DAG has no fault"
    run_id = stack.start_run(SECOND_DAY)

    def strike(tasks: Mapping[str, Task]) -> None:
        for task_id, fault in waiting.items():
            if task_id in tasks:
                fault.look(stack, tasks[task_id])

    try:
        assert stack.follow(run_id, strike, 400) == "failed", (
            "the run survived the death of all tries of a task"
        )
        states = {task_id: task["state"] for task_id, task in stack.tasks(run_id).items()}
        assert [task_id for task_id, state in states.items() if state == "failed"] == [CLEARED]
        stack.clear(run_id, CLEARED)
        assert stack.follow(run_id, strike, 300) == "success"
    finally:
        for fault in waiting.values():
            fault.release(stack)

    assert {task_id: len(fault.struck) for task_id, fault in waiting.items()} == {
        task_id: fault.deaths for task_id, fault in waiting.items()
    }
    assert waiting["process_data"].job_killed  # type: ignore[attr-defined]
    tries = {task_id: task["try_number"] for task_id, task in stack.tasks(run_id).items()}
    assert all(number >= 2 for number in tries.values()), tries
    found = stack.dump()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert found.keys() == wanted.keys()
