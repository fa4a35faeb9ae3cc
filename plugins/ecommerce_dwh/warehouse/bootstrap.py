"""The calendar. Tables, views and grants are planned and applied by `ecommerce_dwh.changes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException

from ecommerce_dwh.warehouse.client import Cursor
from ecommerce_dwh.warehouse.operators import WarehouseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CalendarOperator(WarehouseOperator):
    """Rewrite ``dimensions.dim_date``, 2009-01-01 to 2035-12-31, in one transaction."""

    ui_color = "#e5f1fb"

    def execute(self, context: Context) -> dict[str, int]:
        from ecommerce_dwh.warehouse.calendar import (  # late import: loads a holiday library
            COLUMNS,
            calendar_rows,
        )

        rows = list(calendar_rows())
        insert = self.control_sql("dim_date_insert")
        if insert.count("%s") != len(COLUMNS):
            raise AirflowException("control/dim_date_insert.sql does not match calendar_dim.COLUMNS")

        def work(cursor: Cursor) -> None:
            cursor.run(self.control_sql("dim_date_delete"))
            cursor.insert(insert, rows)

        self.warehouse(context).transaction(work)
        return {"rows": len(rows)}
