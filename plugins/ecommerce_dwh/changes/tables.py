"""What must be done to a table: ALTER where it is enough, a copy where the rows must be written anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ecommerce_dwh.changes import statements as sql
from ecommerce_dwh.changes.catalogue import Catalogue, Found
from ecommerce_dwh.changes.compare import Difference
from ecommerce_dwh.changes.declared import Declared
from ecommerce_dwh.changes.facets import (
    DISTRIBUTION,
    ORDER,
    PRIMARY_KEY,
    SORT_KEY,
    column_parts,
    columns,
    varchar_size,
)
from ecommerce_dwh.changes.statements import Command, quoted

# Encodings of columns that ALTER COLUMN TYPE refuses: r_ALTER_TABLE.
_FIXED = ("bytedict", "runlength", "text255", "text32k")
_DESIGN = {
    PRIMARY_KEY: "primary key",
    DISTRIBUTION: "distribution",
    SORT_KEY: "sort key",
    ORDER: "order of columns",
}


@dataclass
class TableChange:
    """The changes of one table.

    Attributes:
        table: as declared.
        found: as the catalogue has it.
        target: facets after the change: what is declared, and what is kept.
        words: what happens, a sentence each.
        added, dropped: ALTER TABLE … ADD COLUMN and DROP COLUMN.
        widened: ALTER COLUMN TYPE, which Redshift takes outside a transaction only.
        told: comments, grants and foreign keys.
        copied: the table is written anew.
        lost: columns that go.
        refused: why it cannot be done.
    """

    table: Declared
    found: Found
    target: dict[str, str]
    words: list[str] = field(default_factory=list)
    added: list[Command] = field(default_factory=list)
    dropped: list[Command] = field(default_factory=list)
    widened: list[Command] = field(default_factory=list)
    told: list[Command] = field(default_factory=list)
    rows: list[Command] = field(default_factory=list)
    copied: bool = False
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def table_change(
    table: Declared, found: Found, changes: Sequence[Difference], has_rows: Callable[[str], bool]
) -> TableChange:
    """Work out what the differences of a table need.

    Args:
        table: the declaration.
        found: the table as it is.
        changes: its differences with the verdicts ``change``, ``drop`` and ``kept``.
        has_rows: whether a table has rows.
    """
    change = TableChange(table, found, dict(found.facets))
    for difference in changes:
        if difference.verdict == "kept":
            _keep(change, difference)
        elif difference.column:
            _column(change, difference, has_rows)
        elif difference.facet in _DESIGN:
            if difference.facet != ORDER:
                change.words.append(
                    f"{_DESIGN[difference.facet]} from {difference.has or 'none'} to {difference.wanted or 'none'}: "
                    "the table is copied"
                )
            change.copied = True
        else:
            _beside(change, difference)
        _set(change.target, difference)
    if change.copied:
        _order(change)
        change.added, change.dropped, change.widened, change.told = [], [], [], []
    return change


def _set(target: dict[str, str], difference: Difference) -> None:
    if difference.verdict == "kept":
        return
    if difference.wanted is None:
        target.pop(difference.facet, None)
    else:
        target[difference.facet] = difference.wanted


def _keep(change: TableChange, difference: Difference) -> None:
    """A column that is declared no more: rows are inserted without it from now on."""
    kind, nullable, default = column_parts(difference.has or "")
    if nullable or default is not None:
        return
    change.words.append(f"column {difference.column}, no longer declared, may be null: the table is copied")
    change.target[difference.facet] = kind
    change.copied = True


def _column(change: TableChange, difference: Difference, has_rows: Callable[[str], bool]) -> None:
    name, column = change.table.name, difference.column
    if difference.wanted is None:
        change.words.append(f"drop column {column} ({difference.has}) with its values")
        change.dropped.append(Command(f"alter table {name} drop column {quoted(column)}"))
        change.lost.append(column)
        return
    kind, nullable, default = column_parts(difference.wanted)
    if difference.has is None:
        filled = "null" if default is None else default
        change.words.append(f"add column {column} {difference.wanted}; {filled} in the rows that are there")
        if nullable or default is not None:
            change.added.append(Command(f"alter table {name} add column {change.table.columns[column]}"))
        elif name.startswith("staging.") or not has_rows(name):
            change.copied = True
        else:
            change.refused.append(
                f"{name} has rows, and the new column {column} is declared `not null` without a value for them: "
                f"declare it nullable (in a contract: not `required`), or give it a `default` "
                f"in {change.table.file}"
            )
        return
    was, could, had = column_parts(difference.has)
    if (could, had) == (nullable, default) and varchar_size(kind) > varchar_size(was) > 0:
        change.words.append(f"widen column {column} from {was} to {kind}")
        if reason := _not_alterable(change, column, had):
            change.words[-1] += f": the table is copied, because {reason}"
            change.copied = True
        else:
            change.widened.append(Command(f"alter table {name} alter column {quoted(column)} type {kind}"))
        return
    change.words.append(f"column {column} from {difference.has} to {difference.wanted}: the table is copied")
    change.copied = True


def _not_alterable(change: TableChange, column: str, default: str | None) -> str:
    """Why ALTER COLUMN TYPE cannot widen a column (r_ALTER_TABLE), or nothing."""
    keys = [text for facet, text in change.found.facets.items() if facet == PRIMARY_KEY]
    keys += [facet for facet in change.found.facets if facet.startswith("foreign key ")]
    if any(column in key.replace("foreign key (", "").rstrip(")").split(", ") for key in keys):
        return "a key is declared on the column"
    if default is not None:
        return "the column has a default"
    if change.found.encodings.get(column, "") in _FIXED:
        return f"the column's encoding is {change.found.encodings[column]}"
    if readers := sorted(reader for reader, read in change.found.readers.items() if column in read):
        return f"{', '.join(readers)} reads it"
    return ""


def _beside(change: TableChange, difference: Difference) -> None:
    """Comments, grants, foreign keys and rows beside the definition."""
    name, facet = change.table.name, difference.facet
    if facet.startswith("comment"):
        change.words.append(f"{facet}: {difference.wanted or 'none'}")
        change.told.append(sql.comment("table", name, facet, difference.wanted))
    elif facet.startswith("grants "):
        change.words.append(
            f"{facet}: {difference.wanted or 'nothing'} in place of {difference.has or 'nothing'}"
        )
        change.told += sql.grants("table", name, facet, difference.has, difference.wanted)
    elif facet.startswith("foreign key "):
        change.words.append(f"{facet}: {difference.wanted or 'none'}")
        if difference.has is not None:
            change.told.append(
                Command(f"alter table {name} drop constraint {quoted(change.found.constraints[facet])}")
            )
        if difference.wanted is not None:
            change.told.append(Command(f"alter table {name} add {facet} references {difference.wanted}"))
    else:
        change.words.append("the rows that its file puts into it")
        change.rows += [Command(text, slow=True) for text in change.table.rows]


def _order(change: TableChange) -> None:
    """Columns of a copy: as declared, then what is kept; a staging table has only what is declared."""
    target, wanted = change.target, columns(change.table.facets)
    if change.table.name.startswith("staging."):
        kept: dict[str, str] = {}
    else:
        kept = {column: text for column, text in columns(target).items() if column not in wanted}
    ordered = {
        f"column {column}": target[f"column {column}"] for column in wanted if f"column {column}" in target
    }
    ordered |= {f"column {column}": text for column, text in kept.items()}
    change.lost += [
        column
        for column in columns(change.found.facets)
        if f"column {column}" not in ordered and column not in change.lost
    ]
    change.target = ordered | {
        facet: text for facet, text in target.items() if not facet.startswith("column ") or facet == ORDER
    }


def copy_commands(change: TableChange, catalogue: Catalogue, copied: Sequence[str]) -> list[Command]:
    """The commands of a copy: old rows into a new table, compared, and swapped.

    Args:
        change: the table's change.
        catalogue: the warehouse as it is, for the foreign keys that name the table.
        copied: all tables that the plan copies, referenced ones first.
    """
    name, target, had = change.table.name, change.target, change.found.facets
    rows = ""
    if name.startswith("staging.") and "column run_id" in had and "quality.load_runs" in catalogue.relations:
        # Rows of published runs are in history.
        rows = "run_id not in (select run_id from quality.load_runs where published_at is not null)"
    commands: list[Command] = []
    back = []
    for other, facet in _references(name, catalogue):
        constraint = quoted(other.constraints[facet])
        commands.append(Command(f"alter table {other.name} drop constraint {constraint}"))
        if other.name not in copied:
            back.append(Command(f"alter table {other.name} add {facet} references {other.facets[facet]}"))
    commands += checks(change, rows)
    written = {
        column: text
        for column, text in change.table.columns.items()
        if target.get(f"column {column}") == change.table.facets[f"column {column}"]
    }
    commands.append(Command(sql.table_definition(f"{name}__new", target, written)))
    commands += sql.copy_rows(name, f"{name}__new", target, had, rows)
    commands += sql.swap(name)
    return commands + back + sql.told("table", name, target, change.found.others)


def checks(change: TableChange, rows: str) -> list[Command]:
    """What must hold of the old rows."""
    name, had = change.table.name, columns(change.found.facets)
    found, chosen = [], f" and {rows}" if rows else ""
    for column, text in columns(change.target).items():
        kind, nullable, default = column_parts(text)
        if column not in had:
            if not nullable and default is None and name.startswith("staging."):
                found.append(
                    Command(
                        f"select run_id, count(*) as staged_rows from {name} where {rows or 'true'} group by run_id",
                        check=f"rows of runs that are not published have no value for the new column {column}: let "
                        "them end, or delete them, and load their days again",
                        slow=True,
                    )
                )
            continue
        was, could, _ = column_parts(had[column])
        if not nullable and could:
            found.append(
                Command(
                    f"select count(*) as nulls from {name} where {quoted(column)} is null{chosen} having count(*) > 0",
                    check=f"{name}.{column} is declared `not null` and has rows without a value",
                    slow=True,
                )
            )
        if was != kind and not (was.startswith("varchar") and kind.startswith("varchar")):
            found.append(sql.survives(name, column, had[column], text, chosen))
    return found


def foreign_tables(change: TableChange, catalogue: Catalogue) -> list[str]:
    """Tables whose foreign keys name a copied table."""
    return [other.name for other, _ in _references(change.table.name, catalogue)]


def _references(name: str, catalogue: Catalogue) -> list[tuple[Found, str]]:
    """Foreign keys of other tables that name a table: each with its table, as a facet of it."""
    return [
        (other, facet)
        for other in catalogue.relations.values()
        for facet in other.constraints
        if other.name != name and other.facets[facet].startswith(f"{name} (")
    ]
