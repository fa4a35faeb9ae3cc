"""CREATE TABLE, ALTER TABLE and their kin.

Distribution and sort keys have no counterpart; what they are for, finding a key's rows without reading the table,
is served by plain indexes. Primary and foreign keys are declared, not enforced, as in Redshift.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.tokens import (
    Group,
    Node,
    Token,
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

_CONSTRAINTS = {"PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT", "CHECK", "EXCLUDE"}
_KEYABLE_REFUSED = {"jsonb": "SUPER", "bytea": "VARBYTE"}
MAX_COLUMNS = 1600


@dataclass
class Design:
    """The declared design of a table."""

    diststyle: str = ""
    distkey: str = ""
    sortkeys: list[str] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    foreign_keys: list[list[str]] = field(default_factory=list)

    def indexes(self) -> list[list[str]]:
        """Column lists to index; one that another begins with is left out.

        The first sort key follows a foreign key: Redshift skips the blocks of other days, which keeps a
        join of a member with its recent facts cheap however long its history is.
        """
        by_day = [[*key, *(name for name in self.sortkeys[:1] if name not in key)] for key in self.foreign_keys]
        wanted = [self.sortkeys, self.primary_key, [self.distkey] if self.distkey else [], *by_day]
        kept: list[list[str]] = []
        for columns in sorted((w for w in wanted if w), key=len, reverse=True):
            if not any(other[: len(columns)] == columns for other in kept):
                kept.append(columns[:32])
        return kept

    def statements(self, name: Sequence[str]) -> list[str]:
        """Statements that index a table and note its design."""
        table = ".".join(quote_name(part) for part in name)
        made = []
        for columns in self.indexes():
            digest = hashlib.sha256("/".join([*name, *columns]).encode()).hexdigest()[:10]
            index = quote_name(f"{name[-1][:40]}_{digest}")
            made.append(
                f"create index if not exists {index} on {table} ({', '.join(map(quote_name, columns))})"
            )
        noted = (self.diststyle, self.distkey, self.sortkeys, self.primary_key)
        if any(noted):
            made.append(
                "insert into redshift_shim.table_design select "
                f"{quote_text(table)}::regclass, nullif({quote_text(self.diststyle)}, ''), "
                f"nullif({quote_text(self.distkey)}, ''), {_array(self.sortkeys)}, {_array(self.primary_key)} "
                "on conflict (relation) do update set diststyle = excluded.diststyle, distkey = excluded.distkey, "
                "sortkeys = excluded.sortkeys, primary_key = excluded.primary_key"
            )
        return made


def _array(names: Sequence[str]) -> str:
    return "array[" + ", ".join(quote_text(name) for name in names) + "]::text[]"


def create_table(nodes: Sequence[Node], index: int, *, temporary: bool) -> Plan:
    """``CREATE [TEMP] TABLE``; ``index`` is behind the word TABLE."""
    exists = ""
    if starts(nodes, "IF NOT EXISTS", index):
        exists, index = " if not exists", index + 3
    name, index = read_name(nodes, index)
    if not name:
        raise Refused("syntax error: CREATE TABLE needs a name", "42601")
    temporary = temporary or name[-1].startswith("#")
    head = f"create {'temp ' if temporary else ''}table{exists} {'.'.join(map(quote_name, name))}"
    design = Design()
    body = nodes[index] if index < len(nodes) else None
    if isinstance(body, Group) and not _is_ctas_columns(nodes, index):
        text = f"{head} (\n    {_columns(body, design)}\n)"
        _, query = _attributes(nodes, index + 1, design)
        if query is not None:
            raise Refused("syntax error: column definitions and AS exclude each other", "42601")
        after = [] if temporary else design.statements(name)
        return Plan("DDL", text, after=tuple(after), tag="CREATE TABLE", table=".".join(name))
    names = ""
    if isinstance(body, Group):
        names = " (" + ", ".join(quote_name(identifier(part[0])) for part in split(body.children)) + ")"
        index += 1
    _, query = _attributes(nodes, index, design)
    if query is None:
        raise Refused(f"syntax error: CREATE TABLE {'.'.join(name)} needs columns or AS", "42601")
    selected = inner(rewrite(query))
    if names and exists:
        raise not_in_redshift("CREATE TABLE IF NOT EXISTS … AS")
    after = [] if temporary else design.statements(name)
    return Plan("CTAS", f"{head}{names} as\n{selected}", after=tuple(after), tag="", table=".".join(name))


def create_materialized_view(nodes: Sequence[Node], index: int) -> Plan:
    """``CREATE MATERIALIZED VIEW``; ``index`` is behind the word VIEW."""
    name, index = read_name(nodes, index)
    design = Design()
    columns = ""
    if index < len(nodes) and isinstance(nodes[index], Group):
        columns = " " + nodes[index].render().strip()
        index += 1
    options, query = _attributes(nodes, index, design)
    if query is None:
        raise Refused("syntax error: CREATE MATERIALIZED VIEW needs AS", "42601")
    body = query[0].children if len(query) == 1 and isinstance(query[0], Group) else query
    for clause in ("ORDER BY", "LIMIT", "OFFSET"):
        if find(body, clause) >= 0:
            raise not_in_redshift(f"{clause} in a materialized view")
    if options.get("AUTO REFRESH") == "YES":
        words = {token.up for token in _tokens(query)}
        for word in ("CURRENT_DATE", "GETDATE", "SYSDATE", "RANDOM"):
            if word in words:
                raise not_in_redshift(f"AUTO REFRESH YES with {word}")
    title = ".".join(map(quote_name, name))
    after = design.statements(name) if design.indexes() else []
    return Plan(
        "DDL",
        f"create materialized view {title}{columns} as\n{inner(rewrite(query))}",
        after=tuple(after),
        tag="CREATE MATERIALIZED VIEW",
        table=".".join(name),
    )


def _tokens(nodes: Sequence[Node]) -> list[Token]:
    found: list[Token] = []
    for node in nodes:
        if isinstance(node, Group):
            found.extend(_tokens(node.children))
        else:
            found.append(node)
    return found


def _is_ctas_columns(nodes: Sequence[Node], index: int) -> bool:
    """Whether the brackets only name the columns of a CREATE TABLE AS."""
    body = cast(Group, nodes[index])
    return all(len(part) == 1 for part in split(body.children)) and find(nodes, "AS", index) > 0


def _attributes(nodes: Sequence[Node], index: int, design: Design) -> tuple[dict[str, str], list[Node] | None]:
    """Table attributes behind the columns, and the query behind AS if there is one."""
    options: dict[str, str] = {}
    while index < len(nodes):
        node = nodes[index]
        word = node.up
        if word == "AS":
            return options, list(nodes[index + 1 :])
        if word in {"BACKUP"} or starts(nodes, "AUTO REFRESH", index):
            length = 1 if word == "BACKUP" else 2
            value = nodes[index + length].up if index + length < len(nodes) else ""
            if value not in {"YES", "NO"}:
                raise Refused(f"syntax error: {word} takes YES or NO", "42601")
            options["AUTO REFRESH" if length == 2 else word] = value
            index += length + 1
        elif word == "DISTSTYLE":
            design.diststyle = nodes[index + 1].up if index + 1 < len(nodes) else ""
            if design.diststyle not in {"AUTO", "EVEN", "KEY", "ALL"}:
                raise Refused("syntax error: DISTSTYLE takes AUTO, EVEN, KEY or ALL", "42601")
            index += 2
        elif word == "DISTKEY":
            keys = _bracketed(nodes, index + 1)
            if len(keys) != 1:
                raise Refused("DISTKEY takes one column", "42601")
            design.distkey = keys[0]
            index += 2
        elif word in {"COMPOUND", "INTERLEAVED"} and starts(nodes, "SORTKEY", index + 1):
            index += 1
        elif word == "SORTKEY":
            if starts(nodes, "AUTO", index + 1):
                index += 2
            else:
                design.sortkeys = _bracketed(nodes, index + 1)
                index += 2
        elif starts(nodes, "ENCODE AUTO", index):
            index += 2
        elif word == "PARTITION":
            raise not_in_redshift("A partitioned table")
        elif word in {"INHERITS", "TABLESPACE", "WITH", "ON", "USING"}:
            raise not_in_redshift(f"{word} in CREATE TABLE")
        else:
            raise Refused(f'syntax error at or near "{node.render().strip()}"', "42601")
    if design.diststyle == "KEY" and not design.distkey:
        raise Refused("DISTSTYLE KEY needs a DISTKEY", "42601")
    return options, None


def _bracketed(nodes: Sequence[Node], index: int) -> list[str]:
    group = nodes[index] if index < len(nodes) else None
    if not isinstance(group, Group):
        raise Refused("syntax error: a list of columns is missing", "42601")
    return [identifier(part[0]) for part in split(group.children)]


def _columns(body: Group, design: Design) -> str:
    parts = split(body.children)
    declared: list[tuple[str, str]] = []  # name and definition; no name for LIKE
    inline_distkey = ""
    inline_sortkey: list[str] = []
    for part in parts:
        word = part[0].up
        if word in _CONSTRAINTS and not (
            len(part) > 1 and part[1].kind == "word" and word not in {"PRIMARY", "FOREIGN", "CONSTRAINT"}
        ):
            _table_constraint(part, design)
        elif word == "LIKE":
            declared.append(("", _like(part)))
        else:
            name, text, flags = column(part)
            declared.append((name, text))
            if "DISTKEY" in flags:
                inline_distkey = name
            if "SORTKEY" in flags:
                inline_sortkey.append(name)
            if "PRIMARY KEY" in flags:
                design.primary_key = [name]
    if len(declared) > MAX_COLUMNS:
        raise Refused(f"tables can have at most {MAX_COLUMNS} columns", "54011")
    design.distkey = design.distkey or inline_distkey
    design.sortkeys = design.sortkeys or inline_sortkey
    known = {name for name, _ in declared}
    for key in design.primary_key:
        if key not in known and "" not in known:
            raise Refused(f'column "{key}" named in key does not exist', "42703")
    lines = [
        text + (" not null" if name in design.primary_key and "not null" not in text.lower() else "")
        for name, text in declared
    ]
    return ",\n    ".join(lines)


def _like(part: Sequence[Node]) -> str:
    name, index = read_name(part, 1)
    text = f"like {'.'.join(map(quote_name, name))}"
    if starts(part, "INCLUDING DEFAULTS", index):
        return text + " including defaults"
    if starts(part, "EXCLUDING DEFAULTS", index) or index == len(part):
        return text
    raise not_in_redshift(f"LIKE … {render(part[index:]).strip()}")


def _table_constraint(part: Sequence[Node], design: Design) -> None:
    index = 0
    if part[0].up == "CONSTRAINT":
        index = 2
    word = part[index].up if index < len(part) else ""
    if word == "PRIMARY":
        design.primary_key = _bracketed(part, index + 2)
    elif word in {"CHECK", "EXCLUDE"}:
        raise not_in_redshift(f"A {word} constraint")
    elif word == "FOREIGN":
        design.foreign_keys.append(_bracketed(part, index + 2))
    elif word != "UNIQUE":
        raise Refused(f'syntax error at or near "{render(part).strip()}"', "42601")


def column(part: Sequence[Node]) -> tuple[str, str, set[str]]:  # noqa: PLR0915
    """A column's name, its definition for PostgreSQL, and what else was said of it."""
    name = identifier(part[0])
    rewrite(part[:1])  # refuses a name that is too long
    if len(part) < 2:
        raise Refused(f'syntax error: column "{name}" has no type', "42601")
    kind, index = read_type(part, 1)
    text = f"{quote_name(name)} {kind}"
    flags: set[str] = set()
    while index < len(part):
        word = part[index].up
        if word == "DEFAULT":
            end = index + 1
            while end < len(part) and part[end].up not in _COLUMN_WORDS:
                end += 1
            if starts(part, "NULL", index + 1) and end == index + 1:
                end += 1
            text += f" default {inner(rewrite(part[index + 1 : end]))}"
            index = end
        elif word == "IDENTITY":
            text += _identity(part[index + 1], kind, "always")
            index += 2
        elif starts(part, "GENERATED BY DEFAULT AS IDENTITY", index):
            text += _identity(part[index + 5], kind, "by default")
            index += 6
        elif word == "GENERATED":
            raise not_in_redshift("A generated column")
        elif starts(part, "NOT NULL", index):
            text += " not null"
            index += 2
        elif word == "NULL":
            index += 1
        elif word == "ENCODE":
            index += 2
        elif word in {"DISTKEY", "SORTKEY"}:
            if kind in _KEYABLE_REFUSED:
                raise not_in_redshift(f"A {word} of type {_KEYABLE_REFUSED[kind]}")
            flags.add(word)
            index += 1
        elif starts(part, "PRIMARY KEY", index):
            flags.add("PRIMARY KEY")
            index += 2
        elif word == "UNIQUE":
            index += 1
        elif word == "CONSTRAINT":
            index += 2
        elif word == "REFERENCES":
            _, index = read_name(part, index + 1)
            if index < len(part) and isinstance(part[index], Group):
                index += 1
        elif word == "COLLATE":
            choice = part[index + 1].up if index + 1 < len(part) else ""
            if choice not in {"CASE_SENSITIVE", "CS"}:
                raise not_served(f"COLLATE {choice}")
            index += 2
        elif word == "CHECK":
            raise not_in_redshift("A CHECK constraint")
        else:
            raise Refused(f'syntax error at or near "{part[index].render().strip()}"', "42601")
    return name, text, flags


_COLUMN_WORDS = {
    *(
        "NOT",
        "NULL",
        "ENCODE",
        "DISTKEY",
        "SORTKEY",
        "PRIMARY",
        "UNIQUE",
        "REFERENCES",
        "IDENTITY",
        "GENERATED",
    ),
    *("COLLATE", "CHECK", "CONSTRAINT"),
}


def _identity(node: Node, kind: str, mode: str) -> str:
    if not isinstance(node, Group) or kind.lower() not in {"int", "integer", "int4", "bigint", "int8"}:
        raise Refused("IDENTITY takes (seed, step) on an INT or BIGINT column", "42601")
    seed, step = (int(render(part).strip()) for part in split(node.children))
    bound = f"minvalue {seed}" if step > 0 else f"maxvalue {seed}"
    return f" generated {mode} as identity (start with {seed} increment by {step} {bound})"


def alter_table(nodes: Sequence[Node]) -> Plan:  # noqa: PLR0915
    """``ALTER TABLE``."""
    index = 2
    if starts(nodes, "IF EXISTS", index):
        raise not_in_redshift("ALTER TABLE IF EXISTS")
    name, index = read_name(nodes, index)
    table = ".".join(map(quote_name, name))
    rest = nodes[index:]
    if any(is_mark(node, ",") for node in rest):
        raise not_in_redshift("ALTER TABLE with several actions", "write one statement for each")
    head = f"alter table {table}"
    joined = ".".join(name)

    def plan(text: str) -> Plan:
        return Plan("DDL", f"{head} {text}", table=joined)

    def design(note: str = "") -> Plan:
        return Plan("DDL", note or "select 1 where false", tag="ALTER TABLE", table=joined)

    if starts(rest, "ADD") and _is_constraint(rest, 1):
        declared = Design()
        _table_constraint(rest[1:], declared)
        if not declared.primary_key:
            return design()
        columns = ", ".join(f"alter column {quote_name(c)} set not null" for c in declared.primary_key)
        return Plan(
            "DDL",
            f"{head} {columns}",
            after=tuple(declared.statements(name)[:1]),
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
        return design()
    if starts(rest, "DROP"):
        start = 2 if starts(rest, "COLUMN", 1) else 1
        if starts(rest, "IF EXISTS", start):
            raise not_in_redshift("DROP COLUMN IF EXISTS")
        return plan(f"drop column {inner(rewrite(rest[start:]))}")
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
        return plan(f"alter column {inner(rewrite(rest[2:3]))} type {kind}")
    if starts(rest, "ALTER COLUMN") and starts(rest, "ENCODE", 3):
        return design()
    if starts(rest, "ALTER COLUMN"):
        raise not_in_redshift(f"ALTER COLUMN {render(rest[2:]).strip()}")
    if starts(rest, "ALTER DISTKEY"):
        return design(_note(table, f"distkey = {quote_text(identifier(rest[2]))}, diststyle = 'KEY'"))
    if starts(rest, "ALTER DISTSTYLE"):
        key = identifier(rest[4]) if starts(rest, "KEY DISTKEY", 2) else ""
        return design(
            _note(table, f"diststyle = {quote_text(rest[2].up)}, distkey = nullif({quote_text(key)}, '')")
        )
    if starts(rest, "ALTER") and find(rest, "SORTKEY") > 0:
        position = find(rest, "SORTKEY")
        keys = [] if rest[position + 1].up in {"AUTO", "NONE"} else _bracketed(rest, position + 1)
        return design(_note(table, f"sortkeys = {_array(keys)}"))
    if starts(rest, "ALTER ENCODE AUTO"):
        return design()
    raise not_in_redshift(f"ALTER TABLE … {render(rest).strip()}")


def _is_constraint(rest: Sequence[Node], index: int) -> bool:
    return index < len(rest) and rest[index].up in _CONSTRAINTS


def _note(table: str, change: str) -> str:
    return f"update redshift_shim.table_design set {change} where relation = {quote_text(table)}::regclass"
