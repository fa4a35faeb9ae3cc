"""The deployment tool: what it refuses, what it shows, in which order it acts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_edge import Bucket, Mwaa
from conftest import ACCOUNT, Endpoint

from ecommerce_dwh.settings import Settings
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


def deployment(s3: Bucket, mwaa: Mwaa) -> tuple[Deployment, list[str]]:
    said: list[str] = []
    clients = {"s3": s3.client, "mwaa": mwaa.client()}
    return Deployment(SETTINGS, clients.__getitem__, said.append, poll_seconds=0), said


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
        assert mwaa.updates == [{"Name": "ecommerce-dwh-dev", "PluginsS3ObjectVersion": "v2"}]


def test_refused_update_says_why(s3: Bucket) -> None:
    with Mwaa("AVAILABLE", "UPDATING", "UPDATE_FAILED", error="requirements do not install") as mwaa:
        work, _ = deployment(s3, mwaa)
        with pytest.raises(DeployError, match="requirements do not install"):
            work.apply(FILES)


def test_health_is_asked_of_airflow(s3: Bucket) -> None:
    with Mwaa("AVAILABLE") as mwaa:
        work, said = deployment(s3, mwaa)
        work.health()
    assert said == ["Airflow is healthy: metadatabase, scheduler, triggerer; every DAG can be imported."]


def test_unhealthy_component_is_named(s3: Bucket) -> None:
    with Mwaa("AVAILABLE", health={"scheduler": {"status": "unhealthy"}}) as mwaa:
        work, _ = deployment(s3, mwaa)
        with pytest.raises(DeployError, match="not healthy: scheduler"):
            work.health()


def test_import_error_is_named(s3: Bucket) -> None:
    with Mwaa("AVAILABLE", broken=2) as mwaa:
        work, _ = deployment(s3, mwaa)
        with pytest.raises(DeployError, match=r"2 DAG file.*daily.py.*ImportError: holidays"):
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
