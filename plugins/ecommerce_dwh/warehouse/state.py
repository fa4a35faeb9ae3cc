"""The state of the warehouse: what is published. One query and one reading of its answer for all that ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ecommerce_dwh.warehouse import sql_files


@dataclass(frozen=True)
class WarehouseState:
    """What readers of ``analytics`` see.

    Attributes:
        published_day: the last published day; None while nothing was ever published.
        published_at: UTC time of the publication.
        published_run: run key of the run that published.
    """

    published_day: date | None = None
    published_at: datetime | None = None
    published_run: str | None = None


def state_sql() -> str:
    """The statement of ``include/sql/control/warehouse_state.sql``."""
    return sql_files.statement("control/warehouse_state.sql")


def read_state(query: Callable[[str], Sequence[Sequence[Any]]]) -> WarehouseState:
    """The state, read by a function that runs a query and returns its rows, such as ``Cursor.query``."""
    rows = query(state_sql())
    return WarehouseState(*rows[0]) if rows else WarehouseState()


def ask_for_state() -> WarehouseState:
    """The state, asked through Airflow's connection ``redshift_default``, outside of any operator."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook  # late import: heavy

    return read_state(RedshiftSQLHook().get_records)
