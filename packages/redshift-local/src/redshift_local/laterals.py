"""Aliases of a select list that later entries of the list use (SELECT list: "lateral alias reference").

Amazon Redshift takes such a name for a column of FROM if there is one, and for the alias otherwise. PostgreSQL knows
columns only. So PostgreSQL is asked whether it finds a column, and a name that it does not find is replaced by the
expression of its alias.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from redshift_local.select_clauses import alias_start, block_end, clauses_of, name_of
from redshift_local.tokens import Group, Node, Token, find, is_mark, split

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
        end = block_end(out, index)
        stop = index + min(clauses_of(out[index:end]).values(), default=end - index)
        fresh = _list(out[index + 1 : stop], names, found)
        out[index + 1 : stop] = fresh
        index = find(out, "SELECT", index + 1 + len(fresh))
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
            first = 1 if not number and part[0].up in {"DISTINCT", "ALL"} else 0
            aliases.setdefault(name_of(part[-1]), expression[first:])
    return out


def _replaced(
    nodes: Sequence[Node], aliases: Mapping[str, list[Node]], names: Collection[str], found: set[str]
) -> list[Node]:
    out: list[Node] = []
    for index, node in enumerate(nodes):
        before = nodes[index - 1] if index else None
        behind = nodes[index + 1] if index + 1 < len(nodes) else None
        if isinstance(node, Group):
            out.append(_replaced_group(node, before, aliases, names, found))
            continue
        name = name_of(node) if node.kind in {"word", "quoted"} else ""
        is_free = not (
            _binds(before) or (behind is not None and (is_mark(behind, ".") or isinstance(behind, Group)))
        )
        if not (name in aliases and is_free):
            out.append(node)
            continue
        found.add(name)
        out.append(Group("(", aliases[name], node.pre) if name in names else node)
    return out


def _binds(before: Node | None) -> bool:
    """Whether a name behind this node is a column of a table, or a type."""
    return isinstance(before, Token) and (is_mark(before, ".") or before.up == "AS" or before.text == "::")


def _replaced_group(
    group: Group,
    before: Node | None,
    aliases: Mapping[str, list[Node]],
    names: Collection[str],
    found: set[str],
) -> Group:
    if query_part(group.children):
        return group  # a query has names of its own
    children = _replaced(group.children, aliases, names, found)
    if before is not None and before.up in _OF_DATE_PARTS and children:
        children[0] = group.children[0]
    return Group(group.open, children, group.pre, group.close_pre)
