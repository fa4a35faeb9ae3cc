"""State after a killed server, and after a stopped one."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from environments import has_spark
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_local.server import AlreadyRunningError, Endpoint
from aws_local.testing import ServerProcess, until

SLEEP = "import time\ntime.sleep(120)\n"


def test_nothing_acknowledged_is_lost_by_a_kill(server: ServerProcess):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    acknowledged: dict[str, bytes] = {}

    def write(worker: int) -> None:
        own = server.client("s3")
        for number in range(10_000):
            key, body = f"w{worker}/{number % 50}", f"{worker}-{number}".encode() * 500
            try:
                own.put_object(Bucket="lake", Key=key, Body=body)
            except (BotoCoreError, ClientError):
                return
            acknowledged[key] = body

    writers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for writer in writers:
        writer.start()
    until(lambda: len(acknowledged), lambda count: count >= 150)
    server.kill()
    for writer in writers:
        writer.join()
    server.start()
    found = {item["Key"]: item["ETag"] for item in s3.list_objects_v2(Bucket="lake")["Contents"]}
    for key, body in acknowledged.items():
        got = s3.get_object(Bucket="lake", Key=key)
        content = got["Body"].read()
        # A write that was under way at the kill may or may not have been made; half of one never.
        worker, _, number = content[: len(content) // 500].decode().partition("-")
        assert content == f"{worker}-{number}".encode() * 500
        assert int(number) >= int(body[: len(body) // 500].decode().partition("-")[2])
        assert found[key] == f'"{hashlib.md5(content).hexdigest()}"'


def test_runs_of_a_killed_server_are_reported_and_their_processes_ended(server: ServerProcess):
    if not has_spark():
        pytest.skip("Spark is not set up beside this environment")
    s3, glue = server.client("s3"), server.client("glue")
    s3.create_bucket(Bucket="scripts", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    s3.put_object(Bucket="scripts", Key="job.py", Body=SLEEP)
    glue.create_job(Name="job", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://scripts/job.py"})
    run_id = glue.start_job_run(JobName="job")["JobRunId"]
    until(lambda: glue.get_job_run(JobName="job", RunId=run_id)["JobRun"]["JobRunState"], "RUNNING".__eq__)
    family = psutil.Process(server.process.pid).children(recursive=True)
    assert family
    server.kill()
    assert any(process.is_running() for process in family)
    server.start()
    run = glue.get_job_run(JobName="job", RunId=run_id)["JobRun"]
    assert run["JobRunState"] == "FAILED"
    assert "interrupted" in run["ErrorMessage"]
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert server.stop() == 0


def test_two_endpoints_do_not_share_a_folder(server: ServerProcess):
    with pytest.raises(AlreadyRunningError, match="already uses"):
        Endpoint(server.settings)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("abc"), st.binary(max_size=20)),
            st.tuples(st.just("delete"), st.sampled_from("abc"), st.just(b"")),
            st.tuples(st.just("kill"), st.just(""), st.just(b"")),
        ),
        max_size=5,
    )
)
def test_objects_are_those_of_a_dictionary_through_kills(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bytes]]
):
    running = ServerProcess(Path(tmp_path_factory.mktemp("model")))
    try:
        s3 = running.client("s3")
        s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        model: dict[str, bytes] = {}
        for action, key, body in [*steps, ("kill", "", b"")]:
            if action == "put":
                s3.put_object(Bucket="lake", Key=key, Body=body)
                model[key] = body
            elif action == "delete":
                s3.delete_object(Bucket="lake", Key=key)
                model.pop(key, None)
            else:
                running.kill()
                running.start()
            listed = s3.list_objects_v2(Bucket="lake").get("Contents", [])
            assert {item["Key"]: item["Size"] for item in listed} == {k: len(v) for k, v in model.items()}
        for key, body in model.items():
            assert s3.get_object(Bucket="lake", Key=key)["Body"].read() == body
    finally:
        running.kill()
