"""The picture of the plugin's rooms follows the import statements, and import-linter's contract covers every room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.generate import rooms

PAGE_OF_MARKS = "before\n<!-- rooms: begin, make generate -->\n<!-- rooms: end -->\nafter\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the generator reads."""
    shutil.copytree(rooms.REPO / rooms.PACKAGE, tmp_path / rooms.PACKAGE)
    shutil.copy(rooms.REPO / "pyproject.toml", tmp_path)
    (tmp_path / rooms.PICTURE).parent.mkdir(parents=True)
    (tmp_path / rooms.PAGE).write_text(PAGE_OF_MARKS)
    return tmp_path


def test_every_room_has_one_place_in_the_order():
    ordered = [room for layer in rooms.layers() for room in layer]

    assert len(ordered) == len(set(ordered))
    assert rooms.read_imports().keys() <= set(ordered)


def test_no_room_imports_one_of_a_higher_layer():
    rank = {room: number for number, layer in enumerate(rooms.layers()) for room in layer}
    upwards = [
        (room, other)
        for room, others in rooms.read_imports().items()
        for other in others
        if rank[other] < rank[room]
    ]

    assert rooms.read_imports()["quality"], "imports were read"
    assert upwards == []


@pytest.mark.parametrize(
    "statement",
    [
        "import ecommerce_dwh.erasure.person",
        "from ecommerce_dwh.erasure import person",
        "from ecommerce_dwh.erasure.person import Person",
        "from ecommerce_dwh import erasure",
        "def late():\n    from ecommerce_dwh.erasure import person",
    ],
)
def test_every_form_of_import_is_an_arrow(copy: Path, statement: str):
    (copy / rooms.PACKAGE / "texts.py").write_text(statement + "\n")

    assert rooms.read_imports(copy)["texts"] == {"erasure"}


def test_an_arrow_that_a_path_implies_is_left_out():
    imports = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()}

    assert rooms.without_detours(imports) == {"a": {"b"}, "b": {"c"}, "c": frozenset()}


def test_page_and_picture_are_written_once_and_checked(copy: Path, capsys: pytest.CaptureFixture[str]):
    assert rooms.main(["--check"], root=copy) == 1
    assert rooms.main([], root=copy) == 0
    assert rooms.main(["--check"], root=copy) == 0
    page = (copy / rooms.PAGE).read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "| `quality` |" in page
    assert "<title>" in (copy / rooms.PICTURE).read_text()

    (copy / rooms.PACKAGE / "texts.py").write_text("from ecommerce_dwh import limits\n")
    assert rooms.main(["--check"], root=copy) == 1
    assert "not up to date" in capsys.readouterr().err


def test_a_page_without_its_marks_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]):
    (copy / rooms.PAGE).write_text("no marks")

    assert rooms.main([], root=copy) == 1
    assert "needs the marks" in capsys.readouterr().err
