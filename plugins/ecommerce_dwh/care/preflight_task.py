"""The preflight of a backfill as a task, for Amazon MWAA, which has no shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.care import preflight
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.client import Cursor
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.window import load_window

if TYPE_CHECKING:
    from airflow.sdk import Context


class PreflightOperator(WarehouseOperator):
    """Log which days of the run's window can be loaded, are loaded, or lack required files.

    Missing files are its finding, not its failure.

    Args:
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#e9e4f7"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        window = load_window(context)

        def read(cursor: Cursor) -> list[dict[str, Any]]:
            return cursor.as_dicts(cursor.query(preflight.ledger_sql(), (window.start_date, window.end_date)))

        ledger = self.warehouse(context).transaction(read)
        days, unloaded, changed = preflight.inspect(
            window.start_date,
            window.end_date,
            s3=aws_client("s3", self.aws_conn_id),
            ledger=ledger,
        )
        text = preflight.describe(days, get_settings().raw_bucket, unloaded, changed)
        (self.log.info if preflight.can_load(days) else self.log.warning)("%s", text)
        return {**preflight.counts(days), "can_load": preflight.can_load(days)}
