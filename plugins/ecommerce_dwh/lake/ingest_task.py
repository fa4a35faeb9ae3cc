"""Operators that bring the shop's operational data into the raw bucket."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Param
from airflow.sdk.exceptions import AirflowFailException

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.contracts import SourceContract, load_contracts
from ecommerce_dwh.lake import ingest
from ecommerce_dwh.lake.assets import raw_asset
from ecommerce_dwh.lake.upload import DayUpload, Extraction
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.window import LoadTemplates, LoadWindow, load_window, window_params

if TYPE_CHECKING:
    from airflow.sdk import Context

SHOP_CONN_ID = "shop_postgres"


def ingest_params() -> dict[str, Param]:
    """The Params of an extraction."""
    return {
        **window_params(),
        "replace": Param(
            default=False,
            type="boolean",
            title="Replace fuller days",
            description="Replace a day's files even where they hold more rows than the shop still dates to that day. "
            "Versions that only those files have are lost.",
        ),
    }


class _ShopOperator(LoadTemplates, BaseOperator):
    """Base of both operators: the connection to the shop's database.

    Args:
        shop_conn_id: Airflow connection of type ``postgres``; its user needs no more than SELECT.
    """

    template_fields: Sequence[str] = ("shop_conn_id",)
    ui_color = "#e8f0e4"

    def __init__(self, *, shop_conn_id: str = SHOP_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shop_conn_id = shop_conn_id

    def connect(self) -> Any:
        """A connection to the shop's database."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook  # late import: heavy

        return PostgresHook(postgres_conn_id=self.shop_conn_id).get_conn()

    def check(self, connection: Any) -> tuple[dict[str, SourceContract], dict[str, dict[str, str]]]:
        """Contracts by source, and the shop's column types by source.

        Raises:
            AirflowFailException: they do not fit; trying again would not help.
        """
        contracts = {n: c for n, c in load_contracts(get_settings().sources_dir).items() if c.extract}
        tables = {name: ingest.extract_of(contract).table for name, contract in contracts.items()}
        found = ingest.shop_columns(connection.cursor(), tables.values())
        try:
            remarks = ingest.check_shop_schema(contracts, found)
        except ingest.ShopSchemaError as error:
            raise AirflowFailException(str(error)) from None
        for remark in remarks:
            self.log.info("%s", remark)
        return contracts, {name: found[table] for name, table in tables.items()}


class ShopSchemaOperator(_ShopOperator):
    """Hold the shop's tables against the source contracts before anything is extracted."""

    def execute(self, context: Context) -> dict[str, int]:  # noqa: ARG002
        with closing(self.connect()) as connection:
            _, columns = self.check(connection)
        self.log.info("The shop's %d tables bring what the contracts ask for", len(columns))
        return {name: len(kinds) for name, kinds in columns.items()}


class ShopExtractOperator(_ShopOperator):
    """Extract the changes of a window's days of all sources, from one snapshot of the shop.

    All sources see the same moment (an exported REPEATABLE READ snapshot), so an order never comes without its lines.
    A day's files appear when all of its sources have been extracted, those that the daily load waits for last. Each
    source's asset then gets an event per day, with the day as its partition.

    Args:
        parallel: sources extracted at the same time, each on a connection of its own.
        aws_conn_id: Airflow connection for AWS.
    """

    def __init__(self, *, parallel: int = 2, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(outlets=[raw_asset(source) for source in get_settings().sources], **kwargs)
        self.parallel = parallel
        self.aws_conn_id = aws_conn_id
        self._connections: list[Any] = []

    def execute(self, context: Context) -> dict[str, Any]:
        window = load_window(context)
        now = datetime.now(UTC)
        if date.fromisoformat(window.end_date) >= now.date():
            raise AirflowFailException(
                f"{window.end_date} is not over; extract days up to {now.date() - timedelta(days=1)}"
            )
        replace = bool(context["params"].get("replace"))
        began = time.monotonic()
        try:
            with closing(self.connect()) as holder:
                self._connections.append(holder)
                snapshot = ingest.begin_snapshot(holder)
                contracts, columns = self.check(holder)
                note = {
                    "run_id": window.run_id,
                    "snapshot_at": now.isoformat(timespec="seconds"),
                    "overlap_minutes": get_settings().ingest_overlap_minutes,
                }
                done = [
                    extraction
                    for day in window.days
                    for extraction in self._day(window, day, contracts, columns, snapshot, note, replace)
                ]
        except BaseException:
            self.on_kill()
            raise
        self._tell(context, window, done, time.monotonic() - began)
        rows = {source: sum(e.rows for e in done if e.source == source) for source in contracts}
        return {"window": [window.start_date, window.end_date], "rows": rows}

    def _day(
        self,
        window: LoadWindow,
        day: str,
        contracts: dict[str, SourceContract],
        columns: dict[str, dict[str, str]],
        snapshot: str,
        note: dict[str, Any],
        replace: bool,
    ) -> list[Extraction]:
        overlap = timedelta(minutes=get_settings().ingest_overlap_minutes)
        client = aws_client("s3", self.aws_conn_id)
        lock = threading.Lock()

        def extract(name: str, upload: DayUpload) -> None:
            with lock:
                connection = self.connect()
                self._connections.append(connection)
            with closing(connection):
                ingest.begin_snapshot(connection, snapshot)
                statement = ingest.copy_sql(contracts[name], columns[name], date.fromisoformat(day), overlap)
                ingest.copy_out(connection, statement, upload.take)
                upload.close()

        with ExitStack() as stack:
            uploads = {
                name: stack.enter_context(
                    DayUpload(
                        client,
                        window.raw_bucket,
                        name,
                        day,
                        header=ingest.header_line(contract, columns[name]),
                        note=note,
                    )
                )
                for name, contract in contracts.items()
            }
            pool = stack.enter_context(ThreadPoolExecutor(self.parallel))
            for future in [pool.submit(extract, name, upload) for name, upload in uploads.items()]:
                future.result()
            return [uploads[name].publish(replace=replace) for name in ingest.in_order_of_appearance(contracts)]

    def _tell(self, context: Context, window: LoadWindow, done: list[Extraction], seconds: float) -> None:
        for extraction in done:
            if extraction.kept:
                self.log.warning(
                    "%s of %s: the files that are there hold more rows (%s) than the shop still dates to that day; "
                    "they stay (Param 'replace' replaces them)",
                    extraction.source,
                    extraction.day,
                    f"{extraction.rows:,}",
                )
        rows = sum(e.rows for e in done if not e.kept)
        size = sum(e.size for e in done)
        self.log.info(
            "%s: %s rows in %.1f s (%s rows/s), %s bytes compressed",
            window,
            f"{rows:,}",
            seconds,
            f"{rows / max(seconds, 0.001):,.0f}",
            f"{size:,}",
        )
        for asset in self.outlets:
            source = str(asset.name).rpartition(".")[2]
            days = [extraction for extraction in done if extraction.source == source]
            event = context["outlet_events"][asset]
            event.add_partitions([extraction.day for extraction in days])
            extra: dict[str, Any] = {
                "start_date": window.start_date,
                "end_date": window.end_date,
                "rows": sum(extraction.rows for extraction in days),
                "files": [file for extraction in days for file in extraction.files][:100],
            }
            event.extra.update(extra)

    def on_kill(self) -> None:
        for connection in self._connections:
            with suppress(Exception):  # some have ended already
                connection.cancel()
