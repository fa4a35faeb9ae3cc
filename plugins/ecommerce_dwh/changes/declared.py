"""What the warehouse should be: tables, views, comments, schemas, roles and grants, read from ``include/sql``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from ecommerce_dwh.changes.facets import (
    DEFINITION,
    DISTRIBUTION,
    ORDER,
    PRIMARY_KEY,
    ROWS,
    SORT_KEY,
    column_text,
    digest,
    privileges_text,
    type_text,
)
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_files import Relation, SqlFileError
from ecommerce_dwh.warehouse.sql_text import first_line, leaves_transaction, split_statements, without_comments

SCHEMA_FILES, ROLE_FILES, GRANT_FILES = (
    "before_tables/*schemas*.sql",
    "before_tables/*roles*.sql",
    "after_tables/*.sql",
)
_SCHEMA = re.compile(r"create schema if not exists (\w+)")
_SCHEMA_COMMENT = re.compile(r"comment on schema (\w+) is '((?:[^']|'')*)'")
_ROLE = re.compile(r"create role (\w+)")
_GRANT = re.compile(r"(grant|revoke) (.+?) on (.+?) (?:to|from) role ([\w, ]+)")
# What a table's definition may say; the plan compares all of it, so it may say nothing else.
_CONSTRAINTS = (
    exp.NotNullColumnConstraint,
    exp.DefaultColumnConstraint,
    exp.EncodeColumnConstraint,
    exp.PrimaryKeyColumnConstraint,
)


@dataclass(frozen=True)
class Declared:
    """A table or view as declared.

    Attributes:
        name: ``schema.name``.
        kind: ``table`` or ``view``.
        file: its definition, as below ``include/sql``.
        facets: its parts (`ecommerce_dwh.changes.facets`).
        create: the statement that creates it.
        rows: statements beside it, safe to repeat.
        columns: definition of each column, as the file has it.
        reads: tables and views that a view reads.
    """

    name: str
    kind: str
    file: str
    facets: dict[str, str]
    create: str
    rows: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Warehouse:
    """Everything that is declared.

    Attributes:
        schemas: facets by schema.
        roles: names, in the order of their creation.
        relations: tables, then views, in the order of their creation.
    """

    schemas: dict[str, dict[str, str]]
    roles: tuple[str, ...]
    relations: dict[str, Declared]


def read(sql_dir: Path | None = None) -> Warehouse:
    """Read the declarations.

    Raises:
        SqlFileError: a file says what a plan cannot compare; the message names it.
    """
    sql_dir = sql_dir or get_settings().sql_dir
    schemas: dict[str, dict[str, str]] = {}
    for file, text in _statements(sql_dir, SCHEMA_FILES):
        if found := _SCHEMA.fullmatch(text):
            schemas.setdefault(found[1], {})
        elif (found := _SCHEMA_COMMENT.fullmatch(text)) and found[1] in schemas:
            schemas[found[1]]["comment"] = found[2].replace("''", "'")
        else:
            raise _unknown(
                file, text, "`create schema if not exists <name>` and `comment on schema` of such a schema"
            )
    roles = []
    for file, text in _statements(sql_dir, ROLE_FILES):
        if not (found := _ROLE.fullmatch(text)):
            raise _unknown(file, text, "`create role <name>`")
        roles.append(found[1])
    relations = {
        str(relation): _table(relation, sql_dir) if relation.kind == "table" else _view(relation, sql_dir)
        for relation in sql_files.relations(sql_dir)
    }
    if not relations:
        raise SqlFileError(f"{sql_dir} declares no table")
    for schema in {name.partition(".")[0] for name in relations} - set(schemas):
        raise SqlFileError(
            f"ddl/before_tables: no `create schema if not exists {schema}`, in which tables are declared"
        )
    for relation in relations.values():
        for facet, text in relation.facets.items():
            if facet.startswith("foreign key ") and text.endswith("()"):
                named = relations.get(text.removesuffix(" ()"))
                relation.facets[facet] = (
                    text.removesuffix("()") + f"({named.facets.get(PRIMARY_KEY, '') if named else ''})"
                )
    warehouse = Warehouse(schemas, tuple(roles), relations)
    _read_grants(warehouse, sql_dir)
    return warehouse


def _statements(sql_dir: Path, pattern: str) -> list[tuple[str, str]]:
    return [
        (path.relative_to(sql_dir).as_posix(), " ".join(without_comments(statement).split()))
        for path in sorted((sql_dir / "ddl").glob(pattern))
        for statement in split_statements(sql_files.render(path.relative_to(sql_dir).as_posix(), sql_dir))
    ]


def _unknown(file: str, text: str, allowed: str) -> SqlFileError:
    return SqlFileError(
        f"{file}: {text[:100]!r} is not {allowed}; what a declaration cannot say goes into include/sql/repairs"
    )


# Tables and views ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _tree(statement: str) -> Any:
    return sqlglot.parse_one(statement, read="redshift")


def _parsed(relation: Relation, statement: str) -> exp.Create:
    try:
        found = _tree(statement)
    except sqlglot.errors.SqlglotError as error:
        raise SqlFileError(f"{relation.definition} is not understood: {error}") from error
    target = found.find(exp.Table) if isinstance(found, exp.Create) else None
    if not isinstance(found, exp.Create) or (found.kind or "").lower() != relation.kind or target is None:
        raise SqlFileError(
            f"{relation.definition}: its first statement must create the {relation.kind} {relation}"
        )
    if f"{target.db}.{target.name}" != str(relation):
        raise SqlFileError(
            f"{relation.definition} creates {target.db}.{target.name}; its folder says {relation}"
        )
    return found


def _text_facets(relation: Relation) -> dict[str, str]:
    """Comments, as catalogues and BI tools show them, from columns.yaml; none for internal relations."""
    known = relation.columns()
    if known.internal:
        return {}
    facets = {}
    if known.definitions:
        facets["comment"] = f"{known.description} Definitions: {known.definitions}"
    source = f" ({known.definitions})" if known.definitions else ""
    for column, meaning in known.columns.items():
        if meaning:
            facets[f"comment {column}"] = meaning.replace("`", "") + source
    return facets


def _table(relation: Relation, sql_dir: Path) -> Declared:
    statements = split_statements(sql_files.render(relation.definition, sql_dir))
    if not statements:
        raise SqlFileError(f"{relation.definition} holds no statement")
    for statement in statements:
        if command := leaves_transaction(statement):
            raise SqlFileError(
                f"{relation.definition}: {command.upper()} ({first_line(statement)}) would end the transaction"
            )
    create = _parsed(relation, statements[0])
    if not isinstance(create.this, exp.Schema):
        raise SqlFileError(f"{relation.definition}: a table is declared by its columns")
    facets: dict[str, str] = {}
    columns: dict[str, str] = {}
    primary: list[str] = []
    foreign: dict[str, str] = {}
    for part in create.this.expressions:
        if isinstance(part, exp.ColumnDef):
            text, key = _column(relation, part)
            facets[f"column {part.name}"] = text
            columns[part.name] = part.sql(dialect="redshift", comments=False)
            primary += [part.name] if key else []
        elif isinstance(part, exp.PrimaryKey):
            primary = [column.name for column in part.expressions]
        elif isinstance(part, exp.ForeignKey):
            place, target = _foreign_key(part)
            foreign[place] = target
        else:
            raise SqlFileError(
                f"{relation.definition}: {part.sql(dialect='redshift')!r} is nothing that a plan compares"
            )
    if primary:
        facets[PRIMARY_KEY] = ", ".join(primary)
    facets |= foreign | _design(relation, create)
    if relation.schema == "staging":
        facets[ORDER] = ", ".join(columns)
    if statements[1:]:
        facets[ROWS] = digest("\n".join(" ".join(without_comments(text).split()) for text in statements[1:]))
    return Declared(
        str(relation),
        "table",
        relation.definition,
        facets | _text_facets(relation),
        re.sub(r"(?i)\bcreate\s+table\s+if\s+not\s+exists\b", "create table", statements[0], count=1),
        tuple(statements[1:]),
        columns,
    )


def _column(relation: Relation, part: exp.ColumnDef) -> tuple[str, bool]:
    nullable, default, key = True, None, False
    for constraint in part.constraints:
        kind = constraint.kind
        if not isinstance(kind, _CONSTRAINTS):
            raise SqlFileError(
                f"{relation.definition}: {part.name} says {constraint.sql(dialect='redshift')!r}, "
                "which no plan compares"
            )
        if isinstance(kind, exp.NotNullColumnConstraint):
            nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.DefaultColumnConstraint):
            default = kind.this.sql(dialect="redshift")
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            key, nullable = True, False
    written = part.kind.sql(dialect="redshift") if part.kind else ""
    name, _, sizes = written.partition("(")
    found = type_text(name, *[size.strip() for size in sizes.rstrip(")").split(",") if size.strip()])
    return column_text(found, nullable, default), key


def _foreign_key(part: exp.ForeignKey) -> tuple[str, str]:
    columns = ", ".join(column.name for column in part.expressions)
    reference = part.args["reference"].this
    table = reference.find(exp.Table)
    target = (
        ", ".join(column.name for column in reference.expressions) if isinstance(reference, exp.Schema) else ""
    )
    return f"foreign key ({columns})", f"{table.db}.{table.name} ({target})"


def _design(relation: Relation, create: exp.Create) -> dict[str, str]:
    style, key, sort = "", "", ""
    for part in create.args["properties"].expressions if create.args.get("properties") else ():
        if isinstance(part, exp.DistStyleProperty):
            style = part.name.lower()
        elif isinstance(part, exp.DistKeyProperty):
            key = part.this.name
        elif isinstance(part, exp.SortKeyProperty):
            sort = ", ".join(column.name for column in part.this)
        else:
            raise SqlFileError(
                f"{relation.definition}: {part.sql(dialect='redshift')!r} is nothing that a plan compares"
            )
    facets = {DISTRIBUTION: f"key ({key})" if key else style or "auto"}
    return facets | ({SORT_KEY: sort} if sort else {})


def _view(relation: Relation, sql_dir: Path) -> Declared:
    statements = split_statements(sql_files.render(relation.definition, sql_dir))
    if len(statements) != 1:
        raise SqlFileError(f"{relation.definition} holds {len(statements)} statements; a view's file is one")
    create = _parsed(relation, statements[0])
    named = {f"{table.db}.{table.name}" for table in create.expression.find_all(exp.Table) if table.db}
    text = create.expression.sql(dialect="redshift", comments=False)
    return Declared(
        str(relation),
        "view",
        relation.definition,
        {DEFINITION: digest(text)} | _text_facets(relation),
        re.sub(r"(?i)\bcreate\s+or\s+replace\s+view\b", "create view", statements[0], count=1),
        reads=frozenset(named),
    )


# Grants --------------------------------------------------------------------------------------------------------------


def _read_grants(warehouse: Warehouse, sql_dir: Path) -> None:
    """Follow GRANT and REVOKE in their order; what is left at the end is declared."""
    held: dict[tuple[str, str], dict[str, set[str]]] = {}
    for file, text in _statements(sql_dir, GRANT_FILES):
        found = _GRANT.fullmatch(text)
        if not found:
            raise _unknown(file, text, "GRANT … TO ROLE or REVOKE … FROM ROLE")
        for target in _targets(warehouse, file, found[3]):
            for role in (name.strip() for name in found[4].split(",")):
                if role not in warehouse.roles:
                    raise SqlFileError(f"{file}: no file of ddl/before_tables creates the role {role}")
                rights = held.setdefault((target, role), {})
                for privilege, names in re.findall(r"(\w+)(?: \(([^)]*)\))?", found[2]):
                    columns = {name.strip() for name in names.split(",") if name.strip()}
                    if found[1] == "revoke":
                        rights.pop(privilege, None)
                    elif privilege not in rights:
                        rights[privilege] = columns
                    else:  # without columns the whole relation is meant
                        rights[privilege] = (
                            rights[privilege] | columns if rights[privilege] and columns else set()
                        )
    for (target, role), rights in held.items():
        facets = (
            warehouse.relations[target].facets if target in warehouse.relations else warehouse.schemas[target]
        )
        if rights:
            facets[f"grants {role}"] = privileges_text(rights)


def _targets(warehouse: Warehouse, file: str, text: str) -> list[str]:
    words = text.removeprefix("all tables in ").split(" ", 1)
    names = [
        name.strip()
        for name in text.removeprefix("all tables in ")
        .removeprefix("schema ")
        .removeprefix("table ")
        .split(",")
    ]
    if text.startswith("all tables in schema "):
        return [name for name in warehouse.relations if name.partition(".")[0] in names]
    known = warehouse.schemas if words[0] == "schema" else warehouse.relations
    for name in names:
        if name not in known:
            raise SqlFileError(f"{file}: {name} is granted and nowhere declared")
    return names
