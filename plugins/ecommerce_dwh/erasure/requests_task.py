"""Operators and the DAG callback that delete requests of erasures, however their runs ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from ecommerce_dwh.aws import aws_client
from ecommerce_dwh.care.maintenance_task import is_dry_run
from ecommerce_dwh.erasure.requests import RequestStore
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.window import run_key

if TYPE_CHECKING:
    from airflow.sdk import Context

ERASE = "ecommerce_dwh_erase_person"


def request_store(aws_conn_id: str | None = "aws_default") -> RequestStore:
    """The requests, by an Airflow connection for AWS."""
    return RequestStore(aws_client("s3", aws_conn_id), get_settings().processed_bucket)


def forget_request(context: Context) -> None:
    """DAG callback: delete the request of a run that failed or was marked as failed."""
    run: Any = context.get("dag_run")
    run_id = str(context.get("run_id") or (run.run_id if run else ""))
    if run_id:
        request_store().forget_run(run_key(run_id), _request_name(getattr(run, "conf", None) or {}))


def _request_name(params: Mapping[str, Any]) -> str:
    name = str(params.get("request") or "")
    return name if name.replace("-", "").replace("_", "").isalnum() else ""


class ForgetRequestOperator(BaseOperator):
    """Delete the run's request. A teardown, so it runs at every end of the run."""

    ui_color = "#f3e5f5"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> None:
        name = _request_name(context["params"])
        request_store(self.aws_conn_id).forget_run(run_key(context["dag_run"].run_id), name)
        self.log.info("The request and what was known of the person are deleted")


class OldRequestsOperator(BaseOperator):
    """Weekly: delete requests without a run, requests whose run could not clean up, and old findings."""

    ui_color = "#fdf3dc"
    requests, marks, findings = timedelta(days=2), timedelta(days=30), timedelta(days=90)

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        dry, store = is_dry_run(context), request_store(self.aws_conn_id)
        running = context["ti"].get_dr_count(dag_id=ERASE, states=["running", "queued"])  # type: ignore[attr-defined]
        old = store.old(datetime.now(UTC), requests=self.requests, marks=self.marks, findings=self.findings)
        if running:
            self.log.info("an erasure is running; what belongs to erasures stays for now")
            old = []
        self.log.info("%s %d objects of erasures", "Would delete" if dry else "Deleting", len(old))
        if not dry:
            store.forget(*old)
        return {"objects": len(old), "dry_run": dry}
