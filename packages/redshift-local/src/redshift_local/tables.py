"""CREATE TABLE, ALTER TABLE and their kin.

The leading sort column is served by the lowest and highest value of each block, other keys by nothing
(``shim/45_sorting.sql``). Primary and foreign keys are declared, not enforced, as in Redshift.
"""

from __future__ import annotations

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
    quote_name,
    quote_text,
    read_name,
    render,
    split,
    starts,
)
from redshift_local.types import read_type

CONSTRAINTS = {"PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT", "CHECK", "EXCLUDE"}
_KEYABLE_REFUSED = {"pg_catalog.jsonb": "SUPER", "pg_catalog.bytea": "VARBYTE"}
MAX_COLUMNS = 1600


@dataclass
class Constraint:
    """A key that is declared and not enforced: ``p`` primary, ``u`` unique, ``f`` foreign."""

    kind: str
    columns: list[str]
    name: str = ""
    referenced: str = ""
    referenced_columns: list[str] = field(default_factory=list)

    def statement(self, table: str) -> str:
        """Statement that writes it into the catalog."""
        name = quote_text(self.name) if self.name else "null"
        referenced = quote_text(self.referenced) if self.referenced else "null"
        return (
            f"select redshift_shim.declare_constraint({quote_text(table)}, '{self.kind}', {text_array(self.columns)}, "
            f"{name}, {referenced}, {text_array(self.referenced_columns)})"
        )


@dataclass
class Design:
    """The declared design of a table."""

    diststyle: str = ""
    distkey: str = ""
    sortkeys: list[str] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)

    def statements(self, name: Sequence[str]) -> list[str]:
        """Statements that note a table's design and serve its sort key."""
        table = ".".join(quote_name(part) for part in name)
        noted = [
            "insert into redshift_shim.table_design select "
            f"{quote_text(table)}::regclass, nullif({quote_text(self.diststyle)}, ''), "
            f"nullif({quote_text(self.distkey)}, ''), {text_array(self.sortkeys)}, {text_array(self.primary_key)} "
            "on conflict (relation) do nothing"
        ]
        if self.sortkeys:
            noted.append(sort_blocks(table))
        declared = list(self.constraints)
        if self.primary_key and not any(constraint.kind == "p" for constraint in declared):
            declared.append(Constraint("p", self.primary_key))
        return [*noted, *(constraint.statement(table) for constraint in declared)]


def _sorted(table: str) -> str:
    return f"select redshift_shim.sort_blocks({quote_text(table)})"


def sort_blocks(table: str) -> str:
    """Statement that serves a table's leading sort column."""
    return f"select redshift_shim.sort_blocks({quote_text(table)})"


def text_array(names: Sequence[str]) -> str:
    """Names as an array of PostgreSQL."""
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
    after = design.statements(name)
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
            keys = bracketed(nodes, index + 1)
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
                design.sortkeys = bracketed(nodes, index + 1)
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


def bracketed(nodes: Sequence[Node], index: int) -> list[str]:
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
        if word in CONSTRAINTS and not (
            len(part) > 1 and part[1].kind == "word" and word not in {"PRIMARY", "FOREIGN", "CONSTRAINT"}
        ):
            table_constraint(part, design)
        elif word == "LIKE":
            declared.append(("", _like(part)))
        else:
            name, text, flags = column(part, design.constraints)
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


def table_constraint(part: Sequence[Node], design: Design) -> None:
    index, name = 0, ""
    if part[0].up == "CONSTRAINT":
        index, name = 2, identifier(part[1])
    word = part[index].up if index < len(part) else ""
    if word == "PRIMARY":
        design.primary_key = bracketed(part, index + 2)
        design.constraints.append(Constraint("p", design.primary_key, name))
    elif word in {"CHECK", "EXCLUDE"}:
        raise not_in_redshift(f"A {word} constraint")
    elif word == "FOREIGN":
        columns = bracketed(part, index + 2)
        design.constraints.append(_reference(part, index + 3, columns, name)[0])
    elif word == "UNIQUE":
        design.constraints.append(Constraint("u", bracketed(part, index + 1), name))
    else:
        raise Refused(f'syntax error at or near "{render(part).strip()}"', "42601")


def _reference(part: Sequence[Node], index: int, columns: list[str], name: str) -> tuple[Constraint, int]:
    """A foreign key and the index behind it; ``index`` is that of REFERENCES."""
    referenced, index = read_name(part, index + 1)
    target: list[str] = []
    if index < len(part) and isinstance(part[index], Group):
        target = bracketed(part, index)
        index += 1
    return Constraint("f", columns, name, ".".join(map(quote_name, referenced)), target), index


def column(part: Sequence[Node], keys: list[Constraint] | None = None) -> tuple[str, str, set[str]]:  # noqa: PLR0915
    """A column's name, its definition for PostgreSQL, and what else was said of it."""
    name = identifier(part[0])
    rewrite(part[:1])  # refuses a name that is too long
    if len(part) < 2:
        raise Refused(f'syntax error: column "{name}" has no type', "42601")
    kind, index = read_type(part, 1)
    text = f"{quote_name(name)} {kind}"
    flags: set[str] = set()
    found = keys if keys is not None else []
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
            found.append(Constraint("u", [name]))
            index += 1
        elif word == "CONSTRAINT":
            index += 2
        elif word == "REFERENCES":
            key, index = _reference(part, index, [name], "")
            found.append(key)
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


_WHOLE = {"int", "integer", "int4", "bigint", "int8"}


def _identity(node: Node, kind: str, mode: str) -> str:
    if not isinstance(node, Group) or kind.lower().removeprefix("pg_catalog.") not in _WHOLE:
        raise Refused("IDENTITY takes (seed, step) on an INT or BIGINT column", "42601")
    seed, step = (int(render(part).strip()) for part in split(node.children))
    bound = f"minvalue {seed}" if step > 0 else f"maxvalue {seed}"
    return f" generated {mode} as identity (start with {seed} increment by {step} {bound})"
