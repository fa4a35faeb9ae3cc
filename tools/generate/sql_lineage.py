"""Column lineage of the warehouse, read from the SQL files.

Runs when files are generated, not when DAGs run: the outcome is ``include/generated/lineage.json``, which operators
hand to OpenLineage. Temporary tables are seen through: a fact's column leads to columns of history and dimensions,
never to a scratch table. A filter or a join that only chooses rows is no lineage of a column, but its table is an
input.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_text import without_comments
from tools.generate.example_load import example_load

# What loads tables in a daily run, as below include/sql.
LOADS = ("staging/*/copy.sql", "history/replace_slices.sql", "*/*/merge.sql", "analytics/refresh.sql")
_TEMP = "temp"
_CREATE = re.compile(
    r"create (?:or replace )?(table|view)(?: if not exists)? ([a-z_]+\.[a-z_0-9]+)", re.IGNORECASE
)
_COLUMN = re.compile(r"^\s{4}([a-z_][a-z_0-9]*) [a-z]", re.MULTILINE)
_PHYSICAL = re.compile(r"\b(distkey|sortkey)\s*\([^)]*\)|\bdiststyle \w+", re.IGNORECASE)

Origins = dict[str, set[str]]  # columns (schema.table.column) by column of a table


class LineageError(ValueError):
    """A statement cannot be read; the message names file and statement."""


def lineage_of_files(sql_dir: Path, contracts: Mapping[str, SourceContract]) -> dict[str, Any]:
    """Inputs and outputs of every file that loads tables.

    Returns:
        By file: ``inputs`` (tables), and ``outputs``: for each table its columns with the columns they come from.
        A COPY's input is ``accepted/<source>``.
    """
    columns = _declared(sql_dir)
    load = example_load(contracts)
    found = {}
    for pattern in LOADS:
        for path in sorted(sql_dir.glob(pattern)):
            name = path.relative_to(sql_dir).as_posix()
            found[name] = _File(name, columns).read(sql_files.statements(name, sql_dir, load=load))
    return found


def _declared(sql_dir: Path) -> dict[str, list[str]]:
    """Columns of every table; a view's are read from its last SELECT."""
    found: dict[str, list[str]] = {}
    for relation in sql_files.relations(sql_dir):
        for statement in sql_files.statements(relation.definition, sql_dir):
            text = without_comments(statement)
            match = _CREATE.match(text)
            if not match:
                continue
            if match[1].lower() == "table":
                names = _COLUMN.findall(text[match.end() :])
                found[match[2]] = [name for name in names if name not in ("primary", "foreign", "unique")]
            else:
                query: Any = sqlglot.parse_one(text[text.lower().index(" as\n") + 4 :], read="redshift")
                found[match[2]] = [select.alias_or_name for select in query.selects]
    return found


class _File:
    """The statements of one file, in order."""

    def __init__(self, name: str, declared: Mapping[str, list[str]]) -> None:
        self.name = name
        self.columns: dict[str, list[str]] = dict(declared)
        self.scratch: dict[str, Origins] = {}
        self.scratch_inputs: dict[str, set[str]] = {}
        self.inputs: set[str] = set()
        self.outputs: dict[str, Origins] = {}

    def read(self, statements: Iterable[str]) -> dict[str, Any]:
        for number, statement in enumerate(statements, 1):
            text = without_comments(statement).strip()
            try:
                self._statement(text)
            except LineageError:
                raise
            except Exception as error:
                raise LineageError(
                    f"{self.name}, statement {number} ({text[:60]!r} …): {type(error).__name__}: {error}"
                ) from error
        return {
            "inputs": sorted(self.inputs - {f"{_TEMP}.{name}" for name in self.scratch}),
            "outputs": {
                table: {column: sorted(origins) for column, origins in sorted(columns.items())}
                for table, columns in sorted(self.outputs.items())
            },
        }

    def _statement(self, text: str) -> None:
        word = text.split(None, 1)[0].lower()
        if word == "copy":
            table = text.split()[1]
            source = f"accepted/{table.partition('stg_')[2]}"
            listed = re.findall(r"[a-z_]+", text[text.index("(") : text.index(")")])
            self.inputs.add(source)
            self._merge(table, {column: {f"{source}.{column}"} for column in listed})
            return
        if word in ("lock", "select", "with", "delete"):  # guards and removals move no value
            return
        tree = sqlglot.parse_one(_PHYSICAL.sub("", text), read="redshift")
        if isinstance(tree, exp.Create):
            name = tree.this.name
            origins, inputs = self._query(tree.expression)
            self.scratch[name], self.scratch_inputs[name] = origins, inputs
            self.columns[f"{_TEMP}.{name}"] = list(origins)
        elif isinstance(tree, exp.Insert):
            target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
            named = (
                [column.name for column in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
            )
            query = tree.expression
            if tree.args.get("with_") is not None and query.args.get("with_") is None:
                query.set("with_", tree.args["with_"])
            origins, inputs = self._query(query)
            table = f"{target.db}.{target.name}" if target.db else target.name
            names = named or self.columns.get(table, [])
            self.inputs |= inputs
            self._merge(table, dict(zip(names, origins.values(), strict=True)))
        elif isinstance(tree, exp.Update):
            self._update(tree)
        else:
            raise LineageError(f"{self.name}: {type(tree).__name__} is not understood: {text[:60]!r}")

    def _merge(self, table: str, origins: Origins) -> None:
        known = self.outputs.setdefault(table, {})
        for column, columns in origins.items():
            known.setdefault(column, set()).update(columns)

    def _update(self, tree: exp.Update) -> None:
        """``update t set c = e from …`` as the query ``select e as c from t, …``."""
        target = tree.this
        selects = [exp.alias_(item.expression.copy(), item.this.name) for item in tree.expressions]
        query = exp.select(*selects).from_(target.copy())
        source = tree.args.get("from_")
        if source is not None:
            query = query.join(source.this.copy(), join_type="cross")
            for join in source.this.args.get("joins") or ():
                query.append("joins", join.copy())
        if tree.args.get("where") is not None:
            query.set("where", tree.args["where"].copy())
        origins, inputs = self._query(query)
        table = f"{target.db}.{target.name}"
        self.inputs |= inputs - {table}
        self._merge(table, origins)

    def _query(self, query: Any) -> tuple[Origins, set[str]]:
        """Origins of a query's columns, and the tables it reads; scratch tables are seen through."""
        ctes = {cte.alias_or_name for cte in query.find_all(exp.CTE)}
        for table in query.find_all(exp.Table):
            if not table.db and table.name not in ctes:
                table.set("db", exp.to_identifier(_TEMP))
        schema: dict[str, Any] = {}
        for name, listed in self.columns.items():
            database, _, table_name = name.partition(".")
            schema.setdefault(database, {})[table_name] = dict.fromkeys(listed, "text")
        logging.getLogger("sqlglot").setLevel(logging.ERROR)
        whole: Any = qualify(query.copy(), schema=schema, dialect="redshift", validate_qualify_columns=False)
        scope = build_scope(whole)
        inputs: set[str] = set()
        for table in whole.find_all(exp.Table):
            if not table.db:
                continue
            if table.db == _TEMP:
                inputs |= self.scratch_inputs[table.name]
            else:
                inputs.add(f"{table.db}.{table.name}")
        origins: Origins = {}
        for column in whole.named_selects:
            origins[column] = set()
            for node in lineage(column, whole, scope=scope, dialect="redshift", copy=False).walk():
                table = node.expression
                if not isinstance(table, exp.Table) or node.downstream:
                    continue
                leaf = node.name.rpartition(".")[2].strip('"')
                if table.db == _TEMP:
                    origins[column] |= self.scratch[table.name].get(leaf, set())
                elif table.db:
                    origins[column].add(f"{table.db}.{table.name}.{leaf}")
        return origins, inputs
