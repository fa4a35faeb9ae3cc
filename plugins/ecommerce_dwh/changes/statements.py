"""The SQL of changes: what a plan shows and its application runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ecommerce_dwh.changes.facets import (
    DISTRIBUTION,
    PRIMARY_KEY,
    SORT_KEY,
    Facets,
    column_parts,
    columns,
    privileges,
)

_SUMMED = ("decimal", "bigint", "integer", "smallint", "real", "double precision")
_RANGED = ("date", "timestamp", "timestamptz")


@dataclass(frozen=True)
class Command:
    """One statement of a plan.

    Attributes:
        sql: its text.
        check: what must hold: the statement is a query that must return no row, or the step is undone with this text.
        slow: it reads or writes rows; all others are quick, and what makes them wait is a lock.
    """

    sql: str
    check: str = ""
    slow: bool = False


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def comment(kind: str, name: str, facet: str, text: str | None) -> Command:
    """COMMENT for the facet ``comment`` or ``comment <column>``; None takes the comment away."""
    column = facet.removeprefix("comment").strip()
    target = f"column {name}.{quoted(column)}" if column else f"{kind} {name}"
    return Command(f"comment on {target} is {'null' if text is None else _literal(text)}")


def grants(kind: str, name: str, facet: str, have: str | None, want: str | None) -> list[Command]:
    """GRANT and REVOKE between two states of the facet ``grants <role>``."""
    role = facet.removeprefix("grants ")
    target = f"schema {name}" if kind == "schema" else name
    had, wanted = privileges(have or ""), privileges(want or "")
    found = []
    if gone := [right for right in had if right not in wanted]:
        found.append(Command(f"revoke {', '.join(gone)} on {target} from role {role}"))
    if new := [right for right in wanted if right not in had]:
        found.append(Command(f"grant {', '.join(new)} on {target} to role {role}"))
    return found


def told(kind: str, name: str, facets: Facets, others: Sequence[tuple[str, str]] = ()) -> list[Command]:
    """All comments and grants of a table or view that was just made."""
    found = []
    for facet, text in facets.items():
        if facet.startswith("comment"):
            found.append(comment(kind, name, facet, text))
        elif facet.startswith("grants "):
            found += grants(kind, name, facet, None, text)
    return found + [Command(f"grant {right} on {name} to {receiver}") for right, receiver in others]


def table_definition(name: str, facets: Facets, written: Mapping[str, str]) -> str:
    """CREATE TABLE by its facets; ``written`` has columns as their file writes them."""
    parts = [written.get(column) or f"{quoted(column)} {text}" for column, text in columns(facets).items()]
    if key := facets.get(PRIMARY_KEY):
        parts.append(f"primary key ({key})")
    parts += [
        f"{facet} references {text}" for facet, text in facets.items() if facet.startswith("foreign key ")
    ]
    style = facets.get(DISTRIBUTION, "auto")
    key = style.removeprefix("key ") if style.startswith("key ") else ""
    attributes = f"\ndiststyle key distkey {key}" if key else f"\ndiststyle {style}"
    if order := facets.get(SORT_KEY):
        attributes += f"\ncompound sortkey ({order})"
    body = ",\n    ".join(parts)
    return f"create table {name} (\n    {body}\n){attributes}"


def survives(name: str, column: str, was: str, becomes: str, chosen: str) -> Command:
    """The check that a column's values can be had back from their new type; ``chosen`` limits the rows."""
    place, old, new = quoted(column), column_parts(was)[0], column_parts(becomes)[0]
    return Command(
        f"select count(*) as values_lost from {name}\n"
        f"where cast(cast({place} as {new}) as {old}) <> {place}{chosen}\nhaving count(*) > 0",
        check=f"{name}.{column} has values that {new} cannot hold",
        slow=True,
    )


def copy_rows(name: str, new: str, facets: Facets, had: Facets, rows: str) -> list[Command]:
    """INSERT into the new table, and the comparison of its rows with the old ones.

    Args:
        name: the old table.
        new: the new table.
        facets: the new table's.
        had: the old table's.
        rows: condition of the rows to keep; empty for all.
    """
    old, target = columns(had), columns(facets)
    shared = [column for column in target if column in old]
    chosen = f"\nwhere {rows}" if rows else ""
    values = []
    for column in shared:
        was, becomes = column_parts(old[column])[0], column_parts(target[column])[0]
        # A cast to VARCHAR cuts what is too long without a word; an assignment refuses it.
        plain = was == becomes or (was.startswith("varchar") and becomes.startswith("varchar"))
        values.append(quoted(column) if plain else f"cast({quoted(column)} as {becomes})")
    insert = f"insert into {new} ({_listed(shared)})\nselect {', '.join(values)}\nfrom {name}{chosen}"
    figures = {"rows_of_table": "count(*)"}
    for number, column in enumerate(shared):
        was, becomes = column_parts(old[column])[0], column_parts(target[column])[0]
        figures[f"filled_{number}"] = f"count({quoted(column)})"
        if was == becomes or (was.startswith(_SUMMED) and becomes.startswith(_SUMMED)):
            if was.startswith(_SUMMED):
                figures[f"sum_{number}"] = f"coalesce(sum({quoted(column)}), 0)"
            elif was.startswith("varchar"):
                figures[f"bytes_{number}"] = f"coalesce(sum(cast(octet_length({quoted(column)}) as bigint)), 0)"
            elif was.startswith(_RANGED):
                figures[f"first_{number}"] = f"coalesce(cast(min({quoted(column)}) as varchar(32)), '')"
                figures[f"last_{number}"] = f"coalesce(cast(max({quoted(column)}) as varchar(32)), '')"
    listed = ",\n    ".join(f"{text} as {figure}" for figure, text in figures.items())
    unequal = "\n    or ".join(f"before_copy.{figure} <> after_copy.{figure}" for figure in figures)
    compare = (
        f"select before_copy.rows_of_table as rows_before, after_copy.rows_of_table as rows_after\n"
        f"from (select\n    {listed}\nfrom {name}{chosen}) as before_copy\n"
        f"cross join (select\n    {listed}\nfrom {new}) as after_copy\nwhere {unequal}"
    )
    return [
        Command(insert, slow=True),
        Command(compare, check=f"the copy of {name} has other counts or sums than the table", slow=True),
    ]


def swap(name: str) -> list[Command]:
    """Put the copy in the table's place."""
    short = name.partition(".")[2]
    return [
        Command(f"alter table {name} rename to {short}__old"),
        Command(f"alter table {name}__new rename to {short}"),
        Command(f"drop table {name}__old"),
    ]
