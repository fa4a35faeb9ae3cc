"""Job runs: states, messages, arguments and logs. Plain Python stands in for spark-submit."""

from __future__ import annotations

import io
import json
import time
import zipfile

import psutil
import pytest
from botocore.exceptions import ClientError

from aws_local.runner import ErrorFinder
from aws_local.settings import SparkRuntime
from aws_local.testing import Aws, until

SCRIPTS = "scripts"
SLEEP = "import time\nprint('started', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def glue(aws: Aws):
    aws.bucket(SCRIPTS)
    return aws.glue


def make_job(aws: Aws, script: str | None, name: str = "job", **options: object) -> str:
    if script is not None:
        aws.put(SCRIPTS, f"glue/{name}.py", script)
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{SCRIPTS}/glue/{name}.py", "PythonVersion": "3"}
    aws.glue.create_job(Name=name, Role="role", Command=command, **options)
    return name


def refusal(call) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def cloudwatch(aws: Aws, stream: str, run_id: str) -> list[str]:
    events = aws.logs.get_log_events(logGroupName=f"/aws-glue/jobs/{stream}", logStreamName=run_id)["events"]
    return [event["message"] for event in events]


def test_success_with_arguments_files_and_logs(aws: Aws, glue):
    library = io.BytesIO()
    with zipfile.ZipFile(library, "w") as archive:
        archive.writestr("shipped.py", "WORD = 'from the zip'\n")
    aws.put(SCRIPTS, "lib/library.zip", library.getvalue())
    make_job(
        aws,
        "import json, os, sys, shipped\nprint(json.dumps(sys.argv[1:]))\nprint(shipped.WORD)\n"
        "print(os.environ['FAKE_CONF'].split())\nprint('to stderr', file=sys.stderr)\n",
        DefaultArguments={
            "--env": "dev",
            "--day": "1",
            "--fixed": "x",
            "--enable-metrics": "true",
            "--extra-py-files": f"s3://{SCRIPTS}/lib/library.zip",
            "--conf": "spark.a=1 --conf spark.b=2",
        },
        NonOverridableArguments={"--fixed": "y"},
        WorkerType="G.1X",
        NumberOfWorkers=2,
    )
    run = aws.run("job", Arguments={"--day": "2", "--fixed": "z"})
    assert run["JobRunState"] == "SUCCEEDED"
    assert "ErrorMessage" not in run
    assert run["Arguments"]["--day"] == "2"
    assert (run["GlueVersion"], run["WorkerType"], run["Attempt"]) == ("5.1", "G.1X", 0)
    assert run["CompletedOn"] >= run["StartedOn"]
    lines = aws.log("job", run["Id"]).splitlines()
    arguments = json.loads(next(line for line in lines if line.startswith("[") and "--env" in line))
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert given == {
        "--env": "dev",
        "--day": "2",
        "--fixed": "y",
        "--enable-metrics": "true",
        "--JOB_ID": "job",
        "--JOB_NAME": "job",
        "--JOB_RUN_ID": run["Id"],
    }
    assert {"from the zip", "['spark.a=1', 'spark.b=2']", "to stderr"} <= set(lines)
    assert "from the zip" in cloudwatch(aws, "output", run["Id"])
    assert cloudwatch(aws, "error", run["Id"]) == ["to stderr"]
    assert not list((aws.settings.folder / "runs").iterdir())


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('bad day')", "ValueError: bad day"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise Exception('two\\nlines')", "Exception: two\nlines"),
        ("try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e", "KeyError: 'k'"),
        ("import sys; sys.exit(3)", "Command failed with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "Command killed by signal SIGKILL (out of memory?)"),
        ("def broken(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_failed_run_says_why(aws: Aws, glue, script: str, message: str):
    make_job(aws, script)
    run = aws.run("job")
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", message)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [
                "Traceback (most recent call last):",
                '  File "x.py", line 1',
                "pyspark.errors.AnalysisException: [A] b",
                "26/11/22 10:00:00 INFO SparkContext: stopping",
            ],
            "AnalysisException: [A] b",
        ),
        (
            [
                "Traceback (most recent call last):",
                "  File",
                "py4j.protocol.Py4JJavaError: An error occurred.",
                ": org.apache.spark.SparkException: Job aborted",
                "\tat org.apache.spark.X.y(X.scala:1)",
            ],
            "Py4JJavaError: An error occurred.\n: org.apache.spark.SparkException: Job aborted",
        ),
        (['Exception in thread "main" java.lang.OutOfMemoryError: heap'], "OutOfMemoryError: heap"),
        (["26/11/22 10:00:00 WARN Something: odd"], None),
    ],
)
def test_message_is_found_among_spark_lines(lines: list[str], message: str | None):
    finder = ErrorFinder()
    for line in lines:
        finder.feed(line)
    assert finder.message == message


def test_a_script_that_cannot_be_fetched_is_an_error(aws: Aws, glue):
    make_job(aws, None)
    run = aws.run("job")
    assert run["JobRunState"] == "ERROR"
    assert f"s3://{SCRIPTS}/glue/job.py" in run["ErrorMessage"]


def test_a_laptop_without_spark_says_what_to_do(tmp_path):
    nowhere = tmp_path / "no-environment"
    spark = SparkRuntime(nowhere / "bin" / "python", nowhere, setup_advice="run `make setup`")
    running = Aws(tmp_path, None, spark)
    try:
        running.bucket(SCRIPTS)
        make_job(running, "")
        run = running.run("job")
        assert run["JobRunState"] == "ERROR"
        assert "make setup" in run["ErrorMessage"]
    finally:
        running.endpoint.stop()


def test_stop_kills_the_whole_family(aws: Aws, glue):
    make_job(
        aws,
        "import subprocess, sys, time\n"
        "child = [sys.executable, '-c', 'import os, time; os.setpgid(0, 0); time.sleep(60)']\n"
        "print(subprocess.Popen(child).pid, flush=True)\ntime.sleep(60)\n",
    )
    run_id = glue.start_job_run(JobName="job")["JobRunId"]
    log = aws.settings.logs / "glue" / "job" / f"{run_id}.log"
    child = int(until(lambda: log.read_text() if log.exists() else "", str.strip))
    assert glue.get_job_run(JobName="job", RunId=run_id)["JobRun"]["JobRunState"] == "RUNNING"
    answer = glue.batch_stop_job_run(JobName="job", JobRunIds=[run_id, "jr_none"])
    assert [item["JobRunId"] for item in answer["SuccessfulSubmissions"]] == [run_id]
    assert [item["ErrorDetail"]["ErrorCode"] for item in answer["Errors"]] == ["EntityNotFoundException"]
    run = aws.wait_run("job", run_id)
    assert run["JobRunState"] == "STOPPED"
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    again = glue.batch_stop_job_run(JobName="job", JobRunIds=[run_id])
    assert again["Errors"][0]["JobRunId"] == run_id


@pytest.mark.parametrize(("of_job", "of_run"), [(1, None), (500, 1)])
def test_timeout_of_the_job_or_of_the_run(aws: Aws, glue, of_job: int, of_run: int | None):
    make_job(aws, SLEEP, Timeout=of_job)
    began = time.monotonic()
    run = aws.run("job", **({"Timeout": of_run} if of_run else {}))
    assert (run["JobRunState"], run["Timeout"]) == ("TIMEOUT", 1)
    assert time.monotonic() - began < 10


def test_concurrent_runs_are_limited(aws: Aws, glue):
    make_job(aws, SLEEP, ExecutionProperty={"MaxConcurrentRuns": 2})
    runs = [glue.start_job_run(JobName="job")["JobRunId"] for _ in range(2)]
    assert refusal(lambda: glue.start_job_run(JobName="job")) == "ConcurrentRunsExceededException"
    glue.batch_stop_job_run(JobName="job", JobRunIds=runs)
    for run_id in runs:
        aws.wait_run("job", run_id)
    assert glue.start_job_run(JobName="job")["JobRunId"]


def test_failed_runs_are_retried_as_often_as_the_job_says(aws: Aws, glue):
    make_job(aws, "raise SystemExit(1)", MaxRetries=2)
    first = aws.run("job")
    runs = until(
        lambda: glue.get_job_runs(JobName="job")["JobRuns"],
        lambda runs: len(runs) == 3 and all(run["JobRunState"] == "FAILED" for run in runs),
    )
    assert [run["Attempt"] for run in runs] == [2, 1, 0]
    assert runs[0]["Id"] == f"{first['Id']}_attempt_2"
    assert runs[0]["PreviousRunId"] == runs[1]["Id"]


def test_runs_are_listed_newest_first_by_page(aws: Aws, glue):
    make_job(aws, "")
    ids = [aws.run("job")["Id"] for _ in range(3)]
    page = glue.get_job_runs(JobName="job", MaxResults=2)
    rest = glue.get_job_runs(JobName="job", NextToken=page["NextToken"])
    assert [run["Id"] for run in page["JobRuns"] + rest["JobRuns"]] == ids[::-1]
    assert "NextToken" not in rest


def test_job_definitions(aws: Aws, glue):
    make_job(aws, "", Tags={"a": "1"}, MaxRetries=1, Description="d")
    assert refusal(lambda: make_job(aws, "")) == "AlreadyExistsException"
    job = glue.get_job(JobName="job")["Job"]
    assert (job["GlueVersion"], job["Timeout"], job["ExecutionProperty"]) == (
        "5.1",
        480,
        {"MaxConcurrentRuns": 1},
    )
    update = {"Role": "other", "Command": job["Command"], "GlueVersion": "5.0"}
    glue.update_job(JobName="job", JobUpdate=update)
    aws.restart()
    job = aws.glue.get_job(JobName="job")["Job"]
    # UpdateJob replaces: what it does not name goes back to its default.
    assert (job["Role"], job["GlueVersion"], job["MaxRetries"]) == ("other", "5.0", 0)
    assert "Description" not in job
    arn = "arn:aws:glue:ap-south-1:123456789012:job/job"
    assert aws.glue.get_tags(ResourceArn=arn)["Tags"] == {"a": "1"}
    assert aws.glue.list_jobs()["JobNames"] == ["job"]
    assert aws.glue.batch_get_jobs(JobNames=["job", "none"])["JobsNotFound"] == ["none"]
    assert refusal(lambda: aws.glue.get_job_bookmark(JobName="job")) == "EntityNotFoundException"
    aws.glue.delete_job(JobName="job")
    assert refusal(lambda: aws.glue.get_job(JobName="job")) == "EntityNotFoundException"
    assert refusal(lambda: aws.glue.start_job_run(JobName="job")) == "EntityNotFoundException"


def test_an_api_that_is_not_served_is_refused_at_once(aws: Aws, glue):
    began = time.monotonic()
    code = refusal(glue.list_data_quality_rulesets)
    assert code == "UnsupportedOperationException"
    assert time.monotonic() - began < 3


def test_stopping_the_endpoint_stops_its_runs(aws: Aws, glue):
    make_job(aws, SLEEP)
    run_id = glue.start_job_run(JobName="job")["JobRunId"]
    until(lambda: aws.glue.get_job_run(JobName="job", RunId=run_id)["JobRun"]["JobRunState"], "RUNNING".__eq__)
    aws.restart()
    assert aws.glue.get_job_run(JobName="job", RunId=run_id)["JobRun"]["JobRunState"] == "STOPPED"
