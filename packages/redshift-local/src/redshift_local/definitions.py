"""CREATE, ALTER and DROP, handed on by what they define."""

from __future__ import annotations

from redshift_local import commands, tables
from redshift_local.alterations import alter_table
from redshift_local.catalog import system_views
from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.routines import create_routine
from redshift_local.tokens import Node, Token, find, inner, read_name, render, starts

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


def create(nodes: list[Node]) -> Plan:
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
        return commands.create_view(system_views(nodes))
    if what == "SCHEMA":
        return _create_schema(nodes, index + 1)
    if what == "USER":
        return commands.create_user(nodes)
    if what in {"ROLE", "GROUP"}:
        return commands.create_role(nodes)
    if what in {"PROCEDURE", "FUNCTION"}:
        return create_routine(nodes)
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


def drop(nodes: list[Node]) -> Plan:
    what = nodes[1].up
    if what in {"USER", "ROLE", "GROUP"}:
        return commands.drop_role(nodes)
    if what in {"TABLE", "VIEW", "SCHEMA", "PROCEDURE", "FUNCTION", "MATERIALIZED"}:
        return Plan("DDL", inner(rewrite(nodes)))
    if what in _CREATE_NOT_REDSHIFT:
        raise not_in_redshift(f"DROP {what}")
    raise not_served(f"DROP {what}")


def alter(nodes: list[Node]) -> Plan:
    what = nodes[1].up
    if what == "TABLE":
        return alter_table(nodes)
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
