"""Operators that run what exists in AWS Glue: the crawler and the Spark jobs.

Thin subclasses of the provider's current classes. They never create or change a crawler or job (that is the
infrastructure's), wait on the worker for a moment and then in the triggerer, take every state that is not
success for a failure, and say what Glue said.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink
from airflow.providers.amazon.aws.links.glue import GlueJobRunDetailsLink
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator as ProviderGlueJobOperator
from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.providers.common.compat.openlineage.utils.spark import (
    inject_parent_job_information_into_glue_arguments,
    inject_transport_information_into_glue_arguments,
)
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from ecommerce_dwh.lake.triggers import (
    CRAWLER_LIVE_STATES,
    GLUE_LIVE_STATES,
    CrawlerTrigger,
    GlueRunTrigger,
    is_passing,
)
from ecommerce_dwh.lineage import glue_lineage
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.window import LoadTemplates

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

_MAX_PASSING_ERRORS = 20
# The triggerer's own limit, behind the one that the trigger keeps itself: for a triggerer that was away.
_TRIGGER_GRACE = timedelta(minutes=2)


class GlueRunFailed(AirflowException):
    """A Glue run ended in another state than success; the message holds Glue's own."""


class GlueLogsLink(BaseAwsLink):
    """Link to the CloudWatch log group of a Glue job run."""

    name = "Glue logs (CloudWatch)"
    key = "glue_logs"
    format_str = (
        BASE_AWS_CONSOLE_LINK
        + "/cloudwatch/home?region={region_name}"
        + "#logsV2:log-groups/log-group/{log_group}/log-events/{log_stream}"
    )


class _WaitsOnGlue:
    """Shared waiting: a while on the worker, where a short wait costs least, then in the triggerer.

    A deferral costs a few seconds of hand-over, a sleeping worker costs its slot; ``defer_after`` weighs the
    two.
    """

    execution_timeout: timedelta | None
    poll_seconds: float
    defer_after: float
    _started: float

    def _start_clock(self) -> None:
        self._started = time.time()

    def _deadline(self, context: Context) -> float | None:
        """Unix time at which the task's whole wait is over, deferrals included."""
        if self.execution_timeout is None:
            return None
        started = context["ti"].start_date
        begun = started.timestamp() if started else self._started
        return begun + self.execution_timeout.total_seconds()

    def _wait_here(self, look: Any) -> bool:
        """Poll on the worker until ``look`` is true or it is time to defer."""
        failures = 0
        while True:
            try:
                if look():
                    return True
                failures = 0
            except Exception as error:
                failures += 1
                if not is_passing(error) or failures > _MAX_PASSING_ERRORS:
                    raise
                self.log.warning("Look failed, trying again: %s", error)  # type: ignore[attr-defined]
            if self.defer_after >= 0 and time.time() - self._started >= self.defer_after:
                return False
            time.sleep(self.poll_seconds)


class GlueCrawlerOperator(_WaitsOnGlue, LoadTemplates, GlueCrawlerRunOperator):
    """Run an existing crawler to its end.

    A crawl that is already under way may have listed the bucket before the day's files arrived, so it is waited
    for and then a new one is started: what the next task reads in the catalogue is never older than the task.

    Args:
        crawler_name: the crawler.
        poll_seconds: pause between two looks; the deployment's setting when not given.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
    """

    ui_color = "#e9e4f7"

    def __init__(
        self,
        *,
        crawler_name: str,
        poll_seconds: float | None = None,
        defer_after: float | None = None,
        **kwargs: Any,
    ) -> None:
        settings = get_settings()
        super().__init__(crawler_name=crawler_name, **kwargs)
        self.poll_seconds = settings.poll_seconds if poll_seconds is None else poll_seconds
        self.defer_after = settings.defer_after_seconds if defer_after is None else defer_after

    def execute(self, context: Context) -> str:
        self._start_clock()
        while not self._start():
            self.log.info(
                "Crawler %s is busy with an earlier crawl; waiting for it, then crawling anew",
                self.crawler_name,
            )
            if not self._wait_here(self._is_ready):
                self._hand_over(context, "started_anew")
        return self._await_own(context)

    def started_anew(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Resumed after the wait for an earlier crawl: now start our own."""
        self._check_event(event)
        return self.execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:  # noqa: ARG002
        """Resumed after our own crawl."""
        self._check_event(event)
        return self._finish()

    def _start(self) -> bool:
        try:
            self.hook.glue_client.start_crawler(Name=self.crawler_name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "CrawlerRunningException":
                return False
            if code == "EntityNotFoundException":
                raise AirflowException(
                    f"there is no crawler {self.crawler_name}; create it (terraform apply; locally: make up)"
                ) from error
            raise
        self.log.info("Started crawler %s", self.crawler_name)
        return True

    def _await_own(self, context: Context) -> str:
        if not self._wait_here(self._is_ready):
            self._hand_over(context, "execute_complete")
        return self._finish()

    def _is_ready(self) -> bool:
        return self._crawler().get("State") not in CRAWLER_LIVE_STATES

    def _crawler(self) -> dict[str, Any]:
        return self.hook.glue_client.get_crawler(Name=self.crawler_name)["Crawler"]

    def _hand_over(self, context: Context, method_name: str) -> None:
        deadline = self._deadline(context)
        self.defer(
            trigger=CrawlerTrigger(
                crawler_name=self.crawler_name,
                poll_seconds=self.poll_seconds,
                deadline=deadline,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
            ),
            method_name=method_name,
            timeout=timedelta(seconds=max(deadline - time.time(), 1)) + _TRIGGER_GRACE if deadline else None,
        )

    def _check_event(self, event: dict[str, Any] | None) -> None:
        status = (event or {}).get("status")
        if status == "timeout":
            raise AirflowException(f"crawler {self.crawler_name} was not done within {self.execution_timeout}")
        if status == "error":
            raise AirflowException(
                f"crawler {self.crawler_name} could not be watched: {(event or {}).get('message')}"
            )

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


class GlueJobOperator(_WaitsOnGlue, LoadTemplates, ProviderGlueJobOperator):
    """Run an existing Glue job once and wait for its end.

    A retry looks for a live run of this very task (by ``--airflow_task_uuid``) before it starts one, so there
    are never two; a job that is busy with another run is waited for. Ending the task stops the run.

    Args:
        job_name: the job.
        script_args: arguments of the script (templated; templates see the run's window as ``load``).
        poll_seconds: pause between two looks; the deployment's setting when not given.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
    """

    operator_extra_links = (GlueJobRunDetailsLink(), GlueLogsLink())  # type: ignore[assignment]
    ui_color = "#e9e4f7"

    def __init__(
        self,
        *,
        job_name: str,
        script_args: dict[str, Any] | None = None,
        poll_seconds: float | None = None,
        defer_after: float | None = None,
        **kwargs: Any,
    ) -> None:
        settings = get_settings()
        super().__init__(
            job_name=job_name,
            script_args=script_args,
            stop_job_run_on_kill=True,
            resume_glue_job_on_retry=True,
            **kwargs,
        )
        self.poll_seconds = settings.poll_seconds if poll_seconds is None else poll_seconds
        self.defer_after = settings.defer_after_seconds if defer_after is None else defer_after

    def execute(self, context: Context) -> str:
        self._start_clock()
        arguments, task_uuid = self._prepare_script_args_with_task_uuid(context, self._arguments(context))
        while not self._attach(task_uuid) and not self._start(arguments):
            other = self._live_run()
            if other is None:  # it ended between the two calls, or Glue is still cleaning up behind it
                time.sleep(self.poll_seconds)
                continue
            self.log.info("Job %s is busy with run %s; waiting for it", self.job_name, other)
            if not self._wait_here(lambda run_id=other: self._is_over(run_id)):
                self._hand_over(context, other, "started_later", owned=False)
        run_id = self._job_run_id
        assert run_id is not None  # noqa: S101 - for the type checker: attached or started above
        context["ti"].xcom_push(key="glue_job_run_id", value=run_id)
        self._persist_links(context, run_id)
        if not self._wait_here(lambda: self._is_over(run_id)):
            self._hand_over(context, run_id, "execute_complete", owned=True)
        return self._finish(run_id)

    def started_later(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Resumed after the wait for another task's run: now start our own."""
        if (event or {}).get("status") == "timeout":
            raise AirflowException(f"job {self.job_name} was busy with other runs for {self.execution_timeout}")
        self._check_event(event)
        return self.execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Resumed after our own run."""
        self._job_run_id = context["ti"].xcom_pull(task_ids=context["ti"].task_id, key="glue_job_run_id")
        if self._job_run_id is None:
            raise AirflowException(
                f"the id of the run of job {self.job_name} is lost; clear the task to run it again"
            )
        if (event or {}).get("status") == "timeout":
            self.on_kill()
            raise AirflowException(
                f"job {self.job_name} run {self._job_run_id} was not done within "
                f"{self.execution_timeout}; stopped it"
            )
        self._check_event(event)
        return self._finish(self._job_run_id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """The triggerer gave up (it was away for too long): the run must not go on unwatched."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception:
            if self._job_run_id is None:
                self._job_run_id = context["ti"].xcom_pull(
                    task_ids=context["ti"].task_id, key="glue_job_run_id"
                )
                if self._job_run_id and not self._is_over(self._job_run_id):
                    self.on_kill()
            raise

    def on_kill(self) -> None:
        if self._job_run_id is not None:
            super().on_kill()

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage:
        """Files and columns that the job read and wrote."""
        return glue_lineage(self.job_name)

    def _arguments(self, context: Context) -> dict[str, Any]:
        arguments = {name: str(value) for name, value in self.script_args.items()}
        if self.openlineage_inject_parent_job_info:
            arguments = inject_parent_job_information_into_glue_arguments(arguments, context)
        if self.openlineage_inject_transport_info:
            arguments = inject_transport_information_into_glue_arguments(arguments, context)
        return arguments

    def _attach(self, task_uuid: str) -> bool:
        """Take over this task's own live run, if an earlier try left one."""
        run_id = self._live_run(task_uuid)
        if run_id is None:
            return False
        self._job_run_id = run_id
        self.log.info("An earlier try of this task left run %s; waiting for it", run_id)
        return True

    def _live_run(self, task_uuid: str | None = None) -> str | None:
        """A live run of the job (of this task, when ``task_uuid`` is given); Glue lists the newest first."""
        response = self.hook.conn.get_job_runs(JobName=self.job_name, MaxResults=50)
        for run in response.get("JobRuns", []):
            # A run that is being stopped is not taken over: it will not do the work.
            live = run["JobRunState"] in GLUE_LIVE_STATES and not (
                task_uuid and run["JobRunState"] == "STOPPING"
            )
            if live and task_uuid in (None, (run.get("Arguments") or {}).get(self.TASK_UUID_ARG)):
                return str(run["Id"])
        return None

    def _start(self, arguments: dict[str, Any]) -> bool:
        try:
            response = self.hook.conn.start_job_run(
                JobName=self.job_name, Arguments=arguments, **(self.run_job_kwargs or {})
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConcurrentRunsExceededException":
                return False
            if code == "EntityNotFoundException":
                raise AirflowException(
                    f"there is no Glue job {self.job_name}; create it (terraform apply; locally: make up)"
                ) from error
            raise
        self._job_run_id = response["JobRunId"]
        self.log.info("Started job %s, run %s", self.job_name, self._job_run_id)
        return True

    def _job_run(self, run_id: str) -> dict[str, Any]:
        return self.hook.conn.get_job_run(JobName=self.job_name, RunId=run_id)["JobRun"]

    def _is_over(self, run_id: str) -> bool:
        return self._job_run(run_id)["JobRunState"] not in GLUE_LIVE_STATES

    def _persist_links(self, context: Context, run_id: str) -> None:
        where = {"region_name": self.hook.conn_region_name, "aws_partition": self.hook.conn_partition}
        job = quote(self.job_name, safe="")
        GlueJobRunDetailsLink.persist(context, self, **where, job_name=job, job_run_id=run_id)
        # The console wants '/' doubly escaped, with '$' for '%'.
        group = quote(quote(self._log_group(self._job_run(run_id)), safe=""), safe="").replace("%", "$")
        GlueLogsLink.persist(context, self, **where, log_group=group, log_stream=run_id)

    @staticmethod
    def _log_group(run: dict[str, Any]) -> str:
        return f"{run.get('LogGroupName') or '/aws-glue/jobs'}/error"

    def _hand_over(self, context: Context, run_id: str, method_name: str, *, owned: bool) -> None:
        deadline = self._deadline(context)
        self.defer(
            trigger=GlueRunTrigger(
                job_name=self.job_name,
                run_id=run_id,
                owned=owned,
                poll_seconds=self.poll_seconds,
                deadline=deadline,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
            ),
            method_name=method_name,
            timeout=timedelta(seconds=max(deadline - time.time(), 1)) + _TRIGGER_GRACE if deadline else None,
        )

    def _check_event(self, event: dict[str, Any] | None) -> None:
        if (event or {}).get("status") == "error":
            raise AirflowException(f"job {self.job_name} could not be watched: {(event or {}).get('message')}")

    def _finish(self, run_id: str) -> str:
        run = self._job_run(run_id)
        state, seconds = run["JobRunState"], run.get("ExecutionTime")
        if state != "SUCCEEDED":
            message = " ".join(str(run.get("ErrorMessage") or "Glue gives no message").split())
            raise GlueRunFailed(
                f"job {self.job_name} run {run_id} ended as {state}: {message} "
                f"(log: CloudWatch {self._log_group(run)}, stream {run_id})"
            )
        self.log.info("Job %s run %s succeeded after %s s", self.job_name, run_id, seconds)
        return run_id


def job_arguments(**more: str) -> dict[str, str]:
    """The arguments that both jobs take, as templates over the run's window."""
    settings = get_settings()
    return {
        "--env": settings.env,
        "--region": settings.region,
        "--raw_bucket": "{{ load.raw_bucket }}",
        "--processed_bucket": "{{ load.processed_bucket }}",
        "--start_date": "{{ load.start_date }}",
        "--end_date": "{{ load.end_date }}",
        "--run_id": "{{ load.run_key }}",
        "--raw_limits": str(settings.raw_limits),
        **{f"--{name}": value for name, value in more.items()},
    }


__all__: Sequence[str] = ("GlueCrawlerOperator", "GlueJobOperator", "GlueRunFailed", "job_arguments")
