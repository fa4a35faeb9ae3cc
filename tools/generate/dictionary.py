"""Writes what people and catalogues read about the data, from where it is defined.

``docs/data-dictionary.md``
    every source (from its contract) and every table and view of the warehouse (from the DDL and its comments).
``include/sql/ddl/610_analytics_comments.sql``
    the comments on the views of analytics and on all their columns, from the tables of ``docs/metrics.md``.

``python -m tools.generate.dictionary`` writes both; ``--check`` writes nothing and fails with a diff when a file is
not what follows. A column without a definition is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecommerce_dwh.contracts import Column, ContractError, SourceContract, load_contracts
from ecommerce_dwh.warehouse.sql_text import split_statements, without_comments
from tools.generate.files import Generator

PAGE = "docs/data-dictionary.md"
METRICS = "docs/metrics.md"
VIEW_COMMENTS = "include/sql/ddl/610_analytics_comments.sql"

# Sources of a table's columns that have no comment in the DDL: a column of the same name has the same meaning.
ORIGINS = {
    "dimensions.dim_customer": ("customers",),
    "dimensions.dim_product": ("products",),
    "facts.fact_sales": ("order_items", "orders"),
    "facts.fact_web_events": ("web_events",),
    "facts.agg_product_day": ("products",),
    "facts.fact_inventory": ("products",),
}
_SCHEMAS = ("dimensions", "facts", "quality")
_CONSTRAINTS = ("primary", "foreign", "unique")


class DictionaryError(ValueError):
    """Something is defined nowhere; the message says what, and where it belongs."""


@dataclass(frozen=True)
class View:
    """A view of analytics as ``docs/metrics.md`` defines it.

    Attributes:
        grain: what a row is, such as ``one row per customer``.
        columns: definition by column, in the page's order.
    """

    name: str
    grain: str
    columns: Mapping[str, str]


@dataclass
class Table:
    """A table of the warehouse as the DDL has it.

    Attributes:
        grain: the comment above it.
        columns: type (with ``not null``) by column.
        comments: the DDL's comment by column.
    """

    name: str
    grain: str
    columns: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def read_views(page: str) -> list[View]:
    """The views that ``docs/metrics.md`` defines.

    Raises:
        DictionaryError: a column is defined twice.
    """
    views = []
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        if not (found := re.fullmatch(r"`(\w+)`: (.+)", title.strip())):
            continue
        columns: dict[str, str] = {}
        for row in re.findall(r"^\| (.+?) \| (.+) \|$", body, flags=re.MULTILINE):
            if row[0] == "column":
                continue
            for name in row[0].split(", "):
                if name in columns:
                    raise DictionaryError(f"{METRICS} defines {found[1]}.{name} twice")
                columns[name] = row[1]
        views.append(View(found[1], found[2], columns))
    return views


def view_comments(views: Sequence[View]) -> str:
    """The SQL that puts the definitions where catalogues and BI tools show them."""
    parts = [f"-- generated from {METRICS}; run make generate\n-- noqa: disable=LT05\n"]
    for view in views:
        text = f"{_upper(view.grain)}. Definitions: {METRICS}"
        parts.append(f"\ncomment on view analytics.{view.name}\nis {_quoted(text)};\n")
        for name, definition in view.columns.items():
            text = f"{definition.replace('`', '')} ({METRICS})"
            parts.append(f"\ncomment on column analytics.{view.name}.{name}\nis {_quoted(text)};\n")
    return "".join(parts)


def read_tables(ddl: Mapping[str, str]) -> list[Table]:
    """The tables of dimensions, facts and quality, in the DDL's order.

    Args:
        ddl: text by file.
    """
    tables: dict[str, Table] = {}
    for _, text in sorted(ddl.items()):
        for statement in split_statements(text):
            code = without_comments(statement).strip()
            if found := re.match(r"create table if not exists (\w+\.\w+) \((.*?)\n\)", code, re.DOTALL):
                if found[1].split(".")[0] in _SCHEMAS:
                    tables[found[1]] = Table(found[1], _grain(statement), dict(_columns(found[2])))
            elif found := re.fullmatch(r"comment on column (\w+\.\w+)\.(\w+)\s+is '(.*)'", code, re.DOTALL):
                if found[1].startswith("analytics."):
                    continue
                if found[1] not in tables or found[2] not in tables[found[1]].columns:
                    raise DictionaryError(f"the DDL comments on {found[1]}.{found[2]}, which does not exist")
                tables[found[1]].comments[found[2]] = found[3].replace("''", "'")
    return list(tables.values())


def _grain(statement: str) -> str:
    """The comment right above a statement, as one paragraph."""
    head = statement[: statement.lower().index("create table")]
    lines = head.rstrip().splitlines()
    block: list[str] = []
    while lines and lines[-1].startswith("--"):
        block.insert(0, lines.pop().removeprefix("--").strip())
    return " ".join(block).removeprefix("Grain: ")


def _columns(body: str) -> Iterator[tuple[str, str]]:
    for line in body.splitlines():
        name, _, kind = line.strip().rstrip(",").partition(" ")
        if name and name not in _CONSTRAINTS:
            yield name, kind


def page(contracts: Mapping[str, SourceContract], tables: Sequence[Table], views: Sequence[View]) -> str:
    """The data dictionary.

    Raises:
        DictionaryError: a column has no description.
    """
    parts = [
        "# Data dictionary\n\n"
        "<!-- generated from include/sources, include/sql/ddl and docs/metrics.md: make generate -->\n\n"
        "What every column holds: [sources](#sources) as they are delivered, "
        "[warehouse tables](#warehouse) as they are kept, [views](#analytics) as analysts read them. "
        "**pii** marks personal data: masked in logs and samples, and readable with the role `dwh_pii_reader` only.\n",
        "\n## Sources\n\n"
        "Raw files `s3://<raw bucket>/<source>/dt=YYYY-MM-DD/`. Columns may come in any order; columns that are not "
        "here are reported and kept out. Staging and history tables (`staging.stg_<source>`, `history.<source>`) "
        "have these columns, the derived ones, and those of processing: "
        f"{_service_columns(next(iter(contracts.values())))}.\n",
    ]
    for contract in contracts.values():
        parts.append(_source(contract))
    parts.append("\n## Warehouse\n")
    for table in tables:
        parts.append(_table(table, contracts))
    parts.append(
        "\n## Analytics\n\nThe words used here (revenue line, known customer …) are in [metrics.md](metrics.md).\n"
    )
    for view in views:
        parts.append(f"\n### `analytics.{view.name}`\n\n{_upper(view.grain)}.\n\n")
        parts.append(
            _rows(("column", "meaning"), [(f"`{n}`", _upper(text)) for n, text in view.columns.items()])
        )
    return "".join(parts)


def _service_columns(contract: SourceContract) -> str:
    own = {column.name for column in (*contract.columns, *contract.derived_columns)}
    added = [column for column in contract.accepted_columns if column.name not in own]
    return ", ".join(f"`{column.name}` ({_lower(column.description)})" for column in added)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _source(contract: SourceContract) -> str:
    facts = [
        f"key `{contract.key}`",
        {"required": "every day must bring it", "optional": "a day may go without it"}[contract.delivery],
        {"scd2": "every version is kept", "latest": "the newest version counts"}[contract.history],
        f"due {contract.freshness_hours} h after the day",
        f"owner {contract.owner}",
    ]
    rows = [
        (f"`{column.name}`", column.type, _marks(column, contract), column.description)
        for column in (*contract.columns, *contract.derived_columns)
    ]
    for name, _, _, text in rows:
        if not text:
            raise DictionaryError(f"include/sources/{contract.name}.yaml: {name} has no description")
    head = f"\n### `{contract.name}`\n\n{contract.description} {_upper('; '.join(facts))}.\n\n"
    return head + _rows(("column", "type", "", "meaning"), rows)


def _marks(column: Column, contract: SourceContract) -> str:
    marks = [
        ("key", column.name == contract.key),
        ("required", column.required and column.name != contract.key),
        ("derived", column in contract.derived_columns),
        ("**pii**", column.pii),
    ]
    return ", ".join(name for name, holds in marks if holds)


def _table(table: Table, contracts: Mapping[str, SourceContract]) -> str:
    origins = [contracts[name] for name in ORIGINS.get(table.name, ()) if name in contracts]
    rows = []
    for name, kind in table.columns.items():
        source = next(
            (column for c in origins for column in (*c.columns, *c.derived_columns) if column.name == name),
            None,
        )
        text = table.comments.get(name) or (source.description if source else "")
        if not text:
            raise DictionaryError(
                f"{table.name}.{name} has no description; add one to include/sql/ddl/620_model_comments.sql"
            )
        rows.append((f"`{name}`", kind, "**pii**" if source and source.pii else "", _upper(text)))
    return f"\n### `{table.name}`\n\n{_upper(table.grain)}\n\n" + _rows(("column", "type", "", "meaning"), rows)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def files(root: Path) -> dict[str, str]:
    """All generated files of a repository: text by path relative to it.

    Raises:
        DictionaryError: something is defined nowhere.
        ContractError: a contract cannot be used.
    """
    contracts = load_contracts(root / "include" / "sources")
    views = read_views((root / METRICS).read_text("utf-8"))
    ddl = {path.name: path.read_text("utf-8") for path in (root / "include" / "sql" / "ddl").glob("*.sql")}
    return {
        VIEW_COMMENTS: view_comments(views),
        PAGE: page(contracts, read_tables(ddl), views),
    }


main = Generator("tools.generate.dictionary", __doc__, files, errors=(DictionaryError, ContractError)).main


if __name__ == "__main__":
    sys.exit(main())
