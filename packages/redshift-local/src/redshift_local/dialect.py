"""Redshift SQL in PostgreSQL's terms: each statement is rewritten faithfully, or refused by name.

``to_postgres`` is a pure function of the text. It works on a tree of tokens (``tokens``), so that everything the two
dialects share goes through unchanged; ``queries`` and ``functions`` rewrite what may stand in any statement,
``tables`` and ``commands`` whole statements, and ``shim/*.sql`` defines in the database what is a mere function.

Known differences, none of which gives an error:

* Trailing blanks count when VARCHAR values are compared; Redshift ignores them.
* DECIMAL quotients carry PostgreSQL's scale (16 significant digits or more); Redshift's follows from the declared
  types and may be as small as 4. Products of more than 38 digits do not overflow. Round or cast explicitly.
* CAST to VARCHAR(n) cuts after n characters, not n bytes; storing more than n bytes is an error in both.
* VARCHAR results of expressions have no length limit until they are stored.
* A view WITH NO SCHEMA BINDING is bound all the same: its tables must exist and cannot be dropped before it.
* Two sessions may write to one table at once where Redshift would let one wait; conflicting rows end in the message
  that the database's isolation level has for it (``Settings.isolation``).
* DATEDIFF(week) counts Sundays; the documentation does not say on which day its weeks begin.
* AVG of DECIMAL values is truncated to their scale; the documentation does not say whether it rounds.
* APPROXIMATE COUNT and APPROXIMATE PERCENTILE_DISC are exact.
* A SUPER value's keys come in JSONB's order, not in the order written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from redshift_local import commands, copy_text, tables
from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.tokens import (
    Group,
    Node,
    SqlSyntaxError,
    Token,
    find,
    inner,
    is_mark,
    quote_name,
    read_name,
    render,
    split,
    starts,
    statements,
    walk,
)

_CATALOG_SCHEMAS = {"PG_CATALOG", "INFORMATION_SCHEMA"}
_OUR_VIEWS = {
    *("SYS_QUERY_HISTORY", "STL_QUERY", "SYS_LOAD_HISTORY", "SYS_LOAD_ERROR_DETAIL", "STV_DB_ISOLATION_LEVEL"),
    *("SVV_TABLE_INFO", "SVV_TABLES", "SVV_ALL_TABLES", "SVV_COLUMNS", "SVV_ALL_COLUMNS", "PG_TABLE_DEF"),
    *("SVV_REDSHIFT_DATABASES", "SVV_ROLES"),
}
_SYSTEM_VIEW = re.compile(r"(SVV|SVL|SVCS|SYS|STL|STV|STCS)_[A-Z0-9_]+")
_HISTORY = {"SYS_QUERY_HISTORY", "STL_QUERY", "SYS_LOAD_HISTORY", "SYS_LOAD_ERROR_DETAIL"}
_SECRETS = re.compile(
    r"""(?ix)
    ( \b (?: access_key_id | secret_access_key | session_token | password | aws_access_key_id
           | aws_secret_access_key | master_symmetric_key ) \b \s* (?:as\s+)? =? \s* )
    (?: '(?:[^'\\]|\\.|'')*' | [^\s;'"]+ )
    | ( \b credentials \b \s* (?:as\s+)? ) '(?:[^'\\]|\\.|'')*'
    """
)

_NOT_REDSHIFT = {
    **dict.fromkeys(
        (
            "DO",
            "LISTEN",
            "NOTIFY",
            "UNLISTEN",
            "CLUSTER",
            "CHECKPOINT",
            "LOAD",
            "DISCARD",
            "REINDEX",
            "REASSIGN",
        ),
        "",
    ),
    "VALUES": "use SELECT … UNION ALL SELECT …",
    "TABLE": "use SELECT *",
}
_CREATE_NOT_REDSHIFT = {
    *("INDEX", "UNIQUE", "TRIGGER", "SEQUENCE", "RULE", "EXTENSION", "DOMAIN", "TYPE", "AGGREGATE", "OPERATOR"),
    *(
        "CAST",
        "TABLESPACE",
        "POLICY",
        "PUBLICATION",
        "SUBSCRIPTION",
        "EVENT",
        "FOREIGN",
        "STATISTICS",
        "COLLATION",
    ),
    *("UNLOGGED", "GLOBAL", "CONSTRAINT", "ACCESS", "TRANSFORM", "TEXT", "SERVER"),
}
_CREATE_UNSERVED = {
    *("EXTERNAL", "LIBRARY", "DATABASE", "DATASHARE", "MODEL", "RLS", "MASKING", "IDENTITY"),
}


def redacted(sql: str) -> str:
    """A statement for logs and history: credentials and passwords are blotted out."""
    return _SECRETS.sub(lambda match: f"{match.group(1) or match.group(2)}'***'", sql)


@lru_cache(maxsize=2048)
def to_postgres(sql: str) -> tuple[Plan, ...]:
    """Plans for the statements of a script; a refused statement's plan says so."""
    try:
        parsed = statements(sql)
    except SqlSyntaxError as error:
        return (Plan("OTHER", refused=Refused(str(error), "42601"), title=redacted(sql)),)
    return tuple(_planned(nodes) for nodes in parsed)


def _planned(nodes: list[Node]) -> Plan:
    text = render(nodes).strip()
    title = redacted(text)
    try:
        plan = _plan(nodes)
    except Refused as refusal:
        return Plan(_kind(nodes), refused=refusal, title=title)
    except SqlSyntaxError as error:
        return Plan(_kind(nodes), refused=Refused(str(error), "42601"), title=title)
    except IndexError:
        return Plan(_kind(nodes), refused=Refused("syntax error at end of input", "42601"), title=title)
    names = {token.up for token in walk(nodes)}
    fields = {**plan.__dict__, "title": plan.title or title, "reads_history": bool(names & _HISTORY)}
    return Plan(**fields)


def _kind(nodes: Sequence[Node]) -> str:
    word = nodes[0].up
    kinds = {"WITH": "SELECT", "CREATE": "DDL", "DROP": "DDL", "ALTER": "DDL", "GRANT": "DDL", "REVOKE": "DDL"}
    known = {"SELECT", "INSERT", "UPDATE", "DELETE", "COPY", "UNLOAD", "MERGE"}
    return kinds.get(word, word if word in known else "UTILITY" if word else "SELECT")


def _plan(nodes: list[Node]) -> Plan:
    first = nodes[0]
    word = first.up
    if word in {"SELECT", "WITH"} or isinstance(first, Group):
        return _query(nodes)
    handler = _HANDLERS.get(word)
    if handler is not None:
        return handler(nodes)
    if word in _NOT_REDSHIFT:
        raise not_in_redshift(word, _NOT_REDSHIFT[word])
    raise Refused(f'syntax error at or near "{first.render().strip()[:40]}"', "42601")


# Queries ------------------------------------------------------------------------------------------------------------


def _is_catalog_query(nodes: Sequence[Node]) -> bool:
    """Whether a query reads PostgreSQL's catalog: clients' own queries, which are written for PostgreSQL."""
    tokens = list(walk(nodes))
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        name = token.up or (token.text[1:-1].upper() if token.kind == "quoted" else "")
        if name in _CATALOG_SCHEMAS and is_mark(following, "."):
            after = tokens[index + 2].up if index + 2 < len(tokens) else ""
            if not _SYSTEM_VIEW.fullmatch(after) and after not in _OUR_VIEWS:
                return True
        if (
            token.kind == "word"
            and re.fullmatch(r"PG_(?!LAST_|TABLE_DEF|TEMP)[A-Z_]+", token.up)
            and index
            and tokens[index - 1].up in {"FROM", "JOIN"}
        ):
            return True
    return False


def _system_views(nodes: Sequence[Node]) -> list[Node]:
    """Redshift's system views under their own names; those that are not here are named."""
    out: list[Node] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            out.append(Group(node.open, _system_views(node.children), node.pre, node.close_pre))
            continue
        qualified = index > 1 and is_mark(nodes[index - 1], ".") and nodes[index - 2].up == "PG_CATALOG"
        if (
            node.kind == "word"
            and node.up in _OUR_VIEWS
            and (qualified or not is_mark(_at(nodes, index - 1), "."))
        ):
            if qualified:
                out[-2:] = [Token("word", "redshift_shim", out[-2].pre, "REDSHIFT_SHIM"), out[-1]]
        elif (
            node.kind == "word"
            and _SYSTEM_VIEW.fullmatch(node.up)
            and (qualified or _at_up(nodes, index - 1) in {"FROM", "JOIN"})
        ):
            raise not_served(f"The system view {node.up}")
        out.append(node)
    return out


def _at(nodes: Sequence[Node], index: int) -> Node | None:
    return nodes[index] if 0 <= index < len(nodes) else None


def _at_up(nodes: Sequence[Node], index: int) -> str:
    node = _at(nodes, index)
    return node.up if node is not None else ""


def _query(nodes: list[Node]) -> Plan:
    if _is_catalog_query(nodes):
        return Plan("SELECT", render(_system_views(nodes)).strip())
    if nodes[0].up == "WITH":
        body = _after_ctes(nodes)
        if body < len(nodes) and nodes[body].up in {"INSERT", "MERGE"}:
            raise not_in_redshift(f"WITH before {nodes[body].up}", "put the WITH inside, before its SELECT")
    kind = "CTAS" if find(nodes, "INTO") > 0 else "SELECT"
    if nodes[0].up == "WITH" and nodes[_after_ctes(nodes)].up in {"UPDATE", "DELETE"}:
        kind = nodes[_after_ctes(nodes)].up
    return Plan(kind, inner(rewrite(_system_views(nodes))))


def _after_ctes(nodes: Sequence[Node]) -> int:
    """Index of the statement behind a WITH clause; checks recursive ones for their column list."""
    index = 2 if starts(nodes, "RECURSIVE", 1) else 1
    recursive = index == 2
    while index < len(nodes):
        index += 1
        if index < len(nodes) and isinstance(nodes[index], Group) and _at_up(nodes, index + 1) == "AS":
            index += 1
        elif recursive and _refers_to_itself(nodes, index):
            raise not_in_redshift(
                "A recursive WITH without a list of its columns", "write WITH RECURSIVE name (columns) AS"
            )
        if _at_up(nodes, index) == "AS":
            index += 1
        if _at_up(nodes, index) in {"MATERIALIZED", "NOT"}:
            raise not_in_redshift("WITH … AS MATERIALIZED")
        index += 1
        if not is_mark(_at(nodes, index), ","):
            break
        index += 1
    return min(index, len(nodes) - 1)


def _refers_to_itself(nodes: Sequence[Node], index: int) -> bool:
    name = nodes[index - 1]
    body = _at(nodes, index + 1)
    return (
        isinstance(body, Group)
        and isinstance(name, Token)
        and any(token.up == name.up for token in walk(body.children))
    )


def _insert(nodes: list[Node]) -> Plan:
    if find(nodes, "ON CONFLICT") > 0:
        raise not_in_redshift("ON CONFLICT", "use MERGE")
    name, index = read_name(nodes, 2)
    if starts(nodes, "OVERRIDING", index):
        raise not_in_redshift("OVERRIDING")
    head, rest = nodes[:2], nodes[2:]
    values = find(rest, "VALUES")
    if values > 0 and find(rest, "SELECT") < 0:
        # the rows of INSERT … VALUES are no table
        body = [*rewrite(rest[:values]), rest[values], *rewrite(rest[values + 1 :])]
    else:
        body = rewrite(_system_views(rest))
    return Plan("INSERT", inner([*head, *body]), table=".".join(name))


def _update(nodes: list[Node]) -> Plan:
    name, _ = read_name(nodes, 1)
    return Plan("UPDATE", inner(rewrite(nodes)), table=".".join(name))


def _delete(nodes: list[Node]) -> Plan:
    index = 2 if starts(nodes, "FROM", 1) else 1
    name, _ = read_name(nodes, index)
    text = inner(rewrite(nodes[index:]))
    return Plan("DELETE", f"delete from {text}", table=".".join(name))


def _merge(nodes: list[Node]) -> Plan:
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


# Definitions --------------------------------------------------------------------------------------------------------


def _create(nodes: list[Node]) -> Plan:
    words = [node.up for node in nodes[:6]]
    index = 1
    if starts(nodes, "OR REPLACE", 1):
        index = 3
    temporary = words[index] in {"TEMP", "TEMPORARY", "LOCAL"}
    while words[index] in {"TEMP", "TEMPORARY", "LOCAL"}:
        index += 1
    what = words[index]
    if what == "TABLE":
        return tables.create_table(nodes, index + 1, temporary=temporary)
    if what == "MATERIALIZED":
        return tables.create_materialized_view(nodes, index + 2)
    if what in {"VIEW", "RECURSIVE"}:
        return commands.create_view(_system_views(nodes))
    if what == "SCHEMA":
        return _create_schema(nodes, index + 1)
    if what == "USER":
        return commands.create_user(nodes)
    if what in {"ROLE", "GROUP"}:
        return commands.create_role(nodes)
    if what in {"PROCEDURE", "FUNCTION"}:
        return commands.create_routine(nodes)
    if what in _CREATE_NOT_REDSHIFT:
        raise not_in_redshift(f"CREATE {what}")
    if what in _CREATE_UNSERVED:
        raise not_served(f"CREATE {what}")
    raise Refused(f'syntax error at or near "{what.lower()}"', "42601")


def _create_schema(nodes: list[Node], index: int) -> Plan:
    end = find(nodes, "QUOTA")
    kept = nodes[: end if end > 0 else len(nodes)]
    name, behind = read_name(nodes, index + 3 if starts(nodes, "IF NOT EXISTS", index) else index)
    if any(node.up == "CREATE" for node in kept[behind:]):
        raise not_served("CREATE SCHEMA with elements")
    return Plan("DDL", inner(rewrite(kept)), table=".".join(name))


def _drop(nodes: list[Node]) -> Plan:
    what = nodes[1].up
    if what in {"USER", "ROLE", "GROUP"}:
        return commands.drop_role(nodes)
    if what in {"TABLE", "VIEW", "SCHEMA", "PROCEDURE", "FUNCTION", "MATERIALIZED"}:
        return Plan("DDL", inner(rewrite(nodes)))
    if what in _CREATE_NOT_REDSHIFT:
        raise not_in_redshift(f"DROP {what}")
    raise not_served(f"DROP {what}")


def _alter(nodes: list[Node]) -> Plan:
    what = nodes[1].up
    if what == "TABLE":
        return tables.alter_table(nodes)
    if what == "USER":
        return commands.create_user(nodes)
    if what == "GROUP":
        return commands.alter_group(nodes)
    if what == "DEFAULT":
        kept = [node for node in nodes if node.up != "ROLE"]
        kept = [Token("word", "role", node.pre, "ROLE") if node.up == "USER" else node for node in kept]
        return Plan("DDL", inner(rewrite(kept)))
    if what in {"SCHEMA", "ROLE", "PROCEDURE", "FUNCTION", "VIEW"}:
        if find(nodes, "QUOTA") > 0 or find(nodes, "EXTERNALID") > 0:
            raise not_served(f"ALTER {what} … {render(nodes[3:]).strip()}")
        return Plan("DDL", inner(rewrite(nodes)))
    if what == "MATERIALIZED":
        if find(nodes, "AUTO REFRESH") > 0 or find(nodes, "ALTER", 1) > 0:
            return Plan("DDL", "select 1 where false", tag="ALTER MATERIALIZED VIEW")
        return Plan("DDL", inner(rewrite(nodes)))
    raise not_served(f"ALTER {what}")


def _truncate(nodes: list[Node]) -> Plan:
    index = 2 if starts(nodes, "TABLE", 1) else 1
    name, end = read_name(nodes, index)
    if end < len(nodes):
        raise not_in_redshift(f"TRUNCATE … {render(nodes[end:]).strip()}")
    table = ".".join(map(quote_name, name))
    return Plan("UTILITY", f"truncate table {table}", truncate=True, table=".".join(name))


def _refresh(nodes: list[Node]) -> Plan:
    name, end = read_name(nodes, 3)
    rest = [node.up for node in nodes[end:]]
    if rest == ["CASCADE"]:
        raise not_served("REFRESH MATERIALIZED VIEW … CASCADE", "refresh the views in their order")
    if rest not in ([], ["RESTRICT"]):
        raise Refused(f'syntax error at or near "{render(nodes[end:]).strip()}"', "42601")
    return Plan("UTILITY", f"refresh materialized view {'.'.join(map(quote_name, name))}", table=".".join(name))


def _explain(nodes: list[Node]) -> Plan:
    if starts(nodes, "ANALYZE", 1) or isinstance(nodes[1], Group):
        raise not_in_redshift("EXPLAIN ANALYZE")
    index = 2 if starts(nodes, "VERBOSE", 1) else 1
    plan = _plan(nodes[index:])
    if plan.special:
        raise not_served(f"EXPLAIN {nodes[index].up}")
    return Plan("UTILITY", f"explain {'verbose ' if index == 2 else ''}{plan.sql}")


def _prepare(nodes: list[Node]) -> Plan:
    index = find(nodes, "AS")
    plan = _plan(nodes[index + 1 :])
    if plan.special:
        raise not_served(f"PREPARE of {nodes[index + 1].up}")
    return Plan("UTILITY", f"{inner(rewrite(nodes[: index + 1]))} {plan.sql}")


def _same(nodes: list[Node]) -> Plan:
    return Plan("UTILITY", inner(rewrite(nodes)))


def _copy(nodes: list[Node]) -> Plan:
    statement = copy_text.parse(nodes)
    return Plan("COPY", copy=statement, table=statement.table)


def _unload(nodes: list[Node]) -> Plan:
    raise not_served(nodes[0].up)


_HANDLERS: dict[str, Callable[[list[Node]], Plan]] = {
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
    "MERGE": _merge,
    "CREATE": _create,
    "DROP": _drop,
    "ALTER": _alter,
    "TRUNCATE": _truncate,
    "REFRESH": _refresh,
    "EXPLAIN": _explain,
    "PREPARE": _prepare,
    "EXECUTE": _same,
    "DEALLOCATE": _same,
    "DECLARE": _same,
    "FETCH": lambda nodes: Plan("SELECT", render(nodes).strip()),
    "CLOSE": _same,
    "CALL": lambda nodes: Plan("CALL", inner(rewrite(nodes))),
    "COMMENT": _same,
    "COPY": _copy,
    "UNLOAD": _unload,
    "USE": _unload,
    "CANCEL": _unload,
    "ATTACH": _unload,
    "DETACH": _unload,
    "SET": commands.set_command,
    "RESET": commands.reset_command,
    "SHOW": commands.show_command,
    "BEGIN": commands.transaction_command,
    "START": commands.transaction_command,
    "COMMIT": commands.transaction_command,
    "END": commands.transaction_command,
    "ROLLBACK": commands.transaction_command,
    "ABORT": commands.transaction_command,
    "SAVEPOINT": commands.transaction_command,
    "RELEASE": commands.transaction_command,
    "LOCK": commands.lock_command,
    "VACUUM": commands.vacuum_command,
    "ANALYZE": commands.analyze_command,
    "ANALYSE": commands.analyze_command,
    "GRANT": commands.grant_command,
    "REVOKE": commands.grant_command,
}
