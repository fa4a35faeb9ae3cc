"""Workflows: valid, secure, pinned, with no more permissions than they need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from terraform import REPO

FOLDER = REPO / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
_TOOLS = Path(sys.executable).parent


def _tool(*command: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "PATH": f"{_TOOLS}{os.pathsep}{os.environ['PATH']}",
    }  # actionlint looks for shellcheck
    return subprocess.run(
        [str(_TOOLS / command[0]), *command[1:]],
        cwd=REPO,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def _load(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def test_actionlint_and_shellcheck_find_nothing() -> None:
    done = _tool("actionlint", "-no-color", *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    done = _tool("zizmor", "--offline", "--no-progress", "--color", "never", str(FOLDER))
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [str(path) for path in WORKFLOWS]),
        ("vendor.dependabot", [str(FOLDER / "dependabot.yml")]),
    ],
)
def test_files_fit_their_schema(schema: str, files: list[str]) -> None:
    done = _tool("check-jsonschema", "--builtin-schema", schema, *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit_and_says_its_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    for action, comment in used:
        if action.startswith("./"):
            continue
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.search(r"# v\d+\.\d+\.\d+", comment), f"{action} does not say which version it is"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_is_permitted_that_no_job_asks_for(path: Path) -> None:
    workflow = _load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        granted = job["permissions"]
        assert granted.get("contents") in (None, "read"), name
        if "id-token" in granted and "steps" in job:
            assert any("configure-aws-credentials" in step.get("uses", "") for step in job["steps"]), name
        assert "timeout-minutes" in job or "uses" in job, name


def test_no_long_lived_key_is_used() -> None:
    for path in WORKFLOWS:
        text = path.read_text()
        assert "secrets." not in text, path.name
        assert "aws-access-key-id" not in text, path.name


def test_changes_wait_for_approval() -> None:
    apply = _load(FOLDER / "workflows" / "terraform-apply.yml")
    assert apply["jobs"]["apply"]["environment"] == "${{ inputs.env }}"
    deploy = _load(FOLDER / "workflows" / "deploy.yml")
    assert deploy["jobs"]["deploy"]["environment"] == "${{ matrix.env }}-code"
    terraform = _load(FOLDER / "workflows" / "terraform.yml")
    assert terraform["jobs"]["apply-prod"]["needs"] == "apply-dev"


@pytest.mark.parametrize("name", ["terraform", "terraform-apply"])
def test_no_plan_without_the_values_of_the_environment(name: str) -> None:
    """With defaults in place of terraform.tfvars, an apply would rename buckets."""
    workflow = _load(FOLDER / "workflows" / f"{name}.yml")
    steps = [
        step
        for job in workflow["jobs"].values()
        for step in job.get("steps", ())
        if "terraform plan" in step.get("run", "")
    ]
    assert steps
    first = steps[0]["run"]
    assert first.index("[[ -n $TFVARS ]]") < first.index("terraform.tfvars") < first.index("terraform init")


def test_roles_are_those_that_terraform_makes() -> None:
    """A workflow signs in with the role whose trust names just this workflow's subject."""
    named = set()
    for path in WORKFLOWS:
        named |= set(re.findall(r"role/ecommerce-dwh-\$\{\{ \S+ \}\}-github-(\w+)", path.read_text()))
    roles = (REPO / "infrastructure" / "modules" / "security" / "github.tf").read_text()
    made = set(re.findall(r"(\w+)\s+= \[\"repo:", roles))
    assert named == made == {"plan", "apply", "deploy"}
