"""Operators at both ends of a replay: the quarantined rows before it, and the difference after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.care import replay
from ecommerce_dwh.lake.s3 import REPORT_BYTES, TooLarge, read_object
from ecommerce_dwh.quality.report import ReportNotReady, read_report
from ecommerce_dwh.quality.report_model import NotAsDocumented, parse_json, real_day
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.client import Cursor
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.window import LoadWindow, load_window, window_params

if TYPE_CHECKING:
    from airflow.sdk import Context

SURVEY_KEY = "survey"
MAX_DAYS = 400


def replay_params() -> dict[str, Param]:
    """The Params of a replay."""
    return {
        "source": Param(
            default=replay.ALL_SOURCES,
            type="string",
            enum=[replay.ALL_SOURCES, *get_settings().sources],
            title="Source",
            description="Only days on which this source has rows in quarantine.",
        ),
        **window_params(),
        "rule": Param(
            default=None,
            type=["null", "string"],
            maxLength=200,
            title="Reason",
            description="Only days with rows rejected for this reason (`<kind>:<column>`, or its beginning).",
        ),
        "dry_run": Param(
            default=True,
            type="boolean",
            title="Dry run",
            description="Only show what would be replayed. Switch off to run the days again.",
        ),
    }


class _ReplayOperator(WarehouseOperator):
    """Base of both operators: the ledger of the warehouse, and S3."""

    template_fields: Sequence[str] = ("conn_id",)

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def ledger(self, context: Context, window: LoadWindow) -> list[dict[str, Any]]:
        """The warehouse's ledger of the window's days."""
        statement = self.control_sql("ledger_days")

        def read(cursor: Cursor) -> list[dict[str, Any]]:
            rows = cursor.query(statement, (window.start_date, window.end_date), title="ledger")
            return cursor.as_dicts(rows)

        return self.warehouse(context).transaction(read)


class ReplaySurveyOperator(_ReplayOperator):
    """Show how many rows are in quarantine, by day, source and reason, and which days a replay would run again.

    Counts are those of the run that counts for a day: the warehouse's ledger names it, and its quality report has the
    reasons. Days that no run has loaded yet (their gate is closed) are counted by their newest report. Returns the
    configurations of the daily DAG's runs; none in a dry run.
    """

    ui_color = "#fdf3dc"

    def execute(self, context: Context) -> list[dict[str, str]]:
        window, params = load_window(context), context["params"]
        if len(window.days) > MAX_DAYS:
            raise AirflowFailException(f"{window} are too many for one replay; at most {MAX_DAYS} days")
        ledger = self.ledger(context, window)
        runs = {str(row["run_id"]) for row in ledger if int(row["quarantined_rows"])}
        loaded = {str(row["delivery_date"]) for row in ledger}
        reports = {run: report for run in sorted(runs) if (report := self._report_of_run(window, run))}
        newest = {
            day: report
            for day in window.days
            if day not in loaded
            and (report := self._report(window.processed_bucket, f"quality/dt={day}/report.json"))
        }
        held = replay.held_rows(window.days, ledger, reports, newest)
        source, rule = str(params.get("source") or replay.ALL_SOURCES), str(params.get("rule") or "")
        chosen = replay.select(held, source=source, rule=rule)
        context["ti"].xcom_push(key=SURVEY_KEY, value=replay.as_plain(chosen))
        asked = f"{window}, source {source}" + (f", reason {rule}" if rule else "")
        if not chosen:
            self.log.info("Nothing in quarantine for %s: there is nothing to replay.", asked)
            return []
        confs = replay.ranges(item.day for item in chosen)
        rows = sum(item.rows for item in chosen)
        days = len({item.day for item in chosen})
        self.log.info(
            "In quarantine for %s: %s rows on %d days\n%s", asked, f"{rows:,}", days, replay.table(chosen)
        )
        spans = ", ".join(f"{conf['start_date']} to {conf['end_date']}" for conf in confs)
        if params.get("dry_run", True):
            self.log.info("Dry run: nothing is replayed. With dry_run off these days run again: %s", spans)
            return []
        self.log.info("These days run again: %s", spans)
        return confs

    def _report_of_run(self, window: LoadWindow, run: str) -> Mapping[str, Any] | None:
        processing = self._json(window.processed_bucket, f"runs/{run}/processing.json")
        if processing is None:
            return None
        try:
            day = real_day(str(processing.get("end_date")))
        except ValueError:
            self.log.warning("runs/%s/processing.json names no day: reasons are not known", run)
            return None
        return self._report(window.processed_bucket, f"quality/dt={day}/{run}/report.json")

    def _report(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        body = self._get(bucket, key)
        if body is None:
            return None
        try:
            report = read_report(body, None)
            if not {"start_date", "end_date"} <= report.keys():
                raise ReportNotReady("the report does not say of which days it is")
            return report
        except ReportNotReady as why:
            self.log.warning("s3://%s/%s is left out: %s", bucket, key, why)
            return None

    def _json(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        body = self._get(bucket, key)
        try:
            found = parse_json(body) if body is not None else None
        except NotAsDocumented:
            found = None
        if not isinstance(found, dict):
            self.log.warning("s3://%s/%s is missing or not readable: reasons are not known", bucket, key)
            return None
        return found

    def _get(self, bucket: str, key: str) -> bytes | None:
        try:
            return read_object(aws_client("s3", self.aws_conn_id), bucket, key, REPORT_BYTES)
        except TooLarge as why:
            self.log.warning("s3://%s/%s is left out: %s", bucket, key, why)
            return None


class ReplayResultOperator(_ReplayOperator):
    """Count the rows that left the quarantine: the ledger after the replay, compared with the survey.

    Args:
        survey_task: task id of the survey.
    """

    ui_color = "#dff3e3"

    def __init__(self, *, survey_task: str = "survey", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.survey_task = survey_task

    def execute(self, context: Context) -> dict[str, int]:
        window = load_window(context)
        before = context["ti"].xcom_pull(task_ids=self.survey_task, key=SURVEY_KEY) or []
        done = replay.changes(before, self.ledger(context, window))
        for change in done:
            self.log.info(
                "%s %-12s %8s in quarantine before, %8s after%s",
                change.day,
                change.source,
                f"{change.before:,}",
                f"{change.after:,}",
                "" if change.is_loaded else " (the day is not in the warehouse)",
            )
        result = {
            "before": sum(change.before for change in done),
            "after": sum(change.after for change in done),
            "moved": sum(change.before - change.after for change in done),
        }
        self.log.info(
            "%s rows left the quarantine, %s stay in it", f"{result['moved']:,}", f"{result['after']:,}"
        )
        return result
