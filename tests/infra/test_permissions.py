"""docs/permissions.md speaks of the policies that are applied, and no misfit of calls and permissions gets past it."""

from __future__ import annotations

import ast
import json

import pytest
from conftest import Applied
from terraform import REPO

from tools.generate import permissions
from tools.generate.permissions import Call, calls_of, from_state, misfits


def test_the_page_speaks_of_what_is_applied(applied: Applied) -> None:
    """After a change of a role: `terraform show -json` of dev into `python -m tools.generate.permissions --state`."""
    state = json.loads(applied.terraform.run("show", "-json").stdout)
    assert from_state(state) == json.loads((REPO / permissions.STATEMENTS).read_text())


def test_the_roles_have_the_calls_that_a_reader_finds() -> None:
    """Spot checks of the scan, each in another way of calling: client, paginator, wrapper, hook."""
    calls = {role: {call.action for call in calls_of(role)} for role in permissions.ROLES}
    assert {"glue:StartJobRun", "s3:ListBucket", "sns:Publish", "s3:DeleteObjectVersion"} <= calls["airflow"]
    assert "cloudwatch:PutMetricData" in calls["glue-data-quality"]
    assert "s3:DeleteObjectVersion" in calls["glue-data-erasure"]
    assert not {"s3:DeleteObjectVersion", "s3:ListBucketVersions"} & calls["glue-data-processing"]
    assert {"airflow:UpdateEnvironment", "airflow:InvokeRestApi"} <= calls["github-deploy"]


_STATEMENT = [{"sid": "Read", "actions": ["s3:GetObject", "kms:GenerateDataKey*"], "resources": ["*"]}]
_CALLS = [Call("s3:GetObject", "dags/a.py:1")]
_REASONS = {"kms:GenerateDataKey*": "S3"}


def test_what_fits_has_no_misfit() -> None:
    assert misfits("airflow", _CALLS, _STATEMENT, _REASONS) == []


@pytest.mark.parametrize(
    ("calls", "reasons", "words"),
    [
        ([*_CALLS, Call("s3:PutObject", "dags/b.py:7")], _REASONS, "dags/b.py:7 needs s3:PutObject"),
        ([], _REASONS, "s3:GetObject is allowed and never called"),
        (_CALLS, {}, "kms:GenerateDataKey* is allowed and never called"),
        (_CALLS, {**_REASONS, "s3:GetObject": "?"}, "gives a reason for s3:GetObject, which is called"),
        (_CALLS, {**_REASONS, "sns:Publish": "?"}, "gives a reason for sns:Publish, which no statement allows"),
    ],
)
def test_a_misfit_is_told(calls: list[Call], reasons: dict[str, str], words: str) -> None:
    told = misfits("airflow", calls, _STATEMENT, reasons)
    assert len(told) == 1
    assert words in told[0]


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("client.start_job_run(JobName='x')", "glue:StartJobRun"),
        ("self.hook.conn.get_paginator('list_object_versions')", "s3:ListBucketVersions"),
        ("s3.delete_object(Bucket=b, Key=k)", "s3:DeleteObject"),
        ("s3.delete_object(Bucket=b, Key=k, VersionId=v)", "s3:DeleteObjectVersion"),
        ("aws('mwaa').invoke_rest_api(Name=n)", "airflow:InvokeRestApi"),
        ("frame.write.parquet(path)", None),
    ],
)
def test_a_call_is_recognised(code: str, action: str | None) -> None:
    call = next(node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    assert permissions._action(call) == action
