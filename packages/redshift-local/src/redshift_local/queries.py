"""Queries and expressions: SELECT, INSERT, UPDATE, DELETE, MERGE and what may stand inside of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from redshift_local import functions
from redshift_local.plan import Refused, not_in_redshift, not_served
from redshift_local.tokens import (
    Group,
    Node,
    Token,
    find,
    inner,
    is_mark,
    quote_name,
    read_name,
    render,
    split,
    starts,
)
from redshift_local.types import KNOWN, read_type

_NAME_LIMIT = 63  # bytes; PostgreSQL cuts longer names, Redshift takes up to 127
_SET_OPERATORS = {"UNION", "INTERSECT", "EXCEPT", "MINUS"}
_AFTER_OPERAND = {"quoted", "string", "number", "param", "group"}
_NOT_OPERANDS = {
    *(
        "SELECT",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "ON",
        "IN",
        "WHEN",
        "THEN",
        "ELSE",
        "CASE",
        "BY",
        "HAVING",
        "QUALIFY",
    ),
    *(
        "FROM",
        "USING",
        "VALUES",
        "AS",
        "JOIN",
        "SET",
        "RETURNING",
        "LIMIT",
        "LIKE",
        "ILIKE",
        "BETWEEN",
        "ALL",
        "ANY",
    ),
}
_JSON_OPERATORS = {"->", "->>", "@>", "<@", "~*", "!~*"}
_CLAUSES = ("INTO", "FROM", "WHERE", "GROUP BY", "HAVING", "QUALIFY", "ORDER BY", "LIMIT", "OFFSET")


def rewrite(nodes: Sequence[Node]) -> list[Node]:
    """Nodes of a statement or of brackets in PostgreSQL's terms.

    Raises:
        Refused: a construct is Redshift's and not served, or PostgreSQL's and not Redshift's.
    """
    out: list[Node] = []
    index = 0
    while index < len(nodes):
        index = _step(nodes, index, out)
    return _blocks(out)


def _step(nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    node = nodes[index]
    following = nodes[index + 1] if index + 1 < len(nodes) else None
    if isinstance(node, Group):
        if node.open == "[":
            return _subscript(nodes, index, out)
        out.append(Group(node.open, rewrite(node.children), node.pre, node.close_pre))
        return index + 1
    if node.kind == "quoted":
        out.append(_quoted(node))
        return index + 1
    if node.kind == "op":
        if node.text == "::":
            return _double_colon(nodes, index, out)
        if node.text in _JSON_OPERATORS:
            raise not_in_redshift(f"The operator {node.text}")
        out.append(node)
        return index + 1
    if node.kind != "word":
        out.append(node)
        return index + 1
    _check_name(node.text)
    if node.text.startswith("#"):
        out.append(Token("quoted", quote_name(node.text.lower()), node.pre))
        return index + 1
    after_dot = bool(out) and is_mark(out[-1], ".")
    if after_dot:
        if isinstance(following, Group) and following.open == "(":
            schema = out[-2].up if len(out) > 1 else ""
            if schema == "PG_CATALOG" and node.up in functions.REWRITES:
                del out[-2:]
                return _call(nodes, index, out)
        out.append(node)
        return index + 1
    if isinstance(following, Group) and following.open == "(" and node.up not in _NOT_OPERANDS:
        return _call(nodes, index, out)
    return _word(node, nodes, index, out)


def _word(node: Token, nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    following = nodes[index + 1] if index + 1 < len(nodes) else None
    word = node.up
    dotted = is_mark(following, ".")
    if word == "SYSDATE" and not dotted and not _names_something(out):
        out.append(Token("raw", "redshift_shim.sysdate()", node.pre))
    elif (
        word == "MINUS"
        and _after_operand(out)
        and (isinstance(following, Group) or _up(following) in {"SELECT", "ALL"})
    ):
        out.append(Token("word", "except", node.pre, "EXCEPT"))
    elif word == "APPROXIMATE" and _up(following) in {"COUNT", "PERCENTILE_DISC"}:
        out.append(Token("raw", "", node.pre))
    elif word == "DISTINCT" and out and out[-1].up in {"IS", "NOT"} and _up(following) == "FROM":
        raise not_in_redshift("IS DISTINCT FROM", "compare with = and IS NULL")
    elif word == "DISTINCT" and _up(following) == "ON":
        raise not_in_redshift("SELECT DISTINCT ON", "use QUALIFY ROW_NUMBER() …")
    elif word == "LATERAL":
        raise not_in_redshift("LATERAL")
    elif word == "ARRAY" and isinstance(following, Group) and following.open == "[":
        raise not_in_redshift("An array constructor", "use SUPER")
    elif word == "TABLESAMPLE":
        raise not_in_redshift("TABLESAMPLE")
    elif word in {"CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_TIME", "LOCALTIME"} and not dotted:
        raise not_in_redshift(f"{word} on the compute nodes", "use GETDATE() or SYSDATE")
    elif word in {"PIVOT", "UNPIVOT"} and isinstance(following, Group):
        raise not_served(word)
    elif word == "RETURNING":
        raise not_in_redshift("RETURNING")
    elif word == "FETCH" and _up(following) in {"FIRST", "NEXT"} and _after_operand(out) and out[-1].up != "":
        raise not_in_redshift("FETCH FIRST", "use LIMIT")
    elif word == "FOR" and _up(following) in {"UPDATE", "SHARE"}:
        raise not_in_redshift(f"SELECT … FOR {_up(following)}", "use LOCK")
    elif word == "CONNECT" and _up(following) == "BY":
        raise not_served("CONNECT BY")
    elif word == "ALL" and out and out[-1].up in {"EXCEPT", "INTERSECT"}:
        raise not_in_redshift(f"{out[-1].up} ALL")
    else:
        out.append(node)
    return index + 1


def _call(nodes: Sequence[Node], index: int, out: list[Node]) -> int:  # noqa: PLR0915
    """A word followed by round brackets: a function call, or a keyword such as IN that brackets follow."""
    name = cast(Token, nodes[index])
    group = cast(Group, nodes[index + 1])
    word = name.up
    if _is_typed_name(nodes, index, out):
        # char(3) and the like where a column is declared; the caller rewrites types itself
        out.extend((name, Group("(", rewrite(group.children), group.pre, group.close_pre)))
        return index + 2
    if word == "FILTER" and starts(group.children, "WHERE"):
        raise not_in_redshift("FILTER (WHERE …)", "use CASE inside of the aggregate")
    if word in {"PIVOT", "UNPIVOT"}:
        raise not_served(word)
    if word == "LATERAL":
        raise not_in_redshift("LATERAL")
    if word in functions.FOREIGN_FUNCTIONS:
        raise not_in_redshift(f"The function {word}", functions.FOREIGN_FUNCTIONS[word])
    if word in functions.UNSERVED_FUNCTIONS:
        raise not_served(f"The function {word}")
    end = index + 2
    children, ignore_nulls = _ignore_nulls(group.children)
    within = None
    if starts(nodes, "WITHIN GROUP", end) and end + 2 < len(nodes) and isinstance(nodes[end + 2], Group):
        bracket = cast(Group, nodes[end + 2])
        within = Group("(", rewrite(bracket.children), bracket.pre, bracket.close_pre)
        end += 3
    for respect in ("IGNORE NULLS", "RESPECT NULLS"):
        if starts(nodes, respect, end):
            ignore_nulls = respect.startswith("IGNORE")
            end += 2
    window = None
    if starts(nodes, "OVER", end) and end + 1 < len(nodes):
        specification = nodes[end + 1]
        if not isinstance(specification, Group):
            raise not_in_redshift("A named window", "write the window out after OVER")
        window = Group("(", rewrite(specification.children), specification.pre, specification.close_pre)
        _check_window(word, window)
        end += 2
    if word in functions.REWRITES and within is None and window is None:
        text = functions.REWRITES[word](word, _arguments(word, children))
        out.append(Token("raw", text, name.pre))
        return end
    # once only: brackets nest, and a second pass at each level would cost twice as much per level
    rewritten = Group("(", rewrite(children), group.pre, group.close_pre)
    over = f" over{window.render()}" if window is not None else ""
    if word == "LISTAGG":
        out.append(
            Token("raw", functions.listagg(rewritten, within, window=window is not None) + over, name.pre)
        )
        return end
    if word == "PERCENTILE_CONT" and within is not None:
        out.append(Token("raw", functions.percentile(word, rewritten, within) + over, name.pre))
        return end
    if word == "PERCENTILE_DISC" and within is not None and window is not None:
        raise not_served("PERCENTILE_DISC … OVER")
    if word == "RATIO_TO_REPORT":
        if window is None:
            raise Refused("RATIO_TO_REPORT needs OVER", "42601")
        value = inner(rewritten.children)
        text = f"(cast({value} as double precision) / nullif(sum({value}){over}, 0))"
        out.append(Token("raw", text, name.pre))
        return end
    if ignore_nulls:
        out.append(Token("raw", _known_value(word, rewritten, window), name.pre))
        return end
    out.extend((name, rewritten))
    if within is not None:
        out.append(Token("raw", f"within group {within.render().strip()}", " "))
    if window is not None:
        out.append(Token("raw", f"over {window.render().strip()}", " "))
    return end


_PART_FIRST = {
    *("CONVERT", "DATEADD", "DATE_ADD", "DATEDIFF", "DATE_DIFF", "DATE_PART", "PGDATE_PART", "DATE_TRUNC"),
}


def _arguments(word: str, children: Sequence[Node]) -> list[list[Node]]:
    """Arguments for a rewrite: types and date parts as they were written, values rewritten."""
    if word in {"CAST", "TRY_CAST"}:
        position = max(find(children, "AS"), 0)
        return [[*rewrite(children[:position]), *children[position:]]]
    if word == "EXTRACT":
        position = find(children, "FROM")
        return [[*children[: position + 1], *rewrite(children[position + 1 :])]]
    parts = split(children)
    if word in _PART_FIRST:
        return [*parts[:1], *(rewrite(part) for part in parts[1:])]
    return [rewrite(part) for part in parts]


def _ignore_nulls(children: Sequence[Node]) -> tuple[list[Node], bool]:
    """FIRST_VALUE(x IGNORE NULLS) has its words inside of the brackets."""
    nodes = list(children)
    if len(nodes) > 2 and nodes[-1].up == "NULLS" and nodes[-2].up in {"IGNORE", "RESPECT"}:
        return nodes[:-2], nodes[-2].up == "IGNORE"
    return nodes, False


def _known_value(word: str, group: Group, window: Group | None) -> str:
    """A window function with IGNORE NULLS, which PostgreSQL 18 has not."""
    if window is None:
        raise Refused(f"{word} IGNORE NULLS needs OVER", "42601")
    value, *rest = split(group.children)
    if word == "FIRST_VALUE":
        return f"redshift_shim.first_known({inner(value)}) over{window.render()}"
    if word == "LAST_VALUE":
        return f"redshift_shim.last_known({inner(value)}) over{window.render()}"
    if word == "LAG" and (not rest or render(rest[0]).strip() == "1"):
        bracket = inner(window.children)
        frame = "rows between unbounded preceding and 1 preceding"
        return f"redshift_shim.last_known({inner(value)}) over ({bracket} {frame})"
    if word == "LEAD" and (not rest or render(rest[0]).strip() == "1"):
        bracket = inner(window.children)
        frame = "rows between 1 following and unbounded following"
        return f"redshift_shim.first_known({inner(value)}) over ({bracket} {frame})"
    raise not_served(f"{word} … IGNORE NULLS with these arguments")


def _check_window(word: str, window: Group) -> None:
    nodes = window.children
    ordered = find(nodes, "ORDER BY") >= 0
    if find(nodes, "RANGE") >= 0 or find(nodes, "GROUPS") >= 0:
        raise not_in_redshift("A window frame of RANGE or GROUPS", "use ROWS")
    if find(nodes, "EXCLUDE") >= 0:
        raise not_in_redshift("EXCLUDE in a window frame")
    if ordered and word in functions.FRAMED and find(nodes, "ROWS") < 0:
        raise Refused(
            f"Aggregate window functions with an ORDER BY clause require a frame clause ({word.lower()})",
            "42601",
        )


def _is_typed_name(nodes: Sequence[Node], index: int, out: list[Node]) -> bool:
    """Whether what looks like a call is a type with its size, such as CHAR(3) after a column's name."""
    return (
        nodes[index].up in KNOWN
        and bool(out)
        and out[-1].kind in {"word", "quoted"}
        and not _not_operand(out[-1])
    )


def _subscript(nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    """A path into a SUPER value: ``s.items[0].sku``. PostgreSQL subscripts JSON in the same way, from zero."""
    if not out or not _after_operand(out):
        raise not_in_redshift("An array constructor", "use SUPER")
    group = cast(Group, nodes[index])
    start = len(out) - 1
    while start >= 2 and is_mark(out[start - 1], "."):
        start -= 2
    text = render(out[start:]).lstrip() + f"[{inner(rewrite(group.children))}]"
    pre = out[start].pre
    index += 1
    while index < len(nodes):
        node = nodes[index]
        if isinstance(node, Group) and node.open == "[":
            text += f"[{inner(rewrite(node.children))}]"
            index += 1
        elif is_mark(node, ".") and index + 1 < len(nodes):
            parts, index = read_name(nodes, index + 1)
            text += "".join(f"['{part}']" for part in parts)
        else:
            break
    del out[start:]
    # Comparing or casting needs the scalar inside; a path on its own stays SUPER.
    out.append(Token("raw", f"({text})", pre))
    if index < len(nodes) and is_mark(nodes[index], "::"):
        kind, index = read_type(nodes, index + 1)
        out[-1] = Token("raw", f"cast(redshift_shim.super_text({text}) as {kind})", pre)
    return index


def _double_colon(nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    if index + 1 >= len(nodes):
        raise Refused("syntax error at end of input", "42601")
    kind, end = read_type(nodes, index + 1)
    out.append(Token("raw", f"::{kind}", nodes[index].pre))
    return end


def _quoted(node: Token) -> Token:
    name = node.text[1:-1].replace('""', '"')
    _check_name(name)
    return Token("quoted", quote_name(name.lower()), node.pre)


def _check_name(name: str) -> None:
    size = len(name.encode())
    if size > 127:
        raise Refused(f"identifier is too long: {name[:40]}…", "42622")
    if size > _NAME_LIMIT:
        raise not_served(f"A name of {size} bytes", f"{name[:40]}… is longer than {_NAME_LIMIT}")


def _up(node: Node | None) -> str:
    return node.up if node is not None else ""


def _not_operand(node: Node) -> bool:
    return node.up in _NOT_OPERANDS


def _after_operand(out: Sequence[Node]) -> bool:
    if not out:
        return False
    last = out[-1]
    return last.kind in _AFTER_OPERAND or last.kind == "raw" or (last.kind == "word" and not _not_operand(last))


def _names_something(out: Sequence[Node]) -> bool:
    """Whether the next word is an alias or a column's name."""
    return bool(out) and out[-1].up == "AS"


# Clauses of a SELECT ------------------------------------------------------------------------------------------------


def _blocks(nodes: list[Node]) -> list[Node]:
    """Rewrite each SELECT at this depth: TOP, QUALIFY, and forms that Redshift lacks."""
    _refuse_values_table(nodes)
    index = find(nodes, "SELECT")
    while index >= 0:
        end = _block_end(nodes, index)
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


def _block_end(nodes: Sequence[Node], start: int) -> int:
    for index in range(start + 1, len(nodes)):
        if nodes[index].up in _SET_OPERATORS and nodes[index].kind == "word":
            return index
        if starts(nodes, "WITH NO SCHEMA BINDING", index):
            return index
    return len(nodes)


def _clauses(block: Sequence[Node]) -> dict[str, int]:
    """Where each clause of a block begins."""
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
    clauses = _clauses(block)
    _check_select(block, clauses)
    block = _top(block, in_set=in_set)
    if "QUALIFY" in clauses:
        return _qualify(block, in_set=in_set)
    return block


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
    index = 1
    if index < len(block) and block[index].up in {"DISTINCT", "ALL"}:
        index += 1
    if index + 1 >= len(block) or block[index].up != "TOP" or block[index + 1].kind not in {"number", "param"}:
        return block
    if in_set:
        raise not_served("TOP in a part of a set operation", "put the part in brackets")
    if find(block, "LIMIT") >= 0:
        raise Refused("syntax error: TOP and LIMIT exclude each other", "42601")
    number = block[index + 1]
    return [*block[:index], *block[index + 2 :], Token("raw", f" limit {number.render().strip()}")]


def _qualify(block: list[Node], *, in_set: bool) -> list[Node]:
    """QUALIFY as a filter around the block; hidden columns carry its condition and the sort keys."""
    clauses = _clauses(block)
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
    condition_text = inner(_with_aliases(condition, aliases, relations))
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
    position = next((i for i in range(len(nodes) - 1, 0, -1) if nodes[i].up == "AS"), -1)
    if position == len(nodes) - 2:
        return _Item(inner(nodes[:position]), _name(nodes[-1]), "")
    last = nodes[-1]
    if len(nodes) > 1 and last.kind in {"word", "quoted"} and not is_mark(nodes[-2], "."):
        before = nodes[-2]
        if before.kind in {"quoted", "group", "raw", "string", "number"} or (
            before.kind == "word" and before.up not in _NOT_OPERANDS and last.up != "END"
        ):
            return _Item(inner(nodes[:-1]), _name(last), "")
    if last.kind in {"word", "quoted"} and (len(nodes) == 1 or is_mark(nodes[-2], ".")):
        return _Item(text, _name(last), "")
    if len(nodes) >= 2 and isinstance(nodes[0], Token) and isinstance(nodes[1], Group):
        return _Item(text, nodes[0].text.lower(), "")
    return _Item(text, f"?column{number + 1}?", "")


def _name(node: Node) -> str:
    node = cast(Token, node)
    return node.text[1:-1].replace('""', '"') if node.kind == "quoted" else node.text.lower()


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
                name = quote_name(_name(nodes[index]))
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


def _with_aliases(nodes: Sequence[Node], aliases: dict[str, str], relations: list[str]) -> list[Node]:
    """A QUALIFY condition in which names of the select list stand for their expressions."""
    del relations
    out: list[Node] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            out.append(Group(node.open, _with_aliases(node.children, aliases, []), node.pre, node.close_pre))
            continue
        free = (
            node.kind in {"word", "quoted"}
            and not (index and is_mark(nodes[index - 1], "."))
            and not (
                index + 1 < len(nodes)
                and (is_mark(nodes[index + 1], ".") or isinstance(nodes[index + 1], Group))
            )
        )
        if free and _name(node) in aliases and aliases[_name(node)].lower().strip('"') != _name(node):
            out.append(Token("raw", f"({aliases[_name(node)]})", node.pre))
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
    if len(expression) == 1 and expression[0].kind in {"word", "quoted"} and _name(expression[0]) in names:
        return f"redshift_qualified.{quote_name(_name(expression[0]))} {suffix}".strip()
    hidden = f"redshift_key_{number}"
    inside.append(f"{text} as {hidden}")
    return f"redshift_qualified.{hidden} {suffix}".strip()
