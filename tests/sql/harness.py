"""A warehouse for tests: the product's own SQL files, run through the Redshift endpoint, loaded from Python rows.

Only two things go past the endpoint, straight to its PostgreSQL, because they are no part of the product: putting a
test's rows into staging, and emptying all tables between tests.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
import redshift_connector

from ecommerce_dwh.changes import apply, declared
from ecommerce_dwh.changes.repairs import read_repairs
from ecommerce_dwh.changes.steps import Plan
from ecommerce_dwh.contracts import SourceContract, SourceTable, load_contracts, source_table
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.flow import Flow, Step
from ecommerce_dwh.warehouse.sql_files import AUDITS
from ecommerce_dwh.warehouse.sql_text import (
    Audit,
    parse_audit,
    without_comments,
)
from local.config import LocalConfig

REPO = Path(__file__).resolve().parents[2]
SQL = REPO / "include" / "sql"
CONTRACTS: dict[str, SourceContract] = load_contracts(REPO / "include" / "sources")
SOURCES = tuple(CONTRACTS)

MERGES = (
    "dimensions/dim_customer/merge.sql",
    "dimensions/dim_product/merge.sql",
    "facts/fact_sales/merge.sql",
    "facts/fact_web_events/merge.sql",
    "facts/fact_inventory/merge.sql",
)
REPLACE = "history/replace_slices.sql"
REFRESH = "analytics/refresh.sql"
VIEWS = (
    "customer_360",
    "product_performance",
    "monthly_sales_trends",
    "geographic_sales",
    "category_performance",
    "customer_cohorts",
    "sales_funnel",
    "sales_statement",
    "daily_sales",
    "monthly_statement",
    "order_statement",
    "order_reconciliation",
)

Row = dict[str, Any]
Slices = dict[tuple[str, date], list[Row]]
Files = Mapping[str, Mapping[date, Sequence[Row]]]  # source → day → rows as delivered


class GuardFailed(AssertionError):
    """A guard query of a file returned rows."""


_SOURCE_TABLES = tuple(source_table(contract) for contract in CONTRACTS.values())


@dataclass(frozen=True)
class Load:
    """The variable ``load`` of the SQL files."""

    start_date: str
    end_date: str
    run_key: str
    processed_bucket: str = "ecommerce-dwh-dev-processed"
    copy_iam_role: str = "default"
    business_timezone: str = "UTC"
    reporting_currency: str = ""
    sources: tuple[SourceTable, ...] = _SOURCE_TABLES

    @property
    def run_id(self) -> str:
        return self.run_key


def load_of(first: date, last: date, run_key: str = "") -> Load:
    """The window of a run. Runs of one window share their key, so that the endpoint sees the same texts again."""
    return Load(first.isoformat(), last.isoformat(), run_key or f"test-{first}-{last}")


@lru_cache(maxsize=4096)
def statements(file: str, load: Load | None = None) -> tuple[str, ...]:
    """The statements of a file, rendered."""
    return tuple(sql_files.statements(file, SQL, load=load))


@lru_cache(maxsize=4096)
def temporary_tables(file: str, load: Load | None = None) -> tuple[str, ...]:
    """Temporary tables that a file makes; a task's end would drop them, here the session goes on."""
    words = [without_comments(statement).split() for statement in statements(file, load)]
    return tuple(w[3] for w in words if [x.lower() for x in w[:3]] == ["create", "temp", "table"])


# What processing does with a day's file ------------------------------------------------------------------------------


def row_hash(contract: SourceContract, row: Mapping[str, Any]) -> str:
    """Content hash as the architecture defines it: all contract columns but the key and ``updated_at``."""
    parts = [
        f"{column.name}={row.get(column.name)}"
        for column in contract.columns
        if column.name not in (contract.key, "updated_at")
    ]
    return hashlib.md5("\x1f".join(parts).encode()).hexdigest()


def accept(source: str, day: date, rows: Iterable[Mapping[str, Any]]) -> tuple[list[Row], list[Row]]:
    """The rows of a day that stand, complete with service columns, and those superseded within the day."""
    contract = CONTRACTS[source]
    complete: list[Row] = []
    for number, given in enumerate(rows, 2):
        row: Row = {column.name: None for column in contract.accepted_columns}
        row.update(given)
        row["delivery_date"] = day
        row["version_at"] = row.get("updated_at") or datetime.combine(day, time.min)
        row["row_hash"] = row_hash(contract, row)
        row["source_file"] = f"{source}/dt={day}/{source}.csv"
        row["source_line"] = number
        if "order_status_raw" in row and row["order_status_raw"] is None:
            row["order_status_raw"] = row.get("order_status")
        if "is_session_derived" in row:
            row["is_session_derived"] = row["session_id"] is None
            client = (row["user_agent"], row["device_type"], row["browser"])
            if row["session_id"] is None:
                who = "".join(filter(None, client)) or f"event {row['event_id']}"
                row["session_id"] = "d-" + hashlib.md5(who.encode()).hexdigest()
        complete.append(row)
    standing: dict[Any, Row] = {}
    superseded: list[Row] = []
    for row in complete:
        key = (row[contract.key], row["version_at"]) if contract.history == "scd2" else row[contract.key]
        best = standing.get(key)
        if best is None:
            standing[key] = row
        elif (row["version_at"], row["row_hash"]) > (best["version_at"], best["row_hash"]):
            superseded.append(best)
            standing[key] = row
        else:
            superseded.append(row)
    return list(standing.values()), superseded


def amount(source: str, row: Mapping[str, Any]) -> Decimal:
    """What the ledger counts as a row's money."""
    if source != "order_items":
        return Decimal(0)
    if row["line_total"] is not None:
        return Decimal(row["line_total"])
    return row["quantity"] * Decimal(row["unit_price"])


def _answer(flow: Flow, step: Step, description: Any, rows: Sequence[Sequence[Any]]) -> None:
    if step.part == "guard" and rows:
        raise GuardFailed(f"{step.text}: {list(rows)[:5]}")
    names = [column[0].decode() if isinstance(column[0], bytes) else column[0] for column in description]
    flow.answer(step, names, rows)


# The warehouse -------------------------------------------------------------------------------------------------------


@dataclass(repr=False)
class Warehouse:
    """A running warehouse.

    Attributes:
        connect: opens a client's connection to the Redshift endpoint, with the driver that Airflow uses.
        connect_psycopg: the same with a driver that sends many statements in one message.
        admin: a connection to the PostgreSQL behind it.
        config: its ports; nobody answers at that of AWS unless a test starts a server there.
        options: settings of the deployment that templates see, beside their defaults.
        slices: the accepted rows of the last load of each source and day: what the model computes from.
    """

    connect: Callable[[], Any]
    connect_psycopg: Callable[[], psycopg.Connection[Any]]
    admin: psycopg.Connection[Any]
    config: LocalConfig
    slices: Slices = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    _session: Any = None
    _quick: Any = None
    _resets: int = 0

    @property
    def session(self) -> Any:
        """The test's own client connection, opened when first needed."""
        if self._session is None:
            self._session = self.connect()
        return self._session

    @property
    def quick(self) -> psycopg.Connection[Any]:
        """A client connection to the endpoint that runs a file in few messages."""
        if self._quick is None or self._quick.closed:
            self._quick = self.connect_psycopg()
        return self._quick  # type: ignore[no-any-return]

    # Running files -------------------------------------------------------------------------------------------------

    def run(self, file: str, load: Load | None = None, session: Any = None) -> None:
        """Run a file as the operator does: one transaction, guards checked."""
        session = session or self.session
        try:
            if isinstance(session, psycopg.Connection):
                self._run_in_bulk(file, load, session)
            else:
                for _ in self.steps(file, load, session):
                    pass
            session.commit()
        except Exception:
            self._abandon(session)
            raise

    def steps(self, file: str, load: Load | None, session: Any) -> Iterator[str]:
        """Run a file statement by statement without commit; yields each statement after it ran."""
        cursor, flow = session.cursor(), Flow()
        for statement in statements(file, load):
            if (step := flow.step(statement)) is None:
                continue
            cursor.execute(step.statement)
            if step.part:
                _answer(flow, step, cursor.description, cursor.fetchall())
            yield statement
        if names := temporary_tables(file, load):
            cursor.execute(f"drop table if exists {', '.join(names)}")

    def _run_in_bulk(self, file: str, load: Load | None, session: psycopg.Connection[Any]) -> None:
        """The same in few messages, for tests that run files thousands of times."""
        flow, waiting = Flow(), []

        def send(statement: str) -> psycopg.Cursor[Any]:
            text, waiting[:] = ";\n".join([*waiting, statement]), []
            cursor = session.execute(cast("LiteralString", text))
            while cursor.nextset():
                pass
            return cursor

        for statement in statements(file, load):
            if (step := flow.step(statement)) is None:
                continue
            if step.part:
                cursor = send(step.statement)
                _answer(flow, step, cursor.description, cursor.fetchall())
            else:
                waiting.append(step.statement)
        if names := temporary_tables(file, load):
            waiting.append(f"drop table if exists {', '.join(names)}")
        if waiting:
            send(waiting.pop())

    def _abandon(self, session: Any) -> None:
        with suppress(Exception):
            session.rollback()
            return
        with suppress(Exception):
            session.close()
        if session is self._session:
            self._session = None

    def merge(self, load: Load, session: Any = None) -> None:
        """All steps from replace_slices to the facts."""
        for file in (REPLACE, *MERGES):
            self.run(file, load, session)

    def audit(
        self, load: Load, session: Any = None, files: str = AUDITS, beside: Any = None
    ) -> dict[str, list[Any]]:
        """Run the audits as the operator does; returns the rows of those that found any, by name.

        Args:
            load: the run that they are rendered for.
            session: the client connection; the test's own if None.
            files: pattern of the audit files.
            beside: a second connection, which shares the work as the operator's second session does.
        """
        session = session or self.session
        try:
            return self._audit(load, session, files, beside)
        except Exception:
            self._abandon(session)
            raise

    def _audit(self, load: Load, session: Any, files: str, beside: Any) -> dict[str, list[Any]]:
        cursor = session.cursor()
        cursor.execute("select merge_seq from quality.warehouse_state")
        merge_seq = cursor.fetchone()[0]
        audits = [parsed_audit(file, load) for file in audit_files(files)]
        groups: dict[str, list[Audit]] = {}
        for audit in sorted(audits, key=lambda audit: (not audit.reads, -len(audit.query))):
            groups.setdefault(audit.reads or audit.name, []).append(audit)
        waiting = iter(groups.values())

        def share(own: Any) -> dict[str, list[Any]]:
            found = {}
            for group in waiting:
                found |= violations(group, own, load)
            return found

        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(share, beside.cursor()) if beside else None
            failed = share(cursor) | (other.result() if other else {})
        if files == AUDITS and not stopping(failed, load):
            cursor.execute(
                f"update quality.audit_state set audited_seq = {merge_seq} where audited_seq < {merge_seq}"
            )
        session.commit()
        if beside:
            beside.commit()
        return failed

    def publish(self, load: Load, session: Any = None) -> None:
        """Audits and refresh; audits of severity ``fail`` must pass."""
        failed = stopping(self.audit(load, session), load)
        assert not failed, failed
        self.run(REFRESH, load, session)

    def stage(self, first: date, last: date, rows: Files, run_key: str = "") -> Load:
        """Put a run's rows into staging with their ledger, as processing and COPY leave them."""
        load = replace(load_of(first, last, run_key), **self.options)  # type: ignore[arg-type]
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        with self.admin.transaction(), self.admin.cursor() as cursor:
            for source in SOURCES:
                contract = CONTRACTS[source]
                names = [column.name for column in contract.accepted_columns]
                cursor.execute(f"delete from staging.stg_{source} where run_id = %s", (load.run_key,))
                everything: list[tuple[Any, ...]] = []
                ledger = []
                for day in days:
                    accepted, superseded = accept(source, day, rows.get(source, {}).get(day, ()))
                    self.slices[source, day] = accepted
                    for row in accepted:
                        row["run_id"] = load.run_key
                        everything.append(tuple(row[name] for name in names))
                    taken = sum((amount(source, row) for row in accepted), Decimal(0))
                    lost = sum((amount(source, row) for row in superseded), Decimal(0))
                    ledger.append(
                        (
                            source,
                            day,
                            load.run_key,
                            1,
                            len(accepted) + len(superseded),
                            len(accepted),
                            len(superseded),
                            0,
                            taken + lost,
                            taken,
                            lost,
                            0,
                        )
                    )
                if everything:
                    cursor.executemany(
                        f"insert into staging.stg_{source} ({', '.join(names)}) "
                        f"values ({', '.join(['%s'] * len(names))})",
                        everything,
                    )
                if source == SOURCES[0]:
                    cursor.execute("delete from staging.stg_ledger where run_id = %s", (load.run_key,))
                cursor.executemany(
                    "insert into staging.stg_ledger values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    ledger,
                )
        return load

    def load(self, first: date, last: date, rows: Files, session: Any = None) -> Load:
        """One whole run of the daily DAG from COPY on."""
        load = self.stage(first, last, rows)
        self.merge(load, session)
        self.publish(load, session)
        return load

    # Looking --------------------------------------------------------------------------------------------------------

    def rows(self, query: str) -> list[Row]:
        """Rows of a query, read past the endpoint."""
        cursor = self.admin.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def client_rows(self, query: str, session: Any = None) -> list[Row]:
        """Rows of a query as a client of the endpoint gets them."""
        session = session or self.session
        cursor = session.cursor()
        cursor.execute(query)
        names = [
            str(column[0], "utf-8") if isinstance(column[0], bytes) else column[0]
            for column in cursor.description
        ]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        session.commit()
        return found

    def reset(self) -> None:
        """Empty the warehouse: as bootstrap left it."""
        for session in (self._session, self._quick):
            if session is not None:
                with suppress(Exception):
                    session.rollback()
        self.slices.clear()
        self.options.clear()
        self._resets += 1
        self.admin.execute(_empty_all(self.admin))
        if self._resets % 40 == 0:
            self.admin.execute("vacuum")

    def close(self) -> None:
        for session in (self._session, self._quick, self.admin):
            if session is not None:
                with suppress(Exception):
                    session.close()


def stopping(found: Mapping[str, list[Any]], load: Load) -> dict[str, list[Any]]:
    """What audits of severity ``fail`` found, of what all audits found: the run stops before it publishes."""
    severities = {Path(file).stem: parsed_audit(file, load).severity for file in audit_files()}
    return {name: rows for name, rows in found.items() if severities[name] == "fail"}


def violations(audits: Sequence[Audit], cursor: Any, load: Load) -> dict[str, list[Any]]:
    """The rows that audits which read the same rows find, by audit."""
    flow, reads = Flow(), audits[0].reads if audits else ""
    for statement in statements(reads, load) if reads else ():
        if step := flow.step(statement):
            cursor.execute(step.statement)
            if step.part:
                _answer(flow, step, cursor.description, cursor.fetchall())
    found: dict[str, list[Any]] = {}
    for audit in audits:
        if (step := flow.step(audit.query)) is None:
            continue
        cursor.execute(f"select * from (\n{step.statement}\n) as violations order by 1 limit 6")
        if rows := cursor.fetchall():
            found[audit.name] = [list(row) for row in rows]
    if reads and (names := temporary_tables(reads, load)):
        cursor.execute(f"drop table if exists {', '.join(names)}")
    return found


@lru_cache(maxsize=512)
def parsed_audit(file: str, load: Load) -> Audit:
    return parse_audit(Path(file).stem, sql_files.render(file, SQL, load=load))


def audit_files(pattern: str = AUDITS) -> list[str]:
    """The audits of a pattern, as below ``include/sql``."""
    return sorted(
        (path.relative_to(SQL).as_posix() for path in SQL.glob(pattern)), key=lambda file: Path(file).stem
    )


_KEPT = {
    "dimensions.dim_date",
    "quality.schema_objects",
    "quality.schema_migrations",
    "quality.warehouse_state",
    "quality.audit_state",
    "analytics.published",
}


@lru_cache(maxsize=4)
def _empty_all(admin: psycopg.Connection[Any]) -> str:
    tables = [
        name
        for (name,) in admin.execute(
            "select schemaname || '.' || tablename from pg_tables where schemaname in "
            "('staging', 'history', 'dimensions', 'facts', 'analytics', 'quality') order by 1"
        ).fetchall()
        if name not in _KEPT
    ]
    keys = {"dimensions.dim_customer": "customer_key", "dimensions.dim_product": "product_key"}
    parts = [f"delete from {name}" + (f" where {keys[name]} <> -1" if name in keys else "") for name in tables]
    parts.append(
        "update quality.audit_state set audited_seq = 0; "
        "update quality.warehouse_state set merge_seq = 0, published_day = null, "
        "published_at = null, published_run_id = null"
    )
    parts.append("update analytics.published set published_day = null")
    return "; ".join(parts)


class ConnectionCursor:
    """A cursor as `ecommerce_dwh.changes.apply` wants it; tests break it after a statement."""

    def __init__(self, raw: Any, spend: Callable[[str], None]) -> None:
        self._raw, self._spend = raw, spend

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> None:
        if parameters is None:
            self._raw.execute(statement)
        else:
            self._raw.execute(statement, parameters)
        self._spend(statement)

    def query(self, statement: str) -> Sequence[Sequence[Any]]:
        self.run(statement)
        return cast("Sequence[Sequence[Any]]", self._raw.fetchall())


class ConnectionSession:
    """The transactions of `ecommerce_dwh.changes.apply`, on connections of Airflow's driver."""

    def __init__(self, connect: Callable[[], Any], spend: Callable[[str], None] = lambda _: None) -> None:
        self._connect, self._spend = connect, spend

    def transaction(self, work: Callable[[Any], Any]) -> Any:
        connection = self._connect()
        connection.autocommit = False
        try:
            found = work(ConnectionCursor(connection.cursor(), self._spend))
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        return found

    def each(self, statements: Iterable[str]) -> None:
        connection = self._connect()
        connection.autocommit = True
        for statement in statements:
            ConnectionCursor(connection.cursor(), self._spend).run(statement)
        connection.autocommit = False


def plan_changes(session: ConnectionSession, sql_dir: Path = SQL, **given: Sequence[str]) -> Plan:
    """The plan of the declarations in a folder."""
    return apply.plan_changes(
        session,
        declared.read(sql_dir),
        read_repairs(sql_dir),
        given.get("drop", ()),
        given.get("overwrite", ()),
    )


def apply_changes(session: ConnectionSession, sql_dir: Path = SQL, **given: Sequence[str]) -> list[str]:
    """What `ecommerce_dwh_bootstrap` does to tables, views and grants; returns what was done."""
    return apply.Application(plan_changes(session, sql_dir, **given), session).run()


def bootstrap(connection: Any, admin: psycopg.Connection[Any]) -> None:
    """Create the warehouse from the definitions in ``include/sql`` and fill a small calendar."""
    apply_changes(ConnectionSession(lambda: connection))
    admin.execute("delete from dimensions.dim_date")
    add_days(admin, date(2024, 1, 1), date(2028, 12, 31))


def add_days(admin: psycopg.Connection[Any], first: date, last: date) -> None:
    """Add days to the calendar."""
    with admin.transaction(), admin.cursor() as cursor:
        cursor.executemany(
            "insert into dimensions.dim_date values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
            "%s, %s, %s, %s)",
            list(_calendar(first, last)),
        )


def _calendar(first: date, last: date) -> Iterator[tuple[Any, ...]]:
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        iso = day.isocalendar()
        month_end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        yield (
            int(f"{day:%Y%m%d}"),
            day,
            iso.weekday,
            f"{day:%A}",
            day.day,
            day.timetuple().tm_yday,
            iso.week,
            iso.year,
            day.month,
            f"{day:%B}",
            (day.month - 1) // 3 + 1,
            day.year,
            day.year,
            1,
            1,
            iso.weekday > 5,
            False,
            None,
            day.replace(day=1),
            month_end,
        )


def psycopg_connect(port: int, user: str, password: str, database: str) -> psycopg.Connection[Any]:
    """A client's connection to the endpoint as psql opens it, but without TLS."""
    return psycopg.connect(
        host="127.0.0.1", port=port, user=user, password=password, dbname=database, sslmode="disable"
    )


def redshift_connect(port: int, user: str, password: str, database: str) -> Any:
    """A client's connection to the endpoint, as the provider's hook opens it."""
    connection = redshift_connector.connect(
        host="127.0.0.1", port=port, user=user, password=password, database=database, ssl=False
    )
    connection.autocommit = False
    return connection
