"""The clauses of a SELECT: TOP, QUALIFY, aliases, and forms that Redshift lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from redshift_local.plan import Refused, not_in_redshift, not_served
from redshift_local.tokens import (
    NOT_OPERANDS,
    Group,
    Node,
    Token,
    at,
    find,
    inner,
    is_mark,
    quote_name,
    read_name,
    render,
    split,
    starts,
)

_SET_OPERATORS = {"UNION", "INTERSECT", "EXCEPT", "MINUS"}
_CLAUSES = ("INTO", "FROM", "WHERE", "GROUP BY", "HAVING", "QUALIFY", "ORDER BY", "LIMIT", "OFFSET")


def blocks(nodes: list[Node]) -> list[Node]:
    """Rewrite each SELECT at this depth: TOP, QUALIFY, and forms that Redshift lacks."""
    _refuse_values_table(nodes)
    index = find(nodes, "SELECT")
    while index >= 0:
        end = block_end(nodes, index)
        block = nodes[index:end]
        tail = nodes[end:]
        fresh = _block(block, in_set=bool(tail) or _follows_set(nodes, index))
        nodes = [*nodes[:index], *fresh, *tail]
        index = find(nodes, "SELECT", index + len(fresh))
    return nodes


def _refuse_values_table(nodes: Sequence[Node]) -> None:
    if not starts(nodes, "VALUES") or len(nodes) < 2 or not isinstance(nodes[1], Group):
        return
    # Only brackets or a whole statement can begin with VALUES: it is used as a table there.
    raise not_in_redshift("VALUES as a table", "use SELECT … UNION ALL SELECT …")


def _follows_set(nodes: Sequence[Node], index: int) -> bool:
    previous = nodes[index - 1].up if index else ""
    return previous in _SET_OPERATORS or (
        previous in {"ALL", "DISTINCT"} and nodes[index - 2].up in _SET_OPERATORS
    )


def block_end(nodes: Sequence[Node], start: int) -> int:
    """Index at which a SELECT ends: that of the set operator behind it, or of the end."""
    for index in range(start + 1, len(nodes)):
        if nodes[index].up in _SET_OPERATORS and nodes[index].kind == "word":
            return index
        if starts(nodes, "WITH NO SCHEMA BINDING", index):
            return index
    return len(nodes)


def clauses_of(block: Sequence[Node]) -> dict[str, int]:
    """Index at which each clause of a block begins."""
    found: dict[str, int] = {}
    for clause in _CLAUSES:
        first = clause.split()[0]
        for index in range(1, len(block)):
            if block[index].up != first or not starts(block, clause, index):
                continue
            if clause == "GROUP BY" and block[index - 1].up == "WITHIN":
                continue
            if is_mark(block[index - 1], ".") or block[index - 1].up == "AS":
                continue
            found[clause] = index
            break
    return found


def _block(block: list[Node], *, in_set: bool) -> list[Node]:
    clauses = clauses_of(block)
    _check_select(block, clauses)
    block = _top(block, in_set=in_set)
    if "QUALIFY" in clauses:
        return _qualify(block, in_set=in_set)
    return _named(block)


def _named(block: list[Node]) -> list[Node]:
    """Columns of the select list that are one rewritten call get the name that Redshift gives them."""
    end = min(clauses_of(block).values(), default=len(block))
    fresh: list[Node] = []
    for index, node in enumerate(block[:end]):
        fresh.append(node)
        if not isinstance(node, Token) or not node.column or index == 0:
            continue
        before, behind = block[index - 1], at(block, index + 1) if index + 1 < end else None
        first = is_mark(before, ",") or (before.up in {"SELECT", "DISTINCT", "ALL"} and index < 3)
        if first and (behind is None or is_mark(behind, ",")):
            fresh.append(Token("raw", f' as "{node.column}"'))
    return [*fresh, *block[end:]]


def _check_select(block: Sequence[Node], clauses: dict[str, int]) -> None:
    end = min((position for name, position in clauses.items() if name != "INTO"), default=len(block))
    for index in range(1, end):
        node = block[index]
        if node.up in {"EXCLUDE", "EXCEPT"} and is_mark(block[index - 1], "*"):
            raise not_served("SELECT * EXCLUDE", "list the columns")
    if find(block, "WINDOW", clauses.get("FROM", 0)) > 0 and isinstance(block[-1], Group):
        position = find(block, "WINDOW", clauses.get("FROM", 0))
        if starts(block, "AS", position + 2):
            raise not_in_redshift("WINDOW", "write the window out after OVER")
    if "GROUP BY" in clauses and starts(block, "GROUP BY ALL", clauses["GROUP BY"]):
        raise not_served("GROUP BY ALL")


def _top(block: list[Node], *, in_set: bool) -> list[Node]:
    index = list_start(block) - 2
    if index < 1 or not _has_top(block, index):
        return block
    if in_set:
        raise not_served("TOP in a part of a set operation", "put the part in brackets")
    if find(block, "LIMIT") >= 0:
        raise Refused("syntax error: TOP and LIMIT exclude each other", "42601")
    number = block[index + 1]
    return [*block[:index], *block[index + 2 :], Token("raw", f" limit {number.render().strip()}")]


def _qualify(block: list[Node], *, in_set: bool) -> list[Node]:
    """QUALIFY as a filter around the block; hidden columns carry its condition and the sort keys."""
    clauses = clauses_of(block)
    position = clauses["QUALIFY"]
    order, limit = (
        clauses.get("ORDER BY", -1),
        min((clauses[c] for c in ("LIMIT", "OFFSET") if c in clauses), default=-1),
    )
    # a limit that TOP left behind is a raw token at the end
    trailing: list[Node] = []
    if block[-1].kind == "raw" and block[-1].render().startswith(" limit "):
        trailing = [block[-1]]
        block = block[:-1]
    if in_set and (order >= 0 or limit >= 0):
        raise not_served(
            "QUALIFY with ORDER BY or LIMIT in a part of a set operation", "put the part in brackets"
        )
    if "FROM" not in clauses:
        raise Refused("QUALIFY needs FROM", "42601")
    if clauses["FROM"] > position:
        raise Refused('syntax error at or near "QUALIFY"', "42601")
    _check_qualify_alias(block, clauses, position)
    ends = [end for end in (order, limit) if end >= 0] or [len(block)]
    condition = block[position + 1 : min(ends)]
    select = block[1 : clauses["FROM"]]
    distinct = bool(select) and select[0].up == "DISTINCT"
    if distinct or "INTO" in clauses:
        raise not_served("QUALIFY with SELECT DISTINCT or SELECT INTO", "put the QUALIFY query in brackets")
    items = [_item(number, part) for number, part in enumerate(split(select))]
    aliases = {item.alias: item.expression for item in items if item.alias and not item.star}
    relations = _relations(block[clauses["FROM"] + 1 : _clause_after(clauses, "FROM", len(block))])
    inside: list[str] = []
    outside: list[str] = []
    for item in items:
        if item.star:
            for number, relation in enumerate(_starred(item.star, relations)):
                name = f"redshift_row_{len(inside)}_{number}"
                inside.append(f"{relation} as {name}")
                outside.append(f"(redshift_qualified.{name}).*")
        else:
            inside.append(f"{item.expression} as {quote_name(item.alias)}")
            outside.append(f"redshift_qualified.{quote_name(item.alias)}")
    condition_text = inner(_with_aliases(condition, aliases))
    inside.append(f"({condition_text}) as redshift_qualify")
    keys: list[str] = []
    if order >= 0:
        stop = limit if limit > order else len(block)
        for number, key in enumerate(split(block[order + 2 : stop])):
            keys.append(_outer_key(number, key, items, inside))
    middle = render(block[clauses["FROM"] : position]).strip()
    text = f"select {', '.join(outside)} from (select {', '.join(inside)}\n{middle}\n) as redshift_qualified"
    text += "\nwhere redshift_qualified.redshift_qualify"
    if keys:
        text += f"\norder by {', '.join(keys)}"
    if limit >= 0:
        text += f" {render(block[limit:]).strip()}"
    return [Token("raw", text, block[0].pre), *trailing]


class _Item:
    """One entry of a select list."""

    def __init__(self, expression: str, alias: str, star: str) -> None:
        self.expression = expression
        self.alias = alias
        self.star = star


def _item(number: int, nodes: list[Node]) -> _Item:
    text = inner(nodes)
    if is_mark(nodes[-1], "*") and (len(nodes) == 1 or is_mark(nodes[-2], ".")):
        return _Item(text, "", text)
    start = alias_start(nodes)
    if start < len(nodes):
        return _Item(inner(nodes[:start]), name_of(nodes[-1]), "")
    last = nodes[-1]
    if last.kind in {"word", "quoted"} and (len(nodes) == 1 or is_mark(nodes[-2], ".")):
        return _Item(text, name_of(last), "")
    if len(nodes) >= 2 and isinstance(nodes[0], Token) and isinstance(nodes[1], Group):
        return _Item(text, nodes[0].text.lower(), "")
    return _Item(text, f"?column{number + 1}?", "")


def alias_start(nodes: Sequence[Node]) -> int:
    """Index at which the alias of a select list's entry begins, with its AS; the end where it has none."""
    size = len(nodes)
    if size < 2 or nodes[-1].kind not in {"word", "quoted"}:
        return size
    if nodes[-2].up == "AS":
        return size - 2 if size > 2 else size
    last, before = nodes[-1], nodes[-2]
    behind_operand = before.kind in {"quoted", "group", "raw", "string", "number"} or (
        before.kind == "word" and before.up not in NOT_OPERANDS and last.up != "END"
    )
    return size - 1 if behind_operand and not is_mark(before, ".") else size


def name_of(node: Node) -> str:
    """The name that a word or a quoted name stands for."""
    node = cast(Token, node)
    return node.text[1:-1].replace('""', '"') if node.kind == "quoted" else node.text.lower()


def free_name(nodes: Sequence[Node], index: int) -> str:
    """The name that a node is if it may be a column's or an alias's: no function, no type, no part of a longer name."""
    node, before = nodes[index], nodes[index - 1] if index else None
    behind = nodes[index + 1] if index + 1 < len(nodes) else None
    if node.kind not in {"word", "quoted"} or (behind and (is_mark(behind, ".") or isinstance(behind, Group))):
        return ""
    if isinstance(before, Token) and (is_mark(before, ".") or before.up == "AS" or before.text == "::"):
        return ""
    return name_of(node)


def list_start(block: Sequence[Node]) -> int:
    """Index of a SELECT's first column: behind DISTINCT, ALL and TOP."""
    index = 2 if len(block) > 1 and block[1].up in {"DISTINCT", "ALL"} else 1
    return index + 2 if _has_top(block, index) else index


def _has_top(block: Sequence[Node], index: int) -> bool:
    return index + 1 < len(block) and block[index].up == "TOP" and block[index + 1].kind in {"number", "param"}


def _clause_after(clauses: dict[str, int], clause: str, end: int) -> int:
    return min((position for position in clauses.values() if position > clauses[clause]), default=end)


def _relations(nodes: Sequence[Node]) -> list[str]:
    """Names by which the relations of a FROM clause are known, in order."""
    names: list[str] = []
    expecting = True
    index = 0
    while index < len(nodes):
        node = nodes[index]
        if expecting and (node.kind in {"word", "quoted", "group"}) and node.up not in {"ONLY"}:
            if isinstance(node, Group):
                name, index = "", index + 1
            else:
                parts, index = read_name(nodes, index)
                name = quote_name(parts[-1])
            if index < len(nodes) and nodes[index].up == "AS":
                index += 1
            if (
                index < len(nodes)
                and nodes[index].kind in {"word", "quoted"}
                and nodes[index].up not in _JOIN_WORDS
            ):
                name = quote_name(name_of(nodes[index]))
                index += 1
            if not name:
                raise Refused("a subquery in FROM must have an alias", "42601")
            names.append(name)
            expecting = False
            continue
        if is_mark(node, ",") or node.up == "JOIN":
            expecting = True
        index += 1
    return names


_JOIN_WORDS = {"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "ON", "USING", "OUTER"}


def _starred(star: str, relations: list[str]) -> list[str]:
    if star == "*":
        return relations
    wanted = re.sub(r"\s*\.\s*\*$", "", star).split(".")[-1].strip().strip('"').lower()
    return [quote_name(wanted)]


def _check_qualify_alias(block: Sequence[Node], clauses: dict[str, int], position: int) -> None:
    """Directly after FROM, QUALIFY needs the relation to have an alias, or it would be read as one."""
    if _clause_after(clauses, "FROM", len(block)) != position:
        return
    before = block[position - 1]
    previous = block[position - 2]
    aliased = (
        before.kind in {"word", "quoted"}
        and (previous.up == "AS" or isinstance(previous, Group) or previous.kind in {"word", "quoted"})
        and previous.up != "FROM"
        and not is_mark(previous, ".")
    )
    joined = any(block[i].up in {"ON", "USING"} for i in range(clauses["FROM"], position))
    if not aliased and not joined:
        raise not_in_redshift(
            "QUALIFY directly after a FROM clause without an alias", "give the relation an alias"
        )


def _with_aliases(nodes: Sequence[Node], aliases: dict[str, str]) -> list[Node]:
    """A QUALIFY condition in which names of the select list are replaced by their expressions."""
    out: list[Node] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            out.append(Group(node.open, _with_aliases(node.children, aliases), node.pre, node.close_pre))
            continue
        name = free_name(nodes, index)
        if name in aliases and aliases[name].lower().strip('"') != name:
            out.append(Token("raw", f"({aliases[name]})", node.pre))
        else:
            out.append(node)
    return out


def _outer_key(number: int, key: list[Node], items: list[_Item], inside: list[str]) -> str:
    stop = next((i for i, node in enumerate(key) if node.up in {"ASC", "DESC", "NULLS"}), len(key))
    expression, suffix = key[:stop], render(key[stop:]).strip()
    text = inner(expression)
    if len(expression) == 1 and expression[0].kind == "number":
        return f"{text} {suffix}".strip()
    names = [item.alias for item in items if not item.star]
    if len(expression) == 1 and expression[0].kind in {"word", "quoted"} and name_of(expression[0]) in names:
        return f"redshift_qualified.{quote_name(name_of(expression[0]))} {suffix}".strip()
    hidden = f"redshift_key_{number}"
    inside.append(f"{text} as {hidden}")
    return f"redshift_qualified.{hidden} {suffix}".strip()
