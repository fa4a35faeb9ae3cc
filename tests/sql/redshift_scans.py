"""Statements of the daily run that read a table of history or facts without a literal on its leading sort column.

Redshift skips blocks by such literals; without one it reads the columns of all of history
(https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import sqlglot
from harness import MERGES, REFRESH, REPLACE, SOURCES, SQL, Load, audit_files, statements
from sqlglot import exp

from ecommerce_dwh.warehouse.sql_text import without_comments

_KEYS = re.compile(
    r"\b(compound\s+)?(distkey|sortkey)\s*\([^)]*\)|\bdiststyle\s+(all|even|key|auto)\b", re.IGNORECASE
)
_WRITES = (exp.Create, exp.Insert, exp.Delete, exp.Update)
_COMPARED = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)


def daily_files() -> list[str]:
    """The files of a daily run, as below ``include/sql``."""
    read = {
        found[1]
        for file in audit_files()
        if (found := re.search(r"^-- reads: (.+)$", (SQL / file).read_text("utf-8"), re.MULTILINE))
    }
    copies = [f"staging/stg_{name}/copy.sql" for name in (*SOURCES, "ledger", "check_result")]
    return [*copies, REPLACE, *MERGES, *sorted(read), *audit_files(), REFRESH]


def sort_columns() -> dict[str, str]:
    """Leading sort column of each table of history and facts; "" where it has none. The queue has no history."""
    found = {}
    for folder in ("history", "facts"):
        for file in sorted(SQL.glob(f"{folder}/*/table.sql")):
            name = file.parent.name
            if name.startswith(("pending_", "published_", "shared_")):
                continue
            key = re.search(r"\bsortkey \((\w+)", file.read_text("utf-8"))
            found[f"{folder}.{name}"] = key[1] if key else ""
    views = {"history.product_version": "delivery_date"}
    return found | views


def unbounded(file: str, load: Load) -> Iterator[str]:
    """A line for each table that a statement of the file reads whole: file, table, what it is read for, condition."""
    columns = sort_columns()
    for statement in statements(file, load):
        code = without_comments(statement)
        if not re.match(r"(select|with|insert|update|delete|create\s+temp)\b", code, re.IGNORECASE):
            continue
        tree = sqlglot.parse_one(_KEYS.sub("", code), read="redshift")
        condition = re.search(r"^\s*--\s*if:\s*(\w+)", statement, re.MULTILINE)
        for table in tree.find_all(exp.Table):
            name = f"{table.db}.{table.name}"
            if name in columns and not _is_filled(tree, table) and not _is_bounded(table, columns[name], tree):
                made = tree.find(exp.Table)
                target = (
                    made.name
                    if isinstance(tree, (exp.Create, exp.Insert, exp.Delete, exp.Update)) and made
                    else "rows"
                )
                yield f"{file}: {name} for {target}{f' if {condition[1]}' if condition else ''}"


def _is_filled(tree: exp.Expression, table: exp.Table) -> bool:
    """Whether the table is what an INSERT writes, which reads none of it."""
    if not isinstance(tree, exp.Insert):
        return False
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return target is table


def _is_bounded(table: exp.Table, column: str, tree: exp.Expression) -> bool:
    """Whether a comparison of the table's column with a literal stands in the query that reads the table."""
    query = table.parent_select or tree
    names = {table.alias_or_name, ""}
    for comparison in query.find_all(*_COMPARED):
        owner = comparison.parent_select
        if owner is not None and owner is not query and query is not tree:
            continue
        sides = [comparison.this, *(comparison.args.get(name) for name in ("expression", "low", "high"))]
        sides += comparison.args.get("expressions") or []
        if any(isinstance(s, exp.Column) and s.name == column and s.table in names for s in sides) and any(
            side is not None and _is_literal(side) for side in sides
        ):
            return True
    return False


def _is_literal(node: exp.Expression) -> bool:
    while isinstance(node, (exp.Cast, exp.Paren)):
        node = node.this
    return isinstance(node, exp.Literal)


def all_unbounded(load: Load) -> list[str]:
    """The lines of all files of a daily run, sorted, one per pass."""
    return sorted(line for file in daily_files() for line in unbounded(file, load))


REVIEWED = Path(__file__).with_name("unbounded_scans.txt")
