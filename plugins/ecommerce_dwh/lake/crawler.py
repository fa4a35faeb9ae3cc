"""The operator that runs an existing crawler of AWS Glue to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from ecommerce_dwh.aws import error_code
from ecommerce_dwh.lake.glue import GlueOperator, GlueRunFailed
from ecommerce_dwh.lake.triggers import CRAWLER_LIVE_STATES, CrawlerTrigger
from ecommerce_dwh.waiting import NotYet, Wait, is_timeout

if TYPE_CHECKING:
    from airflow.sdk import Context


class GlueCrawlerOperator(GlueOperator):
    """Run an existing crawler to its end.

    A crawl that is already under way may have listed the bucket before the day's files arrived. The operator waits for
    its end and then starts a new one: the catalogue that the next task reads is never older than this task.

    Args:
        crawler_name: the crawler (templated).
        poll_seconds: pause between two observations; the deployment's setting when not given.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
    """

    template_fields: Sequence[str] = ("crawler_name", "aws_conn_id", "region_name")

    def __init__(self, *, crawler_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crawler_name = crawler_name

    def execute(self, context: Context) -> str:
        wait = self.wait(context)
        while not self._start():
            self.log.info(
                "Crawler %s is busy with an earlier crawl; waiting for it, then crawling anew",
                self.crawler_name,
            )
            self._until_ready(wait, "started_anew")
        self._until_ready(wait, "execute_complete")
        return self._finish()

    def started_anew(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Resumed after the wait for an earlier crawl: now start our own."""
        self._check_event(event)
        return self.execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:  # noqa: ARG002
        """Resumed after our own crawl."""
        self._check_event(event)
        return self._finish()

    def _start(self) -> bool:
        """Start a crawl; False when one is under way."""
        try:
            self.hook.conn.start_crawler(Name=self.crawler_name)
        except ClientError as error:
            if error_code(error) == "CrawlerRunningException":
                return False
            if error_code(error) == "EntityNotFoundException":
                raise AirflowException(
                    f"there is no crawler {self.crawler_name}; create it (terraform apply; locally: make up)"
                ) from error
            raise
        self.log.info("Started crawler %s", self.crawler_name)
        return True

    def _until_ready(self, wait: Wait, method_name: str) -> None:
        def observe() -> None:
            if (state := self._crawler().get("State")) in CRAWLER_LIVE_STATES:
                raise NotYet(f"crawler {self.crawler_name} is {state}")

        def trigger() -> CrawlerTrigger:
            return CrawlerTrigger(crawler_name=self.crawler_name, **self.watched(wait))

        try:
            wait.until(self, observe, trigger, method_name)
        except NotYet:
            raise self._too_late() from None

    def _crawler(self) -> Mapping[str, Any]:
        return self.hook.conn.get_crawler(Name=self.crawler_name)["Crawler"]

    def _check_event(self, event: dict[str, Any] | None) -> None:
        if is_timeout(event, f"crawler {self.crawler_name}"):
            raise self._too_late()

    def _too_late(self) -> AirflowException:
        return AirflowException(f"crawler {self.crawler_name} was not done within {self.execution_timeout}")

    def _finish(self) -> str:
        last = self._crawler().get("LastCrawl") or {}
        status = last.get("Status", "UNKNOWN")
        if status != "SUCCEEDED":
            log = f" Log: {last['LogGroup']}/{last.get('LogStream', '')}." if last.get("LogGroup") else ""
            raise GlueRunFailed(
                f"crawler {self.crawler_name} ended as {status}: "
                f"{last.get('ErrorMessage') or 'Glue gives no message'}.{log}"
            )
        self.log.info("Crawler %s is done", self.crawler_name)
        return self.crawler_name
