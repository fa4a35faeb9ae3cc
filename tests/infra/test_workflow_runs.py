"""The workflows' own scripts, run by bash as GitHub runs them, with stand-ins for gh, aws and Terraform on the PATH.

The stand-ins write down how they are called; Terraform's own word on a stale plan comes from the real Terraform.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from terraform import REPO, Terraform

WORKFLOWS = REPO / ".github" / "workflows"
SHA = "0123456789abcdef0123456789abcdef01234567"
BUCKET = "ecommerce-dwh-tfstate-123456789012"

_TOOLS = {
    "terraform": """
case $1 in
  plan) for word; do case $word in -out=*) printf '%s' "${PLAN_CONTENT:-plan}" > "${word#-out=}" ;; esac; done
        echo "${PLAN_TEXT:-Plan: 1 to add, 0 to change, 0 to destroy.}"; exit "${PLAN_CODE:-0}" ;;
  show) echo "shown: $(cat "$3")" ;;
  apply) echo "${APPLY_TEXT:-Apply complete!}"; exit "${APPLY_CODE:-0}" ;;
esac
""",
    "aws": """
[[ $1 == s3api ]] || exit 9
action=$2; shift 2
while [[ $# -gt 0 ]]; do
  case $1 in
    --bucket) bucket=$2; shift ;;
    --key) key=$2; shift ;;
    --body) body=$2; shift ;;
    --if-none-match) shift ;;
    *) file=$1 ;;
  esac
  shift
done
mkdir -p "$(dirname "$STORE/$bucket/$key")"
if [[ $action == put-object ]]; then cp "$body" "$STORE/$bucket/$key"; else cp "$STORE/$bucket/$key" "$file"; fi
""",
    "gh": """
case "$1 $2" in
  "issue list") printf '%s' "${ISSUE:-}" ;;
  "api repos/"*) printf '%s' "${MOVED:-}" ;;
esac
for word; do case $word in */issue.md) cat "$word" > "$STORE/issue.md" ;; esac; done
""",
}


@dataclass
class Runner:
    """A machine of GitHub's.

    Attributes:
        folder: working directory of the steps.
        environ: variables of the job.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tools = self.folder / "tools"
        (self.folder / "work").mkdir()
        tools.mkdir()
        for name, script in _TOOLS.items():
            path = tools / name
            path.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> "$CALLS"\n{script}')
            path.chmod(0o755)
        self.environ = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "STORE": str(self.folder / "store"),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "HOME": str(self.folder),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_SHA": SHA,
            "GITHUB_RUN_ID": "42",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_REPOSITORY": "company/dwh",
            "ACCOUNT": "123456789012",
            "ENVIRONMENT": "prod",
            "TFVARS": 'account_id = "123456789012"',
        }
        for name in ("store", "temp"):
            (self.folder / name).mkdir()
        for name in ("calls", "output", "summary"):
            (self.folder / name).touch()

    def step(self, workflow: str, job: str, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a step's script; nothing of the workflow's expressions may be left in it."""
        script = _step(workflow, job, name)["run"]
        assert "${{" not in script, "values reach a script as variables, never as text"
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder / "work",
            env={**self.environ, **more},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


def _load(workflow: str) -> dict[str, Any]:
    return dict(yaml.safe_load((WORKFLOWS / f"{workflow}.yml").read_text()))


def _step(workflow: str, job: str, name: str) -> Mapping[str, Any]:
    (step,) = (step for step in _load(workflow)["jobs"][job]["steps"] if step.get("name") == name)
    return dict(step)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


# --- plan, approval, apply ------------------------------------------------------------------------------------------

_KEEP = "Keep the plan where only the apply role reads it"
_APPLY = "Apply the approved plan"


def _planned(runner: Runner) -> tuple[str, str]:
    """Key and digest of a plan that was made and kept."""
    done = runner.step("terraform-apply", "plan", "Plan", PLAN_CODE="2", PLAN_CONTENT="the approved plan")
    assert done.returncode == 0, done.stdout
    done = runner.step("terraform-apply", "plan", _KEEP)
    assert done.returncode == 0, done.stdout
    assert runner.outputs["changes"] == "true"
    (runner.folder / "calls").write_text("")
    return runner.outputs["key"], runner.outputs["sha256"]


def test_what_is_approved_is_what_is_applied(runner: Runner) -> None:
    key, sha256 = _planned(runner)
    assert key == f"plans/prod/{SHA}-42-1.tfplan"
    assert sha256 == hashlib.sha256(b"the approved plan").hexdigest()
    assert "shown: the approved plan" in (runner.folder / "summary").read_text(), "what reviewers read"
    assert not (runner.folder / "work" / "plan.bin").exists()
    done = runner.step("terraform-apply", "apply", _APPLY, KEY=key, SHA256=sha256)
    assert done.returncode == 0, done.stdout
    assert (runner.folder / "work" / "plan.bin").read_bytes() == b"the approved plan"
    assert [call for call in runner.calls if call.startswith("terraform")] == [
        f"terraform init -input=false -lockfile=readonly -backend-config=bucket={BUCKET}",
        "terraform apply -input=false -no-color plan.bin",
    ], "no second plan"


def test_exchanged_plan_is_not_applied(runner: Runner) -> None:
    key, sha256 = _planned(runner)
    (runner.folder / "store" / BUCKET / key).write_text("another plan")
    done = runner.step("terraform-apply", "apply", _APPLY, KEY=key, SHA256=sha256)
    assert done.returncode != 0
    assert "is not the one that was approved: nothing was applied" in done.stdout
    assert not any("terraform apply" in call for call in runner.calls)


def test_stale_plan_is_explained_in_terraform_s_own_words(
    runner: Runner, terraform_ready: None, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "main.tf").write_text('resource "terraform_data" "a" {}\nresource "terraform_data" "b" {}\n')
    terraform = Terraform(root)
    terraform.run("init", "-no-color")
    terraform.run("plan", "-out=plan.bin", "-no-color")
    terraform.run("apply", "-auto-approve", "-target=terraform_data.a", "-no-color")
    told = terraform.run("apply", "-no-color", "plan.bin", codes=(1,)).stdout
    key, sha256 = _planned(runner)
    done = runner.step(
        "terraform-apply", "apply", _APPLY, KEY=key, SHA256=sha256, APPLY_CODE="1", APPLY_TEXT=told
    )
    assert done.returncode != 0
    assert "::error::The state of prod has changed since this plan was made: nothing was applied" in done.stdout


def test_other_failures_of_an_apply_are_not_called_stale(runner: Runner) -> None:
    key, sha256 = _planned(runner)
    done = runner.step(
        "terraform-apply", "apply", _APPLY, KEY=key, SHA256=sha256, APPLY_CODE="1", APPLY_TEXT="Error: x"
    )
    assert done.returncode != 0
    assert "::error::" not in done.stdout


def test_plan_older_than_main_is_refused(runner: Runner) -> None:
    moved = "infrastructure/modules/mwaa/main.tf\ninclude/sources/orders.yaml"
    done = runner.step("terraform-apply", "apply", "Main has not moved", MOVED=moved)
    assert done.returncode != 0
    assert (
        "::error::This plan is older than main (infrastructure/modules/mwaa/main.tf, include/sources/orders.yaml"
        in done.stdout
    )
    assert f"repos/company/dwh/compare/{SHA}...main" in runner.calls[0]
    assert runner.step("terraform-apply", "apply", "Main has not moved", MOVED="").returncode == 0


def test_empty_plan_asks_nobody(runner: Runner) -> None:
    assert runner.step("terraform-apply", "plan", "Plan", PLAN_CODE="0").returncode == 0
    assert runner.outputs == {"changes": "false"}
    jobs = _load("terraform-apply")["jobs"]
    assert jobs["apply"]["if"] == "needs.plan.outputs.changes == 'true'"
    assert jobs["apply"]["needs"] == "plan"


def test_failed_plan_is_not_kept(runner: Runner) -> None:
    assert runner.step("terraform-apply", "plan", "Plan", PLAN_CODE="1").returncode == 1
    assert runner.outputs == {}


def test_only_the_apply_waits_for_approval_and_nothing_plans_twice() -> None:
    jobs = _load("terraform-apply")["jobs"]
    assert "environment" not in jobs["plan"]
    assert jobs["apply"]["environment"] == "${{ inputs.env }}"
    scripts = [step.get("run", "") for step in jobs["apply"]["steps"]]
    first = next(number for number, script in enumerate(scripts) if "terraform apply" in script)
    assert not any("terraform plan" in script for script in scripts[: first + 1])
    assert all(
        step.get("uses", "").partition("@")[0] != "actions/upload-artifact" for step in jobs["plan"]["steps"]
    )


def test_one_change_of_an_environment_at_a_time() -> None:
    jobs = _load("terraform")["jobs"]
    for env in ("dev", "prod"):
        assert jobs[f"apply-{env}"]["concurrency"] == {"group": f"terraform-{env}", "cancel-in-progress": False}
    assert "concurrency" not in _load("terraform"), "prod's approval must not hold dev"
    deploy = _load("deploy")["jobs"]["deploy"]["concurrency"]
    assert deploy == {"group": "deploy-${{ matrix.env }}", "cancel-in-progress": False}
    drift = _load("drift")["jobs"]["drift"]["concurrency"]
    assert drift == {"group": "drift-${{ matrix.env }}", "cancel-in-progress": False}


# --- drift ----------------------------------------------------------------------------------------------------------


def _drift(runner: Runner, code: str, issue: str = "") -> list[str]:
    plan = runner.step("drift", "drift", "Plan", PLAN_CODE=code, PLAN_TEXT="~ aws_s3_bucket.raw")
    assert plan.returncode == 0, plan.stdout
    (runner.folder / "calls").write_text("")
    done = runner.step("drift", "drift", "Issue", CODE=runner.outputs["code"], ISSUE=issue)
    assert done.returncode == 0, done.stdout
    return [call for call in runner.calls if not call.startswith("gh issue list")]


def test_drift_opens_one_issue(runner: Runner) -> None:
    (call,) = _drift(runner, "2")
    assert call.startswith("gh issue create --repo company/dwh --title Drift: AWS differs from main in prod")
    assert "~ aws_s3_bucket.raw" in (runner.folder / "store" / "issue.md").read_text()
    assert "docs/runbooks-aws.md" in (runner.folder / "store" / "issue.md").read_text()


def test_drift_that_lasts_is_written_into_its_issue(runner: Runner) -> None:
    (call,) = _drift(runner, "2", issue="7")
    assert call.startswith("gh issue edit 7 ")


def test_drift_that_is_gone_closes_its_issue(runner: Runner) -> None:
    (call,) = _drift(runner, "0", issue="7")
    assert call.startswith("gh issue close 7 ")


def test_no_drift_says_nothing(runner: Runner) -> None:
    assert _drift(runner, "0") == []


def test_plan_that_fails_is_no_drift(runner: Runner) -> None:
    """The run fails, and GitHub mails that; the step that writes issues is not reached."""
    assert runner.step("drift", "drift", "Plan", PLAN_CODE="1").returncode != 0
    assert "if" not in _step("drift", "drift", "Issue")


def test_drift_is_looked_for_every_night_in_both_environments() -> None:
    workflow = _load("drift")
    assert workflow[True]["schedule"], "YAML reads `on` as true"
    assert [item["env"] for item in workflow["jobs"]["drift"]["strategy"]["matrix"]["include"]] == [
        "dev",
        "prod",
    ]
    assert "-detailed-exitcode" in _step("drift", "drift", "Plan")["run"]


# --- accounts and their names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workflow", "job"),
    [("terraform", "plan"), ("terraform-apply", "plan"), ("drift", "drift"), ("deploy", "deploy")],
)
@pytest.mark.parametrize("account", ["", "prod", "12345678901", "1234567890123"])
def test_missing_account_is_refused_with_its_cure(
    runner: Runner, workflow: str, job: str, account: str
) -> None:
    done = runner.step(workflow, job, "Account", ACCOUNT=account)
    assert done.returncode != 0
    assert "::error::Set the variable DWH_ACCOUNT_PROD to the 12 digits" in done.stdout
    assert runner.step(workflow, job, "Account").returncode == 0


@pytest.mark.parametrize(
    ("workflow", "job", "name"),
    [("terraform", "plan", "Plan"), ("terraform-apply", "plan", "Plan"), ("drift", "drift", "Plan")],
)
def test_missing_values_are_refused_with_their_cure(runner: Runner, workflow: str, job: str, name: str) -> None:
    done = runner.step(workflow, job, name, TFVARS="")
    assert done.returncode != 0
    assert "::error::Put your terraform.tfvars into the variable DWH_TFVARS_PROD" in done.stdout
    assert runner.calls == []


@pytest.mark.parametrize("workflow", ["terraform", "drift", "deploy"])
def test_unset_variable_of_prod_never_becomes_that_of_dev(workflow: str) -> None:
    """`a && b || c` gives c where b is empty: prod would be planned in dev's account."""
    text = (WORKFLOWS / f"{workflow}.yml").read_text()
    assert "vars.DWH_ACCOUNT_PROD ||" not in text
    assert "vars.DWH_TFVARS_PROD ||" not in text
    assert "vars[format('DWH_ACCOUNT_{0}', matrix.variable)]" in text


@pytest.mark.parametrize(
    ("suffix", "tfvars", "fits"),
    [
        ("", 'account_id = "1"', True),
        ("-acme", 'account_suffix = "-acme"', True),
        ("-acme", '  account_suffix="-acme" # names are taken', True),
        ("", 'account_suffix = "-acme"', False),
        ("-acme", 'account_id = "1"', False),
        ("-acme", 'account_suffix = "-acme-dev"', False),
    ],
)
def test_suffix_is_that_of_the_environment(runner: Runner, suffix: str, tfvars: str, fits: bool) -> None:
    done = runner.step(
        "deploy", "deploy", "Suffix of the bucket names", DWH_ACCOUNT_SUFFIX=suffix, TFVARS=tfvars
    )
    assert (done.returncode == 0) is fits
    assert fits or "of the GitHub environment prod-code is" in done.stdout


def test_suffix_comes_from_the_github_environment() -> None:
    job = _load("deploy")["jobs"]["deploy"]
    assert job["environment"] == "${{ matrix.env }}-code"
    assert job["env"]["DWH_ACCOUNT_SUFFIX"] == "${{ vars.DWH_ACCOUNT_SUFFIX }}"


# --- who may start what ---------------------------------------------------------------------------------------------


def test_fork_gets_tests_and_no_role() -> None:
    test = _load("test")[True]
    assert set(test) == {"push", "pull_request", "workflow_dispatch"}
    assert "pull_request_target" not in "".join(path.read_text() for path in WORKFLOWS.glob("*.yml"))
    for job in _load("test")["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["if"] == (
            "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name != github.repository"
        ), "a branch of the repository is tested by its push"
    plan = _load("terraform")["jobs"]["plan"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in plan
