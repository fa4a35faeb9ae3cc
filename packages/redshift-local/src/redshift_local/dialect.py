"""Redshift SQL in PostgreSQL's terms: each statement is rewritten faithfully, or refused by name.

``to_postgres`` is a pure function of the text. It works on a tree of tokens (``tokens``), so that everything the two
dialects share is not changed; ``queries`` and ``functions`` rewrite the parts that any statement may have,
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

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from redshift_local import commands, copy_text, definitions, unload_text, writes
from redshift_local.laterals import lateral_names, query_part, without_laterals
from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.tokens import (
    Group,
    Node,
    SqlSyntaxError,
    find,
    inner,
    quote_name,
    read_name,
    render,
    starts,
    statements,
    walk,
)

log = logging.getLogger("redshift_local")

_LONGEST_NAME = 127  # bytes: "Names and identifiers" of the guide
_LONGEST_SERVED = 63  # PostgreSQL's
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
        _check_names(nodes)
        laterals = lateral_names(nodes)
        plan = _plan(nodes)
    except Refused as refusal:
        return Plan(_kind(nodes), refused=refusal, title=title)
    except SqlSyntaxError as error:
        return Plan(_kind(nodes), refused=Refused(str(error), "42601"), title=title)
    except (IndexError, AttributeError, TypeError, ValueError, KeyError, RecursionError) as error:
        # A statement that ends early, or whose parts are not what their places ask for: no input ends a session.
        log.info("not understood (%r): %s", error, title)
        return Plan(_kind(nodes), refused=Refused(_not_understood(nodes, error), "42601"), title=title)
    names = {token.up for token in walk(nodes)}
    fields = {**plan.__dict__, "title": plan.title or title, "reads_history": bool(names & _HISTORY)}
    if laterals:
        fields |= {"laterals": laterals, "source": text}
    return Plan(**fields)


@lru_cache(maxsize=256)
def without_aliases(sql: str, names: frozenset[str]) -> Plan:
    """A statement in which the named lateral aliases are replaced by their expressions."""
    (nodes,) = statements(sql)
    return replace(_planned(without_laterals(nodes, names)), title=redacted(sql))


@lru_cache(maxsize=256)
def prepared_part(sql: str, names: frozenset[str]) -> str:
    """The part of such a statement that PostgreSQL can prepare: its query, or all of UPDATE, DELETE and MERGE.

    Empty where there is none, or where it takes more than a text to run it.
    """
    (nodes,) = statements(sql)
    if nodes[0].up not in {"UPDATE", "DELETE", "MERGE"}:
        nodes = query_part(nodes)
    plan = _planned(without_laterals(nodes, names)) if nodes else Plan("OTHER")
    return "" if plan.special else plan.sql


def _check_names(nodes: Sequence[Node]) -> None:
    """Refuse names that PostgreSQL would cut without a word."""
    for token in walk(nodes):
        if token.kind not in {"word", "quoted"}:
            continue
        name = token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text
        size = len(name.encode())
        if size > _LONGEST_NAME:
            raise Refused(f"identifier is too long: {name[:40]}…", "42622")
        if size > _LONGEST_SERVED:
            raise not_served(f"A name of {size} bytes", f"{name[:40]}… is longer than {_LONGEST_SERVED}")


def _not_understood(nodes: Sequence[Node], error: Exception) -> str:
    if isinstance(error, IndexError):
        return "syntax error at end of input"
    if isinstance(error, RecursionError):
        return "the statement is nested too deeply"
    return f"syntax error in {nodes[0].up or 'the statement'}"


def _kind(nodes: Sequence[Node]) -> str:
    word = nodes[0].up
    kinds = {"WITH": "SELECT", "CREATE": "DDL", "DROP": "DDL", "ALTER": "DDL", "GRANT": "DDL", "REVOKE": "DDL"}
    known = {"SELECT", "INSERT", "UPDATE", "DELETE", "COPY", "UNLOAD", "MERGE"}
    return kinds.get(word, word if word in known else "UTILITY" if word else "SELECT")


def _plan(nodes: list[Node]) -> Plan:
    first = nodes[0]
    word = first.up
    if word in {"SELECT", "WITH"} or isinstance(first, Group):
        return writes.query(nodes)
    handler = _HANDLERS.get(word)
    if handler is not None:
        return handler(nodes)
    if word in _NOT_REDSHIFT:
        raise not_in_redshift(word, _NOT_REDSHIFT[word])
    raise Refused(f'syntax error at or near "{first.render().strip()[:40]}"', "42601")


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
    if index < 0:
        raise Refused("syntax error: PREPARE name AS statement", "42601")
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
    query = writes.query(unload_text.query_of(nodes))
    return Plan("UNLOAD", unload=unload_text.parse(nodes, query))


def _unserved(nodes: list[Node]) -> Plan:
    raise not_served(nodes[0].up)


_HANDLERS: dict[str, Callable[[list[Node]], Plan]] = {
    "INSERT": writes.insert,
    "UPDATE": writes.update,
    "DELETE": writes.delete,
    "MERGE": writes.merge,
    "CREATE": definitions.create,
    "DROP": definitions.drop,
    "ALTER": definitions.alter,
    "TRUNCATE": _truncate,
    "REFRESH": _refresh,
    "EXPLAIN": _explain,
    "PREPARE": _prepare,
    "EXECUTE": _same,
    "DEALLOCATE": _same,
    "DECLARE": _same,
    "FETCH": lambda nodes: Plan("SELECT", inner(rewrite(nodes))),
    "CLOSE": _same,
    "CALL": lambda nodes: Plan("CALL", inner(rewrite(nodes))),
    "COMMENT": _same,
    "COPY": _copy,
    "UNLOAD": _unload,
    "USE": _unserved,
    "CANCEL": _unserved,
    "ATTACH": _unserved,
    "DETACH": _unserved,
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
