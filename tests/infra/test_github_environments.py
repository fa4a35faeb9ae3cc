"""The script that guards GitHub's environments before the roles exist, against a GitHub that keeps what it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from terraform import REPO

SCRIPT = REPO / "infrastructure" / "bootstrap" / "github_environments.sh"

# Plays `gh api` and `gh variable set` on a file: environments with rules, branch policies, variables.
_GH = """#!{python}
import json, os, sys
from pathlib import Path

path = Path(os.environ["GH_STATE"])
state = json.loads(path.read_text())
args = sys.argv[1:]
state["calls"].append(args)


def end(text="", code=0):
    path.write_text(json.dumps(state))
    if text:
        print(text)
    sys.exit(code)


if args[:2] == ["variable", "set"]:
    options = dict(zip(args[3::2], args[4::2]))
    state["variables"][options["--env"]] = {{args[2]: options["--body"]}}
    end()
assert args[0] == "api", args
method = args[args.index("--method") + 1] if "--method" in args else "GET"
where = next(a for a in args[1:] if a.startswith(("users/", "orgs/", "repos/")))
if not where.startswith("repos/"):
    name = where.rpartition("/")[2]
    end(str(state["people"][name])) if name in state["people"] else end(code=1)
parts = where.split("/")
environment = parts[4]
if where.endswith("/deployment-branch-policies"):
    if method == "POST":
        state["environments"][environment]["branches"].append(args[args.index("-f") + 1].partition("=")[2])
        end()
    end("\\n".join(state["environments"][environment]["branches"]))
if method == "PUT":
    body = json.load(sys.stdin)
    kept = state["environments"].setdefault(environment, {{"branches": []}})
    kept.update(body)
    if state["plan"] == "free":
        kept["reviewers"] = []  # GitHub takes the call and keeps no reviewers
    end()
kept = state["environments"][environment]
rules = ["branch_policy"] if kept["deployment_branch_policy"] else []
rules += ["required_reviewers"] if kept["reviewers"] else []
end(",".join(sorted(rules)))
"""


class Github:
    def __init__(self, folder: Path, **state: Any) -> None:
        self.folder = folder
        self.state = folder / "state.json"
        empty = {
            "calls": [],
            "environments": {},
            "variables": {},
            "plan": "team",
            "people": {"lead": 7, "data": 9},
        }
        self.state.write_text(json.dumps({**empty, **state}))
        gh = folder / "gh"
        gh.write_text(_GH.format(python=sys.executable))
        gh.chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}:{os.environ['PATH']}"
        return subprocess.run(
            [str(SCRIPT), *arguments],
            env={"PATH": path, "GH_STATE": str(self.state), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def kept(self) -> dict[str, Any]:
        return dict(json.loads(self.state.read_text()))


@pytest.fixture
def github(tmp_path: Path) -> Github:
    return Github(tmp_path)


def test_shellcheck_finds_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert subprocess.run([str(shellcheck), str(SCRIPT)], check=False).returncode == 0


def test_every_environment_is_guarded(github: Github) -> None:
    done = github.run("company/ecommerce-dwh", "user:lead", "team:data")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("github_environments_protected = true\n")
    environments = github.kept()["environments"]
    assert set(environments) == {"dev", "prod", "dev-code", "prod-code"}
    people = [{"type": "User", "id": 7}, {"type": "Team", "id": 9}]
    for name, kept in environments.items():
        assert kept["branches"] == ["main"], name
        assert kept["prevent_self_review"] is True
        assert kept["deployment_branch_policy"] == {"protected_branches": False, "custom_branch_policies": True}
        assert kept["reviewers"] == ([] if name == "dev-code" else people)
    assert github.kept()["variables"] == {}


def test_a_second_run_changes_nothing(github: Github) -> None:
    github.run("company/ecommerce-dwh", "user:lead")
    first = github.kept()["environments"]
    assert github.run("company/ecommerce-dwh", "user:lead").returncode == 0
    assert github.kept()["environments"] == first


def test_each_environment_has_the_suffix_of_its_account(github: Github) -> None:
    suffixes = {"DWH_ACCOUNT_SUFFIX_DEV": "-111111111111", "DWH_ACCOUNT_SUFFIX_PROD": "-222222222222"}
    assert github.run("company/ecommerce-dwh", "user:lead", **suffixes).returncode == 0
    assert github.kept()["variables"] == {
        name: {"DWH_ACCOUNT_SUFFIX": suffixes["DWH_ACCOUNT_SUFFIX_" + name.removesuffix("-code").upper()]}
        for name in ("dev", "prod", "dev-code", "prod-code")
    }


@pytest.mark.parametrize(
    ("arguments", "state", "words"),
    [
        (("company/ecommerce-dwh",), {}, "use: "),
        (("ecommerce-dwh", "user:lead"), {}, "is no OWNER/REPO"),
        (("company/ecommerce-dwh", "lead"), {}, "neither user:NAME nor team:SLUG"),
        (("company/ecommerce-dwh", "user:nobody"), {}, "GitHub knows no user:nobody"),
        (("company/ecommerce-dwh", *["user:lead"] * 7), {}, "six reviewers at most"),
        (("company/ecommerce-dwh", "user:lead"), {"plan": "free"}, "has no required reviewers"),
        (
            ("company/ecommerce-dwh", "user:lead"),
            {"environments": {"dev": {"branches": ["main", "*"]}}},
            "dev lets in other branches: main, *",
        ),
    ],
)
def test_what_leaves_a_gap_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], state: dict[str, Any], words: str
) -> None:
    done = Github(tmp_path, **state).run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "github_environments_protected" not in done.stdout
