"""Glue operators against an endpoint that plays every state Glue knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowException
from contexts import context_of, execute, in_dag

from ecommerce_dwh.lake.crawler import GlueCrawlerOperator
from ecommerce_dwh.lake.glue import GlueJobOperator, GlueRunFailed, job_arguments


def job(**arguments):
    defaults = {"job_name": "job", "poll_seconds": 0.01, "defer_after": -1}
    return in_dag(GlueJobOperator, **{**defaults, **arguments})


def crawler(**arguments):
    return in_dag(
        GlueCrawlerOperator, **{"crawler_name": "c", "poll_seconds": 0.01, "defer_after": -1, **arguments}
    )


@pytest.mark.parametrize(
    ("states", "succeeds", "defer_after"),
    [
        (["SUCCEEDED"], True, -1),
        (["STARTING", "RUNNING", "RUNNING", "SUCCEEDED"], True, -1),
        (["STARTING", "RUNNING", "RUNNING", "SUCCEEDED"], True, 0),
        (["WAITING", "STARTING", "RUNNING", "SUCCEEDED"], True, 0),
        (["RUNNING", "RUNNING", "FAILED"], False, -1),
        (["RUNNING", "RUNNING", "FAILED"], False, 0),
        (["RUNNING", "STOPPING", "STOPPED"], False, -1),
        (["RUNNING", "STOPPING", "STOPPED"], False, 0),
        (["RUNNING", "RUNNING", "TIMEOUT"], False, -1),
        (["RUNNING", "RUNNING", "ERROR"], False, -1),
        (["RUNNING", "RUNNING", "ERROR"], False, 0),
        (["WAITING", "WAITING", "EXPIRED"], False, 0),
        (["RUNNING", "SOMETHING_NEW"], False, -1),
    ],
)
def test_only_success_is_success(glue, states, succeeds, defer_after):
    glue.states = states
    glue.error_message = "" if succeeds else "orders/dt=2026-03-01/a.csv:\n  the header lacks order_id"
    task = job(defer_after=defer_after)
    context = context_of(task)

    if succeeds:
        assert execute(task, context) == "jr_1"
    else:
        with pytest.raises(GlueRunFailed) as failure:
            execute(task, context)
        assert f"ended as {states[-1]}: orders/dt=2026-03-01/a.csv: the header lacks order_id" in str(
            failure.value
        )
        assert "/aws-glue/jobs/error, stream jr_1" in str(failure.value)
    assert glue.calls.count("StartJobRun") == 1
    assert not {"CreateJob", "UpdateJob"} & set(glue.calls)
    assert len(getattr(context["ti"], "deferrals", [])) == (1 if defer_after == 0 else 0)


def test_arguments_are_rendered_for_the_runs_window(glue):
    task = job(script_args=job_arguments(extra="{{ load.run_id }}"))

    execute(
        task,
        context_of(task, params={"start_date": "2026-02-01", "end_date": "2026-02-10"}, run_id="manual__a+b"),
    )

    assert glue.runs[0]["Arguments"] == {
        "--env": "dev",
        "--region": "ap-south-1",
        "--raw_bucket": "ecommerce-dwh-dev-raw",
        "--processed_bucket": "ecommerce-dwh-dev-processed",
        "--start_date": "2026-02-01",
        "--end_date": "2026-02-10",
        "--run_id": "manual__a-b",
        "--raw_limits": "rows=50000000,bytes=68719476736,ratio=200,columns=1000,depth=32",
        "--extra": "manual__a+b",
        "--airflow_task_uuid": "test_dag:task:manual__a+b:-1",
    }


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "WAITING"])
def test_a_retry_takes_over_the_live_run_of_an_earlier_try(glue, state):
    task = job()
    run = glue.add_run("jr_old", state, {"--airflow_task_uuid": "test_dag:task:manual__1:-1"})
    run["states"] = [state, "RUNNING", "SUCCEEDED"]

    assert execute(task, context_of(task)) == "jr_old"
    assert "StartJobRun" not in glue.calls


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "STOPPED"])
def test_a_cleared_task_starts_anew_when_its_earlier_run_is_over(glue, state):
    task = job()
    glue.add_run("jr_old", state, {"--airflow_task_uuid": "test_dag:task:manual__1:-1"})

    assert execute(task, context_of(task)) == "jr_2"


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
def test_a_job_that_is_busy_with_another_tasks_run_is_waited_for(glue, defer_after):
    other = glue.add_run("jr_other", "RUNNING", {"--airflow_task_uuid": "another"})
    other["states"] = ["RUNNING", "RUNNING", "SUCCEEDED"]
    task = job(defer_after=defer_after)

    assert execute(task, context_of(task)) == "jr_2"
    assert glue.calls.count("StartJobRun") == 2


def test_a_run_that_is_being_stopped_is_waited_for_and_not_taken_over(glue):
    old = glue.add_run("jr_old", "STOPPING", {"--airflow_task_uuid": "test_dag:task:manual__1:-1"})
    old["states"] = ["STOPPING", "STOPPED"]
    task = job()

    assert execute(task, context_of(task)) == "jr_2"


def test_throttling_and_server_errors_while_waiting_are_waited_out(glue):
    glue.states = ["RUNNING", "RUNNING", "SUCCEEDED"]
    glue.fail_next = {"GetJobRun": []}
    task = job()
    count = iter(range(100))

    def fail_every_other(name):
        if name == "GetJobRun" and next(count) % 3 == 1:
            glue.fail_next["GetJobRun"].append((400, "ThrottlingException"))

    glue.before = fail_every_other
    assert execute(task, context_of(task)) == "jr_1"


def test_a_refused_look_fails_at_once(glue):
    glue.states = ["RUNNING", "RUNNING", "SUCCEEDED"]
    task = job(defer_after=0)
    looks = iter(range(100))
    glue.fail_next = {"GetJobRun": []}

    def refuse(name):
        if name == "GetJobRun" and next(looks) == 2:
            glue.fail_next["GetJobRun"].append((400, "AccessDeniedException"))

    glue.before = refuse
    with pytest.raises(AirflowException, match="could not be watched: AccessDenied"):
        execute(task, context_of(task))


def test_a_missing_job_says_what_to_do(glue):
    glue.job_exists = False
    task = job()

    with pytest.raises(AirflowException, match="there is no Glue job job; create it"):
        execute(task, context_of(task))


def test_a_killed_task_stops_its_run(glue):
    glue.states = ["RUNNING"]
    task = job()
    task._job_run_id = "jr_1"
    glue.add_run("jr_1", "RUNNING")

    task.on_kill()

    assert glue.runs[0]["states"] == ["STOPPED"]


def test_a_task_killed_before_it_started_anything_stops_nothing(glue):
    job().on_kill()

    assert glue.calls == []


def test_the_wait_in_the_triggerer_keeps_the_tasks_time_limit_and_stops_the_run(glue):
    glue.states = ["RUNNING"]
    task = job(defer_after=0, execution_timeout=timedelta(seconds=1))
    context = context_of(task)
    context["ti"].start_date = datetime.now(UTC) - timedelta(seconds=2)

    with pytest.raises(AirflowException, match="was not done within 0:00:01; stopped it"):
        execute(task, context)
    assert glue.runs[0]["states"] == ["STOPPED"]


async def _kill(trigger):
    await trigger.on_kill()


def test_a_person_who_ends_a_deferred_task_stops_the_run(glue):
    import asyncio

    from ecommerce_dwh.lake.triggers import GlueRunTrigger

    glue.add_run("jr_1", "RUNNING")
    asyncio.run(_kill(GlueRunTrigger(job_name="job", run_id="jr_1", poll_seconds=1, owned=False)))
    assert glue.runs[0]["states"] == ["RUNNING"]

    asyncio.run(_kill(GlueRunTrigger(job_name="job", run_id="jr_1", poll_seconds=1)))
    assert glue.runs[0]["states"] == ["STOPPED"]


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
def test_a_crawl_runs_to_its_end(glue, defer_after):
    task = crawler(defer_after=defer_after)

    assert execute(task, context_of(task)) == "c"
    assert glue.crawls == 1


@pytest.mark.parametrize("defer_after", [-1, 0], ids=["on the worker", "deferred"])
def test_a_crawl_under_way_is_waited_for_and_then_repeated(glue, defer_after):
    glue.crawler_states = ["RUNNING", "RUNNING", "STOPPING", "READY"]
    task = crawler(defer_after=defer_after)

    execute(task, context_of(task))

    assert glue.crawls == 1  # ours, besides the one that was under way
    assert glue.calls.count("StartCrawler") == 2


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_failed_crawl_fails_the_task_with_its_message(glue, status):
    glue.crawl_status = status
    task = crawler()

    with pytest.raises(
        GlueRunFailed, match=f"ended as {status}: the bucket is gone. Log: /aws-glue/crawlers/c"
    ):
        execute(task, context_of(task))


def test_a_missing_crawler_says_what_to_do(glue):
    glue.fail_next = {"StartCrawler": [(400, "EntityNotFoundException")]}
    task = crawler()

    with pytest.raises(AirflowException, match="there is no crawler c; create it"):
        execute(task, context_of(task))
