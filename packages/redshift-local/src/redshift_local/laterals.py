"""Aliases of a select list that later entries of the list use (SELECT list: "lateral alias reference").

Amazon Redshift takes such a name for a column of FROM if there is one, and for the alias otherwise. PostgreSQL knows
columns only. So PostgreSQL is asked whether it finds a column, and a name that it does not find is replaced by the
expression of its alias.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from redshift_local.select_clauses import (
    alias_start,
    block_end,
    clauses_of,
    free_name,
    list_start,
    name_of,
)
from redshift_local.tokens import Group, Node, Token, find, split

# Functions whose first argument may be the name of a date part.
_OF_DATE_PARTS = {"EXTRACT", "DATEADD", "DATEDIFF", "DATE_ADD", "DATE_DIFF", "DATE_PART", "PGDATE_PART"}


def lateral_names(nodes: Sequence[Node]) -> frozenset[str]:
    """Aliases that a later entry of their select list may mean."""
    found: set[str] = set()
    _lists(nodes, (), found)
    return frozenset(found)


def without_laterals(nodes: Sequence[Node], names: Collection[str]) -> list[Node]:
    """A statement in which the named aliases are replaced by their expressions where later entries use them."""
    return _lists(nodes, names, set())


def query_part(nodes: Sequence[Node]) -> list[Node]:
    """The query of a statement: of INSERT, CREATE TABLE AS and CREATE VIEW what follows the target."""
    for index, node in enumerate(nodes):
        if node.kind == "word" and node.up in {"SELECT", "WITH"}:
            return list(nodes[index:])
        if isinstance(node, Group) and node.children and node.children[0].up in {"SELECT", "WITH"}:
            return list(nodes[index:])
    return []


def _lists(nodes: Sequence[Node], names: Collection[str], found: set[str]) -> list[Node]:
    out: list[Node] = [
        Group(node.open, _lists(node.children, names, found), node.pre, node.close_pre)
        if isinstance(node, Group)
        else node
        for node in nodes
    ]
    index = find(out, "SELECT")
    while index >= 0:
        block = out[index : block_end(out, index)]
        start = index + list_start(block)
        stop = index + min(clauses_of(block).values(), default=len(block))
        out[start:stop] = _list(out[start:stop], names, found)
        index = find(out, "SELECT", start)
    return out


def _list(nodes: Sequence[Node], names: Collection[str], found: set[str]) -> list[Node]:
    aliases: dict[str, list[Node]] = {}
    out: list[Node] = []
    for number, part in enumerate(split(nodes)):
        start = alias_start(part)
        expression = _replaced(part[:start], aliases, names, found)
        if number:
            out.append(Token("mark", ","))
        out += [*expression, *part[start:]]
        if start < len(part):
            aliases.setdefault(name_of(part[-1]), expression)
    return out


def _replaced(
    nodes: Sequence[Node], aliases: Mapping[str, list[Node]], names: Collection[str], found: set[str]
) -> list[Node]:
    out: list[Node] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            before = nodes[index - 1].up if index else ""
            out.append(_replaced_group(node, before, aliases, names, found))
            continue
        name = free_name(nodes, index)
        if name in aliases:
            found.add(name)
        out.append(Group("(", aliases[name], node.pre) if name in aliases and name in names else node)
    return out


def _replaced_group(
    group: Group,
    before: str,
    aliases: Mapping[str, list[Node]],
    names: Collection[str],
    found: set[str],
) -> Group:
    if query_part(group.children):
        return group  # a query has names of its own
    children = _replaced(group.children, aliases, names, found)
    if before in _OF_DATE_PARTS and children:
        children[0] = group.children[0]
    return Group(group.open, children, group.pre, group.close_pre)
