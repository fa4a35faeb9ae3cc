"""Finds and renders the SQL of the warehouse.

``include/sql`` keeps one folder per table or view, ``<schema>/<name>/``::

    table.sql or view.sql   its definition (`ecommerce_dwh.changes` plans and applies it)
    columns.yaml            what it and its columns hold
    merge.sql               what brings it up to date in the daily run; parts of it stand beside it, included by name
    audits/*.sql            what must hold for it before a run is published

Beside the schemas: ``macros`` (expressions that several files need), ``ddl`` (schemas, roles, grants), ``repairs`` (of
data, applied once), ``control`` (single statements of operators), ``maintenance`` and ``erasure``. Every
file is a Jinja template. Operators render it in the DAG's own environment; what is read outside a task is rendered by
`render`, which has the same settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.sql_text import SqlTextError, split_statements

if TYPE_CHECKING:
    import jinja2

# In the order of creation: foreign keys of facts name dimensions, views read all.
SCHEMAS = ("quality", "staging", "history", "dimensions", "facts", "analytics")
AUDITS = "*/*/audits/*.sql"
WHOLE_AUDITS = "maintenance/audits/*.sql"
_KINDS = {"table.sql": "table", "view.sql": "view"}


class SqlFileError(ValueError):
    """A folder of ``include/sql`` is not complete; the message names file and remedy."""


@dataclass(frozen=True)
class Relation:
    """A table or view of the warehouse.

    Attributes:
        schema, name: as in ``schema.name``.
        kind: ``table`` or ``view``.
        folder: its folder below ``include/sql``.
    """

    schema: str
    name: str
    kind: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def definition(self) -> str:
        """The file that creates it, as below ``include/sql``."""
        return f"{self.schema}/{self.name}/{self.kind}.sql"

    def columns(self) -> RelationColumns:
        """What ``columns.yaml`` says.

        Raises:
            SqlFileError: the file is missing or not of the form that `RelationColumns` has.
        """
        return read_columns(self.folder / "columns.yaml")


@dataclass(frozen=True)
class RelationColumns:
    """The content of a ``columns.yaml``.

    Attributes:
        description: what a row is.
        columns: meaning by column; empty where the column has that of the source's column of this name.
        sources: source contract by column, for columns without a meaning of their own.
        internal: only the pipeline reads it: no comments in the warehouse, no entry in the data dictionary.
        definitions: page that defines the columns, named in every comment; empty for none.
    """

    description: str
    columns: Mapping[str, str]
    sources: Mapping[str, str]
    internal: bool = False
    definitions: str = ""


def read_columns(path: Path) -> RelationColumns:
    """Read a ``columns.yaml``.

    Raises:
        SqlFileError: it is missing, or not of the form that `RelationColumns` has.
    """
    import yaml  # late import: DAG files need not pay for it when they are parsed

    place = "/".join(path.parts[-3:])
    if not path.is_file():
        raise SqlFileError(f"{place} is missing; write description and columns of the table there")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise SqlFileError(f"{place} is no YAML: {error}") from error
    known = {"description", "columns", "internal", "definitions"}
    if not isinstance(content, dict) or not {"description", "columns"} <= set(content) <= known:
        raise SqlFileError(f"{place} must have description and columns, and may have internal and definitions")
    columns, sources = {}, {}
    for name, meaning in content["columns"].items():
        if isinstance(meaning, dict) and list(meaning) == ["source"]:
            columns[name], sources[name] = "", str(meaning["source"])
        elif isinstance(meaning, str) and meaning.strip():
            columns[name] = meaning
        else:
            raise SqlFileError(f"{place}: {name} needs a text, or {{source: <contract>}}; it has {meaning!r}")
    return RelationColumns(
        str(content["description"]).strip(),
        columns,
        sources,
        bool(content.get("internal", False)),
        str(content.get("definitions", "")),
    )


def relations(sql_dir: Path | None = None) -> list[Relation]:
    """All tables, then all views, each schema by schema and by name."""
    sql_dir = sql_dir or get_settings().sql_dir
    return [
        Relation(schema, path.parent.name, kind, path.parent)
        for file, kind in _KINDS.items()
        for schema in SCHEMAS
        for path in sorted((sql_dir / schema).glob(f"*/{file}"))
    ]


def merges(schema: str, sql_dir: Path | None = None) -> dict[str, str]:
    """The file that brings a table up to date, as below ``include/sql``, by table of a schema."""
    folder = (sql_dir or get_settings().sql_dir) / schema
    return {
        path.parent.name: f"{schema}/{path.parent.name}/merge.sql"
        for path in sorted(folder.glob("*/merge.sql"))
    }


@cache
def environment(sql_dir: Path) -> jinja2.Environment:
    """The settings with which Airflow renders templates, on the files below ``include/sql``."""
    from jinja2 import FileSystemLoader, StrictUndefined  # late import: Airflow itself imports Jinja late
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(
        loader=FileSystemLoader(str(sql_dir)), undefined=StrictUndefined, autoescape=False, cache_size=-1
    )


def render(name: str, sql_dir: Path | None = None, **variables: Any) -> str:
    """The text of a file below ``include/sql``, rendered."""
    return environment(sql_dir or get_settings().sql_dir).get_template(name).render(**variables)


def statements(name: str, sql_dir: Path | None = None, **variables: Any) -> list[str]:
    """The statements of a file below ``include/sql``, rendered."""
    return split_statements(render(name, sql_dir, **variables))


def statement(name: str, sql_dir: Path | None = None, **variables: Any) -> str:
    """The one statement of a file below ``include/sql``, rendered.

    Raises:
        SqlTextError: the file holds none, or several.
    """
    found = statements(name, sql_dir, **variables)
    if len(found) != 1:
        raise SqlTextError(f"{name} holds {len(found)} statements; it must be one")
    return found[0]
