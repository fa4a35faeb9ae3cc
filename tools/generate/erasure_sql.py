"""The SQL by which a person is taken out of the warehouse, written from contracts, table definitions and lineage.

Nothing lists tables by hand. A source is about persons when a column of its contract is the `person_key`; any other
table holds the key when it has a column of that name, or a text column of which lineage says that it comes from such
columns and nothing else. So a new source, fact or aggregate is erased and searched as soon as it is declared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecommerce_dwh.contracts import PERSON_KEY, Column, SourceContract, fixed_columns
from ecommerce_dwh.warehouse import sql_files

HEADER = "-- generated from include/sources; run make generate\n"
# Entity in history.pending_key by source, for sources whose merges belong to the model.
_ENTITIES = {"customers": "customer", "orders": "sales_order", "web_events": "web_event"}
_CREATE = re.compile(
    r"create table if not exists (?P<table>[a-z_]+\.[a-z_0-9]+) \((?P<body>.*?)\n\)", re.DOTALL
)
_COLUMN = re.compile(r"^ {4}(?P<name>[a-z_][a-z_0-9]*) (?P<type>[a-z]+(?:\([0-9, ]+\))?)", re.MULTILINE)
# Texts of this length are prose: samples of rows, messages.
_PROSE = 1000
# A text that a colleague answers for; it is held against the person before it is written.
_CHECKED = {"quality.erasures"}
# What bootstrap notes of declarations; no row of a source comes there.
_OF_THE_CODE = {"quality.schema_objects"}

Tables = Mapping[str, Mapping[str, str]]  # types of columns by table


def declared_tables(sql_dir: Path) -> dict[str, dict[str, str]]:
    """Types of the columns of every table, by ``schema.table``."""
    found = {}
    for relation in sql_files.relations(sql_dir):
        for match in _CREATE.finditer(sql_files.render(relation.definition, sql_dir)):
            columns = {column["name"]: column["type"] for column in _COLUMN.finditer(match["body"])}
            found[match["table"]] = {name: kind for name, kind in columns.items() if name != "primary"}
    return found


def _of_persons(contracts: Mapping[str, SourceContract]) -> list[SourceContract]:
    """Sources whose rows are about a person."""
    return [contract for contract in contracts.values() if contract.person_key]


def _emptied(column: Column) -> str:
    """SQL of what a personal column becomes; what must be there is replaced by a value that says nothing."""
    if not column.required:
        return "null"
    return f"'{column.blank}'" if column.kind.is_text or column.kind.is_moment else column.blank


def erase_person_sql(contracts: Mapping[str, SourceContract]) -> str:
    """The script that takes a person out of history and staging."""
    parts = [
        HEADER,
        "-- Takes the person of erased_person out of the warehouse: key to pseudonym, personal columns to null. What\n"
        "-- depends on them is queued; the steps of the daily run recompute it.\n"
        '{% from "macros/queue.sql" import count_merge %}\n'
        "lock table history.pending_key;\n"
        "\n"
        "insert into history.pending_key (entity, key_value)\n"
        "select\n"
        "    'customer' as entity,\n"
        "    customer_id as key_value\n"
        "from erased_person\n"
        "union\n"
        "select\n"
        "    'customer' as entity,\n"
        "    pseudonym as key_value\n"
        "from erased_person;\n",
    ]
    for contract in _of_persons(contracts):
        name, table, key = contract.name, f"history.{contract.name}", contract.person_key
        entity = _ENTITIES.get(name, contract.merge_entity)
        if entity and not contract.is_of_persons:
            parts.append(
                "\ninsert into history.pending_key (entity, key_value)\n"
                "select distinct\n"
                f"    '{entity}' as entity,\n"
                f"    {name}.{contract.key} as key_value\n"
                f"from {table} as {name}\n"
                f"inner join erased_person on {name}.{key} = erased_person.customer_id;\n"
            )
        sets = [f"    {key} = erased_person.pseudonym"]
        sets += [f"    {column.name} = {_emptied(column)}" for column in contract.personal_columns]
        parts.append(
            f"\nupdate {table} set\n" + ",\n".join(sets) + "\n"
            "from erased_person\n"
            f"where {name}.{key} = erased_person.customer_id;\n"
            f"\ndelete from staging.stg_{name}\n"
            "using erased_person\n"
            f"where stg_{name}.{key} = erased_person.customer_id;\n"
        )
    parts.append("\n{{ count_merge() }};\n")
    return "".join(parts)


def values_sql(contracts: Mapping[str, SourceContract]) -> str:
    """The query for what is known of the person, and which of it others have as well."""
    selects = [
        "    select\n"  # noqa: S608 - checked identifiers
        f"        '{column.person_value}' as personal_kind,\n"
        f"        cast({contract.name}.{column.name} as varchar(1024)) as personal_value,\n"
        f"        max(\n"
        f"            case when {contract.name}.{contract.person_key} = mine.customer_id then 0 else 1 end\n"
        f"        ) as is_shared\n"
        f"    from history.{contract.name} as {contract.name}\n"
        "    inner join (\n"
        "        select distinct\n"
        f"            own.{column.name},\n"
        "            erased_person.customer_id\n"
        f"        from history.{contract.name} as own\n"
        f"        inner join erased_person on own.{contract.person_key} = erased_person.customer_id\n"
        "    ) as mine\n"
        f"        on {contract.name}.{column.name} = mine.{column.name}\n"
        f"    where {contract.name}.{contract.person_key} is not null\n"
        "    group by 1, 2\n"
        for contract in _of_persons(contracts)
        for column in contract.personal_columns
        if column.person_value
    ]
    return (
        f"{HEADER}-- What is known of the person of erased_person, and whether other customers have it, too.\n"
        "select\n"
        "    personal_kind,\n"
        "    personal_value,\n"
        "    max(is_shared) as is_shared\n"
        "from (\n" + "    union all\n".join(selects) + ") as known\n"
        "group by 1, 2;\n"
    )


def key_columns(
    contracts: Mapping[str, SourceContract], tables: Tables, lineage: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Columns that hold a person's key, by table."""
    names = {PERSON_KEY, *(contract.person_key for contract in _of_persons(contracts))}
    known = {
        f"{place}.{contract.person_key}"
        for contract in _of_persons(contracts)
        for place in (f"accepted/{contract.name}", f"staging.stg_{contract.name}", f"history.{contract.name}")
    }
    known |= {f"{table}.{column}" for table, columns in tables.items() for column in columns if column in names}
    flows: dict[str, set[str]] = {}
    for file in lineage.values():
        for table, columns in file["outputs"].items():
            for column, origins in columns.items():
                flows.setdefault(f"{table}.{column}", set()).update(origins)
    while more := {
        name for name, origins in flows.items() if name not in known and origins and origins <= known
    }:
        known |= more
    return {
        table: found
        for table, columns in tables.items()
        if (
            found := [
                c for c, kind in columns.items() if f"{table}.{c}" in known and kind.startswith("varchar")
            ]
        )
    }


def traces_sql(contracts: Mapping[str, SourceContract], tables: Tables, lineage: Mapping[str, Any]) -> str:
    """The query for tables that still have the person's key."""
    selects = [
        "    select\n"
        f"        '{table}' as table_name,\n"
        "        count(*) as trace_rows\n"
        f"    from {table} as kept\n"
        f"    inner join erased_person on kept.{column} = erased_person.customer_id\n"
        for table, columns in key_columns(contracts, tables, lineage).items()
        for column in columns
    ]
    selects.append(
        "    select\n"
        "        'history.pending_key' as table_name,\n"
        "        count(*) as trace_rows\n"
        "    from history.pending_key as kept\n"
        "    inner join erased_person on kept.key_value = erased_person.customer_id\n"
        "    where kept.entity in ('customer', 'agg_customer')\n"
    )
    return (
        f"{HEADER}-- Tables with rows that carry the key of erased_person, found by their columns.\n"
        "select\n"
        "    table_name,\n"
        "    sum(trace_rows) as trace_rows\n"
        "from (\n" + "    union all\n".join(selects) + ") as traces\n"
        "where trace_rows > 0\n"
        "group by table_name\n"
        "order by table_name;\n"
    )


def text_columns(tables: Tables, contracts: Mapping[str, SourceContract]) -> list[tuple[str, str]]:
    """Table and column of what the pipeline wrote in prose about rows: samples, messages."""
    own = {f"staging.stg_{name}" for name in contracts}
    return [
        (table, column)
        for table, columns in tables.items()
        if table.startswith(("quality.", "staging.")) and table not in own | _CHECKED | _OF_THE_CODE
        for column, kind in columns.items()
        if (match := re.fullmatch(r"varchar\((\d+)\)", kind)) and int(match[1]) >= _PROSE
    ]


def free_text_columns(contracts: Mapping[str, SourceContract]) -> list[tuple[SourceContract, str]]:
    """Source and column of free text in rows about a person: neither key, personal value, nor what fixes the row."""
    return [
        (contract, column.name)
        for contract in _of_persons(contracts)
        for column in contract.columns
        if column.name not in fixed_columns(contract, contracts) | {contract.person_key}
        and column not in contract.personal_columns
    ]


def texts_sql(columns: Sequence[tuple[str, str]], contracts: Mapping[str, SourceContract]) -> str:
    """The query for all prose of the pipeline, and for the free text in the person's rows of history.

    The reload replaces the latter wherever the rows' file is still there; without the file they stay as they are.
    """
    selects = [
        f"select\n    {column} as prose,\n    0 as is_own\nfrom {table}\nwhere {column} is not null\n"
        for table, column in columns
    ]
    selects += [
        f"select\n    {column} as prose,\n    1 as is_own\nfrom history.{contract.name}\n"  # noqa: S608 - checked identifiers
        f"where\n    {column} is not null\n    and {contract.person_key} in (\n"
        "        select customer_id from erased_person\n"
        "        union all\n"
        "        select pseudonym from erased_person\n"
        "    )\n"
        for contract, column in free_text_columns(contracts)
    ]
    return (
        f"{HEADER}-- What the pipeline wrote in prose about rows, and free text in rows of erased_person (is_own).\n"
        "-- The operator reads whom it speaks of.\n" + "union\n".join(selects).rstrip("\n") + ";\n"
    )


def erase_texts_sql(columns: Sequence[tuple[str, str]], contracts: Mapping[str, SourceContract]) -> str:
    """The script that puts the texts of erased_text into their places; runs after `erase_person_sql`."""
    parts = [HEADER, "-- Puts the new texts of erased_text where the old ones are.\n"]
    for table, column in columns:
        name = table.partition(".")[2]
        parts.append(
            f"update {table} set {column} = erased_text.new_text\n"  # noqa: S608 - checked identifiers
            "from erased_text\n"
            f"where {name}.{column} = erased_text.old_text and erased_text.is_own = 0;\n\n"
        )
    for contract, column in free_text_columns(contracts):
        name = contract.name
        entity = _ENTITIES.get(name, contract.merge_entity)
        if entity and not contract.is_of_persons:
            parts.append(
                "insert into history.pending_key (entity, key_value)\n"
                "select distinct\n"
                f"    '{entity}' as entity,\n"
                f"    {name}.{contract.key} as key_value\n"
                f"from history.{name} as {name}\n"
                f"inner join erased_person on {name}.{contract.person_key} = erased_person.pseudonym\n"
                f"inner join erased_text on {name}.{column} = erased_text.old_text\n"
                "where erased_text.is_own = 1;\n\n"
            )
        parts.append(
            f"update history.{name} set {column} = erased_text.new_text\n"  # noqa: S608 - checked identifiers
            "from erased_text\n"
            "where\n"
            f"    {name}.{column} = erased_text.old_text\n"
            "    and erased_text.is_own = 1\n"
            f"    and {name}.{contract.person_key} in (select erased_person.pseudonym from erased_person);\n\n"
        )
    return "".join(parts).rstrip("\n") + "\n"
