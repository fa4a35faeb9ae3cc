"""What depends on types, on the place of a statement in its transaction, or on how rows lie on slices.

Types come from the tables' definitions; of an expression that they do not decide, nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from harness import SQL
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from tools.generate.erasure_sql import declared_tables

# Each holds a row per order, customer, pair or event, so that one slice cannot rank them.
_LARGE = re.compile(
    r"^(history|facts)\.|agg_(order|customer|product_customer|geography_customer|customer_month)$"
)
_INTEGERS = (exp.DataType.Type.SMALLINT, exp.DataType.Type.INT, exp.DataType.Type.BIGINT)
# https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html, r_VACUUM_command.html …
_OUTSIDE = {
    "ALTER COLUMN TYPE": r"\balter\s+table\b.*\balter\s+column\s+\w+\s+type\b",
    "ALTER SORTKEY and DISTKEY": r"\balter\s+table\b.*\balter\s+(compound\s+)?(sortkey|distkey|diststyle)\b",
    "ALTER ENCODE": r"\balter\s+table\b.*\bencode\b",
    "CREATE LIBRARY": r"^\s*(create|drop)\s+(or\s+replace\s+)?library\b",
    "external schemas and tables": r"^\s*(create|drop|alter)\s+external\b",
    "ALTER DATABASE": r"^\s*alter\s+database\b",
}
_ALTER = {
    "an ALTER TABLE adds one column": r"\balter\s+table\b.*\badd\s+(column\s+)?\w+.*,\s*add\b",
    "a column that is added NOT NULL needs a default": r"\balter\s+table\b.*\badd\s+(column\s+)?(?!constraint)\w+"
    r"(?!.*\bdefault\b).*\bnot\s+null\b",
}


@cache
def schema() -> dict[str, dict[str, dict[str, str]]]:
    """Types of the product's tables, by schema and table."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in declared_tables(SQL).items():
        folder, table = name.split(".")
        found.setdefault(folder, {})[table] = dict(columns)
    return found


def place_rules(codes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Rules of a whole file, as rule and statement; ``codes`` are its statements, strings masked."""
    for number, code in enumerate(codes):
        if number and re.match(r"\s*lock\b", code, re.IGNORECASE):
            yield "LOCK comes first: every other statement takes the snapshot of the transaction", code
        for name, pattern in _OUTSIDE.items():
            if re.search(pattern, code, re.IGNORECASE | re.DOTALL):
                yield f"{name}: refused in a transaction, commits the transaction elsewhere", code
        for rule, pattern in _ALTER.items():
            if re.search(pattern, code, re.IGNORECASE | re.DOTALL):
                yield rule, code


def tree_rules(tree: exp.Expression) -> Iterator[str]:
    """Rules of one statement that need no types."""
    for window in tree.find_all(exp.Window):
        yield from _slices(window)
    for rounding in tree.find_all(exp.Round):
        if any(rounding.this.find_all(exp.Div)):
            yield "ROUND of a quotient rounds twice: wide decimals keep 4 decimals of it; use macros/quotient.sql"
    if (
        isinstance(tree, exp.Insert)
        and isinstance(tree.expression, exp.Query)
        and tree.expression.args.get("order")
    ):
        yield "INSERT … ORDER BY costs a sort and keeps no order"
    for node in tree.find_all(exp.Distinct):
        if node.args.get("on"):
            yield "DISTINCT ON is not supported"
        if isinstance(node.parent, exp.Count) and len(node.expressions) > 1:
            yield "COUNT(DISTINCT) takes one expression"
    for kind in tree.find_all(exp.DataType):
        if kind.this == exp.DataType.Type.DECIMAL and not kind.expressions:
            yield "DECIMAL without precision has no decimals"
        if kind.this in (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT) and not kind.expressions:
            yield "text without length holds 256 bytes"
        if kind.this in (exp.DataType.Type.CHAR, exp.DataType.Type.NCHAR):
            yield "CHAR is padded with blanks; use VARCHAR"
    for concat in tree.find_all(exp.Concat):
        if len(concat.expressions) > 2:
            yield "CONCAT takes two values"


def _slices(window: exp.Window) -> Iterator[str]:
    parts = window.args.get("partition_by") or []
    few = (exp.Case, exp.Boolean, exp.Literal, exp.Predicate, exp.Not, exp.If)
    if parts and all(isinstance(part.unnest(), few) for part in parts):
        yield "a window partitioned by few values puts all rows on few slices"
    select = window.parent_select
    if not parts and select is not None:
        source = select.args.get("from") or select.args.get("from_")
        table = source.this if source is not None else None
        if isinstance(table, exp.Table) and _LARGE.search(f"{table.db}.{table.name}"):
            yield f"a window without PARTITION BY over {table.db}.{table.name} puts all rows on one slice"


def typed_rules(tree: exp.Expression) -> Iterator[str]:
    """Rules that the types of columns decide."""
    query = tree if isinstance(tree, exp.Query) else tree.args.get("expression")
    if not isinstance(query, exp.Query):
        return
    try:
        typed = annotate_types(
            qualify(
                query.copy(),
                schema=schema(),
                dialect="redshift",
                validate_qualify_columns=False,
                quote_identifiers=False,
            ),
            schema=schema(),
        )
    except SqlglotError:
        return
    for average in typed.find_all(exp.Avg):
        if average.this.type is not None and average.this.type.this in _INTEGERS:
            yield "AVG of integers is an integer; cast to DECIMAL first"
    for cast in typed.find_all(exp.Cast):
        inner = cast.this.type
        if (
            inner is not None
            and inner.this == exp.DataType.Type.BOOLEAN
            and cast.to.this in exp.DataType.TEXT_TYPES
        ):
            yield "a BOOLEAN cannot be cast to text; use CASE"
    for kind in (exp.Max, exp.Min, exp.Sum):
        for aggregate in typed.find_all(kind):
            if aggregate.this.type is not None and aggregate.this.type.this == exp.DataType.Type.BOOLEAN:
                yield f"{kind.__name__.upper()} takes no BOOLEAN; use BOOL_OR, BOOL_AND or CASE"


def declared_keys() -> dict[str, list[str]]:
    """The declared primary key of each table, by ``schema.table``."""
    found = {}
    for file in SQL.glob("*/*/table.sql"):
        text = file.read_text("utf-8")
        key = re.search(r"primary key \(([^)]*)\)", text)
        if key:
            found[f"{file.parts[-3]}.{file.parts[-2]}"] = [name.strip() for name in key[1].split(",")]
    return found


def trusted_keys(tree: exp.Expression) -> Iterator[str]:
    """An audit that counts a declared key by its bare columns, which the planner may trust to be unique."""
    keys = declared_keys()
    for select in tree.find_all(exp.Select):
        group, having = select.args.get("group"), select.args.get("having")
        source = select.args.get("from") or select.args.get("from_")
        if not (group and having and source is not None and isinstance(source.this, exp.Table)):
            continue
        key = keys.get(f"{source.this.db}.{source.this.name}")
        bare = [part.name for part in group.expressions if isinstance(part, exp.Column)]
        if key and set(key) <= set(bare):
            table = f"{source.this.db}.{source.this.name}"
            yield f"{table} declares this key, which the planner may trust: use macros/distrust.sql"
