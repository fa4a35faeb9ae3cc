"""A day through a struggling S3 and the death of scheduler and triggerer is the day undisturbed.

Components that died are started again the way a person does it (``make up``); nothing is edited by hand. What a dying
Glue job leaves is in test_jobs.py, dying tasks are in test_kill_every_task.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.stack import runs
from tests.faults.days import SECOND_DAY
from tests.faults.support import FaultStack, kill

# Every S3 answer in so many is a fault; the SDKs of Python and Java try again by themselves.
STRUGGLING = [
    {"service": "s3", "match": "^(GET|HEAD)", "every": 9, "status": 503, "code": "SlowDown"},
    {"service": "s3", "match": "^(PUT|POST)", "every": 7, "status": 500, "code": "InternalError"},
]
# Scheduler and triggerer die while this task runs, and again when this other one has ended.
DURING, AFTER = "process_data", "load_staging.copy_orders"


def test_a_day_through_a_struggling_s3_and_dead_schedulers_is_the_day_undisturbed(
    stack: FaultStack, wanted: Mapping[str, bytes]
) -> None:
    switch = stack.config.home / "faults.json"
    deaths: list[str] = []

    def strike(tasks: Mapping[str, Mapping[str, Any]]) -> None:
        for task_id, states in ((DURING, ("running", "deferred")), (AFTER, ("success",))):
            if task_id in tasks and tasks[task_id]["state"] in states and task_id not in deaths:
                deaths.append(task_id)
                for name in ("scheduler", "triggerer"):
                    kill(stack.process(name))
                stack.stack.up()

    run_id = stack.start_run(SECOND_DAY)
    try:
        switch.write_text(json.dumps(STRUGGLING))
        # By Airflow's own intervals the two deaths alone would take longer.
        state = stack.follow(run_id, strike, 400)
    finally:
        switch.unlink(missing_ok=True)

    assert state == "success", runs.failure_text(
        stack.client, runs.Watched(runs.DAILY, {"day": run_id}, [], tasks={"day": stack.tasks(run_id)}), "day"
    )
    assert deaths == [DURING, AFTER]
    found = stack.dump()
    assert [name for name in wanted if found[name] != wanted[name]] == []
