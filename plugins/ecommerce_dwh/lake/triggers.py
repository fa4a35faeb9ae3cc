"""Triggers of the deferrable operators and sensors: what the triggerer watches while no worker slot is held.

Each looks at one thing every ``poll_seconds`` and fires once. It decides nothing: the task that wakes up looks
again by itself and judges, so a trigger can stay small and a wrong or repeated event does no harm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from botocore.exceptions import BotoCoreError, ClientError

GLUE_LIVE_STATES = ("STARTING", "RUNNING", "STOPPING", "WAITING")
CRAWLER_LIVE_STATES = ("RUNNING", "STOPPING")
# Answers that waiting heals; anything else (no such job, access denied) must reach the task at once.
_PASSING_ERRORS = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "InternalFailure",
    "InternalServiceException",
    "RequestTimeout",
    "OperationTimeoutException",
    "500",
    "502",
    "503",
    "504",
}
_MAX_PASSING_ERRORS = 20


def is_passing(error: Exception) -> bool:
    """Whether an AWS error is of the kind that goes away by itself (throttling, a dropped connection, 5xx)."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response.get("Error", {}).get("Code", "") in _PASSING_ERRORS or status >= 500
    return isinstance(error, (BotoCoreError, OSError, asyncio.TimeoutError))


class PollingTrigger(BaseTrigger):
    """Base: poll until `look` returns something, or until the deadline passes.

    Args:
        poll_seconds: pause between two looks.
        deadline: Unix time at which to give up and fire ``{"status": "timeout"}``; None waits for ever.
        aws_conn_id: Airflow connection for AWS.
        region_name: region, or None for the connection's.
    """

    client_type = "s3"

    def __init__(
        self,
        *,
        poll_seconds: float,
        deadline: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
    ) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds
        self.deadline = deadline
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def arguments(self) -> dict[str, Any]:
        """The subclass's own arguments, for serialisation."""
        return {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        common = {
            "poll_seconds": self.poll_seconds,
            "deadline": self.deadline,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", {**common, **self.arguments()}

    async def look(self, client: Any) -> Mapping[str, Any] | None:
        """One look; a mapping ends the waiting."""
        raise NotImplementedError

    def aws(self, client_type: str | None = None) -> AwsBaseHook:
        """Hook for a service."""
        return AwsBaseHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            client_type=client_type or self.client_type,
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        failures = 0
        async with await self.aws().get_async_conn() as client:
            while True:
                try:
                    found = await self.look(client)
                    failures = 0
                except Exception as error:
                    failures += 1
                    if not is_passing(error) or failures > _MAX_PASSING_ERRORS:
                        yield TriggerEvent({"status": "error", "message": f"{type(error).__name__}: {error}"})
                        return
                    self.log.warning("Look failed, trying again: %s", error)
                    found = None
                if found is not None:
                    yield TriggerEvent({"status": "done", **found})
                    return
                if self.deadline is not None and time.time() >= self.deadline:
                    yield TriggerEvent({"status": "timeout"})
                    return
                await asyncio.sleep(self.poll_seconds)


class GlueRunTrigger(PollingTrigger):
    """Fires when a Glue job run is over. A person who ends the deferred task stops the run.

    Args:
        job_name: Glue job.
        run_id: the run.
        owned: whether the run is the task's own, to be stopped with it.
    """

    client_type = "glue"

    def __init__(self, *, job_name: str, run_id: str, owned: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.run_id = run_id
        self.owned = owned

    def arguments(self) -> dict[str, Any]:
        return {"job_name": self.job_name, "run_id": self.run_id, "owned": self.owned}

    async def look(self, client: Any) -> Mapping[str, Any] | None:
        run = (await client.get_job_run(JobName=self.job_name, RunId=self.run_id))["JobRun"]
        return None if run["JobRunState"] in GLUE_LIVE_STATES else {"run_id": self.run_id}

    async def on_kill(self) -> None:
        if self.owned:
            async with await self.aws().get_async_conn() as client:
                await client.batch_stop_job_run(JobName=self.job_name, JobRunIds=[self.run_id])


class CrawlerTrigger(PollingTrigger):
    """Fires when a Glue crawler is ready for (or done with) a crawl."""

    client_type = "glue"

    def __init__(self, *, crawler_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crawler_name = crawler_name

    def arguments(self) -> dict[str, Any]:
        return {"crawler_name": self.crawler_name}

    async def look(self, client: Any) -> Mapping[str, Any] | None:
        crawler = (await client.get_crawler(Name=self.crawler_name))["Crawler"]
        return None if crawler.get("State") in CRAWLER_LIVE_STATES else {"crawler": self.crawler_name}


class RawFilesTrigger(PollingTrigger):
    """Fires when every required source has files (or ``_EMPTY``) for every day of the window."""

    def __init__(
        self, *, bucket: str, sources: Sequence[str], start_date: str, end_date: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.sources = list(sources)
        self.start_date = start_date
        self.end_date = end_date

    def arguments(self) -> dict[str, Any]:
        return {
            "bucket": self.bucket,
            "sources": self.sources,
            "start_date": self.start_date,
            "end_date": self.end_date,
        }

    async def look(self, client: Any) -> Mapping[str, Any] | None:
        from ecommerce_dwh.lake.inventory import Inventory, listing_request  # late import: triggerer only

        inventory = Inventory()
        for source in self.sources:
            request: dict[str, Any] | None = listing_request(
                self.bucket, source, self.start_date, self.end_date
            )
            while request is not None:
                page = await client.list_objects_v2(**request)
                request = inventory.add_page(page, request, source, self.end_date)
        return {} if not inventory.missing(self.sources, self.start_date, self.end_date) else None
