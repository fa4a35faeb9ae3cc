"""Queries, INSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

from collections.abc import Sequence

from redshift_local.catalog import is_catalog_query, system_views
from redshift_local.plan import Plan, Refused, not_in_redshift
from redshift_local.queries import rewrite
from redshift_local.tokens import (
    Group,
    Node,
    Token,
    at,
    at_up,
    find,
    identifier,
    inner,
    is_mark,
    quote_name,
    read_name,
    render,
    split,
    starts,
    walk,
)


def query(nodes: list[Node]) -> Plan:
    if is_catalog_query(nodes):
        plain = Plan("SELECT", render(system_views(nodes)).strip())
        if not _ONLY_REDSHIFT & {token.up for token in walk(nodes)}:
            return plain
        try:
            return Plan("SELECT", inner(rewrite(system_views(nodes))))
        except Refused:
            return plain
    nodes = _leader_node(_with_names(nodes))
    if nodes[0].up == "WITH":
        body = _after_ctes(nodes)
        if body < len(nodes) and nodes[body].up in {"INSERT", "MERGE"}:
            raise not_in_redshift(f"WITH before {nodes[body].up}", "put the WITH inside, before its SELECT")
    kind = "CTAS" if find(nodes, "INTO") > 0 else "SELECT"
    if nodes[0].up == "WITH" and nodes[_after_ctes(nodes)].up in {"UPDATE", "DELETE"}:
        kind = nodes[_after_ctes(nodes)].up
    return Plan(kind, inner(rewrite(system_views(nodes))))


# Words by which a query of the catalog is known to be written for Redshift.
_ONLY_REDSHIFT = {
    *(
        "DATEADD",
        "DATEDIFF",
        "DATE_DIFF",
        "NVL",
        "NVL2",
        "LISTAGG",
        "QUALIFY",
        "MINUS",
        "TOP",
        "SYSDATE",
        "GETDATE",
    ),
    *("CONVERT_TIMEZONE", "APPROXIMATE", "LEN", "CHARINDEX"),
}
_LEADER_WORDS = {"CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_TIME", "LOCALTIME"}


def _leader_node(nodes: list[Node]) -> list[Node]:
    """A query without a table runs on the leader node, which has functions of its own.

    https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
    """
    if any(token.up == "FROM" for token in walk(nodes)):
        return nodes
    fresh: list[Node] = []
    for index, node in enumerate(nodes):
        if node.up in _LEADER_WORDS and not isinstance(at(nodes, index + 1), Group):
            fresh.append(Token("raw", node.up.lower(), node.pre if isinstance(node, Token) else ""))
        elif (
            node.up == "NOW" and isinstance(following := at(nodes, index + 1), Group) and not following.children
        ):
            fresh.append(Token("raw", "pg_catalog.now", node.pre if isinstance(node, Token) else ""))
        else:
            fresh.append(node)
    return fresh


def _with_names(nodes: list[Node]) -> list[Node]:
    """Names of a WITH clause that have a list of columns are no calls of functions of that name."""
    if nodes[0].up != "WITH":
        return nodes
    fresh = list(nodes)
    for index in range(1, len(nodes) - 2):
        name, columns = nodes[index], nodes[index + 1]
        before = nodes[index - 1]
        if (
            isinstance(name, Token)
            and name.kind == "word"
            and isinstance(columns, Group)
            and nodes[index + 2].up == "AS"
            and isinstance(at(nodes, index + 3), Group)
            and (before.up in {"WITH", "RECURSIVE"} or is_mark(before, ","))
        ):
            fresh[index] = Token("raw", quote_name(name.text.lower()), name.pre)
    return fresh


def _after_ctes(nodes: Sequence[Node]) -> int:
    """Index of the statement behind a WITH clause; checks recursive ones for their column list."""
    index = 2 if starts(nodes, "RECURSIVE", 1) else 1
    recursive = index == 2
    while index < len(nodes):
        index += 1
        if index < len(nodes) and isinstance(nodes[index], Group) and at_up(nodes, index + 1) == "AS":
            index += 1
        elif recursive and _refers_to_itself(nodes, index):
            raise not_in_redshift(
                "A recursive WITH without a list of its columns", "write WITH RECURSIVE name (columns) AS"
            )
        if at_up(nodes, index) == "AS":
            index += 1
        if at_up(nodes, index) in {"MATERIALIZED", "NOT"}:
            raise not_in_redshift("WITH … AS MATERIALIZED")
        index += 1
        if not is_mark(at(nodes, index), ","):
            break
        index += 1
    return min(index, len(nodes) - 1)


def _refers_to_itself(nodes: Sequence[Node], index: int) -> bool:
    name = nodes[index - 1]
    body = at(nodes, index + 1)
    return (
        isinstance(body, Group)
        and isinstance(name, Token)
        and any(token.up == name.up for token in walk(body.children))
    )


def insert(nodes: list[Node]) -> Plan:
    if find(nodes, "ON CONFLICT") > 0:
        raise not_in_redshift("ON CONFLICT", "use MERGE")
    name, index = read_name(nodes, 2)
    if starts(nodes, "OVERRIDING", index):
        raise not_in_redshift("OVERRIDING")
    named = Token("raw", ".".join(map(quote_name, name)), " ")  # a table may be named like a function
    head, rest = [*nodes[:2], named], nodes[index:]
    values = find(rest, "VALUES")
    if values >= 0 and find(rest, "SELECT") < 0:
        # the rows of INSERT … VALUES are no table
        body = [*rewrite(rest[:values]), rest[values], *rewrite(rest[values + 1 :])]
    else:
        body = rewrite(system_views(rest))
    return Plan("INSERT", inner([*head, *body]), table=".".join(name), loads=_loaded(nodes[index:]))


def _loaded(rest: list[Node]) -> tuple[str, ...] | None:
    """Columns that a query fills, if its rows may come in any order and no column is a literal of unknown type."""
    columns: tuple[str, ...] = ()
    first = at(rest, 0)
    if isinstance(first, Group) and at_up(first.children, 0) not in {"SELECT", "WITH"}:
        columns = tuple(identifier(part[0]) for part in split(first.children))
        rest = rest[1:]
    if len(rest) == 1 and isinstance(rest[0], Group):
        rest = rest[0].children
    if at_up(rest, 0) not in {"SELECT", "WITH"}:
        return None
    main = _after_ctes(rest) if at_up(rest, 0) == "WITH" else 0
    if any(find(rest, word, main) >= 0 for word in ("ORDER BY", "LIMIT", "OFFSET", "TOP")):
        return None
    end = find(rest, "FROM", main)
    items = split(rest[main + 1 : end if end > 0 else len(rest)])
    if any((item and item[0].kind == "string") or at_up(item, 0) == "NULL" for item in items):
        return None
    return columns


def update(nodes: list[Node]) -> Plan:
    name, _ = read_name(nodes, 1)
    return Plan("UPDATE", inner(rewrite(nodes)), table=".".join(name))


def delete(nodes: list[Node]) -> Plan:
    index = 2 if starts(nodes, "FROM", 1) else 1
    name, _ = read_name(nodes, index)
    text = inner(rewrite(nodes[index:]))
    return Plan("DELETE", f"delete from {text}", table=".".join(name))


def merge(nodes: list[Node]) -> Plan:
    index = 2
    name, index = read_name(nodes, index)
    table = ".".join(name)
    if not starts(nodes, "USING", index):
        raise not_in_redshift("An alias of MERGE's target", "qualify its columns with the table's name")
    on = find(nodes, "ON", index)
    if on < 0:
        raise Refused("syntax error: MERGE needs ON", "42601")
    remove = find(nodes, "REMOVE DUPLICATES", on)
    if remove > 0:
        if find(nodes, "WHEN", on) > 0:
            raise not_in_redshift("REMOVE DUPLICATES with WHEN")
        target = ".".join(map(quote_name, name))
        source = inner(rewrite(nodes[index + 1 : on]))
        condition = inner(rewrite(nodes[on + 1 : remove]))
        text = (
            f"with gone as (delete from {target} using {source} where {condition}) "
            f"insert into {target} select distinct * from {_source_name(nodes[index + 1 : on])}"
        )
        return Plan("MERGE", text, tag="MERGE", table=table)
    clauses = _when_clauses(nodes, on)
    heads = []
    for clause in clauses:
        then = find(clause, "THEN")
        head = " ".join(node.up for node in clause[:then])
        if head.startswith(("WHEN MATCHED AND", "WHEN NOT MATCHED AND")):
            raise not_in_redshift("A condition in MERGE's WHEN", "filter the source")
        if head not in {"WHEN MATCHED", "WHEN NOT MATCHED"}:
            raise not_in_redshift(f"MERGE … {head}")
        action = clause[then + 1].up if then + 1 < len(clause) else ""
        if action == "DO":
            raise not_in_redshift("DO NOTHING in MERGE")
        heads.append((head, action))
    if [head for head, _ in heads] != ["WHEN MATCHED", "WHEN NOT MATCHED"]:
        raise not_in_redshift(
            "MERGE without exactly one WHEN MATCHED and one WHEN NOT MATCHED, in that order",
            "for one of them alone use UPDATE … FROM, DELETE … USING or INSERT … SELECT",
        )
    if heads[0][1] not in {"UPDATE", "DELETE"} or heads[1][1] != "INSERT":
        raise Refused(
            "syntax error in MERGE: WHEN MATCHED updates or deletes, WHEN NOT MATCHED inserts", "42601"
        )
    target = name[-1].upper()
    if any(
        token.up == target
        for node in nodes[index + 1 : on]
        if isinstance(node, Group)
        for token in walk([node])
    ):
        raise Refused("Source view/subquery in Merge statement cannot reference target table.", "0A000")
    _check_merge_condition(nodes[on + 1 : find(nodes, "WHEN", on)])
    _check_merge_columns(clauses)
    values = find(clauses[1], "VALUES")
    insert = clauses[1]
    text = inner([*rewrite(nodes[: find(nodes, "WHEN", on)]), *rewrite(clauses[0])])
    rewritten = [*rewrite(insert[:values]), insert[values], *rewrite(insert[values + 1 :])]
    return Plan("MERGE", f"{text}\n{inner(rewritten)}", table=table)


def _source_name(nodes: Sequence[Node]) -> str:
    if isinstance(nodes[0], Group):
        return inner(rewrite(nodes))
    name, _ = read_name(nodes, 0)
    return ".".join(map(quote_name, name))


def _when_clauses(nodes: Sequence[Node], start: int) -> list[list[Node]]:
    """MERGE's WHEN clauses; the WHENs of CASE expressions are not among them."""
    positions = []
    depth = 0
    for index in range(start, len(nodes)):
        if nodes[index].up == "CASE":
            depth += 1
        elif nodes[index].up == "END" and depth:
            depth -= 1
        elif nodes[index].up == "WHEN" and not depth:
            positions.append(index)
    return [list(nodes[begin:end]) for begin, end in zip(positions, [*positions[1:], len(nodes)], strict=True)]


def _check_merge_condition(nodes: Sequence[Node]) -> None:
    flat = nodes[0].children if len(nodes) == 1 and isinstance(nodes[0], Group) else nodes
    if any(node.up == "OR" for node in flat):
        raise not_in_redshift("OR in MERGE's ON", "its condition is made of equalities joined by AND")
    equalities = sum(is_mark(node, "=") for node in walk(flat))
    if not equalities:
        raise not_in_redshift("MERGE's ON without an equality")


def _check_merge_columns(clauses: list[list[Node]]) -> None:
    update = clauses[0]
    position = find(update, "SET")
    if position > 0:
        for part in split(update[position + 1 :]):
            if len(part) > 1 and is_mark(part[1], "."):
                raise not_in_redshift("A qualified column in MERGE's SET", "write its bare name")
