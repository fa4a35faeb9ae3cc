"""A day through a failing platform: full disk, no memory, a job that hangs, a struggling S3, dead schedulers.

One run meets them all, each where it hurts; what comes out must be the day undisturbed. Components that died are
started again the way a person does it (``make up``), nothing is edited by hand.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

from local.stack import runs
from tests.faults.days import SECOND_DAY
from tests.faults.support import FaultStack, kill

# Every S3 answer in so many is a fault; the SDKs of Python and Java try again by themselves.
STRUGGLING = [
    {"service": "s3", "match": "^(GET|HEAD)", "every": 9, "status": 503, "code": "SlowDown"},
    {"service": "s3", "match": "^(PUT|POST)", "every": 7, "status": 500, "code": "InternalError"},
]


class Trouble:
    """What happens to the run, looked at a few times a second."""

    def __init__(self, stack: FaultStack) -> None:
        self.stack = stack
        self.done: dict[str, Any] = {}

    def look(self, tasks: Mapping[str, Mapping[str, Any]]) -> None:
        process, copies = tasks.get("process_data"), tasks.get("load_staging.copy_orders")
        if process and process["state"] in ("running", "deferred"):
            self._starve(int(process["try_number"]))
        if copies and copies["state"] == "success" and "scheduler" not in self.done:
            for name in ("scheduler", "triggerer"):
                kill(self.stack.process(name))
            self.stack.stack.up()
            self.done["scheduler"] = self.done["triggerer"] = True

    def _starve(self, attempt: int) -> None:
        """The first try's job finds the disk full, the second one's no memory."""
        what = {1: "disk", 2: "memory"}.get(attempt)
        if what is None or what in self.done:
            return
        with suppress(AssertionError, psutil.Error, KeyError, IndexError):
            run = self.stack.glue_run(self.stack.settings.processing_job)
            if run["JobRunState"] != "RUNNING" or run["Id"] in self.done.values():
                return
            java = self._java(run["Id"])
            if java is None:
                return
            if what == "disk":
                # No file of the job may grow any more, as on a full disk.
                java.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            else:
                used = java.memory_info().vms
                java.rlimit(psutil.RLIMIT_AS, (used, resource.RLIM_INFINITY))
                java.rlimit(psutil.RLIMIT_DATA, (1, resource.RLIM_INFINITY))
            self.done[what] = run["Id"]

    def _java(self, run_id: str) -> psutil.Process | None:
        """The Java process of a Glue run, as soon as Spark is up."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "java" in process.name() and run_id in " ".join(process.cmdline()):
                    return process if process.num_threads() > 20 else None
        return None


def test_a_day_through_a_failing_platform_is_the_day_undisturbed(
    stack: FaultStack, wanted: Mapping[str, bytes]
) -> None:
    switch = stack.config.home / "faults.json"
    trouble = Trouble(stack)
    run_id = stack.start_run(SECOND_DAY)
    try:
        switch.write_text(json.dumps(STRUGGLING))
        state = stack.follow(run_id, trouble.look, 400)
    finally:
        switch.unlink(missing_ok=True)

    assert state == "success", runs.failure_text(
        stack.client, runs.Watched(runs.DAILY, {"day": run_id}, [], tasks={"day": stack.tasks(run_id)}), "day"
    )
    assert trouble.done.keys() == {"disk", "memory", "scheduler", "triggerer"}
    outcomes = {
        run["Id"]: (run["JobRunState"], run.get("ErrorMessage", ""))
        for run in stack.glue.get_job_runs(JobName=stack.settings.processing_job, MaxResults=10)["JobRuns"]
    }
    for what in ("disk", "memory"):
        job_state, message = outcomes[trouble.done[what]]
        assert job_state == "FAILED", (what, message)
        assert message, what
    assert stack.tasks(run_id)["process_data"]["try_number"] == 3
    found = stack.dump()
    assert [name for name in wanted if found[name] != wanted[name]] == []
