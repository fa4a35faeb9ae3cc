"""docs/deployment.md, walked: its commands run in their order against the local AWS endpoint; a page that lies fails.

One shell runs the blocks of "First deployment from zero", so what a step exports the next ones see. What stands beside
AWS, because the endpoint has no stand-in for it:

- account_edge.py plays Access Analyzer, Service Quotas and Cost Explorer's tags;
- TF_VAR_airflow_enabled=false stays for the whole walk: Terraform's provider puts `api.` before the host of MWAA's
  endpoint, and no loopback address has such a name; modules/mwaa is applied against the mocked provider by preflight,
  MWAA's API is met by test_deploy_airflow.py;
- Redshift's own SQL and Airflow's DAG runs are not part of this walk: test_terraform_apply.py runs the DAGs against
  Terraform's environment, test_after_apply.py every check of `make verify`.

Nothing of the page is changed. Terraform gets its answers (`-auto-approve`), the switches for a local endpoint and the
provider's folder by its own variables (TF_CLI_ARGS_…); a person's typing comes from a file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from account_edge import AccountEdge
from conftest import ACCOUNT, Endpoint, environment_python, need, serving
from page import Block, blocks
from terraform import OVERRIDE, REPO, environ, point_at_endpoint

PAGE = REPO / "docs" / "deployment.md"
SECTION = "First deployment from zero"
_BACKEND = (
    "use_path_style=true",
    "skip_credentials_validation=true",
    "skip_metadata_api_check=true",
    "skip_requesting_account_id=true",
)
# Steps from here on need an Airflow that runs DAGs.
_AIRFLOW = "The warehouse's tables"
# The first of these tests waits for the whole walk: two applies, a rendering and a package.
_WALKS = pytest.mark.timeout(3600)


@dataclass
class Walk:
    """The steps that were walked.

    Attributes:
        said: what each block printed.
        codes: its exit code.
    """

    endpoint: Endpoint
    edge: AccountEdge
    repo: Path
    blocks: list[Block]
    said: dict[int, str]
    codes: dict[int, int]

    def of(self, words: str) -> str:
        """What the block that holds some words printed."""
        return next(
            self.said[n] for n, block in enumerate(self.blocks) if words in block.script and n in self.said
        )


def _clone(folder: Path) -> Path:
    """A checkout as a newcomer has it: the commit, with this tree's changes on top, clean."""
    repo = folder / "ecommerce-dwh"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (REPO / name).is_file():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, repo / name)
    (repo / ".venv").symlink_to(Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv").resolve())
    point_at_endpoint(repo / "infrastructure" / "environments" / "dev")
    (repo / "infrastructure" / "bootstrap" / "endpoint_override.tf").write_text(OVERRIDE)
    identity = ["-c", "user.name=newcomer", "-c", "user.email=newcomer@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "checkout"]):
        subprocess.run(["git", *identity, *command], cwd=repo, check=True, stdout=subprocess.DEVNULL)
    return repo


def _variables(endpoint: Endpoint, edge: AccountEdge, home: Path) -> dict[str, str]:
    backend = " ".join(f"-backend-config={value}" for value in _BACKEND)
    plugins = os.environ.get("DWH_TF_PLUGIN_DIR")
    return environ(
        {
            **endpoint.environ(),
            **edge.environ(),
            "HOME": str(home),
            "TF_INPUT": "0",
            "TF_CLI_ARGS_init": f"{backend} -plugin-dir={plugins}" if plugins else backend,
            "TF_CLI_ARGS_apply": "-auto-approve -no-color",
            "TF_CLI_ARGS_destroy": "-auto-approve -no-color",
            "AWS_PAGER": "",
            "TF_VAR_airflow_enabled": "false",
            "DWH_ACCOUNT_SUFFIX": "",
            "NO_COLOR": "1",
            "COLUMNS": "160",
        }
    )


def walk(
    listed: list[Block], repo: Path, variables: dict[str, str], typed: str, log: Path
) -> tuple[dict[int, str], dict[int, int]]:
    """Run blocks in one shell; stops after the first that fails, as a reader would."""
    lines = ["set -o pipefail"]
    for number, block in enumerate(listed):
        # A block fails with its first command that fails.
        lines += ["set -e", block.script.strip(), "set +e", f"echo '--- block {number} ended with 0'"]
    script = repo.parent / "walk.sh"
    script.write_text("\n".join(lines) + "\n")
    with log.open("w") as output:
        done = subprocess.run(
            ["bash", str(script)],
            cwd=repo,
            env=variables,
            input=typed,
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    text = log.read_text()
    said: dict[int, str] = {}
    for number in range(len(listed)):
        mark = f"--- block {number} ended with 0\n"
        part, found, rest = text.partition(mark)
        said[number] = part
        if not found:
            return said, {**dict.fromkeys(range(number), 0), number: done.returncode or 1}
        text = rest
    return said, dict.fromkeys(range(len(listed)), 0)


@pytest.fixture(scope="module")
def walked(terraform_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    need(shutil.which("aws") is not None, "the AWS CLI is not on the PATH; the page's commands need it")
    listed = blocks(PAGE, SECTION)
    last = next(n for n, block in enumerate(listed) if block.title == _AIRFLOW)
    folder = tmp_path_factory.mktemp("walk")
    with serving(tmp_path_factory.mktemp("walk-aws")) as endpoint, AccountEdge() as edge:
        repo = _clone(folder)
        said, codes = walk(
            listed[:last], repo, _variables(endpoint, edge, folder), "smtp-password\n", folder / "walk.log"
        )
        yield Walk(endpoint, edge, repo, listed, said, codes)


def test_the_page_has_the_steps_in_their_order() -> None:
    listed = blocks(PAGE, SECTION)
    assert [block.step for block in listed] == sorted(block.step for block in listed)
    script = "\n".join(block.script for block in listed)
    order = [
        "aws sts get-caller-identity",
        "make setup-infra",
        "terraform.tfvars.example",
        "bootstrap apply",
        "make preflight",
        "-var airflow_enabled=false",
        "make package",
        "make deploy ",
        "environments/dev apply\n",
        "put-secret-value",
        "dags/ecommerce_dwh_bootstrap/dagRuns",
        "s3 sync",
        "dags/ecommerce_dwh_daily/dagRuns",
        "make verify",
    ]
    places = [script.find(words) for words in order]
    assert -1 not in places, [words for words, place in zip(order, places, strict=True) if place < 0]
    assert places == sorted(places)


@_WALKS
def test_every_block_up_to_airflow_succeeds(walked: Walk) -> None:
    failed = [number for number, code in walked.codes.items() if code]
    if failed:
        block = walked.blocks[failed[0]]
        pytest.fail(
            f"step {block.step} ({block.title}):\n{textwrap.indent(block.script, '  ')}\nsays:\n"
            f"{walked.said[failed[0]][-5000:]}",
            pytrace=False,
        )
    assert len(walked.codes) >= 9


@_WALKS
def test_each_step_says_what_the_page_promises(walked: Walk) -> None:
    assert walked.of("get-caller-identity").strip().endswith(ACCOUNT)
    # The environment is there, so nothing is installed; after an installation the last line is this.
    assert walked.of("make setup-infra") == ""
    assert "Set up in" in (REPO / "local" / "stack" / "bootstrap.py").read_text()
    assert f'bucket = "ecommerce-dwh-tfstate-{ACCOUNT}"' in walked.of("bootstrap apply")
    preflight = walked.of("make preflight")
    assert "0 red" in preflight
    assert "Go on." in preflight
    assert "Apply complete!" in walked.of("airflow_enabled=false")
    assert "No environment, so nothing to be healthy." in walked.of("make deploy ")
    outputs = walked.of("environments/dev apply\n")
    assert "Apply complete! Resources: 0 added, 0 changed, 0 destroyed." in outputs
    for name in ("smtp_secret", "buckets", "dashboards", "redshift_endpoint"):
        assert re.search(rf"^{name} +=", outputs, re.MULTILINE), name


@_WALKS
def test_what_the_page_names_is_there(walked: Walk) -> None:
    s3 = walked.endpoint.client("s3")
    names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for purpose in ("raw", "processed", "scripts", "logs"):
        assert f"ecommerce-dwh-dev-{purpose}" in names
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket="ecommerce-dwh-dev-scripts")["Contents"]}
    assert {"mwaa/plugins.zip", "mwaa/requirements.txt", "mwaa/dags/ecommerce_dwh_daily.py"} <= keys
    state = s3.list_objects_v2(Bucket=f"ecommerce-dwh-tfstate-{ACCOUNT}")["Contents"]
    assert "dev/terraform.tfstate" in {item["Key"] for item in state}
    secret = walked.endpoint.client("secretsmanager").get_secret_value(
        SecretId="airflow/ecommerce-dwh-dev/connections/smtp_default"
    )
    assert json.loads(secret["SecretString"])["password"] == "smtp-password"


@_WALKS
def test_preflight_is_still_green_after_the_apply(walked: Walk) -> None:
    """Names that an earlier apply of the same environment took are its own."""
    variables = _variables(walked.endpoint, walked.edge, walked.repo.parent)
    done = subprocess.run(
        ["make", "preflight", "ENV=dev", f"ACCOUNT={ACCOUNT}"],
        cwd=walked.repo,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from an earlier apply of dev" in done.stdout


def test_the_sample_is_what_the_page_says(tmp_path: Path) -> None:
    """The files of the step on a first day: their names, and that the crawler's five sources are all there."""
    block = next(block for block in blocks(PAGE, SECTION) if "local.data generate" in block.script)
    command = block.script.split("\n", 1)[1].partition("aws s3 sync")[0]
    assert block.script.startswith("make setup-run\n")
    command = command.replace(".venv/local/bin/python", str(environment_python("local"))).replace(
        "--to sample", f"--to {tmp_path / 'sample'}"
    )
    subprocess.run(["bash", "-ec", command], cwd=REPO, check=True, stdout=subprocess.DEVNULL, env=environ({}))
    written = sorted(
        path.relative_to(tmp_path / "sample").as_posix() for path in (tmp_path / "sample").rglob("*.gz")
    )
    sources = ("customers", "order_items", "orders", "products", "web_events")
    assert written == [f"{source}/dt=2026-11-30/part-00000.csv.gz" for source in sources]
    assert "part-00000.csv.gz" in PAGE.read_text()


def test_a_page_that_lies_stops_the_walk(tmp_path: Path) -> None:
    listed = [
        Block(1, "right", "export WORD=kept\n"),
        Block(2, "sees it", 'test "$WORD" = kept && echo seen\n'),
        Block(3, "lies", "make no-such-target\necho never\n"),
        Block(4, "not reached", "echo never\n"),
    ]
    (tmp_path / "repo").mkdir()
    said, codes = walk(listed, tmp_path / "repo", environ({}), "", tmp_path / "log")
    assert {number: bool(code) for number, code in codes.items()} == {0: False, 1: False, 2: True}
    assert "seen" in said[1]
    assert "never" not in said[2]
