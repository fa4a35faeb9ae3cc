"""The Data API's calls that list databases, schemas, tables and columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import required

Document = dict[str, Any]
Answer = Callable[..., list[tuple[Any, ...]]]

_DATABASES = "select database_name from svv_redshift_databases order by 1"
_SCHEMAS = """
    select nspname from pg_namespace
    where nspname like %s and nspname <> 'redshift_shim' and nspname not like 'pg_t%%'
    order by 1
"""
_TABLES = """
    select table_name, table_schema, case table_type when 'BASE TABLE' then 'TABLE' else table_type end
    from svv_tables
    where table_schema like %s and table_name like %s
    order by 2, 1
"""
_COLUMNS = """
    select
        column_name, data_type, is_nullable, character_maximum_length, numeric_precision, numeric_scale,
        column_default, table_schema, table_name
    from svv_columns
    where table_schema like %s and table_name = %s
    order by table_schema, ordinal_position
"""


def _databases(answer: Answer, request: Document) -> Document:
    return {"Databases": [row[0] for row in answer(request, _DATABASES)]}


def _schemas(answer: Answer, request: Document) -> Document:
    return {"Schemas": [row[0] for row in answer(request, _SCHEMAS, request.get("SchemaPattern") or "%")]}


def _tables(answer: Answer, request: Document) -> Document:
    patterns = (request.get("SchemaPattern") or "%", request.get("TablePattern") or "%")
    found = answer(request, _TABLES, *patterns)
    return {"Tables": [{"name": name, "schema": schema, "type": kind} for name, schema, kind in found]}


def _columns(answer: Answer, request: Document) -> Document:
    table = required(request, "Table")
    found = answer(request, _COLUMNS, request.get("Schema") or "%", table)
    columns = [
        {
            "name": name,
            "label": name,
            "typeName": kind,
            "nullable": int(nullable == "YES"),
            "length": length or 0,
            "precision": precision or length or 0,
            "scale": scale or 0,
            "schemaName": schema,
            "tableName": name_of_table,
            **({"columnDefault": default} if default else {}),
        }
        for name, kind, nullable, length, precision, scale, default, schema, name_of_table in found
    ]
    return {"TableName": table, "ColumnList": columns}


QUERIES: dict[str, Callable[[Answer, Document], Document]] = {
    "ListDatabases": _databases,
    "ListSchemas": _schemas,
    "ListTables": _tables,
    "DescribeTable": _columns,
}
