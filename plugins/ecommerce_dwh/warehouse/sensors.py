"""Sensors for users' own DAGs: wait until the warehouse is fresh, or until its figures agree with another count.

Both query from a worker and sleep in the triggerer, so that waiting holds no worker slot. Examples are in
``docs/data-quality.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout

from ecommerce_dwh.ledger import DELIVERED, accounted_rows
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.waiting import NotYet, Wait
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.client import Cursor, Warehouse, query_group
from ecommerce_dwh.warehouse.state import read_state
from ecommerce_dwh.window import LoadTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context

_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


@dataclass(frozen=True)
class Observation:
    """The result of one query.

    Attributes:
        is_met: whether the waiting is over.
        words: the finding, for log and error.
        result: goes to XCom when it is.
    """

    is_met: bool
    words: str
    result: Mapping[str, Any] = field(default_factory=dict)


class WarehouseSensor(LoadTemplates, BaseSensorOperator):
    """Base: query Redshift until `observe` finds the condition met.

    Args:
        conn_id: Airflow connection of type ``redshift``.
        defer: sleep in the triggerer between two observations; otherwise on the worker.
    """

    template_fields: Sequence[str] = ("conn_id",)
    ui_color = "#e9e4f7"

    def __init__(
        self,
        *,
        conn_id: str = "redshift_default",
        defer: bool = True,
        poke_interval: float = 60,
        timeout: timedelta | float = timedelta(hours=3),
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.conn_id = conn_id
        self.defer_between_looks = defer

    def observe(self, context: Context) -> Observation:
        """Query the warehouse once; must not change anything."""
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Any]:
        return self._wait(context)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """Resumed by the clock: observe again."""
        return self._wait(context)

    def _wait(self, context: Context) -> dict[str, Any]:
        wait = Wait.of(
            context,
            limit=self.timeout,
            poll_seconds=self.poke_interval,
            defer_after=0 if self.defer_between_looks else -1,
        )

        def observe() -> Observation:
            found = self.observe(context)
            if not found.is_met:
                raise NotYet(found.words)
            return found

        def clock() -> DateTimeTrigger:
            return DateTimeTrigger(moment=datetime.now(UTC) + timedelta(seconds=wait.pause))

        try:
            found = wait.until(self, observe, clock, "execute_complete")
        except NotYet as left:
            raise AirflowSensorTimeout(f"{left}; waited {timedelta(seconds=self.timeout)}") from None
        self.log.info("%s", found.words)
        return {"found": found.words, **found.result}

    def scalar(self, context: Context, sql: str, conn_id: str = "") -> Any:
        """The only value of a query's only row."""

        def work(cursor: Cursor) -> Any:
            rows = cursor.query(sql)
            if len(rows) != 1 or len(rows[0]) != 1:
                shape = f"{len(rows)} rows of {len(rows[0]) if rows else 0} columns"
                raise AirflowException(f"the query must give one value, but gave {shape}: {sql.strip()[:200]}")
            return rows[0][0]

        return self.warehouse(context, conn_id).transaction(work)

    def warehouse(self, context: Context, conn_id: str = "") -> Warehouse:
        """Redshift, tagged with the task."""
        return Warehouse(
            conn_id or self.conn_id,
            tag=query_group(context),
            statement_timeout=600,
            log=self.log,  # type: ignore[arg-type]
        )


class FreshnessSensor(WarehouseSensor):
    """Wait until the warehouse, or one of its tables, is fresh enough.

    Without ``table`` the sensor reads the published day, which readers of ``analytics`` see. With ``table`` and
    ``column`` it reads the newest value of the column.

    Args:
        day: wait for this day (templated, ``YYYY-MM-DD``); by default the last day of the run's window.
        max_age: instead of a day, the greatest age of the newest value; the published day's age counts from its end.
        table: for example ``facts.fact_sales``.
        column: a date or timestamp column of the table.

    Raises:
        AirflowSensorTimeout: the data did not become fresh in time; the message has its age.
    """

    template_fields: Sequence[str] = ("conn_id", "day")

    def __init__(
        self,
        *,
        day: str = "{{ load.end_date }}",
        max_age: timedelta | None = None,
        table: str = "",
        column: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if bool(table) != bool(column):
            raise ValueError("FreshnessSensor needs both table and column, or neither")
        for name in (table, column):
            if name and not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a table or column")
        self.day = "" if max_age is not None else day
        self.max_age = max_age
        self.table = table
        self.column = column

    def observe(self, context: Context) -> Observation:
        what = f"{self.table}.{self.column}" if self.table else "the published day"
        newest = self._newest(context)
        if newest is None:
            return Observation(False, f"{what} is empty")
        return judge_freshness(newest, what, day=self.day, max_age=self.max_age, now=datetime.now(UTC))

    def _newest(self, context: Context) -> date | None:
        if self.table:
            sql = f"select max({self.column}) from {self.table}"  # noqa: S608 - names checked above
            return self.scalar(context, sql)
        return self.warehouse(context).transaction(lambda cursor: read_state(cursor.query)).published_day


def judge_freshness(
    newest: date, what: str, *, day: str, max_age: timedelta | None, now: datetime
) -> Observation:
    """Whether a newest value is fresh enough.

    Args:
        newest: a date (the day is there as a whole) or a timestamp in UTC.
        what: name of the value, for the sentence.
        day: least day; empty to judge by age.
        max_age: greatest age.
        now: the time.
    """
    newest_day = newest.date() if isinstance(newest, datetime) else newest
    if max_age is None:
        wanted = date.fromisoformat(day)
        words = (
            f"{what} is at {newest_day}, {'which is' if newest_day >= wanted else 'not yet'} {wanted} or later"
        )
        return Observation(newest_day >= wanted, words, {"newest": str(newest)})
    if isinstance(newest, datetime):
        reached = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
    else:
        reached = datetime.combine(newest_day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    age = max(now - reached, timedelta(0))
    old = age - timedelta(microseconds=age.microseconds)
    words = f"{what} is at {newest}, {old} old; at most {max_age} is asked for"
    return Observation(age <= max_age, words, {"newest": str(newest), "age_seconds": age.total_seconds()})


class ReconciliationSensor(WarehouseSensor):
    """Wait until figures agree.

    Without queries it waits until the ledger holds every source and day of the run's window and each adds up, rows and
    money: what was delivered is loaded, superseded or quarantined. With two queries it compares their single values,
    for example the shop system's order count with the warehouse's.

    Args:
        expected_sql: query that gives what should be there (templated, or a file below ``include/sql``).
        actual_sql: query that gives what is there.
        tolerance: greatest difference, as a share of what is expected.
        expected_conn_id: connection of type ``redshift`` for the first query; the same when not given.
        sources: without queries: the sources that must be there; all of the contracts when not given.
        max_quarantined: without queries: greatest quarantined share of any source and day.
        first_day: without queries: first day (templated); by default that of the run's window.
        last_day: without queries: last day (templated).

    Raises:
        AirflowSensorTimeout: they did not agree in time; the message has the figures.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "expected_sql",
        "actual_sql",
        "expected_conn_id",
        "first_day",
        "last_day",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"expected_sql": "sql", "actual_sql": "sql"}  # noqa: RUF012 - Airflow's form

    def __init__(
        self,
        *,
        expected_sql: str = "",
        actual_sql: str = "",
        tolerance: float = 0.0,
        expected_conn_id: str = "",
        sources: Sequence[str] | None = None,
        max_quarantined: float | None = None,
        first_day: str = "{{ load.start_date }}",
        last_day: str = "{{ load.end_date }}",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if bool(expected_sql) != bool(actual_sql):
            raise ValueError("ReconciliationSensor needs both expected_sql and actual_sql, or neither")
        if not 0 <= tolerance <= 1:
            raise ValueError(f"tolerance {tolerance} is a share, 0 to 1")
        self.expected_sql = expected_sql
        self.actual_sql = actual_sql
        self.tolerance = tolerance
        self.expected_conn_id = expected_conn_id
        self.sources = sources
        self.max_quarantined = max_quarantined
        self.first_day = first_day
        self.last_day = last_day

    def observe(self, context: Context) -> Observation:
        if self.expected_sql:
            expected = self.scalar(context, self.expected_sql, self.expected_conn_id)
            return judge_values(expected, self.scalar(context, self.actual_sql), self.tolerance)
        statement = sql_files.statement("control/ledger_days.sql")

        def work(cursor: Cursor) -> list[dict[str, Any]]:
            return cursor.as_dicts(cursor.query(statement, (self.first_day, self.last_day), title="ledger"))

        rows = self.warehouse(context).transaction(work)
        if self.sources is None:
            from ecommerce_dwh.contracts import load_contracts  # late import: not at DAG parsing

            self.sources = sorted(load_contracts(get_settings().sources_dir))
        return judge_ledger(rows, self.sources, self.first_day, self.last_day, self.max_quarantined)


def judge_values(expected: Any, actual: Any, tolerance: float) -> Observation:
    """Whether two figures agree within a share of the first."""
    if expected is None or actual is None:
        return Observation(False, f"expected {expected}, found {actual}: a figure is missing")
    difference = abs(Decimal(str(actual)) - Decimal(str(expected)))
    allowed = abs(Decimal(str(expected))) * Decimal(str(tolerance))
    words = f"expected {expected}, found {actual}, difference {difference}, allowed {allowed.normalize():f}"
    return Observation(difference <= allowed, words, {"expected": str(expected), "actual": str(actual)})


def judge_ledger(
    rows: Sequence[Mapping[str, Any]],
    sources: Sequence[str],
    first_day: str,
    last_day: str,
    max_quarantined: float | None = None,
) -> Observation:
    """Whether the ledger has every source and day, and each adds up.

    Args:
        rows: as ``control/ledger_days.sql`` gives them.
        sources: sources that must be there.
        first_day: first day of the span.
        last_day: last day.
        max_quarantined: greatest quarantined share.
    """
    first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    found = {(str(row["source"]), str(row["delivery_date"])): row for row in rows}
    missing = [f"{source} of {day}" for day in days for source in sources if (source, day) not in found]
    wrong = []
    for (source, day), row in found.items():
        raw, parts, quarantined = int(row[DELIVERED]), accounted_rows(row), int(row["quarantined_rows"])
        if raw != parts or Decimal(str(row["amount_difference"])) != 0:
            wrong.append(f"{source} of {day}: {raw:,} rows raw, {parts:,} accounted for")
        elif max_quarantined is not None and quarantined > raw * max_quarantined:
            wrong.append(f"{source} of {day}: {quarantined:,} of {raw:,} rows quarantined")
    if not missing and not wrong:
        words = f"the ledger of {first_day} to {last_day} is complete and adds up"
        return Observation(True, words, {"rows": sum(int(row[DELIVERED]) for row in rows)})
    parts_of_text = []
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        parts_of_text.append(f"not in the ledger: {', '.join(missing[:3])}{more}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        parts_of_text.append(f"does not add up: {'; '.join(wrong[:3])}{more}")
    return Observation(False, "; ".join(parts_of_text))
