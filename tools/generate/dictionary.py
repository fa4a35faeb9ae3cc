"""Writes what people and catalogues read about the data, from where it is defined.

``docs/data-dictionary.md``
    every source (from its contract), every table and view of the warehouse (from its definition and its
    ``columns.yaml``).
``include/sql/analytics/<view>/columns.yaml``
    meaning of the views of analytics and of all their columns, from the tables of ``docs/metrics.md``.

``python -m tools.generate.dictionary`` writes both; ``--check`` writes nothing and fails with a diff when a file is
not what follows. A column without a definition is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ecommerce_dwh.contracts import Column, ContractError, SourceContract, load_contracts
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_files import RelationColumns, SqlFileError
from ecommerce_dwh.warehouse.sql_text import without_comments
from tools.generate.files import Generator

PAGE = "docs/data-dictionary.md"
METRICS = "docs/metrics.md"
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


@dataclass(frozen=True)
class Table:
    """A table of the warehouse.

    Attributes:
        name: ``schema.table``.
        types: type (with ``not null``) by column.
        known: what ``columns.yaml`` says.
    """

    name: str
    types: Mapping[str, str]
    known: RelationColumns


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


def view_columns(view: View) -> str:
    """The ``columns.yaml`` of a view: what catalogues and BI tools show."""
    content = {
        "description": f"{_upper(view.grain)}.",
        "definitions": METRICS,
        "columns": dict(view.columns),
    }
    return f"# generated from {METRICS}; run make generate\n" + yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True, width=10_000
    )


def read_tables(sql_dir: Path) -> list[Table]:
    """The tables that people read, of dimensions, facts and quality.

    Raises:
        DictionaryError: a ``columns.yaml`` does not name exactly the table's columns.
        SqlFileError: one is missing or not usable.
    """
    tables = []
    for relation in sql_files.relations(sql_dir):
        if relation.kind != "table" or relation.schema not in _SCHEMAS:
            continue
        if (known := relation.columns()).internal:
            continue
        code = without_comments(sql_files.statements(relation.definition, sql_dir)[0])
        found = re.match(r"create table if not exists \w+\.\w+ \((.*?)\n\)", code, re.DOTALL)
        if found is None:
            raise DictionaryError(f"{relation.definition} does not begin with 'create table if not exists'")
        types = dict(_columns(found[1]))
        if odd := sorted(set(types) ^ set(known.columns)):
            raise DictionaryError(
                f"{relation.schema}/{relation.name}: {', '.join(odd)} must be in both table.sql and columns.yaml"
            )
        tables.append(Table(str(relation), types, known))
    return tables


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
        "<!-- generated from include/sources, include/sql and docs/metrics.md: make generate -->\n\n"
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
    rows = []
    for name, kind in table.types.items():
        source = _source_column(table, name, contracts)
        text = table.known.columns[name] or source.description if source else table.known.columns[name]
        rows.append((f"`{name}`", kind, "**pii**" if source and source.pii else "", _upper(text)))
    return f"\n### `{table.name}`\n\n{table.known.description}\n\n" + _rows(
        ("column", "type", "", "meaning"), rows
    )


def _source_column(table: Table, name: str, contracts: Mapping[str, SourceContract]) -> Column | None:
    """The source's column whose meaning a column has; None where it has its own."""
    if (source := table.known.sources.get(name)) is None:
        return None
    contract = contracts.get(source)
    column = next((c for c in contract.accepted_columns if c.name == name), None) if contract else None
    if column is None:
        raise DictionaryError(
            f"{table.name}: columns.yaml takes {name} from {source}, which has no such column"
        )
    return column


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def files(root: Path) -> dict[str, str]:
    """All generated files of a repository: text by path relative to it.

    Raises:
        DictionaryError: something is defined nowhere.
        ContractError: a contract cannot be used.
    """
    contracts = load_contracts(root / "include" / "sources")
    views = read_views((root / METRICS).read_text("utf-8"))
    return {
        **{f"include/sql/analytics/{view.name}/columns.yaml": view_columns(view) for view in views},
        PAGE: page(contracts, read_tables(root / "include" / "sql"), views),
    }


main = Generator(
    "tools.generate.dictionary", __doc__, files, errors=(DictionaryError, ContractError, SqlFileError)
).main


if __name__ == "__main__":
    sys.exit(main())
