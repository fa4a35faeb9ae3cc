"""Checks that a change of the warehouse brings a fragment of the changelog.

    python3 -m tools.changelog --base origin/main

Files below ``include/sql``, ``include/sources`` and ``include/glue`` decide what the warehouse holds. An operator who
deploys a change of them must know whether the deployment needs a bootstrap, a rebuild or a backfill, so such a change
fails without a new or edited file ``changelog.d/<name>.<kind>.md``. Every fragment of the folder is checked as well:
its kind is one of ``[[tool.towncrier.type]]`` in ``pyproject.toml``, and its text is not empty.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
FOLDER = "changelog.d"
WATCHED = ("include/sql/", "include/sources/", "include/glue/")


def kinds(repo: Path = REPO) -> list[str]:
    """Kinds of fragments, in the order of the changelog."""
    with (repo / "pyproject.toml").open("rb") as file:
        return [kind["directory"] for kind in tomllib.load(file)["tool"]["towncrier"]["type"]]


def is_fragment(path: str) -> bool:
    """Whether a path of the repository is a fragment; the folder's own README is none."""
    return path.startswith(f"{FOLDER}/") and path.endswith(".md") and Path(path).name != "README.md"


def wrong_fragments(repo: Path = REPO) -> list[str]:
    """One sentence for each fragment that towncrier would lose or print empty."""
    known = kinds(repo)
    wrong = []
    for file in sorted((repo / FOLDER).iterdir()):
        name = f"{FOLDER}/{file.name}"
        if file.name == "README.md":
            continue
        parts = file.name.split(".")
        if len(parts) != 3 or parts[2] != "md" or parts[1] not in known:
            wrong.append(f"{name}: name it <short name>.<kind>.md, with a kind of {', '.join(known)}")
        elif not file.read_text("utf-8").strip():
            wrong.append(f"{name}: is empty; write what changed and what the reader has to do")
    return wrong


def missing_fragment(changed: Iterable[str]) -> str:
    """Why a change with these paths needs a fragment; empty if it has one or needs none.

    Args:
        changed: paths that the change adds or edits, relative to the repository.
    """
    paths = list(changed)
    watched = [path for path in paths if path.startswith(WATCHED)]
    if not watched or any(is_fragment(path) for path in paths):
        return ""
    more = f" and {len(watched) - 1} more" if len(watched) > 1 else ""
    return (
        f"{watched[0]}{more} changes what the warehouse holds, and no file in {FOLDER} says what a deployment needs. "
        f"Add {FOLDER}/<short name>.<kind>.md ({FOLDER}/README.md lists the kinds; `internal` for a pure move)."
    )


def changed_paths(base: str, repo: Path = REPO) -> list[str]:
    """Paths that HEAD adds, edits, moves or deletes since it left ``base``; a deleted fragment does not count."""
    done = subprocess.run(
        ["git", "diff", "--name-status", "--no-renames", "-z", f"{base}...HEAD"],
        cwd=repo,
        check=True,
        capture_output=True,
        text=True,
    )
    fields = done.stdout.split("\0")
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [path for status, path in pairs if not (status == "D" and is_fragment(path))]


def main(arguments: list[str] | None = None) -> int:
    """Check the fragments and the change; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", required=True, help="branch or commit that the change is compared with")
    options = parser.parse_args(arguments)
    wrong = wrong_fragments()
    if missing := missing_fragment(changed_paths(options.base)):
        wrong.append(missing)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
