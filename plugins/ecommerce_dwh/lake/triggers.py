"""Triggers of the operators and sensors of the lake: what the triggerer watches while no worker slot is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecommerce_dwh.waiting import PollingTrigger

GLUE_LIVE_STATES = ("STARTING", "RUNNING", "STOPPING", "WAITING")
CRAWLER_LIVE_STATES = ("RUNNING", "STOPPING")


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

    async def observe(self, client: Any) -> Mapping[str, Any] | None:
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

    async def observe(self, client: Any) -> Mapping[str, Any] | None:
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

    async def observe(self, client: Any) -> Mapping[str, Any] | None:
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
