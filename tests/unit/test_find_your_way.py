"""docs/find-your-way.md and CONTRIBUTING.md: each path that they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
FOLDERS = r"(?:dags|plugins|packages|include|docs|infrastructure|local|tools|tests|changelog\.d)"
# Files that the recipes add.
NEW = re.compile(r"gift[_-]cards|daily[_-]revenue|operating-system|shipping-within-total|agg_<key>")
_TARGET = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)


def named(page: str) -> set[str]:
    """Paths between backticks; ``<table>`` stands for any name."""
    return set(re.findall(rf"`({FOLDERS}/[^`\s]*)`", (REPO / page).read_text("utf-8")))


@pytest.mark.parametrize(("page", "least"), [("docs/find-your-way.md", 45), ("CONTRIBUTING.md", 12)])
def test_every_path_is_there(page, least):
    paths = {path for path in named(page) if not NEW.search(path)}

    assert len(paths) >= least
    assert [path for path in sorted(paths) if not any(REPO.glob(re.sub(r"<[^>]+>", "*", path)))] == []


@pytest.mark.parametrize("page", ["docs/find-your-way.md", "CONTRIBUTING.md"])
def test_every_command_is_a_target_of_make(page):
    targets = set(_TARGET.findall((REPO / "Makefile").read_text("utf-8")))
    asked = set(re.findall(r"`make ([a-z-]+)", (REPO / page).read_text("utf-8")))

    assert asked
    assert asked <= targets


def test_each_question_has_its_line():
    page = (REPO / "docs/find-your-way.md").read_text("utf-8")
    for asked in (
        "a column",
        "a source",
        "a quality rule",
        "a metric",
        "a mail",
        "an audit",
        "a Param",
        "a permission",
    ):
        assert re.search(rf"^\| {asked}\b.*\|", page, re.MULTILINE), asked
