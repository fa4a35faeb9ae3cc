"""Draws the rooms of the plugin package: a picture and a table in ``docs/architecture.md``.

The order comes from the layers of import-linter's contract in ``pyproject.toml``, the arrows from the import
statements of the modules. ``lint-imports`` refuses an arrow upwards; this only shows them.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PAGE = Path("docs/architecture.md")
PICTURE = Path("docs/images/rooms.svg")
PACKAGE = Path("plugins/ecommerce_dwh")
_BEGIN, _END = "<!-- rooms: begin, make generate -->", "<!-- rooms: end -->"
_BASE = "contracts"  # this layer and all below are drawn as one box, because nearly every room imports them
_WIDTH, _HEIGHT, _GAP, _STEP = 130, 28, 40, 62

Imports = Mapping[str, frozenset[str]]


def layers(root: Path = REPO) -> list[list[str]]:
    """The rooms of each layer, the highest layer first.

    Raises:
        ValueError: pyproject.toml has no contract of type ``layers``.
    """
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if contract["type"] == "layers":
            return [re.findall(r"\w+", layer) for layer in contract["layers"]]
    raise ValueError("pyproject.toml: [tool.importlinter] has no contract of type layers")


def read_imports(root: Path = REPO) -> Imports:
    """Per room of the package the other rooms that its modules import, also within functions, not for annotations."""
    found: dict[str, set[str]] = {}
    for file in sorted((root / PACKAGE).rglob("*.py")):
        path = file.relative_to(root / PACKAGE)
        if path.parts[0] == "__init__.py":
            continue
        room = path.parts[0].removesuffix(".py")
        found.setdefault(room, set())
        for node in _executed(ast.parse(file.read_text("utf-8"))):
            for name in _imported(node):
                top, _, rest = name.partition(".")
                other = rest.partition(".")[0]
                if top == PACKAGE.name and other not in ("", room):
                    found[room].add(other)
    return {room: frozenset(others) for room, others in found.items()}


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module, without those under ``if TYPE_CHECKING``."""
    yield node
    skipped = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    for child in node.orelse if skipped else ast.iter_child_nodes(node):  # type: ignore[attr-defined]
        yield from _executed(child)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def without_detours(imports: Imports) -> Imports:
    """The imports that no other path implies: of a → b → c and a → c, the arrow a → c is left out."""

    def reached(room: str) -> set[str]:
        found: set[str] = set()
        left = [room]
        while left:
            new = imports.get(left.pop(), frozenset()) - found
            found |= new
            left += new
        return found

    return {
        room: others - frozenset().union(*(reached(other) for other in others))
        for room, others in imports.items()
    }


def picture(order: list[list[str]], imports: Imports) -> str:
    """The layers as an SVG that needs nothing else, readable on light and dark pages."""
    first = next((n for n, layer in enumerate(order) if _BASE in layer), len(order))
    rows = [[room for room in layer if room in imports] for layer in order[:first]]
    base = [room for layer in order[first:] for room in layer if room in imports]
    widest = max(len(row) for row in rows)
    total_width = widest * (_WIDTH + _GAP) + 260
    place = {
        room: (
            total_width / 2 + (n - (len(row) - 1) / 2) * (_WIDTH + _GAP) + _shift(number, row),
            10 + number * _STEP,
        )
        for number, row in enumerate(rows)
        for n, room in enumerate(row)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width} {(len(rows) + 1) * _STEP}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="13" role="img">',
        "<title>The rooms of the plugin package; an arrow leads from a room to one that it imports</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#90a4ae"/></marker></defs>',
    ]
    upper = {room: others & place.keys() for room, others in imports.items() if room in place}
    for room, others in sorted(without_detours(upper).items()):
        lines += [_arrow(place[room], place[other], total_width) for other in sorted(others)]
    for room, (x, y) in place.items():
        lines.append(
            f'<rect x="{x - _WIDTH / 2:.0f}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" '
            f'fill="#eceff1" stroke="#90a4ae"/><text x="{x:.0f}" y="{y + 19}" text-anchor="middle" '
            f'fill="#263238">{escape(room)}</text>'
        )
    y = 10 + len(rows) * _STEP
    lines.append(
        f'<rect x="10" y="{y}" width="{total_width - 20}" height="{_HEIGHT}" rx="4" fill="#cfd8dc" stroke="#90a4ae"/>'
        f'<text x="{total_width / 2:.0f}" y="{y + 19}" text-anchor="middle" fill="#263238" font-size="12">'
        f"for all rooms: {escape(', '.join(base))}</text>"
    )
    return "\n".join([*lines, "</svg>", ""])


def _shift(number: int, row: list[str]) -> float:
    """Every other layer with one room is moved to the side, so that a long arrow passes between boxes."""
    return (number % 2 - 0.5) * _WIDTH if len(row) == 1 else 0


def _arrow(start: tuple[float, float], end: tuple[float, float], total_width: float) -> str:
    """A line down to the next layer; around the boxes between, when it leads further in the same column."""
    (x1, y1), (x2, y2) = start, end
    style = 'fill="none" stroke="#90a4ae" stroke-width="1.2" marker-end="url(#tip)"'
    if x1 == x2 and y2 - y1 > _STEP:
        side = x1 + _WIDTH / 2
        away = min(side + 20 + (y2 - y1) / _STEP * 14, total_width - 4)
        y1, y2 = y1 + _HEIGHT / 2, y2 + _HEIGHT / 2
        return f'<path d="M{side:.0f} {y1:.0f} C{away:.0f} {y1:.0f} {away:.0f} {y2:.0f} {side:.0f} {y2:.0f}" {style}/>'
    y1 += _HEIGHT
    middle = (y1 + y2) / 2
    return (
        f'<path d="M{x1:.0f} {y1:.0f} C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}" {style}/>'
    )


def section(order: list[list[str]], imports: Imports, root: Path = REPO) -> str:
    """The part of the page between its two marks: the picture, then each room with what it holds and imports."""
    lines = [
        _BEGIN,
        "",
        f"![The rooms of the plugin package, the highest first]({PICTURE.relative_to('docs')})",
        "",
        "| room | holds | imports |",
        "|---|---|---|",
    ]
    for room in (room for layer in order for room in layer if room in imports):
        others = ", ".join(f"`{other}`" for other in sorted(imports[room])) or "nothing of the package"
        lines.append(f"| `{room}` | {_docstring(root / PACKAGE, room)} | {others} |")
    return "\n".join([*lines, "", _END])


def _docstring(package: Path, room: str) -> str:
    file = package / room / "__init__.py" if (package / room).is_dir() else package / f"{room}.py"
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return text.partition("\n")[0].rstrip(".").replace("|", "\\|")


def main(arguments: list[str] | None = None, *, root: Path = REPO) -> int:
    """Write or check page and picture; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether they are up to date")
    check = parser.parse_args(arguments).check
    order, imports = layers(root), read_imports(root)
    before = (root / PAGE).read_text("utf-8")
    if before.count(_BEGIN) != 1 or before.count(_END) != 1:
        print(f"{PAGE} needs the marks {_BEGIN} and {_END}, once each", file=sys.stderr)
        return 1
    head, _, rest = before.partition(_BEGIN)
    text = head + section(order, imports, root) + rest.partition(_END)[2]
    stale = False
    for path, content in ((PAGE, text), (PICTURE, picture(order, imports))):
        file = root / path
        if file.exists() and file.read_text("utf-8") == content:
            continue
        stale = True
        if check:
            print(f"{path} is not up to date", file=sys.stderr)
        else:
            file.write_text(content, "utf-8")
    return int(stale and check)


if __name__ == "__main__":
    sys.exit(main())
