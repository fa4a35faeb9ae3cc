"""Queries of catalogs: PostgreSQL's own, and the system views of Redshift."""

from __future__ import annotations

import re
from collections.abc import Sequence

from redshift_local.plan import not_served
from redshift_local.tokens import Group, Node, Token, at, at_up, is_mark, walk

_CATALOG_SCHEMAS = {"PG_CATALOG", "INFORMATION_SCHEMA"}
_OUR_VIEWS = {
    *("SYS_QUERY_HISTORY", "STL_QUERY", "SYS_LOAD_HISTORY", "SYS_LOAD_ERROR_DETAIL", "STV_DB_ISOLATION_LEVEL"),
    *("SVV_TABLE_INFO", "SVV_TABLES", "SVV_ALL_TABLES", "SVV_COLUMNS", "SVV_ALL_COLUMNS", "PG_TABLE_DEF"),
    *("SVV_REDSHIFT_DATABASES", "SVV_ROLES", "SVV_REDSHIFT_SCHEMAS", "SVV_ALL_SCHEMAS", "SVV_REDSHIFT_TABLES"),
    *("SVV_REDSHIFT_COLUMNS", "SVV_MV_INFO", "STV_MV_INFO", "SVV_RELATION_PRIVILEGES", "SVV_SCHEMA_PRIVILEGES"),
    *("SVV_USER_INFO", "SVV_USER_GRANTS", "SVV_ROLE_GRANTS", "SVV_EXTERNAL_SCHEMAS", "SVV_EXTERNAL_DATABASES"),
    *(
        "SVV_EXTERNAL_TABLES",
        "SVV_EXTERNAL_COLUMNS",
        "SVV_EXTERNAL_PARTITIONS",
        "SVV_DATASHARES",
        "PG_PROC_INFO",
    ),
    *("PG_CLASS_INFO", "SVV_COLUMN_PRIVILEGES", "SVV_TRANSACTIONS"),
}
_SYSTEM_VIEW = re.compile(r"(SVV|SVL|SVCS|SYS|STL|STV|STCS)_[A-Z0-9_]+")


def is_catalog_query(nodes: Sequence[Node]) -> bool:
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


def system_views(nodes: Sequence[Node]) -> list[Node]:
    """Redshift's system views under their own names; those that are not here are named."""
    out: list[Node] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            out.append(Group(node.open, system_views(node.children), node.pre, node.close_pre))
            continue
        qualified = index > 1 and is_mark(nodes[index - 1], ".") and nodes[index - 2].up == "PG_CATALOG"
        if (
            node.kind == "word"
            and node.up in _OUR_VIEWS
            and (qualified or not is_mark(at(nodes, index - 1), "."))
        ):
            if qualified:
                out[-2:] = [Token("word", "redshift_shim", out[-2].pre, "REDSHIFT_SHIM"), out[-1]]
        elif (
            node.kind == "word"
            and _SYSTEM_VIEW.fullmatch(node.up)
            and (qualified or at_up(nodes, index - 1) in {"FROM", "JOIN"})
        ):
            raise not_served(f"The system view {node.up}")
        out.append(node)
    return out
