"""Checks what the crawler found against the source contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from ecommerce_dwh.drift import Drift, compare, partition_days
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.window import LoadTemplates, LoadWindow, load_window

if TYPE_CHECKING:
    from airflow.sdk import Context

    from ecommerce_dwh.contracts import SourceContract


class SchemaDriftError(AirflowFailException):
    """A required column is missing: the day cannot be loaded, and trying again does not bring the column."""


class SchemaDriftOperator(LoadTemplates, BaseOperator):
    """Compare the catalogue's partitions of the run's days with the contracts.

    Unknown columns are warned of and kept out, missing optional ones are noted, a missing required one fails
    the day before anything is loaded. The findings go to XCom.

    Args:
        database: Glue Data Catalog database; the deployment's raw database when not given.
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#e9e4f7"

    def __init__(
        self, *, database: str | None = None, aws_conn_id: str | None = "aws_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.database = database
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # noqa: PLC0415 - heavy

        from ecommerce_dwh.contracts import load_contracts  # noqa: PLC0415 - reads files; not at DAG parsing

        settings = get_settings()
        window = load_window(context)
        glue = AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type="glue").conn
        drift = Drift()
        for contract in load_contracts(settings.sources_dir).values():
            self._compare_source(glue, self.database or settings.catalog_database, contract, window, drift)
        self.log.info("Compared %d partitions of %s with the contracts", drift.partitions, window)
        for note in drift.notes():
            self.log.info("Note: %s", note)
        for warning in drift.warnings():
            self.log.warning("Drift: %s", warning)
        if drift.failures():
            context["ti"].xcom_push(key="return_value", value=drift.as_dict())
            listed = "\n".join(f"  - {failure}" for failure in drift.failures())
            raise SchemaDriftError(
                f"the delivered files lack required columns; nothing was loaded.\n{listed}\n"
                "Ask the source to deliver the files again, or change the contract in include/sources."
            )
        return drift.as_dict()

    def _compare_source(
        self, glue: Any, database: str, contract: SourceContract, window: LoadWindow, drift: Drift
    ) -> None:
        first, last = window.start_date, window.end_date
        try:
            table = glue.get_table(DatabaseName=database, Name=contract.name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            self.log.info("The catalogue has no table %s.%s yet", database, contract.name)
            return
        request = {
            "DatabaseName": database,
            "TableName": contract.name,
            "Expression": f"dt >= '{first}' and dt <= '{last}'",
        }
        for page in glue.get_paginator("get_partitions").paginate(**request):
            for partition in page["Partitions"]:
                day = partition_days(table, partition)
                if day is not None and first <= day <= last:
                    columns = partition.get("StorageDescriptor", {}).get("Columns", ())
                    compare(drift, contract, day, [column["Name"] for column in columns])
