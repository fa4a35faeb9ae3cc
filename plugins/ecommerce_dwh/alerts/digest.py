"""The mail of a loaded day's warnings: what was odd about its deliveries, though nothing stopped it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ecommerce_dwh.alerts.callbacks import gate_items
from ecommerce_dwh.alerts.mail import Alert, Item, Link, send
from ecommerce_dwh.alerts.texts import run_url
from ecommerce_dwh.privacy.masking import mask
from ecommerce_dwh.run_types import run_type
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.texts import said

log = logging.getLogger(__name__)

OFF = "off"
# Objects that are not loaded and that a mail names; the rest is counted.
_NAMED = 10


def digest_alert(
    dag_id: str,
    run_id: str,
    report: Mapping[str, Any],
    warnings: Sequence[Any],
    *,
    report_url: str = "",
    page_url: str = "",
) -> Alert | None:
    """The mail of a report's warnings; None where there is nothing to tell.

    Args:
        dag_id: the DAG.
        run_id: the run.
        report: the quality report.
        warnings: failed rules of severity warning (`ecommerce_dwh.quality.report.FailedRule`).
        report_url: the report's page for people.
        page_url: the day on the Data quality page.
    """
    left = [
        f"{mask(said(item['key'], 300))} {said(item['reason'], 300)}" for item in report.get("not_loaded", ())
    ]
    if not warnings and not left:
        return None
    settings = get_settings()
    start, end = report.get("start_date"), report.get("end_date")
    days = str(end) if start in (None, end) else f"{start} … {end}"
    items = [Item(item["text"], item["details"]) for item in gate_items(warnings, report.get("quarantine", ()))]
    if left:
        count = max(int(report.get("not_loaded_count") or 0), len(left))
        more = [f"and {count - _NAMED} more"] if count > _NAMED else []
        items.append(Item(f"{count} object(s) of the raw bucket are not loaded", [*left[:_NAMED], *more]))
    what = (
        f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}"
        if warnings
        else "objects that are not loaded"
    )
    return Alert(
        kind="warning",
        title=f"[{settings.env}] {dag_id}: {what} about the data of {days}",
        summary="The gate is open and the run goes on. What follows is odd about the delivered files.",
        facts=[("DAG", dag_id), ("Run", run_id), ("Day" if start in (None, end) else "Days", days)],
        items=items,
        links=[
            *([Link("Data quality page", page_url)] if page_url else []),
            *([Link("Quality report", report_url)] if report_url else []),
            Link("Run", run_url(dag_id, run_id)),
            Link("Runbook", f"{settings.runbook_url}#data-warnings"),
        ],
    )


def mail_digest(
    context: Mapping[str, Any], report: Mapping[str, Any], warnings: Sequence[Any], **urls: str
) -> bool:
    """Mail the warnings of a run once: not when its task is repeated, nor in a backfill, a replay or an erasure.

    Returns:
        Whether a mail was sent. An error is logged and raises nothing: the run goes on.
    """
    run, ti = context["dag_run"], context["ti"]
    if get_settings().warning_mail == OFF or ti.try_number > 1 or _is_repeat(run):
        return False
    try:
        alert = digest_alert(ti.dag_id, run.run_id, report, warnings, **urls)
        if alert is not None:
            send(alert)
    except Exception:
        log.exception("The mail of the warnings could not be sent")
        return False
    return alert is not None


def _is_repeat(run: Any) -> bool:
    """Whether a backfill or another DAG started the run: somebody loads days whose warnings were mailed, or many."""
    return run_type(run) in ("backfill", "operator_triggered")
