"""The invented shop's operational database: what `ecommerce_dwh_ingest` extracts from, on the stack's PostgreSQL.

``python -m local.shop fill --days 2026-01-01:2026-01-03`` plays days of the generator into the tables
``shop.customers``, ``shop.products``, …: new rows are inserted, changed ones updated in place, as a shop does. Each
write sets ``changed_at`` to a moment of its day. Extract a day before filling the next, as life would have it: the
tables keep only what is current.
"""

from __future__ import annotations

import argparse
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from local import postgres
from local.config import LocalConfig, load_config
from shop_data.schema import SOURCES, Source

if TYPE_CHECKING:
    from shop_data.world import World

DATABASE = "shop"
READER = "shop_reader"
READER_PASSWORD = "local-shop-reader"  # noqa: S105 - opens a database that answers on a Unix socket only

_TYPES = {
    "text": "text",
    "integer": "integer",
    "money": "numeric(18,4)",
    "date": "date",
    "timestamp": "timestamptz",
    "boolean": "boolean",
}


def connection(config: LocalConfig) -> dict[str, Any]:
    """Airflow's connection ``shop_postgres``: a user with the privilege to read only."""
    parts = urllib.parse.urlsplit(config.postgres_url)
    return {
        "conn_type": "postgres",
        "host": parts.hostname if config.postgres_url else str(postgres.socket_dir(config)),
        "port": (parts.port or 5432) if config.postgres_url else postgres.SOCKET_PORT,
        "schema": DATABASE,
        "login": READER,
        "password": READER_PASSWORD,
    }


def _connect(config: LocalConfig) -> psycopg.Connection[Any]:
    return psycopg.connect(postgres.url(config, DATABASE), options="-c timezone=UTC")


def create(config: LocalConfig) -> None:
    """Make the tables and the reading user where they are absent."""
    postgres.ensure_databases(config, (DATABASE,))
    with _connect(config) as database:
        database.execute("select pg_advisory_xact_lock(1)")
        database.execute("create schema if not exists shop")
        if not database.execute("select 1 from pg_roles where rolname = %s", (READER,)).fetchone():
            database.execute(
                sql.SQL("create role {} login password {}").format(sql.Identifier(READER), READER_PASSWORD)
            )
        for source in SOURCES.values():
            database.execute(table_ddl(source))
        postgres.close_to_all(database, DATABASE)
        database.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(DATABASE), sql.Identifier(READER)
            )
        )
        database.execute(sql.SQL("grant usage on schema shop to {}").format(sql.Identifier(READER)))
        database.execute(
            sql.SQL("grant select on all tables in schema shop to {}").format(sql.Identifier(READER))
        )


def table_ddl(source: Source) -> sql.Composed:
    """``create table`` and the index that an extraction by watermark needs."""
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(name),
            sql.SQL(_TYPES[kind]),  # type: ignore[arg-type]
            sql.SQL(" primary key" if name == source.key else ""),
        )
        for name, kind in source.columns.items()
    ]
    return sql.SQL(
        "create table if not exists shop.{} ({}, changed_at timestamptz not null);"
        "create index if not exists {} on shop.{} (changed_at)"
    ).format(
        sql.Identifier(source.name),
        sql.SQL(", ").join(columns),
        sql.Identifier(f"{source.name}_changed_at"),
        sql.Identifier(source.name),
    )


def fill(
    config: LocalConfig,
    days: Sequence[date],
    *,
    lines_per_day: int = 10_000,
    seed: int = 7,
    opened: date | None = None,
) -> Iterator[tuple[date, str, int]]:
    """Play days into the tables, one transaction per day; yields (day, source, rows)."""
    from shop_data.shop import DEFAULT_OPENED  # late import: the generator is for filling only
    from shop_data.world import World

    create(config)
    world = World(seed, lines_per_day, opened or min(DEFAULT_OPENED, days[0]))
    for day in days:
        with _connect(config) as database:
            done = [(source.name, _apply(database, world, source, day)) for source in SOURCES.values()]
        for name, rows in done:
            yield day, name, rows


def _apply(database: psycopg.Connection[Any], world: World, source: Source, day: date) -> int:
    import pyarrow as pa
    import pyarrow.csv

    names = sql.SQL(", ").join(map(sql.Identifier, source.columns))
    table, stage = sql.Identifier("shop", source.name), sql.Identifier(f"new_{source.name}")
    database.execute(
        sql.SQL("create temp table {} on commit drop as select {} from {} with no data").format(
            stage, names, table
        )
    )
    rows = 0
    cursor = database.cursor()
    with cursor.copy(sql.SQL("copy {} ({}) from stdin with (format csv)").format(stage, names)) as copy:
        for batch in world.files(source.name, world.shop.day_number(day)):
            sink = pa.BufferOutputStream()
            pa.csv.write_csv(
                pa.table(batch.columns), sink, pa.csv.WriteOptions(include_header=False, quoting_style="needed")
            )
            copy.write(sink.getvalue().to_pybytes())
            rows += len(batch)
    key = sql.Identifier(source.key)
    updates = sql.SQL(", ").join(
        sql.SQL("{} = excluded.{}").format(sql.Identifier(name), sql.Identifier(name))
        for name in (*source.columns, "changed_at")
        if name != source.key
    )
    database.execute(
        sql.SQL(
            "insert into {table} ({names}, changed_at) select distinct on ({key}) {names},"
            " {day}::timestamptz + abs(hashtext({key})::bigint) % 86400 * interval '1 second'"
            " from {stage} on conflict ({key}) do update set {updates}"
        ).format(table=table, names=names, key=key, stage=stage, day=day.isoformat(), updates=updates)
    )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    from shop_data.generate import day_range

    parser = argparse.ArgumentParser(prog="python -m local.shop", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    filling = commands.add_parser("fill", help="play generated days into the shop's tables")
    filling.add_argument("--days", type=day_range, required=True, metavar="A:B", help="days, both included")
    filling.add_argument("--lines-per-day", type=int, default=10_000, metavar="N")
    filling.add_argument("--seed", type=int, default=7)
    filling.add_argument("--opened", type=date.fromisoformat, metavar="DAY", help="the shop's first day")
    options = parser.parse_args(arguments)
    try:
        for day, source, rows in fill(
            load_config(),
            options.days,
            lines_per_day=options.lines_per_day,
            seed=options.seed,
            opened=options.opened,
        ):
            print(f"{day} {source:<12} {rows:>10,} rows")
    except psycopg.OperationalError as error:
        print(f"local.shop: the stack's PostgreSQL does not answer (make up): {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
