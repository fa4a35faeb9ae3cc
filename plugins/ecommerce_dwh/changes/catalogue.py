"""What the warehouse is: its tables, views, comments and grants, read from Redshift's catalogue, and what was noted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecommerce_dwh.changes.facets import (
    DEFINITION,
    DISTRIBUTION,
    ORDER,
    PRIMARY_KEY,
    ROWS,
    SORT_KEY,
    Facets,
    column_text,
    digest,
    privileges_text,
    type_text,
)
from ecommerce_dwh.changes.graph import reached
from ecommerce_dwh.warehouse import sql_files

Query = Callable[[str], Sequence[Sequence[Any]]]
NOTES, REPAIRS = "quality.schema_objects", "quality.schema_migrations"
# releffectivediststyle, by r_PG_CLASS_INFO.
_STYLES = {0: "even", 8: "all", 10: "auto", 11: "auto", 12: "auto"}
_KEY = re.compile(r"PRIMARY KEY \(([^)]*)\)")
_REFERENCE = re.compile(r"FOREIGN KEY \(([^)]*)\) REFERENCES ([\w.\"]+)\s*\(([^)]*)\)")
_SIZED = ("varchar", "char")


@dataclass
class Found:
    """A table or view as the catalogue has it.

    Attributes:
        name, kind: as in `ecommerce_dwh.changes.declared.Declared`.
        facets: its parts.
        owner: the user who owns it.
        query: hash of a view's query.
        encodings: compression by column.
        constraints: names of foreign keys by facet.
        readers: columns by view that reads them.
        others: grants to others than the product's roles: privilege (with columns) and receiver, as GRANT takes them.
    """

    name: str
    kind: str
    facets: dict[str, str]
    owner: str
    query: str = ""
    encodings: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    others: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Catalogue:
    """The warehouse as it is.

    Attributes:
        schemas: facets by schema.
        roles: all roles.
        relations: by ``schema.name``.
        outside: views of other schemas that read a table of the warehouse.
        notes: facets by name, as applied last.
        queries: hash of a view's query as it was when it was noted.
    """

    schemas: dict[str, dict[str, str]]
    roles: frozenset[str]
    relations: dict[str, Found]
    outside: frozenset[str]
    notes: dict[str, dict[str, str]]
    queries: dict[str, str]

    def facets(self, name: str) -> Facets:
        """What the catalogue has of a relation or schema."""
        found = self.relations.get(name)
        return found.facets if found else self.schemas.get(name, {})

    def readers_of(self, names: Collection[str]) -> set[str]:
        """All views that read the named relations, or a view that does."""

        def readers(name: str) -> Collection[str]:
            found = self.relations.get(name)
            return found.readers if found else ()

        return reached(names, readers)


def read(query: Query, roles: Collection[str]) -> Catalogue:
    """Read the catalogue.

    Args:
        query: runs a statement and returns its rows.
        roles: the product's roles; what others may do is kept, not compared.
    """

    def ask(name: str) -> Sequence[Sequence[Any]]:
        return query(sql_files.statement(f"control/{name}.sql"))

    relations: dict[str, Found] = {}
    for schema, name, kind, style, remarks, owner in ask("catalogue_relations"):
        full = f"{schema}.{name}"
        table = kind == "r"
        facets = {DISTRIBUTION: _STYLES.get(int(style), "")} if table else {}
        relations[full] = Found(
            full, "table" if table else "view", _commented(facets, "comment", remarks), str(owner)
        )
    _read_columns(relations, ask)
    _read_constraints(relations, ask("catalogue_constraints"))
    for schema, name, text in ask("catalogue_views"):
        if found := relations.get(f"{schema}.{name}"):
            found.query = digest(str(text))
    outside = set()
    for schema, name, column, reader_schema, reader in ask("catalogue_readers"):
        if found := relations.get(f"{schema}.{name}"):
            found.readers.setdefault(f"{reader_schema}.{reader}", set()).update([column] if column else [])
            if f"{reader_schema}.{reader}" not in relations:
                outside.add(f"{reader_schema}.{reader}")
    schemas = {str(name): _commented({}, "comment", remarks) for name, remarks in ask("catalogue_schemas")}
    _read_privileges(relations, schemas, set(roles), ask)
    notes, queries = _notes(relations, ask)
    known = frozenset(str(row[0]) for row in ask("catalogue_roles"))
    return Catalogue(schemas, known, relations, frozenset(outside), notes, queries)


def _commented(facets: dict[str, str], key: str, remarks: Any) -> dict[str, str]:
    if remarks:
        facets[key] = str(remarks)
    return facets


def _read_columns(relations: dict[str, Found], ask: Callable[[str], Sequence[Sequence[Any]]]) -> None:
    order: dict[str, list[str]] = {}
    for schema, table, column, kind, length, precision, scale, nullable, default, remarks in ask(
        "catalogue_columns"
    ):
        found = relations.get(f"{schema}.{table}")
        if found is None:
            continue
        if found.kind == "table":
            written = type_text(str(kind).partition("(")[0])
            name = written.partition("(")[0]
            if name in _SIZED and length:
                written = type_text(name, int(length))
            elif name == "decimal" and precision:
                written = type_text(name, int(precision), int(scale or 0))
            found.facets[f"column {column}"] = column_text(
                written, str(nullable).upper() != "NO", None if default is None else str(default)
            )
            order.setdefault(found.name, []).append(str(column))
        _commented(found.facets, f"comment {column}", remarks)
    sorted_by: dict[str, list[tuple[int, str]]] = {}
    for schema, table, column, encoding, distkey, sortkey in ask("catalogue_keys"):
        found = relations.get(f"{schema}.{table}")
        if found is None or found.kind != "table":
            continue
        found.encodings[str(column)] = str(encoding or "").lower()
        if distkey in (True, "true", "t"):
            found.facets[DISTRIBUTION] = f"key ({column})"
        if int(sortkey or 0):
            sorted_by.setdefault(found.name, []).append((abs(int(sortkey)), str(column)))
    for name, places in sorted_by.items():
        relations[name].facets[SORT_KEY] = ", ".join(column for _, column in sorted(places))
    for name, columns in order.items():
        if name.startswith("staging."):
            relations[name].facets[ORDER] = ", ".join(columns)


def _read_constraints(relations: dict[str, Found], rows: Sequence[Sequence[Any]]) -> None:
    for schema, name, constraint, text in rows:
        found = relations.get(f"{schema}.{name}")
        if found is None:
            continue
        if key := _KEY.match(str(text)):
            found.facets[PRIMARY_KEY] = ", ".join(part.strip() for part in key[1].split(","))
        elif reference := _REFERENCE.match(str(text)):
            facet = f"foreign key ({', '.join(part.strip() for part in reference[1].split(','))})"
            target = ", ".join(part.strip() for part in reference[3].split(","))
            found.facets[facet] = f"{reference[2]} ({target})"
            found.constraints[facet] = str(constraint)


def _read_privileges(
    relations: dict[str, Found],
    schemas: dict[str, dict[str, str]],
    roles: set[str],
    ask: Callable[[str], Sequence[Sequence[Any]]],
) -> None:
    held: dict[tuple[str, str], dict[str, set[str]]] = {}
    others: dict[tuple[str, str], dict[str, set[str]]] = {}

    def note(place: str, privilege: str, name: str, kind: str, column: str = "") -> None:
        if kind == "role" and name in roles:
            rights = held.setdefault((place, name), {})
        elif place in relations and not (kind == "user" and name == relations[place].owner):
            receiver = "public" if kind == "public" else f'{"" if kind == "user" else kind + " "}"{name}"'
            rights = others.setdefault((place, receiver), {})
        else:
            return
        if column and rights.get(
            privilege, {""}
        ):  # nothing is said of columns where the whole relation is granted
            rights.setdefault(privilege, set()).add(column)
        elif not column:
            rights[privilege] = set()

    for schema, name, privilege, identity, kind in ask("catalogue_privileges"):
        note(f"{schema}.{name}", str(privilege).lower(), str(identity), str(kind))
    for schema, name, privilege, identity, kind, column in ask("catalogue_column_privileges"):
        note(f"{schema}.{name}", str(privilege).lower(), str(identity), str(kind), str(column))
    for schema, privilege, identity, kind in ask("catalogue_schema_privileges"):
        note(str(schema), str(privilege).lower(), str(identity), str(kind))
    for (place, role), rights in held.items():
        target = relations[place].facets if place in relations else schemas.get(place, {})
        target[f"grants {role}"] = privileges_text(rights)
    for (place, receiver), rights in others.items():
        relations[place].others += [
            (privileges_text({right: names}), receiver) for right, names in sorted(rights.items())
        ]


def _notes(
    relations: dict[str, Found], ask: Callable[[str], Sequence[Sequence[Any]]]
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """What was noted; from it comes what the catalogue does not show: a view's definition, rows beside a table."""
    notes: dict[str, dict[str, str]] = {}
    queries: dict[str, str] = {}
    for name, declared, query in ask("schema_notes") if NOTES in relations else ():
        notes[str(name)], queries[str(name)] = json.loads(declared), str(query)
    for name, found in relations.items():
        noted = notes.get(name, {})
        if found.kind == "view":
            same = noted.get(DEFINITION) if queries.get(name) == found.query else None
            found.facets[DEFINITION] = same or f"query {found.query[:12]}"
        elif ROWS in noted:
            found.facets[ROWS] = noted[ROWS]
    return notes, queries
