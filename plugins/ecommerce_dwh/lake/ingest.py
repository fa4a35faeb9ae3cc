"""Extraction from the shop's PostgreSQL to the raw bucket: the changes of a day, streamed, compressed, all or nothing.

A day's extraction holds the rows whose watermark (a column that the shop sets whenever it writes a row) is in
``[day − overlap, day + 1)``. The overlap covers late commits: a row written just before midnight by a
transaction that ended after the last extraction. Rows that are extracted twice cost only space, because the warehouse
keeps one of equal versions.

Rows flow from ``COPY … TO STDOUT`` through gzip into parts of S3 multipart uploads, so memory does not grow with
them, and the bucket shows nothing before an upload is completed. Nothing here imports Airflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ecommerce_dwh.contracts import TYPES, Extract, SourceContract

_WATERMARK_TYPES = TYPES["timestamp"].postgres or frozenset()


class ShopSchemaError(ValueError):
    """The shop's tables do not bring what the contracts promise; the message lists every difference."""


# --- schema ---


def shop_columns(cursor: Any, tables: Iterable[str]) -> dict[str, dict[str, str]]:
    """Type by column of each table (``schema.table``); an absent table has no columns."""
    found: dict[str, dict[str, str]] = {}
    for table in tables:
        schema, name = table.split(".")
        cursor.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = %s and table_name = %s order by ordinal_position",
            (schema, name),
        )
        found[table] = {str(column): str(kind) for column, kind in cursor.fetchall()}
    return found


def check_shop_schema(
    contracts: Mapping[str, SourceContract], found: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Hold the shop's tables against the contracts; returns remarks that hinder nothing.

    Raises:
        ShopSchemaError: a table, a required column or a watermark is missing, or a type cannot be read.
    """
    problems: list[str] = []
    remarks: list[str] = []
    for contract in contracts.values():
        extract = extract_of(contract)
        columns = found.get(extract.table) or {}
        if not columns:
            problems.append(f"{extract.table}: no such table, or the connection's user may not read it")
            continue
        if columns.get(extract.watermark) not in _WATERMARK_TYPES:
            kind = columns.get(extract.watermark)
            what = f"is {kind}, not a timestamp" if kind else "does not exist"
            problems.append(f"{extract.table}.{extract.watermark}: the watermark {what}")
        for column in contract.columns:
            kind = columns.get(column.name)
            if kind is None:
                if column.required:
                    problems.append(f"{extract.table}.{column.name}: missing, and required by {contract.name}")
                else:
                    remarks.append(f"{extract.table}.{column.name} is missing; it will be null")
                continue
            readable = column.kind.postgres
            if readable is not None and kind not in readable:
                problems.append(
                    f"{extract.table}.{column.name}: is {kind}; {contract.name} needs {column.type}"
                )
        names = {column.name for column in contract.columns} | {extract.watermark}
        if extra := sorted(set(columns) - names):
            remarks.append(f"{extract.table} has columns that no contract names: {', '.join(extra)}")
    if problems:
        raise ShopSchemaError(
            "the shop's tables differ from include/sources; nothing was extracted:\n"
            + "\n".join(f"  - {problem}" for problem in problems)
            + "\nMend the shop's table or view, or change the contract, then clear this task."
        )
    return remarks


def extract_of(contract: SourceContract) -> Extract:
    """The shop's table of a source.

    Raises:
        ShopSchemaError: the contract of the source has no extract.
    """
    if contract.extract is None:
        raise ShopSchemaError(
            f"{contract.name}: the contract has no customProperty 'extract' (table, watermark)"
        )
    return contract.extract


def copy_sql(
    contract: SourceContract, columns: Mapping[str, str], day: date, overlap: timedelta = timedelta(0)
) -> str:
    """The COPY statement of a source's day: the contract's columns, in its order, as far as the shop has them.

    Names come from the contract, whose reader admits identifiers only; the moments are ours.
    """
    extract = extract_of(contract)
    names = [column.name for column in contract.columns if column.name in columns]
    # PostgreSQL writes booleans as t and f in COPY, and as words when cast.
    terms = [f'"{name}"::text as "{name}"' if columns[name] == "boolean" else f'"{name}"' for name in names]
    begin = datetime.combine(day, time.min, tzinfo=UTC) - overlap
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)
    low, high = (moment.strftime("%Y-%m-%d %H:%M:%S+00") for moment in (begin, end))
    return (
        f"copy (select {', '.join(terms)} from {extract.table}"  # noqa: S608
        f" where \"{extract.watermark}\" >= '{low}' and \"{extract.watermark}\" < '{high}')"
        " to stdout with (format csv)"
    )


def header_line(contract: SourceContract, columns: Mapping[str, str]) -> bytes:
    """The files' first line."""
    return ",".join(c.name for c in contract.columns if c.name in columns).encode() + b"\n"


# --- PostgreSQL ---

SESSION = (
    "set time zone 'UTC'",
    "set datestyle to 'ISO, YMD'",
    "set extra_float_digits to 1",
    "set client_encoding to 'UTF8'",
    "set idle_in_transaction_session_timeout to 0",
)


def begin_snapshot(connection: Any, snapshot: str | None = None) -> str:
    """Open a read-only REPEATABLE READ transaction, on the given snapshot or one of its own; returns its name.

    Every transaction that is opened with the same name, while the first one lasts, sees the same rows.
    """
    cursor = connection.cursor()
    for statement in SESSION:
        cursor.execute(statement)
    connection.commit()
    cursor.execute("set transaction isolation level repeatable read, read only")
    if snapshot:
        cursor.execute(f"set transaction snapshot '{snapshot}'")
        return snapshot
    cursor.execute("select pg_export_snapshot()")
    return str(cursor.fetchone()[0])


def copy_out(connection: Any, statement: str, take: Callable[[bytes], Any]) -> None:
    """Run ``COPY … TO STDOUT`` and hand on every row, for either driver that Airflow's PostgresHook gives."""
    cursor = connection.cursor()
    if hasattr(cursor, "copy_expert"):  # psycopg 2

        class Taker:
            def write(self, data: bytes) -> None:
                take(data)

        cursor.copy_expert(statement, Taker())
        return
    with cursor.copy(statement) as rows:
        for row in rows:
            take(bytes(row))


# --- S3 ---


def in_order_of_appearance(contracts: Mapping[str, SourceContract]) -> Sequence[str]:
    """Sources in the order in which their files should appear: a load that waits for the required ones finds all."""
    return sorted(contracts, key=lambda name: contracts[name].delivery == "required")
