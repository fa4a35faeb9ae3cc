"""Expressions of all statements: calls, casts, operators, names, subscripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redshift_local import functions
from redshift_local.plan import Refused, not_in_redshift, not_served
from redshift_local.select_clauses import blocks
from redshift_local.tokens import (
    NOT_OPERANDS,
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

_AFTER_OPERAND = {"quoted", "string", "number", "param", "group"}
# Types that are no words of PostgreSQL's grammar: a user's table of that name would be taken for them.
_BARE_TYPES = {
    "DATE",
    "TIMESTAMPTZ",
    "TIMETZ",
    "BOOL",
    "INT2",
    "INT4",
    "INT8",
    "FLOAT4",
    "FLOAT8",
    "NAME",
    "OID",
}
_JSON_OPERATORS = {"->", "->>", "@>", "<@", "~*", "!~*"}


def rewrite(nodes: Sequence[Node]) -> list[Node]:
    """Nodes of a statement or of brackets in PostgreSQL's terms.

    Raises:
        Refused: a construct is Redshift's and not served, or PostgreSQL's and not Redshift's.
    """
    out: list[Node] = []
    index = 0
    while index < len(nodes):
        index = _step(nodes, index, out)
    return blocks(out)


def _step(nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    node = nodes[index]
    following = nodes[index + 1] if index + 1 < len(nodes) else None
    if isinstance(node, Group):
        if node.open == "[":
            return _subscript(nodes, index, out)
        if node.open == "(" and len(node.children) == 1 and is_mark(node.children[0], "+"):
            raise not_served("The outer join operator (+)", "write LEFT JOIN or RIGHT JOIN")
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
    if node.up == "MINUS" and _after_operand(out) and _is_query(following):
        return _word(node, nodes, index, out)
    if isinstance(following, Group) and following.open == "(" and node.up not in NOT_OPERANDS:
        return _call(nodes, index, out)
    return _word(node, nodes, index, out)


def _is_query(node: Node | None) -> bool:
    return (
        isinstance(node, Group)
        and bool(node.children)
        and (node.children[0].up in {"SELECT", "WITH"} or _is_query(node.children[0]))
    )


def _word(node: Token, nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    following = nodes[index + 1] if index + 1 < len(nodes) else None
    word = node.up
    dotted = is_mark(following, ".")
    if word in _BARE_TYPES and following is not None and following.kind == "string":
        out.append(Token("raw", f"pg_catalog.{word.lower()}", node.pre))
    elif word == "SYSDATE" and not dotted and not _names_something(out):
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
        out.append(Token("raw", text, name.pre, column=functions.column_name(word)))
        return end
    # once only: brackets nest, and a second pass at each level would cost twice as much per level
    rewritten = Group("(", rewrite(children), group.pre, group.close_pre)
    over = f" over{window.render()}" if window is not None else ""
    if word == "LISTAGG":
        text = functions.listagg(rewritten, within, window=window is not None) + over
        out.append(Token("raw", text, name.pre, column="listagg"))
        return end
    if word == "PERCENTILE_CONT" and within is not None:
        out.append(
            Token(
                "raw", functions.percentile(word, rewritten, within) + over, name.pre, column="percentile_cont"
            )
        )
        return end
    if word == "PERCENTILE_DISC" and within is not None and window is not None:
        raise not_served("PERCENTILE_DISC … OVER")
    if word == "RATIO_TO_REPORT":
        if window is None:
            raise Refused("RATIO_TO_REPORT needs OVER", "42601")
        value = inner(rewritten.children)
        text = f"(cast({value} as double precision) / nullif(sum({value}){over}, 0))"
        out.append(Token("raw", text, name.pre, column="ratio_to_report"))
        return end
    if ignore_nulls:
        out.append(Token("raw", _known_value(word, rewritten, window), name.pre, column=word.lower()))
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
    text = render(out[start:]).lstrip() + _element(group)
    pre = out[start].pre
    index += 1
    while index < len(nodes):
        node = nodes[index]
        if isinstance(node, Group) and node.open == "[":
            text += _element(node)
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


def _element(group: Group) -> str:
    index = inner(rewrite(group.children))
    plain = len(group.children) == 1 and group.children[0].kind in {"number", "string"}
    return f"[{index}]" if plain else f"[redshift_shim.super_index({index})]"


def _double_colon(nodes: Sequence[Node], index: int, out: list[Node]) -> int:
    if index + 1 >= len(nodes):
        raise Refused("syntax error at end of input", "42601")
    kind, end = read_type(nodes, index + 1)
    out.append(Token("raw", f"::{kind}", nodes[index].pre))
    return end


def _quoted(node: Token) -> Token:
    name = node.text[1:-1].replace('""', '"')
    return Token("quoted", quote_name(name.lower()), node.pre)


def _up(node: Node | None) -> str:
    return node.up if node is not None else ""


def _not_operand(node: Node) -> bool:
    return node.up in NOT_OPERANDS


def _after_operand(out: Sequence[Node]) -> bool:
    if not out:
        return False
    last = out[-1]
    return last.kind in _AFTER_OPERAND or last.kind == "raw" or (last.kind == "word" and not _not_operand(last))


def _names_something(out: Sequence[Node]) -> bool:
    """Whether the next word is an alias or a column's name."""
    return bool(out) and out[-1].up == "AS"
