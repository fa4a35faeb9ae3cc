"""Imports of the Glue library have one direction: entry scripts, jobs, steps, and modules that all of them use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "include" / "glue" / "ecommerce_dwh_glue"
PACKAGE = LIBRARY.name
# Rooms that each room may import from, beside itself and the modules outside of any room.
ROOMS = {
    "processing": {"reading", "rows"},
    "quality": {"rows", "rules"},
    "erasure": {"reading", "quality"},  # the page of a report is made anew without the person
    "reading": set(),
    "rows": set(),
    "rules": set(),
}


def name_of(path: Path) -> str:
    return ".".join((PACKAGE, *path.relative_to(LIBRARY).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {name_of(path): path for path in LIBRARY.rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    """Modules of the library that a module imports, also in a function."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name in MODULES and name.count("."))


GRAPH = {name: set(imported(path)) - {name} for name, path in MODULES.items()}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def test_every_folder_is_a_room_with_a_place_in_the_order() -> None:
    assert {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file()} == set(ROOMS)
    assert sum(map(len, GRAPH.values())) > len(MODULES), "the imports are seen"


def test_imports_have_no_circle() -> None:
    order = list(TopologicalSorter(GRAPH).static_order())
    assert len(order) == len(MODULES)


def test_no_import_goes_up() -> None:
    up = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if (there := room_of(other))
        and there != (here := room_of(module))
        and there not in ROOMS.get(here, set())
    ]
    assert not up


def test_entry_scripts_are_imported_by_nobody() -> None:
    scripts = {path.stem for path in LIBRARY.parent.glob("*.py")}
    assert len(scripts) == 3
    texts = [path.read_text("utf-8") for path in MODULES.values()]
    assert not [script for script in scripts for text in texts if f"import {script}" in text]


def test_no_module_is_larger_than_a_person_reads_at_once() -> None:
    lines = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: count for name, count in lines.items() if count > 400} == {}
