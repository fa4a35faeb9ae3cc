"""The operator that runs an existing job of AWS Glue to its end, and what it shares with that of the crawler.

They never create or change a crawler or job (the infrastructure does), wait as in `ecommerce_dwh.waiting`, take every
state other than success for a failure, and give Glue's own message in the error. Why they are not the provider's
operators: ``docs/adr/0004-own-waiting-for-glue.md``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink
from airflow.providers.amazon.aws.links.glue import GlueJobRunDetailsLink
from airflow.providers.common.compat.openlineage.utils.spark import (
    inject_parent_job_information_into_glue_arguments,
    inject_transport_information_into_glue_arguments,
)
from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from ecommerce_dwh.aws import error_code
from ecommerce_dwh.lake.triggers import GLUE_LIVE_STATES, GlueRunTrigger
from ecommerce_dwh.lineage import glue_lineage
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.waiting import NotYet, Wait, is_timeout
from ecommerce_dwh.window import LoadTemplates

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

# Argument by which a run of a job names its task, as the provider's operator does, too.
TASK_UUID_ARGUMENT = "--airflow_task_uuid"
RUN_ID_KEY = "glue_job_run_id"  # XCom


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


class GlueOperator(LoadTemplates, BaseOperator):
    """Base of the operators of jobs and crawlers: the connection to Glue and the wait.

    Args:
        poll_seconds: pause between two observations; the deployment's setting when not given.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
        aws_conn_id: Airflow connection for AWS (templated).
        region_name: region (templated), or None for the connection's.
    """

    ui_color = "#e9e4f7"

    def __init__(
        self,
        *,
        poll_seconds: float | None = None,
        defer_after: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        settings = get_settings()
        super().__init__(**kwargs)
        self.poll_seconds = settings.poll_seconds if poll_seconds is None else poll_seconds
        self.defer_after = settings.defer_after_seconds if defer_after is None else defer_after
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> AwsBaseHook:
        """The provider's hook for Glue; ``hook.conn`` is boto3's client."""
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # late import: heavy

        return AwsBaseHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, client_type="glue")

    def wait(self, context: Context) -> Wait:
        """The wait of this try, of at most ``execution_timeout``."""
        return Wait.of(
            context,
            limit=self.execution_timeout,
            poll_seconds=self.poll_seconds,
            defer_after=self.defer_after,
        )

    def watched(self, wait: Wait) -> dict[str, Any]:
        """Arguments that both triggers take."""
        return {
            "poll_seconds": self.poll_seconds,
            "deadline": wait.deadline,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
        }


class GlueJobOperator(GlueOperator):
    """Run an existing Glue job once and wait for its end.

    A retry looks for a live run of this very task (by ``--airflow_task_uuid``) before it starts one, so there
    are never two; a job that is busy with another run is waited for. Ending the task stops the run.

    Args:
        job_name: the job (templated).
        script_args: arguments of the script (templated; templates see the run's window as ``load``).
        run_job_kwargs: further arguments of ``StartJobRun`` (templated), for example ``NumberOfWorkers``.
        poll_seconds: pause between two observations; the deployment's setting when not given.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
    """

    template_fields: Sequence[str] = (
        "job_name",
        "script_args",
        "run_job_kwargs",
        "aws_conn_id",
        "region_name",
    )
    template_fields_renderers = {"script_args": "json", "run_job_kwargs": "json"}  # noqa: RUF012 - Airflow's form
    operator_extra_links = (GlueJobRunDetailsLink(), GlueLogsLink())

    def __init__(
        self,
        *,
        job_name: str,
        script_args: Mapping[str, Any] | None = None,
        run_job_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.script_args = dict(script_args or {})
        self.run_job_kwargs = dict(run_job_kwargs or {})
        self._job_run_id: str | None = None

    def execute(self, context: Context) -> str:
        wait, arguments = self.wait(context), self._arguments(context)
        while not self._attach(arguments[TASK_UUID_ARGUMENT]) and not self._start(arguments):
            other = self._live_run()
            if other is None:  # the run ended between the two calls, or Glue is still cleaning up
                time.sleep(self.poll_seconds)
                continue
            self.log.info("Job %s is busy with run %s; waiting for it", self.job_name, other)
            try:
                self._until_over(wait, other, "started_later", owned=False)
            except NotYet:
                raise self._still_busy() from None
        run_id = self._job_run_id
        assert run_id is not None  # noqa: S101 - for the type checker: attached or started above
        context["ti"].xcom_push(key=RUN_ID_KEY, value=run_id)
        self._persist_links(context, run_id)
        try:
            self._until_over(wait, run_id, "execute_complete", owned=True)
        except NotYet:
            raise self._too_late() from None
        return self._finish(run_id)

    def started_later(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Resumed after the wait for another task's run: now start our own."""
        if is_timeout(event, f"job {self.job_name}"):
            raise self._still_busy()
        return self.execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Resumed after our own run."""
        self._job_run_id = self._known_run(context)
        if self._job_run_id is None:
            raise AirflowException(
                f"the id of the run of job {self.job_name} is lost; clear the task to run it again"
            )
        if is_timeout(event, f"job {self.job_name}"):
            raise self._too_late()
        return self._finish(self._job_run_id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """The triggerer gave up, because it was away for too long: the run must not go on unwatched."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception:
            if self._job_run_id is None:
                self._job_run_id = self._known_run(context)
                if self._job_run_id and self._job_run(self._job_run_id)["JobRunState"] in GLUE_LIVE_STATES:
                    self.on_kill()
            raise

    def on_kill(self) -> None:
        """Stop the run of this task, if it has one."""
        if self._job_run_id is None:
            return
        self.log.info("Stopping run %s of job %s", self._job_run_id, self.job_name)
        answer = self.hook.conn.batch_stop_job_run(JobName=self.job_name, JobRunIds=[self._job_run_id])
        for refused in answer.get("Errors") or ():
            self.log.error("Run %s could not be stopped: %s", self._job_run_id, refused.get("ErrorDetail"))

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage:
        """Files and columns that the job read and wrote."""
        return glue_lineage(self.job_name)

    def _arguments(self, context: Context) -> dict[str, Any]:
        """The script's arguments, the task's own id, and what OpenLineage's settings add to ``--conf``."""
        arguments: dict[str, Any] = {name: str(value) for name, value in self.script_args.items()}
        if conf.getboolean("openlineage", "spark_inject_parent_job_info", fallback=False):
            arguments = inject_parent_job_information_into_glue_arguments(arguments, context)
        if conf.getboolean("openlineage", "spark_inject_transport_info", fallback=False):
            arguments = inject_transport_information_into_glue_arguments(arguments, context)
        ti = context["ti"]
        map_index = -1 if ti.map_index is None else ti.map_index
        return {TASK_UUID_ARGUMENT: f"{ti.dag_id}:{ti.task_id}:{ti.run_id}:{map_index}", **arguments}

    @staticmethod
    def _known_run(context: Context) -> str | None:
        """The run that this task started before it was deferred."""
        return context["ti"].xcom_pull(task_ids=context["ti"].task_id, key=RUN_ID_KEY)

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
            if live and task_uuid in (None, (run.get("Arguments") or {}).get(TASK_UUID_ARGUMENT)):
                return str(run["Id"])
        return None

    def _start(self, arguments: Mapping[str, Any]) -> bool:
        """Start a run; False when the job is busy with as many as it allows."""
        try:
            response = self.hook.conn.start_job_run(
                JobName=self.job_name, Arguments=dict(arguments), **self.run_job_kwargs
            )
        except ClientError as error:
            if error_code(error) == "ConcurrentRunsExceededException":
                return False
            if error_code(error) == "EntityNotFoundException":
                raise AirflowException(
                    f"there is no Glue job {self.job_name}; create it (terraform apply; locally: make up)"
                ) from error
            raise
        self._job_run_id = response["JobRunId"]
        self.log.info("Started job %s, run %s", self.job_name, self._job_run_id)
        return True

    def _job_run(self, run_id: str) -> Mapping[str, Any]:
        return self.hook.conn.get_job_run(JobName=self.job_name, RunId=run_id)["JobRun"]

    def _until_over(self, wait: Wait, run_id: str, method_name: str, *, owned: bool) -> None:
        def observe() -> None:
            if (state := self._job_run(run_id)["JobRunState"]) in GLUE_LIVE_STATES:
                raise NotYet(f"run {run_id} is {state}")

        def trigger() -> GlueRunTrigger:
            return GlueRunTrigger(job_name=self.job_name, run_id=run_id, owned=owned, **self.watched(wait))

        wait.until(self, observe, trigger, method_name)

    def _persist_links(self, context: Context, run_id: str) -> None:
        where = {"region_name": self.hook.conn_region_name, "aws_partition": self.hook.conn_partition}
        job = quote(self.job_name, safe="")
        GlueJobRunDetailsLink.persist(context, self, **where, job_name=job, job_run_id=run_id)
        # The console wants '/' doubly escaped, with '$' for '%'.
        group = quote(quote(self._log_group(self._job_run(run_id)), safe=""), safe="").replace("%", "$")
        GlueLogsLink.persist(context, self, **where, log_group=group, log_stream=run_id)

    @staticmethod
    def _log_group(run: Mapping[str, Any]) -> str:
        return f"{run.get('LogGroupName') or '/aws-glue/jobs'}/error"

    def _still_busy(self) -> AirflowException:
        return AirflowException(f"job {self.job_name} was busy with other runs for {self.execution_timeout}")

    def _too_late(self) -> AirflowException:
        """Stop the run; returns the error that says so."""
        self.on_kill()
        return AirflowException(
            f"job {self.job_name} run {self._job_run_id} was not done within {self.execution_timeout}; stopped it"
        )

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


__all__: Sequence[str] = ("GlueJobOperator", "GlueOperator", "GlueRunFailed", "job_arguments")
