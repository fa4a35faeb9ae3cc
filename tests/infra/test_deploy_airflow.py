"""A deployment through the endpoint's MWAA: the image's pip resolves its requirements, a real Airflow parses it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow_behind import serving_airflow
from aws_edge import Bucket
from botocore.exceptions import ClientError
from conftest import ACCOUNT, Endpoint
from terraform import REPO

from ecommerce_dwh.settings import Settings
from tools import package
from tools.airflow_health import Airflow, HealthError
from tools.deploy import Deployment

SETTINGS = Settings(env="dev", account_suffix="-mwaa")
DAG = "from airflow.sdk import dag\n\n\n@dag(schedule=None)\ndef {name}():\n    pass\n\n\n{name}()\n"
_STARTUP = b"#!/usr/bin/env bash\n"
_LOGGING = {
    name: {"Enabled": True, "LogLevel": "WARNING"} for name in ("SchedulerLogs", "WorkerLogs", "WebserverLogs")
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of the real package."""
    target = tmp_path_factory.mktemp("package") / "dist"
    document: Any = package.build(target)
    return {name: (target / name).read_bytes() for name in document["files"]}


@pytest.fixture
def bucket(endpoint: Endpoint) -> Iterator[Bucket]:
    made = Bucket(endpoint, SETTINGS.scripts_bucket)
    yield made
    with contextlib.suppress(ClientError):
        endpoint.client("mwaa").delete_environment(Name=SETTINGS.prefix)
    for key in made.held():
        made.client.delete_object(Bucket=made.name, Key=key)
    made.client.delete_bucket(Bucket=made.name)


def create(endpoint: Endpoint, bucket: Bucket, files: Mapping[str, bytes], **more: Any) -> Any:
    """An environment with these files; returns MWAA's client."""
    for key, data in files.items():
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=data)
    client = endpoint.client("mwaa")
    client.create_environment(
        **{
            "Name": SETTINGS.prefix,
            "DagS3Path": "mwaa/dags",
            "PluginsS3Path": "mwaa/plugins.zip",
            "RequirementsS3Path": "mwaa/requirements.txt",
            "StartupScriptS3Path": "mwaa/startup.sh",
            "SourceBucketArn": f"arn:aws:s3:::{bucket.name}",
            "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/airflow",
            "NetworkConfiguration": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
            "WebserverAccessMode": "PUBLIC_ONLY",
            "LoggingConfiguration": _LOGGING,
            **more,
        }
    )
    until = time.monotonic() + 180
    while client.get_environment(Name=SETTINGS.prefix)["Environment"]["Status"] != "AVAILABLE":
        assert time.monotonic() < until
        time.sleep(0.2)
    return client


def deployment(endpoint: Endpoint, bucket: Bucket, seconds: float = 5) -> tuple[Deployment, list[str]]:
    said: list[str] = []
    clients = {"s3": bucket.client, "mwaa": endpoint.client("mwaa"), "logs": endpoint.client("logs")}
    airflow = Airflow(
        clients["mwaa"],
        clients["logs"],
        SETTINGS.prefix,
        said.append,
        0.2,
        timedelta(seconds=seconds),
        timedelta(seconds=2),
    )
    return Deployment(SETTINGS, clients.__getitem__, said.append, 0.2, airflow), said


def small(files: Mapping[str, bytes], requirements: str) -> dict[str, bytes]:
    """The package's plugins and start-up script with other requirements, and no DAG."""
    kept = {key: files[key] for key in ("mwaa/plugins.zip", "mwaa/startup.sh")}
    return {**kept, "mwaa/requirements.txt": requirements.encode()}


# --- the image's pip ------------------------------------------------------------------------------------------------


def test_package_installs_in_every_component(
    endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes]
) -> None:
    requirements = built["mwaa/requirements.txt"].decode()
    create(endpoint, bucket, small(built, ""))
    work, said = deployment(endpoint, bucket)
    work.apply(small(built, f"{requirements}# changed\n"), checked=False)
    assert said[-1] == "Every component has installed requirements.txt."
    last = endpoint.client("mwaa").get_environment(Name=SETTINGS.prefix)["Environment"]["LastUpdate"]
    assert (last["Status"], last["WorkerReplacementStrategy"]) == ("SUCCESS", "GRACEFUL")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("httpx2==2.16.2", r"httpx2==2\.16\.2"),
        ("sqlalchemy==2.0.50", r"sqlalchemy==2\.0\.50"),
        ("not a requirement", "Invalid requirement"),
        ("nowhere-to-be-found==1.0", "nowhere-to-be-found"),
    ],
)
def test_pip_conflict_ends_the_deployment_although_mwaa_is_available(
    endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes], line: str, reason: str
) -> None:
    requirements = built["mwaa/requirements.txt"].decode()
    client = create(endpoint, bucket, small(built, ""))
    work, _ = deployment(endpoint, bucket)
    with pytest.raises(
        HealthError, match=rf"pip failed on MWAA's Scheduler.*{reason}.*Deploy the commit before"
    ):
        work.apply(small(built, f"{requirements}{line}\n"), checked=False)
    assert client.get_environment(Name=SETTINGS.prefix)["Environment"]["Status"] == "AVAILABLE"


def test_constraints_that_a_comment_names_switch_the_image_s_off(
    endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes]
) -> None:
    """The essential ones stay."""
    requirements = built["mwaa/requirements.txt"].decode()
    create(endpoint, bucket, small(built, ""))
    work, said = deployment(endpoint, bucket)
    unconstrained = requirements.replace("--no-index", "--no-index\n# no -c here")
    work.apply(small(built, unconstrained), checked=False)
    assert said[-1] == "Every component has installed requirements.txt."
    with pytest.raises(HealthError, match=r"celery==5\.6\.2"):
        work.apply(small(built, f"{unconstrained}celery==5.6.2\n"), checked=False)


def test_environment_that_writes_no_log_is_not_taken_for_installed(
    endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes]
) -> None:
    requirements = built["mwaa/requirements.txt"].decode()
    create(endpoint, bucket, small(built, ""), LoggingConfiguration={})
    work, _ = deployment(endpoint, bucket, 1)
    with pytest.raises(HealthError, match="no component has written a log"):
        work.apply(small(built, f"{requirements}# changed\n"), checked=False)


# --- MWAA's own refusals --------------------------------------------------------------------------------------------


def test_mwaa_refuses_as_on_aws(endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes]) -> None:
    client = endpoint.client("mwaa")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_environment(Name="nobody")
    create(endpoint, bucket, small(built, ""))
    with pytest.raises(client.exceptions.ValidationException, match="already exists"):
        create(endpoint, bucket, {})
    with pytest.raises(client.exceptions.ValidationException, match=r"nowhere\.zip"):
        client.update_environment(Name=SETTINGS.prefix, PluginsS3Path="nowhere.zip")
    client.update_environment(Name=SETTINGS.prefix, RequirementsS3Path="mwaa/requirements.txt")
    assert SETTINGS.prefix in client.list_environments()["Environments"]


def test_private_web_server_is_refused_before_anything_is_changed(
    endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes]
) -> None:
    create(endpoint, bucket, small(built, ""), WebserverAccessMode="PRIVATE_ONLY")
    work, _ = deployment(endpoint, bucket)
    before = list(bucket.log)
    with pytest.raises(HealthError, match="private web server answers inside its VPC only"):
        work.apply(built)
    assert bucket.log == before


# --- a real Airflow -------------------------------------------------------------------------------------------------


@pytest.fixture
def airflow(endpoint: Endpoint, bucket: Bucket, tmp_path: Path) -> Iterator[Path]:
    """API server and DAG processor, whose DAG folder follows the bucket as MWAA's does; yields their log."""
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    (home / "plugins").mkdir()
    quick = {
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
    }
    with serving_airflow(endpoint, home, quick) as log:
        stop = threading.Event()
        follow = threading.Thread(target=_follow, args=(endpoint, bucket.name, home / "dags", stop))
        follow.start()
        try:
            yield log
        finally:
            stop.set()
            follow.join()


def _follow(endpoint: Endpoint, bucket: str, folder: Path, stop: threading.Event) -> None:
    """MWAA's copy of the DAG folder."""
    client = endpoint.client("s3")
    while not stop.wait(0.5):
        for item in client.list_objects_v2(Bucket=bucket, Prefix="mwaa/dags/").get("Contents", ()):
            data = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            target = folder / item["Key"].removeprefix("mwaa/dags/")
            if not target.exists() or target.read_bytes() != data:
                target.with_suffix(".part").write_bytes(data)
                target.with_suffix(".part").replace(target)


def _until_it_answers(work: Deployment, log: Path) -> None:
    until = time.monotonic() + 180
    while True:
        try:
            return work.airflow.check_reachable()
        except HealthError as error:
            assert time.monotonic() < until, f"{error}\n{log.read_text(errors='replace')[-3000:]}"
            time.sleep(1)


def test_deployment_ends_when_a_real_airflow_runs_the_new_files(
    endpoint: Endpoint, bucket: Bucket, built: Mapping[str, bytes], airflow: Path
) -> None:
    base = small(built, built["mwaa/requirements.txt"].decode())
    create(endpoint, bucket, base)
    work, said = deployment(endpoint, bucket, 120)
    _until_it_answers(work, airflow)
    dags = {f"mwaa/dags/{name}.py": DAG.format(name=name).encode() for name in ("one", "two")}
    work.apply({**base, **dags})
    work.airflow.wait_until_parsed(*_uploaded(bucket))
    assert said[-1] == "Airflow has parsed 2 DAG files since the upload."
    # A new version of one file is waited for, and its predecessor's parse does not count.
    changed = {**dags, "mwaa/dags/one.py": DAG.format(name="one").encode() + b"# changed\n"}
    work.apply({**base, **changed})
    work.airflow.wait_until_parsed(*_uploaded(bucket))
    # A file that cannot be imported is named with its error.
    work.apply({**base, **changed, "mwaa/dags/two.py": b"from airflow.sdk import dag\nimport no_such_module\n"})
    with pytest.raises(HealthError, match=r"two\.py.*No module named 'no_such_module'"):
        work.airflow.wait_until_parsed(*_uploaded(bucket))


def _uploaded(bucket: Bucket) -> tuple[dict[str, str], Any]:
    items = bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="mwaa/dags/")["Contents"]
    sources = {
        key.rpartition("/")[2]: bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read().decode()
        for key in (item["Key"] for item in items)
    }
    return sources, max(item["LastModified"] for item in items)


def test_every_dag_file_defines_a_dag() -> None:
    """The wait takes each file of the DAG folder for one that Airflow will show."""
    for path in sorted((REPO / "dags").glob("*.py")):
        assert "@dag(" in path.read_text() or "DAG(" in path.read_text(), path.name
