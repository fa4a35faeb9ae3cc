"""Table lineage, read from the SQL that fills the tables: ``docs/lineage.md`` and its picture.

``python -m tools.generate.lineage`` writes both, ``--check`` fails when they are not what the SQL says. Statements are
followed through the temporary tables of their file; bookkeeping (the queue of pending keys, the warehouse's state) is
left out.
"""

from __future__ import annotations

import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_text import split_statements, without_comments
from tools.generate.example_load import example_load
from tools.generate.files import REPO, Generator

PAGE = Path("docs/lineage.md")
PICTURE = Path("docs/images/lineage.svg")
_FILES = (
    "staging/*/copy.sql",
    "history/replace_slices.sql",
    "*/*/merge.sql",
    "analytics/refresh.sql",
    "*/*/view.sql",
)
_BOOKKEEPING = re.compile(
    r"history\.(pending_\w+|published_line)|quality\.(warehouse_state|load_runs|audit_results)"
)
_NAME = r"(?:(?:staging|history|dimensions|facts|analytics|quality)\.)?[a-z_][a-z0-9_]*"
_READS = re.compile(rf"\b(?:from|join)\s+({_NAME})", re.IGNORECASE)
_WRITES = re.compile(
    rf"^(?:insert\s+into|update|copy|merge\s+into|create\s+(?:or\s+replace\s+)?view|create\s+temp\s+table)\s+({_NAME})",
    re.IGNORECASE,
)
_LAYERS = ("raw files", "staging", "history", "dimensions", "facts", "aggregates", "views")
_FILLS = ("#eceff1", "#e3f2fd", "#ede7f6", "#fff3e0", "#fce4ec", "#e0f2f1", "#e8f5e9")

Edges = dict[str, set[str]]  # table → the tables it is made from


def read_lineage(root: Path = REPO) -> Edges:
    """Every table and view of the warehouse with what it is made from; raw files are ``raw/<source>``."""
    sql = root / "include" / "sql"
    contracts = load_contracts(root / "include" / "sources")
    load = example_load(contracts)
    edges: Edges = defaultdict(set)
    for pattern in _FILES:
        for file in sorted(sql.glob(pattern)):
            text = sql_files.render(file.relative_to(sql).as_posix(), sql, load=load)
            for table, read in file_lineage(text).items():
                edges[table] |= read
    for name in contracts:
        edges[f"staging.stg_{name}"].add(f"raw/{name}")
    return dict(edges)


def file_lineage(text: str) -> Edges:
    """Permanent tables that a file writes, with the permanent tables each is made from."""
    made: Edges = defaultdict(set)
    for statement in split_statements(text):
        code = without_comments(statement)
        match = _WRITES.match(code)
        if match is None:
            continue
        target = match.group(1).lower()
        common = set(
            re.findall(r"(?:\bwith(?:\s+recursive)?|,)\s+([a-z_][a-z0-9_]*)\s+as\s*\(", code, re.IGNORECASE)
        )
        for found in _READS.findall(code[match.end() :]):
            name = found.lower()
            if name in common or name == target:
                continue
            made[target] |= {name} if "." in name else made.get(name, set())
        made.setdefault(target, set())
    return {
        table: {name for name in read if not _BOOKKEEPING.fullmatch(name) and name != table}
        for table, read in made.items()
        if "." in table and not _BOOKKEEPING.fullmatch(table)
    }


def layer_of(table: str) -> int:
    """Number of the picture's column that shows a table."""
    schema, _, name = table.replace("/", ".").partition(".")
    if schema == "analytics" or table == "quality.ledger_balance":
        return 5 if name.startswith("agg_") else 6
    return {"raw": 0, "staging": 1, "history": 2, "quality": 2, "dimensions": 3, "facts": 4}[schema]


def picture(edges: Edges) -> str:
    """The lineage as an SVG that needs nothing else, readable on light and dark pages."""
    columns = _ordered_columns(edges)
    width, height, gap, step = 150, 26, 52, 34
    tallest = max(len(column) for column in columns)
    total_width = len(columns) * width + (len(columns) - 1) * gap + 50
    total_height = tallest * step + 50
    place: dict[str, tuple[float, float]] = {}
    for number, column in enumerate(columns):
        top = 40 + (tallest - len(column)) * step / 2
        for row, table in enumerate(column):
            place[table] = (10 + number * (width + gap), top + row * step)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total_width} {total_height:.0f}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12" role="img">',
        "<title>Lineage of the warehouse, from raw files to views</title>",
    ]
    for number, title in enumerate(_LAYERS):
        x = 10 + number * (width + gap) + width / 2
        lines.append(
            f'<text x="{x}" y="22" text-anchor="middle" font-weight="bold" fill="#78909c">{title}</text>'
        )
    for table, read in sorted(edges.items()):
        for source in sorted(read & place.keys()):
            lines.append(
                _curve(place[source], place[table], width, height, same=layer_of(source) == layer_of(table))
            )
    for number, column in enumerate(columns):
        for table in column:
            x, y = place[table]
            label = table.partition("/")[2] or table.partition(".")[2]
            label = f"quality.{label}" if table.startswith("quality.") else label
            lines.append(
                f'<rect x="{x}" y="{y:.1f}" width="{width}" height="{height}" rx="4" fill="{_FILLS[number]}" '
                f'stroke="#90a4ae"/><text x="{x + width / 2}" y="{y + 17:.1f}" text-anchor="middle" '
                f'fill="#263238">{escape(label)}</text>'
            )
    return "\n".join([*lines, "</svg>", ""])


def _curve(start: tuple[float, float], end: tuple[float, float], width: int, height: int, *, same: bool) -> str:
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + height / 2, y2 + height / 2
    style = 'fill="none" stroke="#90a4ae" stroke-width="1.1" stroke-opacity="0.75"'
    if same:  # within a column: an arc on its right
        x = x1 + width
        return f'<path d="M{x} {y1:.1f} C{x + 40} {y1:.1f} {x + 40} {y2:.1f} {x} {y2:.1f}" {style}/>'
    x1 += width
    middle = (x1 + x2) / 2
    return f'<path d="M{x1} {y1:.1f} C{middle:.0f} {y1:.1f} {middle:.0f} {y2:.1f} {x2} {y2:.1f}" {style}/>'


def _ordered_columns(edges: Edges) -> list[list[str]]:
    """Tables by layer, each near what it is made from."""
    tables = sorted({*edges, *(name for read in edges.values() for name in read)})
    columns: list[list[str]] = [
        [table for table in tables if layer_of(table) == n] for n in range(len(_LAYERS))
    ]
    for number in range(1, len(columns)):
        rank = {table: row / len(column) for column in columns for row, table in enumerate(column)}

        def weight(table: str, rank: Mapping[str, float] = rank) -> tuple[float, str]:
            near = [rank[name] for name in edges.get(table, ()) if name in rank]
            # Exact, because the order of a set, and with it the rounding of a sum, differs from run to run.
            return (math.fsum(near) / len(near) if near else 1.0, table)

        columns[number].sort(key=weight)
    return columns


def page(edges: Edges) -> str:
    """The page around the picture, with the same as a table."""
    lines = [
        "# Lineage",
        "",
        "<!-- generated from include/sql: make generate -->",
        "",
        "Which table is made from which, read out of the SQL files. Bookkeeping tables are left out.",
        "",
        f"[![Lineage of the warehouse, from raw files to views]({PICTURE.relative_to('docs')})]"
        f"({PICTURE.relative_to('docs')})",
        "",
    ]
    for number, title in enumerate(_LAYERS[1:], 1):
        rows = [table for table in sorted(edges) if layer_of(table) == number]
        lines += [f"## {title.capitalize()}", "", "| table | made from |", "|---|---|"]
        lines += [f"| `{table}` | {_listed(edges[table])} |" for table in rows]
        lines.append("")
    return "\n".join(lines)


def _listed(tables: Iterable[str]) -> str:
    return ", ".join(f"`{table}`" for table in sorted(tables)) or "bookkeeping, or what the Glue jobs count"


def files(root: Path) -> dict[str, str]:
    """Page and picture by their paths relative to the repository."""
    edges = read_lineage(root)
    return {PAGE.as_posix(): page(edges), PICTURE.as_posix(): picture(edges)}


main = Generator("tools.generate.lineage", __doc__, files).main


if __name__ == "__main__":
    sys.exit(main())
