"""Checks what the crawler found against the source contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.lake.drift import Crawled, Drift, compare, partition_day
from ecommerce_dwh.lake.inventory import take_inventory
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.window import LoadTemplates, LoadWindow, load_window

if TYPE_CHECKING:
    from airflow.sdk import Context


class SchemaDriftError(AirflowFailException):
    """A required column is missing, or a column is of another type: the day cannot be loaded as it was delivered."""


class SchemaDriftOperator(LoadTemplates, BaseOperator):
    """Compare the catalogue's partitions of the run's days with the contracts.

    Unknown columns are warned of and kept out, missing optional ones are noted, a missing required one or one of
    another type fails the day before anything is loaded. The findings go to XCom.

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
        from ecommerce_dwh.contracts import load_contracts  # late import: reads files; not at DAG parsing

        settings = get_settings()
        window = load_window(context)
        glue = aws_client("glue", self.aws_conn_id)
        drift = Drift()
        contracts = load_contracts(settings.sources_dir)
        s3 = aws_client("s3", self.aws_conn_id)
        inventory = take_inventory(s3, window.raw_bucket, contracts, window.start_date, window.end_date)
        for contract in contracts.values():
            # The catalogue keeps partitions whose files were taken back; only days with files count.
            delivered = inventory.days_with_data(contract.name)
            crawled = self._partitions(glue, self.database or settings.catalog_database, contract.name, window)
            for day in delivered:
                if day in crawled:
                    compare(drift, contract, day, crawled[day])
                else:
                    drift.not_crawled[contract.name, ""].append(day)
        self.log.info("Compared %d partitions of %s with the contracts", drift.partitions, window)
        for note in drift.notes():
            self.log.info("Note: %s", note)
        for warning in drift.warnings():
            self.log.warning("Drift: %s", warning)
        if drift.failures():
            context["ti"].xcom_push(key="return_value", value=drift.as_dict())
            listed = "\n".join(f"  - {failure}" for failure in drift.failures())
            raise SchemaDriftError(
                f"the delivered files are not what the contracts say; nothing was loaded.\n{listed}\n"
                "Ask the source to deliver the files again, or change the contract in include/sources."
            )
        return drift.as_dict()

    def _partitions(self, glue: Any, database: str, source: str, window: LoadWindow) -> dict[str, Crawled]:
        """The catalogue's partitions by day."""
        first, last = window.start_date, window.end_date
        try:
            table = glue.get_table(DatabaseName=database, Name=source)["Table"]
        except glue.exceptions.EntityNotFoundException:
            self.log.info("The catalogue has no table %s.%s yet", database, source)
            return {}
        found: dict[str, Crawled] = {}
        expression = f"dt >= '{first}' and dt <= '{last}'"
        pages = glue.get_paginator("get_partitions").paginate(
            DatabaseName=database, TableName=source, Expression=expression
        )
        for page in pages:
            for partition in page["Partitions"]:
                day = partition_day(table, partition)
                if day is not None and first <= day <= last:
                    storage = partition.get("StorageDescriptor", {})
                    parameters = {**storage.get("Parameters", {}), **partition.get("Parameters", {})}
                    count = str(parameters.get("recordCount", ""))
                    found[day] = Crawled(
                        {column["Name"]: column.get("Type", "string") for column in storage.get("Columns", ())},
                        int(count) if count.isdigit() else None,
                        parameters.get("classification") == "parquet",
                    )
        return found
