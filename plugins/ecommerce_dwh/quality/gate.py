"""The quality gate: opens or closes by a run's quality report. Usable in any DAG."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, Param
from airflow.sdk.bases.operatorlink import BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from airflow.sdk.execution_time.xcom import XCom

from ecommerce_dwh.alerts.texts import quality_page_url
from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.lake.s3 import REPORT_BYTES, TooLarge, read_object
from ecommerce_dwh.quality.report import (
    MIN_REASON,
    OVERRIDE_FILE,
    FailedRule,
    OverrideRefused,
    ReportNotReady,
    Verdict,
    day_of_key,
    judge,
    override_record,
    read_report,
)
from ecommerce_dwh.quality.triggers import QualityReportTrigger
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.waiting import NotYet, Wait, is_timeout
from ecommerce_dwh.window import LoadTemplates

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

REPORT_URL_KEY = "quality_report_url"
PAGE_URL_KEY = "quality_page_url"
OVERRIDE_KEY = "quality_gate_override"
OVERRIDE_PARAM = "gate_override_reason"


def gate_params() -> dict[str, Param]:
    """The Param with which a person opens a closed gate for one run."""
    return {
        OVERRIDE_PARAM: Param(
            default=None,
            type=["null", "string"],
            minLength=MIN_REASON,
            maxLength=500,
            title="Open a closed quality gate",
            description=(
                "Why the data may be loaded although rules of severity error failed, and who decided; kept with the "
                "day. Empty: a closed gate stays closed."
            ),
        ),
    }


class QualityGateClosed(AirflowFailException):
    """The report does not let the data through. Trying again gives the same report, so the task fails at
    once."""

    def __init__(
        self,
        message: str,
        failures: Sequence[FailedRule] = (),
        report_url: str = "",
        quarantine: Sequence[Mapping[str, Any]] = (),
        page_url: str = "",
    ) -> None:
        super().__init__(message)
        self.failures = tuple(failures)
        self.report_url = report_url
        self.page_url = page_url
        self.quarantine = tuple(quarantine)


class QualityReportLink(BaseOperatorLink):
    """Link from the gate to the report that it judged."""

    name = "Quality report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        return XCom.get_value(key=REPORT_URL_KEY, ti_key=ti_key) or ""


class QualityPageLink(BaseOperatorLink):
    """Link from the gate to the day on the Data quality page."""

    name = "Data quality page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        return XCom.get_value(key=PAGE_URL_KEY, ti_key=ti_key) or ""


class DataQualitySensor(LoadTemplates, BaseSensorOperator):
    """Open or close a gate by a quality report in S3.

    The gate opens only on a complete report of the expected run without failed rules. A missing, truncated or
    foreign report keeps the sensor waiting until its timeout; then it fails and says why. A report with failed
    rules fails it at once, naming them.

    Args:
        bucket: bucket of the report (templated); the processed bucket when not given.
        key: key of the report (templated); a report below ``dt=<day>/`` must be of that day.
        run_id: run key that the report must name (templated); empty accepts any run's report.
        accept_warnings: whether failed rules of severity ``warning`` leave the gate open.
        min_rows: least rows per source.
        max_failed_ratio: per ``source.rule``, the greatest failing share with which that rule passes.
        override_reason: why a gate that failed rules close is opened all the same (templated; the run's Param
            ``gate_override_reason``, see `gate_params`). Kept as ``gate_override.json`` beside the report, in the log
            and in XCom. Never opens the gate without a whole report of the run.
        mails_warnings: whether an open gate mails the report's warnings, unless the setting ``warning_mail`` is off.
        defer_after: seconds to wait on the worker before handing over to the triggerer; negative never defers.
        aws_conn_id: Airflow connection for AWS.
    """

    template_fields: Sequence[str] = ("bucket", "key", "run_id", "override_reason")
    operator_extra_links = (QualityPageLink(), QualityReportLink())
    ui_color = "#dff3e3"

    def __init__(
        self,
        *,
        key: str = "quality/dt={{ load.end_date }}/{{ load.run_key }}/report.json",
        bucket: str = "",
        run_id: str = "{{ load.run_key }}",
        accept_warnings: bool = True,
        min_rows: Mapping[str, int] | None = None,
        max_failed_ratio: Mapping[str, float] | None = None,
        override_reason: str = "{{ params.get('gate_override_reason') or '' }}",
        mails_warnings: bool = False,
        poke_interval: float | None = None,
        timeout: timedelta | float = timedelta(minutes=10),
        defer_after: float | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        settings = get_settings()
        super().__init__(
            poke_interval=settings.poll_seconds if poke_interval is None else poke_interval,
            timeout=timeout,
            **kwargs,
        )
        self.bucket = bucket
        self.key = key
        self.run_id = run_id
        self.accept_warnings = accept_warnings
        self.min_rows = min_rows
        self.max_failed_ratio = max_failed_ratio
        self.override_reason = override_reason
        self.mails_warnings = mails_warnings
        self.defer_after = settings.defer_after_seconds if defer_after is None else defer_after
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        wait = Wait.of(
            context, limit=self.timeout, poll_seconds=self.poke_interval, defer_after=self.defer_after
        )

        def observe() -> dict[str, Any]:
            try:
                return self._decide(context)
            except ReportNotReady as why:
                raise NotYet(f"the gate stays closed: {why}") from why

        try:
            return wait.until(
                self,
                observe,
                lambda: QualityReportTrigger(
                    bucket=self._bucket,
                    key=self.key,
                    run_id=self.run_id,
                    poll_seconds=self.poke_interval,
                    deadline=wait.deadline,
                    aws_conn_id=self.aws_conn_id,
                ),
                "execute_complete",
            )
        except NotYet as why:
            self._give_up(why.__cause__)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resumed: read the report again, since the report counts and not the event."""
        is_timeout(event, f"s3://{self._bucket}/{self.key}")
        try:
            return self._decide(context)
        except ReportNotReady as why:
            self._give_up(why)

    @property
    def _bucket(self) -> str:
        return self.bucket or get_settings().processed_bucket

    @property
    def _url(self) -> str:
        """The page for people beside the JSON."""
        return get_settings().url_of(self._bucket, self.key.removesuffix(".json") + ".html")

    @property
    def _page_url(self) -> str:
        """The day on the Data quality page; empty when the report does not lie in a day's folder."""
        day = day_of_key(self.key)
        return quality_page_url(day, self.run_id) if day else ""

    def _decide(self, context: Context) -> dict[str, Any]:
        context["ti"].xcom_push(key=PAGE_URL_KEY, value=self._page_url)
        report = read_report(self._read(), self.run_id or None, day_of_key(self.key))
        context["ti"].xcom_push(key=REPORT_URL_KEY, value=self._url)
        verdict = judge(
            report,
            accept_warnings=self.accept_warnings,
            min_rows=self.min_rows,
            max_failed_ratio=self.max_failed_ratio,
        )
        for rule in verdict.warnings:
            self.log.warning("Warned: %s", rule)
        if not verdict.is_open:
            if not self.override_reason.strip():
                raise self._closed(report, verdict)
            return self._override(context, report, verdict)
        self.log.info("The gate is open (%s). Report: %s", verdict.status, self._url)
        if self.mails_warnings:
            from ecommerce_dwh.alerts.digest import mail_digest  # late import: heavy

            urls = {"report_url": self._url, "page_url": self._page_url}
            mail_digest(context, report, verdict.warnings, **urls)
        return {
            "status": verdict.status,
            "warnings": [str(rule) for rule in verdict.warnings],
            "report": self._url,
        }

    def _read(self) -> bytes:
        try:
            body = read_object(aws_client("s3", self.aws_conn_id), self._bucket, self.key, REPORT_BYTES)
        except TooLarge as why:
            raise ReportNotReady(f"the report is too large: {why}") from None
        if body is None:
            raise ReportNotReady(f"there is no report at s3://{self._bucket}/{self.key}")
        return body

    def _override(self, context: Context, report: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
        """Open the gate by a person's decision; what cannot be recorded does not happen."""
        try:
            record = override_record(
                report,
                verdict,
                reason=self.override_reason,
                by=str(getattr(context["dag_run"], "triggering_user_name", None) or ""),
                at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                dag_id=self.dag_id,
            )
        except OverrideRefused as why:
            raise QualityGateClosed(f"{why}.\n{verdict.text()}", verdict.failures, self._url) from None
        key = f"{self.key.rpartition('/')[0]}/{OVERRIDE_FILE}"
        aws_client("s3", self.aws_conn_id).put_object(
            Bucket=self._bucket,
            Key=key,
            Body=json.dumps(record, indent=1, ensure_ascii=False).encode(),
            ContentType="application/json",
        )
        context["ti"].xcom_push(key=OVERRIDE_KEY, value=record)
        self.log.warning(
            "THE GATE IS OPENED BY %s: %s. Recorded in s3://%s/%s. Let pass:\n%s",
            record["by"],
            record["reason"],
            self._bucket,
            key,
            verdict.text(),
        )
        return {
            "status": "overridden",
            "reason": record["reason"],
            "by": record["by"],
            "failures": record["failures"],
            "report": self._url,
        }

    def _closed(self, report: Mapping[str, Any], verdict: Verdict) -> QualityGateClosed:
        days = f"{report.get('start_date')} … {report.get('end_date')}"
        count = len(verdict.failures) + len(verdict.reasons)
        return QualityGateClosed(
            f"the quality gate is closed for {days}: {count} {'check' if count == 1 else 'checks'} failed; "
            f"nothing was loaded.\n{verdict.text()}\nReport: {self._url}",
            failures=verdict.failures,
            report_url=self._url,
            quarantine=report.get("quarantine") or (),
            page_url=self._page_url,
        )

    def _give_up(self, why: BaseException | None) -> NoReturn:
        raise AirflowSensorTimeout(
            f"the quality gate stays closed: {why}. Waited {timedelta(seconds=self.timeout)} for "
            f"s3://{self._bucket}/{self.key}; see the quality job's log, then clear it."
        )
