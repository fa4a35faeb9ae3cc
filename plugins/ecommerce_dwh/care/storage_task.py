"""Operators of the weekly maintenance for buckets and Glue runs; the decisions are in `maintenance`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from ecommerce_dwh.aws import aws_client, error_code
from ecommerce_dwh.care.maintenance import (
    OrphanRun,
    Removal,
    gather_folders,
    judge_run,
    lifecycle_findings,
    owner_of,
    plan_removals,
)
from ecommerce_dwh.care.maintenance_task import is_dry_run
from ecommerce_dwh.lake.s3 import LIST_BYTES, read_object
from ecommerce_dwh.lake.triggers import GLUE_LIVE_STATES
from ecommerce_dwh.settings import get_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

_FOLDERS = ("accepted/", "ledger/", "check_results/", "quarantine/")
_DELETE_BATCH = 1000  # keys that DeleteObjects takes
_SHOWN = 50


class UnreferencedFilesOperator(BaseOperator):
    """Delete orphaned files of the processed bucket (left by failed attempts) and files older than their retention.

    Args:
        aws_conn_id: Airflow connection for AWS.
    """

    ui_color = "#fdf3dc"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        params, dry = context["params"], is_dry_run(context)
        client, bucket = aws_client("s3", self.aws_conn_id), get_settings().processed_bucket
        entries = (entry for prefix in _FOLDERS for entry in _listing(client, bucket, prefix))
        folders = gather_folders(entries)
        named, unreadable = self._named(client, bucket)
        removals = plan_removals(
            (folder for folder in folders.values() if folder.run not in unreadable),
            named,
            datetime.now(UTC),
            min_age=timedelta(days=params["min_age_days"]),
            keep_accepted=timedelta(days=params["keep_accepted_days"]),
            keep_quarantine=timedelta(days=params["keep_quarantine_days"]),
        )
        self._tell(removals, dry)
        if not dry:
            keys = [key for removal in removals for key in removal.folder.keys]
            for start in range(0, len(keys), _DELETE_BATCH):
                batch = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
                answer = client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
                if errors := answer.get("Errors"):
                    first = f"{errors[0]['Key']}: {errors[0]['Message']}"
                    raise AirflowException(f"{len(errors)} files could not be deleted, the first {first}")
        return {
            "folders": len(folders),
            "removed": [removal.folder.prefix for removal in removals],
            "bytes": sum(removal.folder.size for removal in removals),
            "dry_run": dry,
        }

    def _named(self, client: Any, bucket: str) -> tuple[set[str], set[str]]:
        """Keys that COPY manifests name, and the runs of manifests that cannot be read (their files stay)."""
        named: set[str] = set()
        unreadable: set[str] = set()
        prefix = f"s3://{bucket}/"
        for entry in _listing(client, bucket, "runs/"):
            if not entry["Key"].endswith(".manifest"):
                continue
            try:
                manifest = json.loads(read_object(client, bucket, entry["Key"], LIST_BYTES) or b"")
                named |= {item["url"].removeprefix(prefix) for item in manifest["entries"]}
            except (ValueError, KeyError, TypeError) as error:
                self.log.warning("%s cannot be read, so files of its run stay: %s", entry["Key"], error)
                unreadable.add(entry["Key"].split("/")[1])
        return named, unreadable

    def _tell(self, removals: Sequence[Removal], dry: bool) -> None:
        size = sum(removal.folder.size for removal in removals)
        verb = "Would delete" if dry else "Deleting"
        self.log.info("%s %d folders, %.1f MB", verb, len(removals), size / 1e6)
        for removal in removals[:_SHOWN]:
            self.log.info(
                "%s %s (%d files): %s", verb, removal.folder.prefix, len(removal.folder.keys), removal.why
            )
        if len(removals) > _SHOWN:
            self.log.info("… and %d more", len(removals) - _SHOWN)


class StorageCheckOperator(BaseOperator):
    """Hold the buckets' lifecycle and versioning against what the package relies on.

    Fails when a rule would delete raw files; everything else is a warning in the log.
    """

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        client, settings = aws_client("s3", self.aws_conn_id), get_settings()
        found: list[tuple[str, str]] = []
        for bucket in (settings.raw_bucket, settings.processed_bucket):
            versioning = client.get_bucket_versioning(Bucket=bucket).get("Status")
            found += lifecycle_findings(
                bucket,
                self._rules(client, bucket),
                is_raw=bucket == settings.raw_bucket,
                is_versioned=versioning == "Enabled",
            )
        for severity, text in found:
            self.log.warning("%s: %s", severity, text)
        if errors := [text for severity, text in found if severity == "error"]:
            raise AirflowException("; ".join(errors) + ". The warehouse could not be rebuilt: remove the rule.")
        return [text for _, text in found]

    @staticmethod
    def _rules(client: Any, bucket: str) -> list[dict[str, Any]]:
        try:
            return list(client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", ()))
        except ClientError as error:
            if error_code(error) == "NoSuchLifecycleConfiguration":
                return []
            raise


class OrphanRunsOperator(BaseOperator):
    """Stop Glue runs whose task does not live any more, for example after the metadata database was restored.

    A run started by hand has no task; it is reported when it is older than ``by_hand_limit`` and never stopped.
    """

    ui_color = "#fdf3dc"

    def __init__(
        self,
        *,
        by_hand_limit: timedelta = timedelta(hours=12),
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.by_hand_limit = by_hand_limit
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        client, settings, dry = aws_client("glue", self.aws_conn_id), get_settings(), is_dry_run(context)
        orphans: list[OrphanRun] = []
        for job in (settings.processing_job, settings.quality_job):
            for run in client.get_job_runs(JobName=job, MaxResults=100).get("JobRuns", ()):
                if run["JobRunState"] not in GLUE_LIVE_STATES or run["JobRunState"] == "STOPPING":
                    continue
                state = self._task_state(context, run)
                found = judge_run(job, run, state, datetime.now(UTC), by_hand_limit=self.by_hand_limit)
                orphans += [found] if found is not None else []
        stopped = []
        for orphan in orphans:
            stops = bool(orphan.task) and not dry
            self.log.warning(
                "Run %s of %s (%s): %s; %s",
                orphan.run_id,
                orphan.job,
                orphan.task or "by hand",
                orphan.why,
                "stopping it" if stops else "left alone",
            )
            if stops:
                client.batch_stop_job_run(JobName=orphan.job, JobRunIds=[orphan.run_id])
                stopped.append(orphan.run_id)
        return {"orphans": [orphan.run_id for orphan in orphans], "stopped": stopped, "dry_run": dry}

    @staticmethod
    def _task_state(context: Context, run: dict[str, Any]) -> str | None:
        owner = owner_of(run.get("Arguments"))
        if owner is None:
            return None
        dag_id, task_id, run_id = owner
        ti: Any = context["ti"]
        state = (ti.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id) or {}).get(task_id)
        return str(getattr(state, "value", state)) if state else None


def _listing(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())
