"""The deployment tool: what it refuses, what it shows, in which order it acts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aws_edge import Bucket, Mwaa
from conftest import ACCOUNT, Endpoint

from ecommerce_dwh.settings import Settings
from tools.airflow_health import Airflow, HealthError
from tools.deploy import DeployError, Deployment, check_account, check_tree

SETTINGS = Settings(env="dev", account_suffix="-deploy")
FILES = {
    "mwaa/dags/daily.py": b"dag",
    "mwaa/dags/include/sql/a.sql": b"select 1",
    "mwaa/plugins.zip": b"zip",
    "glue/data_processing.py": b"job",
}


@pytest.fixture
def s3(endpoint: Endpoint) -> Iterator[Bucket]:
    bucket = Bucket(endpoint, SETTINGS.scripts_bucket)
    yield bucket
    for key in bucket.held():
        bucket.client.delete_object(Bucket=bucket.name, Key=key)
    bucket.client.delete_bucket(Bucket=bucket.name)


def deployment(s3: Bucket, mwaa: Mwaa, log: str = "[INFO] - done") -> tuple[Deployment, list[str]]:
    """A deployment to that MWAA, whose components write ``log`` when they are updated."""
    said: list[str] = []
    clients = {"s3": s3.client, "mwaa": mwaa.client(), "logs": s3.logs}
    mwaa.on_update = lambda: s3.write_log(
        f"airflow-{SETTINGS.prefix}-Worker", "requirements_install_ip_1.log", log
    )
    patience, sync = timedelta(seconds=1), timedelta(seconds=60)
    airflow = Airflow(clients["mwaa"], clients["logs"], SETTINGS.prefix, said.append, 0, patience, sync)
    return Deployment(SETTINGS, clients.__getitem__, said.append, 0, airflow), said


def later(seconds: float) -> str:
    """A time as Airflow writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def test_first_deployment_uploads_everything_and_waits_for_terraform(s3: Bucket) -> None:
    with Mwaa() as mwaa:
        work, said = deployment(s3, mwaa)
        plan = work.apply(FILES)
    assert sorted(plan.added) == sorted(FILES)
    assert set(s3.held()) == set(FILES)
    assert "There is no environment" in said[-1]


def test_second_deployment_of_the_same_does_nothing(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.apply(FILES)
        before, updates = list(s3.log), len(mwaa.updates)
        plan = work.apply(FILES)
        assert (s3.log, len(mwaa.updates)) == (before, updates)
    assert plan.text().startswith("0 new, 0 changed, 0 gone, 4 same")


def test_plugins_are_live_before_the_dags_that_need_them(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        seen: list[int] = []
        work.mwaa.meta.events.register(
            "before-send.mwaa.UpdateEnvironment", lambda **_: seen.append(len(s3.log))
        )
        work.apply(FILES)
    assert s3.log[: seen[0]] == ["put glue/data_processing.py", "put mwaa/plugins.zip"]
    assert s3.log[seen[0] :] == ["put mwaa/dags/include/sql/a.sql", "put mwaa/dags/daily.py"]


def test_changed_dags_need_no_restart(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.apply(FILES)
        mwaa.updates.clear()
        plan = work.apply({**FILES, "mwaa/dags/daily.py": b"dag 2"})
        assert plan.changed == ["mwaa/dags/daily.py"]
        assert mwaa.updates == []
    assert not plan.updates_environment


def test_files_that_are_gone_are_removed_and_foreign_ones_are_left(s3: Bucket) -> None:
    for key in ("mwaa/dags/old.py", "somebody/else.txt"):
        s3.client.put_object(Bucket=s3.name, Key=key, Body=b"")
    with Mwaa() as mwaa:
        work, _ = deployment(s3, mwaa)
        plan = work.apply(FILES)
    assert plan.removed == ["mwaa/dags/old.py"]
    assert "somebody/else.txt" in s3.held()
    assert "mwaa/dags/old.py" not in s3.held()


def test_mwaa_is_told_the_versions(s3: Bucket) -> None:
    with Mwaa("UPDATING", "UPDATING", "AVAILABLE", "UPDATING", "AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.apply(FILES)
        (update,) = mwaa.updates
        assert update == {
            "Name": "ecommerce-dwh-dev",
            "PluginsS3ObjectVersion": "v2",
            "WorkerReplacementStrategy": "GRACEFUL",
        }


def test_refused_update_says_why(s3: Bucket) -> None:
    with Mwaa("AVAILABLE", "UPDATING", "UPDATE_FAILED", error="requirements do not install") as mwaa:
        work, _ = deployment(s3, mwaa)
        with pytest.raises(DeployError, match="requirements do not install"):
            work.apply(FILES)


def test_failed_pip_ends_the_deployment_although_mwaa_is_available(s3: Bucket) -> None:
    """The DAGs stay those of before: they go up only when their plugins and requirements are there."""
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa, "[INFO] - ERROR: Cannot install httpx2==2.16.2")
        with pytest.raises(HealthError, match=r"pip failed on MWAA's Worker.*Cannot install httpx2==2\.16\.2"):
            work.apply(FILES)
    assert "mwaa/dags/daily.py" not in s3.held()


def test_log_of_an_earlier_update_is_not_taken_for_this_one(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa, "[INFO] - ERROR: from before")
        mwaa.on_update()
        time.sleep(0.01)
        mwaa.on_update = lambda: None
        with pytest.raises(HealthError, match="no component has written a log"):
            work.apply(FILES)


def test_region_without_graceful_updates_is_updated_all_the_same(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.settings = Settings(env="dev", region="ca-west-1", account_suffix="-deploy")
        work.apply(FILES)
        assert mwaa.updates[0]["WorkerReplacementStrategy"] == "FORCED"


def test_airflow_that_cannot_be_asked_ends_it_before_anything_is_changed(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)

        def refuse(**_: object) -> None:
            raise work.mwaa.exceptions.AccessDeniedException(
                {"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "InvokeRestApi"
            )

        work.mwaa.meta.events.register("before-send.mwaa.InvokeRestApi", refuse)
        with pytest.raises(HealthError, match=r"private web server answers inside its VPC only.*--unchecked"):
            work.apply(FILES)
        assert (s3.held(), mwaa.updates) == ([], [])
        work.apply(FILES, checked=False)
        assert mwaa.updates


def test_healthy_is_only_what_airflow_has_parsed_since_the_upload(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, said = deployment(s3, mwaa)
        work.apply(FILES)
        mwaa.dags["daily.py"] = (later(90), "dag")
        work.health()
    assert said[-2:] == [
        "Airflow has parsed 1 DAG files since the upload.",
        "Airflow is healthy: metadatabase, scheduler, triggerer; every DAG can be imported.",
    ]


@pytest.mark.parametrize(
    ("parsed", "source"),
    [(-3600, "dag"), (30, "dag"), (90, "the file of before")],
    ids=["before the upload", "before MWAA has copied it", "not the uploaded source"],
)
def test_stale_parse_is_not_healthy(s3: Bucket, parsed: float, source: str) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.apply(FILES)
        mwaa.dags["daily.py"] = (later(parsed), source)
        with pytest.raises(HealthError, match=r"has not parsed daily\.py.*DAGProcessing"):
            work.health()


def test_dag_file_without_a_dag_in_airflow_is_not_healthy(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.apply(FILES)
        mwaa.dags["other.py"] = (later(90), "dag")
        with pytest.raises(HealthError, match=r"has not parsed daily\.py"):
            work.health()


def test_unhealthy_component_is_named(s3: Bucket) -> None:
    with Mwaa("AVAILABLE", health={"scheduler": {"status": "unhealthy"}}) as mwaa:
        work, _ = deployment(s3, mwaa)
        with pytest.raises(HealthError, match="not healthy: scheduler"):
            work.airflow.check()


@pytest.mark.parametrize("when", [-3600, 90], ids=["of before", "of this deployment"])
def test_import_error_is_named(s3: Bucket, when: float) -> None:
    """An error of before does not end the wait: the upload may be its cure. One that is left at the end does."""
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        work.apply(FILES)
        mwaa.dags["daily.py"] = (later(90), "dag")
        trace = "Traceback\nImportError: holidays"
        mwaa.import_errors = [{"filename": "daily.py", "stack_trace": trace, "timestamp": later(when)}]
        with pytest.raises(
            HealthError, match=r"1 DAG file.*daily.py.*ImportError: holidays.*deploy the commit"
        ):
            work.health()


def test_bucket_without_dags_is_not_healthy(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, _ = deployment(s3, mwaa)
        with pytest.raises(HealthError, match="deploy first"):
            work.health()


def test_missing_bucket_says_what_to_do(s3: Bucket) -> None:
    with Mwaa() as mwaa:
        work, _ = deployment(s3, mwaa)
        work.bucket = "ecommerce-dwh-dev-nowhere"
        with pytest.raises(DeployError, match="terraform apply in infrastructure/environments/dev"):
            work.plan(FILES)


def test_taken_names_are_found_before_terraform_fails(s3: Bucket) -> None:
    s3.belongs_to_somebody_else("ecommerce-dwh-dev-raw-deploy")
    with Mwaa() as mwaa:
        work, _ = deployment(s3, mwaa)
        assert work.preflight() == ["ecommerce-dwh-dev-raw-deploy"]


def test_wrong_account_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(DeployError, match=f"for account {ACCOUNT}, not 222222222222"):
        check_account(endpoint.client("sts"), "222222222222")
    check_account(endpoint.client("sts"), ACCOUNT)


@pytest.mark.parametrize("account", ["", "dev", "12345"])
def test_account_must_be_named(endpoint: Endpoint, account: str) -> None:
    with pytest.raises(DeployError, match="say which account"):
        check_account(endpoint.client("sts"), account)


def test_uncommitted_changes_are_refused(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)

    git("init", "--quiet")
    (tmp_path / "a").write_text("1")
    git("add", ".")
    git("commit", "--quiet", "-m", "a")
    assert len(check_tree(tmp_path)) == 40
    (tmp_path / "a").write_text("2")
    with pytest.raises(DeployError, match="uncommitted changes"):
        check_tree(tmp_path)
    (tmp_path / "a").write_text("1")
    (tmp_path / "new").write_text("1")
    with pytest.raises(DeployError, match="uncommitted changes"):
        check_tree(tmp_path)


def test_wrong_environment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from tools.deploy import main

    with pytest.raises(SystemExit):
        main(["diff", "--env", "staging", "--account", "123456789012"])
    assert "dev" in capsys.readouterr().err
