"""The deployment tool: what it refuses, what it shows, in which order it acts."""

# ruff: noqa: N803 - the fakes take boto3's argument names

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecommerce_dwh.settings import Settings
from tools.deploy import DeployError, Deployment, check_account, check_tree


class FakeMwaa:
    """MWAA as far as a deployment sees it; states are given in the order in which they are asked for."""

    def __init__(
        self, *states: str, error: str = "", health: Mapping[str, Any] | None = None, broken: int = 0
    ) -> None:
        self.states = list(states)
        self.error = error
        self.components = health or {"scheduler": {"status": "healthy"}, "triggerer": {"status": "healthy"}}
        self.broken = broken
        self.updates: list[dict[str, Any]] = []

    def get_environment(self, Name: str) -> dict[str, Any]:
        if not self.states:
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": Name}}, "GetEnvironment"
            )
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"Environment": {"Status": state, "LastUpdate": {"Error": {"ErrorMessage": self.error}}}}

    def update_environment(self, **arguments: Any) -> None:
        self.updates.append(arguments)

    def invoke_rest_api(self, Name: str, Path: str, Method: str) -> dict[str, Any]:
        if Path == "/importErrors":
            errors = [{"filename": "daily.py", "stack_trace": "ImportError: holidays"}] * self.broken
            return {"RestApiResponse": {"import_errors": errors}}
        return {"RestApiResponse": self.components}


class FakeS3:
    """A versioned bucket in memory."""

    def __init__(self, taken: tuple[str, ...] = (), there: bool = True) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.log: list[str] = []
        self.taken = taken
        self.there = there

    def get_paginator(self, _name: str) -> FakeS3:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        if not self.there:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": Bucket}}, "ListObjectsV2")
        return [{"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}]

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Metadata": self.objects[Key][1]}

    def head_bucket(self, Bucket: str) -> None:
        code = "403" if Bucket in self.taken else "404"
        raise ClientError({"Error": {"Code": code, "Message": Bucket}}, "HeadBucket")

    def put_object(self, Bucket: str, Key: str, Body: bytes, Metadata: dict[str, str]) -> dict[str, str]:
        self.objects[Key] = (Body, Metadata)
        self.log.append(f"put {Key}")
        return {"VersionId": f"v{len(self.log)}"}

    def delete_object(self, Bucket: str, Key: str) -> None:
        del self.objects[Key]
        self.log.append(f"delete {Key}")


FILES = {
    "mwaa/dags/daily.py": b"dag",
    "mwaa/dags/include/sql/a.sql": b"select 1",
    "mwaa/plugins.zip": b"zip",
    "glue/data_processing.py": b"job",
}


def deployment(s3: FakeS3, mwaa: FakeMwaa) -> tuple[Deployment, list[str]]:
    said: list[str] = []
    clients = {"s3": s3, "mwaa": mwaa}
    return Deployment(Settings(env="dev"), clients.__getitem__, said.append, poll_seconds=0), said


def test_first_deployment_uploads_everything_and_waits_for_terraform() -> None:
    s3 = FakeS3()
    work, said = deployment(s3, FakeMwaa())
    plan = work.apply(FILES)
    assert sorted(plan.added) == sorted(FILES)
    assert set(s3.objects) == set(FILES)
    assert "There is no environment" in said[-1]


def test_second_deployment_of_the_same_does_nothing() -> None:
    s3, mwaa = FakeS3(), FakeMwaa("AVAILABLE")
    work, _ = deployment(s3, mwaa)
    work.apply(FILES)
    before, updates = list(s3.log), len(mwaa.updates)
    plan = work.apply(FILES)
    assert (s3.log, len(mwaa.updates)) == (before, updates)
    assert plan.text().startswith("0 new, 0 changed, 0 gone, 4 same")


def test_plugins_are_live_before_the_dags_that_need_them() -> None:
    s3, mwaa = FakeS3(), FakeMwaa("AVAILABLE")
    work, _ = deployment(s3, mwaa)
    seen: list[int] = []
    mwaa.update_environment = lambda **_: seen.append(len(s3.log))  # type: ignore[method-assign]
    work.apply(FILES)
    assert s3.log[: seen[0]] == ["put glue/data_processing.py", "put mwaa/plugins.zip"]
    assert s3.log[seen[0] :] == ["put mwaa/dags/include/sql/a.sql", "put mwaa/dags/daily.py"]


def test_changed_dags_need_no_restart() -> None:
    s3, mwaa = FakeS3(), FakeMwaa("AVAILABLE")
    work, _ = deployment(s3, mwaa)
    work.apply(FILES)
    mwaa.updates.clear()
    plan = work.apply({**FILES, "mwaa/dags/daily.py": b"dag 2"})
    assert plan.changed == ["mwaa/dags/daily.py"]
    assert mwaa.updates == []
    assert not plan.updates_environment


def test_files_that_are_gone_are_removed_and_foreign_ones_are_left() -> None:
    s3 = FakeS3()
    s3.objects = {"mwaa/dags/old.py": (b"", {}), "somebody/else.txt": (b"", {})}
    work, _ = deployment(s3, FakeMwaa())
    plan = work.apply(FILES)
    assert plan.removed == ["mwaa/dags/old.py"]
    assert "somebody/else.txt" in s3.objects


def test_mwaa_is_told_the_versions() -> None:
    mwaa = FakeMwaa("UPDATING", "UPDATING", "AVAILABLE", "UPDATING", "AVAILABLE")
    work, _ = deployment(FakeS3(), mwaa)
    work.apply(FILES)
    assert mwaa.updates == [{"Name": "ecommerce-dwh-dev", "PluginsS3ObjectVersion": "v2"}]


def test_refused_update_says_why() -> None:
    mwaa = FakeMwaa("AVAILABLE", "UPDATING", "UPDATE_FAILED", error="requirements do not install")
    work, _ = deployment(FakeS3(), mwaa)
    with pytest.raises(DeployError, match="requirements do not install"):
        work.apply(FILES)


def test_unhealthy_component_is_named() -> None:
    work, _ = deployment(FakeS3(), FakeMwaa("AVAILABLE", health={"scheduler": {"status": "unhealthy"}}))
    with pytest.raises(DeployError, match="not healthy: scheduler"):
        work.health()


def test_import_error_is_named() -> None:
    work, _ = deployment(FakeS3(), FakeMwaa("AVAILABLE", broken=2))
    with pytest.raises(DeployError, match=r"2 DAG file.*daily.py"):
        work.health()


def test_missing_bucket_says_what_to_do() -> None:
    work, _ = deployment(FakeS3(there=False), FakeMwaa())
    with pytest.raises(DeployError, match="terraform apply in infrastructure/environments/dev"):
        work.plan(FILES)


def test_taken_names_are_found_before_terraform_fails() -> None:
    work, _ = deployment(FakeS3(taken=("ecommerce-dwh-dev-raw",)), FakeMwaa())
    assert work.preflight() == ["ecommerce-dwh-dev-raw"]


class FakeSts:
    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "111111111111"}


def test_wrong_account_is_refused() -> None:
    with pytest.raises(DeployError, match="for account 111111111111, not 222222222222"):
        check_account(FakeSts(), "222222222222")
    check_account(FakeSts(), "111111111111")


@pytest.mark.parametrize("account", ["", "dev", "12345"])
def test_account_must_be_named(account: str) -> None:
    with pytest.raises(DeployError, match="say which account"):
        check_account(FakeSts(), account)


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
