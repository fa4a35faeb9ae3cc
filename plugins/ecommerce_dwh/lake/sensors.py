"""Waits until a window's raw files are there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.lake.inventory import (
    SHOWN,
    Inventory,
    add_strays,
    describe_missing,
    describe_unloaded,
    take_inventory,
)
from ecommerce_dwh.lake.triggers import RawFilesTrigger
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.waiting import NotYet, Wait, is_timeout
from ecommerce_dwh.window import LoadTemplates, LoadWindow, load_window

if TYPE_CHECKING:
    from airflow.sdk import Context


class FilesMissingError(NotYet):
    """Required folders hold no file yet.

    Attributes:
        folders: the folders, as ``<source>/dt=<day>/``.
        inventory: all that the raw bucket holds of the window.
    """

    def __init__(self, folders: list[str], inventory: Inventory) -> None:
        super().__init__(f"{len(folders)} folders still missing, first {folders[0]}")
        self.folders = folders
        self.inventory = inventory


class RawFilesSensor(LoadTemplates, BaseSensorOperator):
    """Wait until every required source has a file, or ``_EMPTY``, for every day of the run's window.

    Which sources are required is in their contracts (``delivery``); the others are listed in the log and in
    XCom when they are missing, and nothing waits for them.

    Args:
        required: sources to wait for; from the contracts when not given.
        optional: sources to report on; from the contracts when not given.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#fdf3dc"

    def __init__(
        self,
        *,
        required: Sequence[str] | None = None,
        optional: Sequence[str] | None = None,
        poke_interval: float | None = None,
        timeout: timedelta | float | None = None,
        defer_after: float | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        settings = get_settings()
        super().__init__(
            poke_interval=settings.poll_seconds if poke_interval is None else poke_interval,
            timeout=timedelta(minutes=settings.raw_timeout_minutes) if timeout is None else timeout,
            **kwargs,
        )
        self.required = required
        self.optional = optional
        self.defer_after = settings.defer_after_seconds if defer_after is None else defer_after
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        window = load_window(context)  # logged before anything else
        required, optional = self._sources()
        wait = Wait.of(
            context, limit=self.timeout, poll_seconds=self.poke_interval, defer_after=self.defer_after
        )
        self.log.info("This run loads %s", window)
        self.log.info("Waiting for %s in s3://%s", ", ".join(required), window.raw_bucket)
        try:
            wait.until(
                self,
                lambda: self._check(window, required),
                lambda: RawFilesTrigger(
                    bucket=window.raw_bucket,
                    sources=required,
                    start_date=window.start_date,
                    end_date=window.end_date,
                    poll_seconds=self.poke_interval,
                    deadline=wait.deadline,
                    aws_conn_id=self.aws_conn_id,
                ),
                "execute_complete",
            )
        except FilesMissingError as left:
            raise self._timeout(window, left) from None
        return self._report(window, required, optional)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resumed: the bucket is listed again, because its content counts and not the event."""
        is_timeout(event, "the raw bucket")
        window = load_window(context)
        required, optional = self._sources()
        try:
            self._check(window, required)
        except FilesMissingError as left:
            raise self._timeout(window, left) from None
        return self._report(window, required, optional)

    def _check(self, window: LoadWindow, required: Sequence[str]) -> None:
        inventory = self._inventory(window, required)
        if missing := inventory.missing(required, window.start_date, window.end_date):
            raise FilesMissingError(missing, inventory)

    def _sources(self) -> tuple[list[str], list[str]]:
        if self.required is not None:
            return list(self.required), list(self.optional or ())
        from ecommerce_dwh.contracts import load_contracts  # late import: reads files; not at DAG parsing

        contracts = load_contracts(get_settings().sources_dir).values()
        return (
            [contract.name for contract in contracts if contract.delivery == "required"],
            [contract.name for contract in contracts if contract.delivery != "required"],
        )

    def _inventory(self, window: LoadWindow, sources: Sequence[str], *, strays: bool = False) -> Inventory:
        client = aws_client("s3", self.aws_conn_id)
        inventory = take_inventory(client, window.raw_bucket, sources, window.start_date, window.end_date)
        if strays:
            known = get_settings().sources
            add_strays(client, window.raw_bucket, sorted({*known, *sources}), inventory)
        return inventory

    def _report(self, window: LoadWindow, required: list[str], optional: list[str]) -> dict[str, Any]:
        inventory = self._inventory(window, [*required, *optional], strays=True)
        absent = inventory.missing(optional, window.start_date, window.end_date)
        for source, counts in inventory.counts().items():
            self.log.info(
                "%s: %d files (%s bytes) on %d days, %d days declared empty",
                source,
                counts["files"],
                f"{counts['bytes']:,}",
                counts["days"],
                counts["empty_days"],
            )
        if absent:
            self.log.info(
                "Optional and not delivered: %d folders, first %s", len(absent), ", ".join(absent[:5])
            )
        if inventory.hidden:
            self.log.info("%d objects are left alone, because their names start with _ or .", inventory.hidden)
        if inventory.unloaded:
            self.log.warning(
                "%d objects are not what the layout of the raw bucket asks for:\n%s",
                len(inventory.unloaded),
                describe_unloaded(window.raw_bucket, inventory.unloaded),
            )
        return {
            "window": str(window),
            "sources": inventory.counts(),
            "optional_missing": absent[:50],
            "not_loaded": [item.remark for item in inventory.unloaded[:SHOWN]],
        }

    def _timeout(self, window: LoadWindow, left: FilesMissingError) -> AirflowSensorTimeout:
        # A folder that is named dt=2026-2-1 or Orders is no neighbour of the days that are missing.
        sources = sorted({*get_settings().sources, *self._sources()[0]})
        add_strays(aws_client("s3", self.aws_conn_id), window.raw_bucket, sources, left.inventory)
        found = describe_unloaded(window.raw_bucket, left.inventory.unloaded)
        beside = f"\nThere, but not as the layout asks for:\n{found}" if found else ""
        return AirflowSensorTimeout(
            f"{len(left.folders)} required source days did not arrive in bucket {window.raw_bucket} within "
            f"{timedelta(seconds=self.timeout)}; nothing was loaded. Missing:\n"
            f"{describe_missing(window.raw_bucket, left.folders)}\n"
            f"Deliver the files (or an object named _EMPTY for a day without activity) and clear this task.{beside}"
        )
