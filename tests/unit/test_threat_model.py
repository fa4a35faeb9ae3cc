"""docs/threat-model.md: each threat names the tests that prove its mitigation, and those tests exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs" / "threat-model.md").read_text("utf-8")
_NAMED = re.compile(r"`((?:tests|infrastructure|packages)/[^`:]+)::([^`]+)`")


def _threats(page: str) -> list[tuple[str, str]]:
    """Threat and last cell of each line of the tables that have a column of tests."""
    found = []
    for table in re.findall(
        r"^\| threat \| mitigation \| tests \|\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE
    ):
        for line in table.splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            assert len(cells) == 3, f"not three cells: {line}"
            found.append((cells[0], cells[2]))
    return found


def _problems(page: str) -> list[str]:
    """What is wrong with the tests that the page names."""
    wrong = [f"no test: {threat}" for threat, tests in _threats(page) if not _NAMED.search(tests)]
    for path, name in sorted(set(_NAMED.findall(page))):
        if not (REPO / path).is_file():
            wrong.append(f"no such file: {path}")
        elif name not in _tests_of(REPO / path):
            wrong.append(f"no such test: {path}::{name}")
    return wrong


@cache
def _tests_of(file: Path) -> frozenset[str]:
    """Tests of a file of pytest, those of classes as ``Class::test``, or runs of a file of ``terraform test``."""
    text = file.read_text("utf-8")
    if file.suffix == ".hcl":
        return frozenset(re.findall(r'^run "([^"]+)"', text, re.MULTILINE))
    found: set[str] = set()

    def collect(body: list[ast.stmt], before: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                collect(node.body, f"{before}{node.name}::")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(before + node.name)
            elif isinstance(node, ast.Assign):  # a Hypothesis state machine: TestX = Machine.TestCase
                found.update(
                    f"{before}{target.id}::runTest"
                    for target in node.targets
                    if isinstance(target, ast.Name) and target.id.startswith("Test")
                )

    collect(ast.parse(text).body, "")
    return frozenset(found)


def test_every_test_that_the_page_names_exists():
    assert len(_threats(PAGE)) >= 20
    assert not _problems(PAGE), "\n".join(_problems(PAGE))


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("`terraform test`", "no test: Theft"),
        ("", "no test: Theft"),
        ("`tests/unit/test_nothing.py::test_a`", "no such file: tests/unit/test_nothing.py"),
        (
            "`tests/unit/test_threat_model.py::test_a`",
            "no such test: tests/unit/test_threat_model.py::test_a",
        ),
        (
            "`infrastructure/modules/storage/tests/storage.tftest.hcl::nothing`",
            "no such test: infrastructure/modules/storage/tests/storage.tftest.hcl::nothing",
        ),
    ],
)
def test_a_threat_without_a_test_is_found(cell, problem):
    assert _problems(f"| threat | mitigation | tests |\n|---|---|---|\n| Theft | a lock | {cell} |\n") == [
        problem
    ]
