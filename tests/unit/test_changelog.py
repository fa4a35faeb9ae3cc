"""Fragments of the changelog, the hooks of a commit, and code owners: lists that must fit the repository."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.run import linters
from tools import changelog

REPO = Path(__file__).resolve().parents[2]
DEV = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv") / "dev" / "bin"


def _git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=Asha", "-c", "user.email=asha@x.example", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def branch(tmp_path: Path) -> Path:
    """A repository whose branch has left main."""
    (tmp_path / "include" / "sql").mkdir(parents=True)
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "include" / "sql" / "a.sql").write_text("select 1;\n")
    (tmp_path / "changelog.d" / "old.fixed.md").write_text("Old.\n")
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "commit", "--quiet", "--message", "main")
    _git(tmp_path, "checkout", "--quiet", "-b", "change")
    return tmp_path


def _problem(branch: Path) -> str:
    _git(branch, "add", "--all")
    _git(branch, "commit", "--quiet", "--message", "change")
    return changelog.missing_fragment(changelog.changed_paths("main", branch))


def test_every_fragment_of_the_repository_is_well_named():
    assert changelog.wrong_fragments() == []


@pytest.mark.parametrize("folder", ["include/sql", "include/sources", "include/glue"])
def test_a_change_of_the_warehouse_needs_a_fragment(branch, folder):
    (branch / folder).mkdir(parents=True, exist_ok=True)
    (branch / folder / "new file.sql").write_text("select 2;\n")

    assert f"{folder}/new file.sql changes what the warehouse holds" in _problem(branch)


def test_a_moved_or_deleted_file_is_a_change(branch):
    (branch / "include/sql/a.sql").rename(branch / "a.sql")

    assert "include/sql/a.sql" in _problem(branch)


def test_a_deleted_fragment_is_no_fragment(branch):
    (branch / "include/sql/a.sql").write_text("select 2;\n")
    (branch / "changelog.d/old.fixed.md").unlink()

    assert _problem(branch)


@pytest.mark.parametrize("name", ["new.rebuild.md", "old.fixed.md"])
def test_a_new_or_edited_fragment_is_enough(branch, name):
    (branch / "include/sql/a.sql").write_text("select 2;\n")
    (branch / "changelog.d" / name).write_text("Rebuild fact_sales.\n")

    assert _problem(branch) == ""


def test_other_changes_need_none(branch):
    (branch / "README.md").write_text("words\n")

    assert _problem(branch) == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.md", "text", "name it"),
        ("a.bootstrapp.md", "text", "name it"),
        ("a.bootstrap.txt", "text", "name it"),
        ("a.bootstrap.md", " \n", "is empty"),
        ("a.bootstrap.md", "text", ""),
    ],
)
def test_a_fragment_that_would_be_lost_is_named(tmp_path, name, text, said):
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "pyproject.toml").write_bytes((REPO / "pyproject.toml").read_bytes())
    (tmp_path / "changelog.d" / name).write_text(text)

    wrong = changelog.wrong_fragments(tmp_path)

    assert (len(wrong) == 1 and name in wrong[0] and said in wrong[0]) if said else not wrong


def test_the_changelog_says_first_what_a_deployment_needs(tmp_path):
    """Built by towncrier itself, out of one fragment of each kind."""
    for path in ("pyproject.toml", "CHANGELOG.md", "tools/templates/changelog.md.jinja"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((REPO / path).read_bytes())
    (tmp_path / "changelog.d").mkdir()
    for kind in changelog.kinds():
        (tmp_path / "changelog.d" / f"some.{kind}.md").write_text(f"A change of {kind}.\n")
    _git(tmp_path, "init", "--quiet")
    command = [str(DEV / "towncrier"), "build", "--yes", "--version", "9.9.9", "--date", "2026-01-01"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    page = (tmp_path / "CHANGELOG.md").read_text()

    assert re.findall(r"^## .*", page, re.MULTILINE)[0] == "## 9.9.9, 2026-01-01"
    headings = re.findall(r"^### (.*)", page, re.MULTILINE)
    assert headings[:3] == ["Needs bootstrap", "Needs rebuild", "Needs backfill"]
    assert all(f"- A change of {kind}." in page for kind in changelog.kinds())


def test_each_hook_is_a_command_of_lint():
    """One list: what a commit runs, CI runs with the same options, over the whole tree."""
    config = yaml.safe_load((REPO / ".pre-commit-config.yaml").read_text())
    hooks = {hook["name"]: hook for repo in config["repos"] for hook in repo["hooks"]}
    checks = {check.name: check for check in linters()}

    assert {"ruff", "ruff format", "sqlfluff", "codespell", "generated files"} == set(hooks)
    for name, hook in hooks.items():
        command = checks[name].command
        words = [word for word in hook["entry"].split() if word not in ("env", "--force-exclude")]
        environ = dict(word.split("=", 1) for word in words if re.fullmatch(r"[A-Z_]+=.*", word))
        program, *options = words[len(environ) :]
        assert Path(command[0]) == DEV.parents[1] / Path(program).relative_to(".venv"), name
        assert options == [word for word in command[1:] if word not in (".", "include/sql")], name
        assert environ.keys() == checks[name].environ.keys(), name
        assert hook["language"] == "system", f"{name} would build an environment of its own"


def _owned(pattern: str, files: list[str]) -> list[str]:
    """Files that a pattern of CODEOWNERS matches; the repository uses ``*`` and paths from its root alone."""
    if pattern == "*":
        return files
    assert pattern.startswith("/"), pattern
    path = pattern[1:]
    return [file for file in files if file == path or (path.endswith("/") and file.startswith(path))]


def test_every_pattern_of_the_code_owners_matches_a_file():
    lines = (REPO / ".github" / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    files = [path for path in _git(REPO, "ls-files", "-z").split("\0") if path and (REPO / path).exists()]

    assert [pattern for pattern, *_ in rules if not _owned(pattern, files)] == []
    assert all(
        re.fullmatch(r"@company/(data-eng|devops|bi)", owner) for _, *owners in rules for owner in owners
    )
