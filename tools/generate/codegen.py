"""Writes the SQL that follows from the source contracts.

``python -m tools.generate.codegen`` writes the staging and history tables, one COPY script per source, and the SQL by
which a person is erased to ``include/sql``; ``--check``, which CI runs, writes nothing and fails with a diff when a
file differs from what the contracts say. Generated files are committed, so that a reviewer sees what a contract change
means for the warehouse and a deployment needs no generator.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ecommerce_dwh import ledger
from ecommerce_dwh.contracts import Column, ContractError, SourceContract, load_contracts
from tools.generate.erasure_sql import (
    declared_tables,
    erase_person_sql,
    erase_texts_sql,
    text_columns,
    texts_sql,
    traces_sql,
    values_sql,
)
from tools.generate.files import Generator

LINEAGE = "generated/lineage.json"
HEADER = "-- generated from include/sources; run make generate\n"


def _columns(*pairs: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in pairs)


# Reports of the jobs: written by Glue, loaded like a source, columns in the order of the files.
LEDGER_COLUMNS = _columns(*ledger.COLUMNS)
CHECK_RESULT_COLUMNS = _columns(
    ("run_id", "varchar(250)"),
    ("delivery_date", "date"),
    ("source", "varchar(64)"),
    ("rule", "varchar(128)"),
    ("dimension", "varchar(32)"),
    ("severity", "varchar(16)"),
    ("rows_checked", "bigint"),
    ("rows_failed", "bigint"),
    ("failed_ratio", "decimal(18,6)"),
    ("threshold", "decimal(18,6)"),
    ("passed", "boolean"),
    ("message", "varchar(1024)"),
)


def _column_lines(columns: Iterable[Column]) -> str:
    return ",\n".join(
        f"    {column.name} {column.type.replace(',', ', ')}{' not null' if column.required else ''}"
        for column in columns
    )


_JOB_TABLES = {
    "ledger": (LEDGER_COLUMNS, "One source and day of a run: where each raw row went."),
    "check_result": (CHECK_RESULT_COLUMNS, "One quality rule and day of a run."),
}


def staging_table(contract: SourceContract) -> str:
    """The definition of a source's table in the ``staging`` schema."""
    return (
        f"{HEADER}"
        "-- What COPY loads of a run, columns in the order of the Parquet files (COPY of Parquet maps by position).\n"
        "-- Rows live until their run is published; run_id tells runs apart.\n"
        "-- Distribution is that of history.*, so that replace_slices moves rows without crossing nodes; there is no\n"
        "-- sort key, because slices are small and read once, and sorting would slow COPY down.\n"
        f"create table if not exists staging.stg_{contract.name} (\n{_column_lines(contract.accepted_columns)}\n)\n"
        f"diststyle key\ndistkey ({contract.distribution_column});\n"
    )


def job_table(name: str) -> str:
    """The definition of the staging table for what a Glue job reports: ``ledger`` or ``check_result``."""
    columns, _ = _JOB_TABLES[name]
    return (
        f"{HEADER}-- A few rows per run, so any distribution serves.\n"
        f"create table if not exists staging.stg_{name} (\n{_column_lines(columns)}\n)\ndiststyle even;\n"
    )


def history_table(contract: SourceContract) -> str:
    """The definition of a source's table in the ``history`` schema."""
    sort = dict.fromkeys(("delivery_date", contract.distribution_column))
    why = ""
    if contract.distribution_column != contract.key:
        why = (
            f"-- Spread by {contract.distribution_column}: its rows are recomputed and joined with their parent,\n"
            "-- so both lie on the same node.\n"
        )
    return (
        f"{HEADER}"
        "-- Each day's accepted rows as delivered, one slice per day. A run replaces its own slices; dimensions and\n"
        "-- facts are recomputed from here for the keys that changed.\n"
        "-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing\n"
        "-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join on\n"
        "-- the node.\n"
        f"{why}"
        f"create table if not exists history.{contract.name} (\n{_column_lines(contract.accepted_columns)},\n"
        f"    primary key ({contract.key}, delivery_date, version_at)\n)\n"
        f"diststyle key\ndistkey ({contract.distribution_column})\ncompound sortkey ({', '.join(sort)});\n"
    )


def columns_yaml(description: str, columns: Iterable[Column], source: str) -> str:
    """The ``columns.yaml`` of a generated table, whose columns mean what the contract, or else the ledger, says."""
    lines = "".join(f"  {column.name}: {{source: {source}}}\n" for column in columns)
    return f"#{HEADER.removeprefix('--')}description: {description}\ninternal: true\ncolumns:\n{lines}"


def load_sql(name: str, columns: Iterable[Column]) -> str:
    """The COPY script of one staging table.

    Args:
        name: source name, ``ledger`` or ``check_result``.
        columns: columns in the order of the Parquet files.
    """
    table = f"staging.stg_{name}"
    column_list = ",\n".join(f"    {column.name}" for column in columns)
    return (  # text from contract names, which are checked identifiers
        f"{HEADER}"  # noqa: S608
        f"-- Loads what the run's manifest names into {table}; one transaction.\n"
        "-- Repeating it replaces the run's own rows; rows of runs that were published are no longer needed.\n"
        "-- The lock comes first: two runs at once wait for each other instead of failing on a conflict.\n"
        "\n"
        f"lock {table};\n"
        "\n"
        f"delete from {table}\n"
        "where\n"
        "    run_id = '{{ load.run_key }}'\n"
        "    or run_id in (\n"
        "        select load_runs.run_id\n"
        "        from quality.load_runs\n"
        "        where load_runs.published_at is not null\n"
        "    );\n"
        "\n"
        f"copy {table} (\n{column_list}\n)\n"
        f"from 's3://{{{{ load.processed_bucket }}}}/runs/{{{{ load.run_key }}}}/copy/{name}.manifest'\n"
        "iam_role {{ load.copy_iam_role }}\n"
        "format as parquet\n"
        "manifest;\n"
    )


def generate(contracts: Mapping[str, SourceContract]) -> dict[str, str]:
    """All generated files.

    Returns:
        Text by path relative to ``include/``.
    """
    files = {
        "sql/erasure/erase_person.sql": erase_person_sql(contracts),
        "sql/erasure/erasure_values.sql": values_sql(contracts),
    }
    for name, (columns, description) in _JOB_TABLES.items():
        folder = f"sql/staging/stg_{name}"
        files[f"{folder}/table.sql"] = job_table(name)
        files[f"{folder}/columns.yaml"] = columns_yaml(f"'{description}'", columns, name)
        files[f"{folder}/copy.sql"] = load_sql(name, columns)
    for contract in contracts.values():
        name, columns = contract.name, contract.accepted_columns
        version = " and version" if contract.history == "scd2" else ""
        for folder, table, description in (
            (
                f"sql/staging/stg_{name}",
                staging_table(contract),
                f"Accepted rows of {name} of runs in progress.",
            ),
            (f"sql/history/{name}", history_table(contract), f"One row per day, {contract.key}{version}."),
        ):
            files[f"{folder}/table.sql"] = table
            files[f"{folder}/columns.yaml"] = columns_yaml(description, columns, name)
        files[f"sql/staging/stg_{name}/copy.sql"] = load_sql(name, columns)
    return files


def generate_from_sql(include: Path, contracts: Mapping[str, SourceContract]) -> dict[str, str]:
    """Files that follow from the SQL files, of which `generate` gives some: lineage, and where an erasure looks.

    Returns:
        Text by path relative to ``include/``.
    """
    from tools.generate.sql_lineage import lineage_of_files  # late import: brings a SQL parser

    lineage = lineage_of_files(include / "sql", contracts)
    tables = declared_tables(include / "sql")
    texts = text_columns(tables, contracts)
    return {
        "sql/erasure/erasure_traces.sql": traces_sql(contracts, tables, lineage),
        "sql/erasure/erasure_texts.sql": texts_sql(texts, contracts),
        "sql/erasure/erase_texts.sql": erase_texts_sql(texts, contracts),
        LINEAGE: json.dumps(lineage, indent=1) + "\n",
    }


def _from_contracts(root: Path) -> dict[str, str]:
    include = root / "include"
    return _below_include(generate(load_contracts(include / "sources")))


def _from_sql(root: Path) -> dict[str, str]:
    include = root / "include"
    return _below_include(generate_from_sql(include, load_contracts(include / "sources")))


def _below_include(files: Mapping[str, str]) -> dict[str, str]:
    return {f"include/{name}": text for name, text in files.items()}


def _without_contract(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Generated files of tables whose source has no contract any more."""
    found = []
    for pattern in ("staging/stg_*/*", "history/*/*"):
        for path in sorted((root / "include" / "sql").glob(pattern)):
            name = path.relative_to(root).as_posix()
            if (
                name not in wanted
                and path.is_file()
                and HEADER[3:-1] in path.read_text("utf-8").partition("\n")[0]
            ):
                found.append(name)
    return found


main = Generator(
    "tools.generate.codegen",
    __doc__,
    _from_contracts,
    errors=(ContractError,),
    orphans=_without_contract,
    stages=(_from_sql,),  # last: read from the SQL, of which some was just written
).main


if __name__ == "__main__":
    sys.exit(main())
