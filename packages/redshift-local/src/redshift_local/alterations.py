"""ALTER TABLE."""

from __future__ import annotations

from collections.abc import Sequence

from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.tables import (
    CONSTRAINTS,
    Design,
    bracketed,
    column,
    sort_blocks,
    table_constraint,
    text_array,
)
from redshift_local.tokens import (
    Node,
    find,
    identifier,
    inner,
    is_mark,
    quote_name,
    quote_text,
    read_name,
    render,
    split,
    starts,
)
from redshift_local.types import read_type


def alter_table(nodes: Sequence[Node]) -> Plan:  # noqa: PLR0915
    """``ALTER TABLE``."""
    index = 2
    if starts(nodes, "IF EXISTS", index):
        raise not_in_redshift("ALTER TABLE IF EXISTS")
    name, index = read_name(nodes, index)
    table = ".".join(map(quote_name, name))
    rest = nodes[index:]
    if any(is_mark(node, ",") for node in rest):
        parts = split(rest)
        if len(parts) == 2 and {_design_action(part) for part in parts} == {"SORTKEY", "DIST"}:
            first, second = (alter_table([*nodes[:index], *part]) for part in parts)
            return Plan(
                "DDL", first.sql, after=(*first.after, *second.after), tag="ALTER TABLE", table=first.table
            )
        raise not_in_redshift("ALTER TABLE with several actions", "write one statement for each")
    head = f"alter table {table}"
    joined = ".".join(name)

    def plan(text: str) -> Plan:
        return Plan("DDL", f"{head} {text}", table=joined)

    def design(*notes: str) -> Plan:
        return Plan("DDL", "select 1 where false", after=notes, tag="ALTER TABLE", table=joined)

    if starts(rest, "ADD") and _is_constraint(rest, 1):
        declared = Design()
        table_constraint(rest[1:], declared)
        constraint = declared.constraints[0]
        notes = (
            () if constraint.kind != "p" else _notes(table, f"primary_key = {text_array(declared.primary_key)}")
        )
        return Plan(
            "DDL",
            # A primary key is added to columns that are NOT NULL already.
            f"select redshift_shim.check_not_null({quote_text(table)}, {text_array(declared.primary_key)})",
            after=(*notes, constraint.statement(table)),
            tag="ALTER TABLE",
            table=joined,
        )
    if starts(rest, "ADD"):
        start = 2 if starts(rest, "COLUMN", 1) else 1
        if starts(rest, "IF NOT EXISTS", start):
            raise not_in_redshift("ADD COLUMN IF NOT EXISTS")
        _, text, flags = column(rest[start:])
        if flags or "generated" in text:
            raise not_in_redshift("ADD COLUMN with a key or an identity")
        if " not null" in text and " default " not in text:
            raise Refused(
                "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression", "0A000"
            )
        return plan(f"add column {text}")
    if starts(rest, "DROP CONSTRAINT"):
        return plan(f"drop constraint {inner(rewrite(rest[2:]))}")
    if starts(rest, "DROP"):
        start = 2 if starts(rest, "COLUMN", 1) else 1
        if starts(rest, "IF EXISTS", start):
            raise not_in_redshift("DROP COLUMN IF EXISTS")
        return plan(f"drop column {inner(rewrite(rest[start:]))}")
    if starts(rest, "RENAME COLUMN") and starts(rest, "TO", 3):
        old, new = (quote_text(identifier(node)) for node in (rest[2], rest[4]))
        changed = f"distkey = case distkey when {old} then {new} else distkey end, "
        changed += ", ".join(
            f"{keys} = array_replace({keys}, {old}, {new})" for keys in ("sortkeys", "primary_key")
        )
        return Plan(
            "DDL",
            f"{head} {inner(rewrite(rest))}",
            after=(_note(table, changed),),
            tag="ALTER TABLE",
            table=joined,
        )
    if starts(rest, "RENAME") or starts(rest, "OWNER TO"):
        return plan(inner(rewrite(rest)))
    if starts(rest, "APPEND"):
        raise not_served("ALTER TABLE APPEND", "use INSERT … SELECT and TRUNCATE")
    if starts(rest, "ROW LEVEL SECURITY"):
        raise not_served("ROW LEVEL SECURITY")
    if starts(rest, "ALTER COLUMN") and starts(rest, "TYPE", 3):
        kind, _ = read_type(rest, 4)
        if not kind.startswith("varchar"):
            raise not_in_redshift(f"ALTER COLUMN … TYPE {kind}", "only the size of a VARCHAR can change")
        checked = (
            f"select redshift_shim.check_resizable({quote_text(table)}, {quote_text(identifier(rest[2]))})"
        )
        return Plan(
            "DDL",
            f"{head} alter column {inner(rewrite(rest[2:3]))} type {kind}",
            before=(checked,),
            tag="ALTER TABLE",
            table=joined,
            alone="ALTER TABLE ALTER COLUMN",
        )
    if starts(rest, "ALTER COLUMN") and starts(rest, "ENCODE", 3):
        return design()
    if starts(rest, "ALTER COLUMN"):
        raise not_in_redshift(f"ALTER COLUMN {render(rest[2:]).strip()}")
    if starts(rest, "ALTER DISTKEY"):
        return design(*_notes(table, f"distkey = {quote_text(identifier(rest[2]))}, diststyle = 'KEY'"))
    if starts(rest, "ALTER DISTSTYLE"):
        key = identifier(rest[4]) if starts(rest, "KEY DISTKEY", 2) else ""
        return design(
            *_notes(table, f"diststyle = {quote_text(rest[2].up)}, distkey = nullif({quote_text(key)}, '')")
        )
    if starts(rest, "ALTER") and find(rest, "SORTKEY") > 0:
        position = find(rest, "SORTKEY")
        keys = [] if rest[position + 1].up in {"AUTO", "NONE"} else bracketed(rest, position + 1)
        return design(*_notes(table, f"sortkeys = {text_array(keys)}"), sort_blocks(table), _rows_sorted(table))
    if starts(rest, "ALTER ENCODE AUTO"):
        return design()
    raise not_in_redshift(f"ALTER TABLE … {render(rest).strip()}")


def _design_action(part: Sequence[Node]) -> str:
    """What an action changes, of the two that one statement may change together."""
    if not starts(part, "ALTER"):
        return ""
    if find(part, "SORTKEY") > 0:
        return "SORTKEY"
    return "DIST" if part[1].up in {"DISTKEY", "DISTSTYLE"} else ""


def _is_constraint(rest: Sequence[Node], index: int) -> bool:
    return index < len(rest) and rest[index].up in CONSTRAINTS


def _notes(table: str, change: str) -> tuple[str, str]:
    noted = f"insert into redshift_shim.table_design (relation) values ({quote_text(table)}::regclass)"
    return f"{noted} on conflict do nothing", _note(table, change)


def _note(table: str, change: str) -> str:
    return f"update redshift_shim.table_design set {change} where relation = {quote_text(table)}::regclass"


def _rows_sorted(table: str) -> str:
    return f"select redshift_shim.sort_rows({quote_text(table)})"
