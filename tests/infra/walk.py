"""The commands of docs/deployment.md and docs/airflow-by-api.md, run in their order in one shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from account_edge import AccountEdge
from conftest import Endpoint
from page import Block, blocks
from terraform import OVERRIDE, REPO, environ, point_at_endpoint

PAGE = REPO / "docs" / "deployment.md"
SECTION = "First deployment from zero"
BY_API = REPO / "docs" / "airflow-by-api.md"
_BACKEND = (
    "use_path_style=true",
    "skip_credentials_validation=true",
    "skip_metadata_api_check=true",
    "skip_requesting_account_id=true",
)
# The first command in Airflow; there the walk waits for the real one, as a person waits until it answers.
_AIRFLOW = "aws mwaa invoke-rest-api"
# The one step whose command has no stand-in.
_VERIFY = "make verify"


@dataclass
class Walk:
    """The steps that were walked.

    Attributes:
        blocks: those of the page, then those of docs/airflow-by-api.md.
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


def walk_variables(endpoint: Endpoint, edge: AccountEdge, home: Path) -> dict[str, str]:
    backend = " ".join(f"-backend-config={value}" for value in _BACKEND)
    plugins = os.environ.get("DWH_TF_PLUGIN_DIR")
    played = {name: url for name, url in edge.environ().items() if name != "AWS_ENDPOINT_URL_MWAA"}
    return environ(
        {
            **endpoint.environ(),
            **played,
            "HOME": str(home),
            "TF_INPUT": "0",
            "TF_CLI_ARGS_init": f"{backend} -plugin-dir={plugins}" if plugins else backend,
            "TF_CLI_ARGS_apply": "-auto-approve -no-color -parallelism=40",
            "TF_CLI_ARGS_destroy": "-auto-approve -no-color -parallelism=40",
            "AWS_PAGER": "",
            "DWH_ACCOUNT_SUFFIX": "",
            "NO_COLOR": "1",
            "COLUMNS": "160",
        }
    )


def walk(
    listed: list[Block],
    repo: Path,
    variables: dict[str, str],
    typed: str,
    log: Path,
    before: dict[int, str] | None = None,
) -> tuple[dict[int, str], dict[int, int]]:
    """Run blocks in one shell; stops after the first that fails, as a reader would.

    Args:
        before: shell lines before a block, for what a reader waits for.
    """
    lines = ["set -o pipefail"]
    for number, block in enumerate(listed):
        lines.append((before or {}).get(number, ""))
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


def walk_pages(endpoint: Endpoint, edge: AccountEdge, ready: Path, folder: Path) -> Walk:
    """Run both pages in a fresh checkout.

    Args:
        endpoint: AWS.
        edge: the services that the endpoint lacks.
        ready: a file that appears when the Airflow behind the endpoint's MWAA has parsed every DAG.
        folder: where the checkout goes.
    """
    page = [block for block in blocks(PAGE, SECTION) if _VERIFY not in block.script]
    listed = [*page, *blocks(BY_API, "Commands")]
    first = next(number for number, block in enumerate(listed) if _AIRFLOW in block.script)
    wait = {first: f"until [ -e '{ready}' ]; do sleep 1; done; cat '{ready}'"}
    repo = _clone(folder)
    variables = walk_variables(endpoint, edge, folder)
    said, codes = walk(listed, repo, variables, "smtp-password\n", folder / "walk.log", wait)
    return Walk(endpoint, edge, repo, listed, said, codes)
