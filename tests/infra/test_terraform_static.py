"""Terraform without any AWS: format, validity against the real provider's schema, module tests, policies."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from terraform import INFRASTRUCTURE, MODULES, ROOTS, Terraform, copy_tree

pytestmark = pytest.mark.usefixtures("terraform_ready")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tree(tmp_path_factory.mktemp("static"))


def test_files_are_formatted() -> None:
    Terraform(INFRASTRUCTURE).run("fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("root", ROOTS)
def test_root_is_valid_for_the_real_provider(tree: Path, root: str) -> None:
    terraform = Terraform(tree / root)
    terraform.init("-backend=false", "-lockfile=readonly")
    terraform.run("validate", "-no-color")


@pytest.mark.parametrize("module", MODULES)
def test_module(module: str, module_told: str) -> None:
    assert list((INFRASTRUCTURE / "modules" / module / "tests").glob("*.tftest.hcl")), f"{module} has no test"
    passed = int(module_told.rpartition("Success! ")[2].partition(" ")[0])
    assert passed > 0


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Dev with its state on disk, initialised."""
    terraform = Terraform(copy_tree(tmp_path_factory.mktemp("dev")) / "environments" / "dev")
    (terraform.folder / "local_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    terraform.init()
    return terraform


def test_missing_account_says_which_variable(dev: Terraform) -> None:
    told = dev.run("plan", "-input=false", "-no-color", codes=(1,)).stdout
    assert 'variable "account_id"' in told
    assert "AWS account of this environment, 12 digits" in (dev.folder / "variables.tf").read_text()


def test_wrong_values_say_what_to_do(dev: Terraform) -> None:
    """Refused before anything is asked of AWS, each with a sentence."""
    wrong = {
        "account_id": "1234",
        "account_suffix": "_X",
        "alert_email": "nobody",
        "redshift_deployment": "cluster",
    }
    variables = [f"-var={name}={value}" for name, value in wrong.items()]
    told = " ".join(
        dev.run("plan", "-input=false", "-no-color", *variables, codes=(1,)).stdout.split()
    ).replace("│ ", "")
    for sentence in (
        "account_id must be the 12 digits of the AWS account",
        "`make preflight` says whether they are",
        "alert_email must be one mail address",
        'deployment must be "provisioned" (RA3 cluster) or "serverless" (workgroup)',
    ):
        assert sentence in told, told


def test_checkov_finds_nothing_unjustified(checkov_report: dict[str, Any]) -> None:
    report = checkov_report
    failed = [f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]]
    assert not failed, "\n".join(failed)
    assert report["summary"]["passed"] > 200
    unexplained = [
        check["check_id"]
        for check in report["results"]["skipped_checks"]
        if len(check["check_result"].get("suppress_comment", "").split()) < 3
    ]
    assert not unexplained


def test_every_variable_and_output_is_described() -> None:
    for path in INFRASTRUCTURE.rglob("*.tf"):
        if ".terraform" in path.parts:
            continue
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith(("variable ", "output ")):
                assert lines[number + 1].strip().startswith("description"), f"{path.name}: {line}"


def test_no_state_or_values_are_committed() -> None:
    git = shutil.which("git")
    assert git
    listed = subprocess.run(
        [git, "ls-files", "infrastructure"],
        cwd=INFRASTRUCTURE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = [
        name for name in listed.stdout.split() if name.endswith((".tfstate", ".tfvars", ".tfplan", ".pem"))
    ]
    assert not wrong


def test_every_alarm_has_its_runbook() -> None:
    alarms = (INFRASTRUCTURE / "modules" / "monitoring" / "main.tf").read_text()
    named = set(re.findall(r"Runbook: ([a-z-]+)\.", alarms))
    docs = INFRASTRUCTURE.parent / "docs"
    written = (docs / "runbooks.md").read_text() + (docs / "runbooks-aws.md").read_text()
    missing = [name for name in named if not re.search(rf"^#+ {name}$", written, re.MULTILINE)]
    assert named
    assert not missing


def test_sums_of_the_cost_page_add_up() -> None:
    lines = (INFRASTRUCTURE.parent / "docs" / "cost.md").read_text().split("## Levers")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rows = [row for row in cells if len(row) == 6 and re.fullmatch(r"[\d,]+", row[3])]
    (total,) = [row for row in cells if row[0] == "**total**"]
    for column in (3, 5):
        added = sum(int(row[column].replace(",", "")) for row in rows)
        assert added == int(total[column].strip("*").replace(",", ""))
    for env, column in (("dev", 3), ("prod", 5)):
        sizes = (INFRASTRUCTURE / "environments" / env / "environment.tf").read_text()
        budget = int(re.search(r"monthly_budget_usd = (\d+)", sizes)[1])  # type: ignore[index]
        assert int(total[column].strip("*").replace(",", "")) * 1.2 < budget


def test_environments_share_all_but_what_differs() -> None:
    """Both folders link to the same files; the one file of their own declares no module and no output."""
    common = INFRASTRUCTURE / "environments" / "common"
    shared = {path.name for path in common.glob("*.tf")}
    assert {"main.tf", "outputs.tf", "variables.tf", "versions.tf"} <= shared
    for env in ("dev", "prod"):
        folder = common.parent / env
        own = {path.name for path in folder.glob("*.tf") if not path.name.endswith("_override.tf")}
        assert own == shared | {"environment.tf"}
        for name in shared:
            assert (folder / name).samefile(common / name), f"{env}/{name} is no link to ../common/{name}"
        assert not re.findall(
            r"^(?:module|output|resource) ", (folder / "environment.tf").read_text(), re.MULTILINE
        )
