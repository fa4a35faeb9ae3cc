"""SHOW DATABASES, SCHEMAS, TABLES and COLUMNS.

https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_DATABASES.html and the pages beside it
"""

from __future__ import annotations

from collections.abc import Sequence

from redshift_local.plan import Plan, Refused, not_served
from redshift_local.tokens import Node, Token, quote_text, read_name, render, starts, string_value

_DATABASES = (
    "select database_name, database_owner, database_type, null::text as database_acl, null::text as parameters, "
    "isolation_level as database_isolation_level from redshift_shim.svv_redshift_databases "
    "cross join redshift_shim.stv_db_isolation_level"
)
_SCHEMAS = "select * from redshift_shim.svv_all_schemas"
_TABLES = (
    "select database_name, schema_name, table_name, table_type, table_acl, remarks "
    "from redshift_shim.svv_redshift_tables"
)
_COLUMNS = "select * from redshift_shim.svv_all_columns"


def show_objects(nodes: Sequence[Node]) -> Plan | None:
    """Plan of a SHOW that lists objects; None for another SHOW.

    Raises:
        Refused: it is none of the forms of the guide.
    """
    what = nodes[1].up if len(nodes) > 1 else ""
    if what not in {"DATABASES", "SCHEMAS", "TABLES", "COLUMNS"}:
        return None
    index = 2
    if what == "DATABASES":
        if starts(nodes, "FROM", index):
            raise not_served("SHOW DATABASES FROM")
        return _plan(_DATABASES, nodes, index, "database_name", [])
    place = {"SCHEMAS": "DATABASE", "TABLES": "SCHEMA", "COLUMNS": "TABLE"}[what]
    if not starts(nodes, f"FROM {place}", index):
        raise Refused(f"syntax error: SHOW {what} FROM {place} name", "42601")
    name, index = read_name(nodes, index + 2)
    columns = ["database_name", "schema_name", "table_name"][: {"SCHEMAS": 1, "TABLES": 2, "COLUMNS": 3}[what]]
    if not name or len(name) > len(columns):
        raise Refused(f"syntax error: SHOW {what} FROM {place} name", "42601")
    conditions = [
        f"{column} = {quote_text(part)}" for column, part in zip(columns[-len(name) :], name, strict=True)
    ]
    if what == "COLUMNS" and len(name) == 1:
        conditions.append("schema_name = any(current_schemas(false))")
    query, listed = {
        "SCHEMAS": (_SCHEMAS, "schema_name"),
        "TABLES": (_TABLES, "table_name"),
        "COLUMNS": (_COLUMNS, "column_name"),
    }[what]
    return _plan(query, nodes, index, listed, conditions)


def _plan(query: str, nodes: Sequence[Node], index: int, listed: str, conditions: list[str]) -> Plan:
    rest = nodes[index:]
    order = "ordinal_position" if listed == "column_name" else listed
    if starts(rest, "LIKE") and len(rest) > 1 and isinstance(rest[1], Token) and rest[1].kind == "string":
        conditions = [*conditions, f"{listed} like {quote_text(string_value(rest[1]))}"]
        rest = rest[2:]
    limit = ""
    if starts(rest, "LIMIT") and len(rest) > 1 and rest[1].kind == "number":
        limit, rest = f" limit {render(rest[1:2]).strip()}", rest[2:]
    if rest:
        raise Refused(f'syntax error at or near "{render(rest).strip()[:40]}"', "42601")
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return Plan("UTILITY", f"{query}{where} order by {order}{limit}")
