"""Reads a quality report and judges whether the gate opens. Pure: no Airflow, no AWS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecommerce_dwh.lake.s3 import REPORT_BYTES
from ecommerce_dwh.quality.report_model import NotAsDocumented, checked_report, parse_json, shown

SCHEMA_VERSION = 1
OVERRIDE_FILE = "gate_override.json"  # beside the report of the run whose gate a person opened
MIN_REASON = 10
_DAY_FOLDER = re.compile(r"/dt=(\d{4}-\d{2}-\d{2})/")


class ReportNotReady(Exception):
    """There is no report to judge yet; the message has the reason."""


@dataclass(frozen=True)
class FailedRule:
    """A rule that failed, in the words that a mail or log shows."""

    source: str
    rule: str
    dimension: str
    severity: str
    rows_checked: int
    rows_failed: int
    failed_ratio: float
    threshold: float
    message: str = ""
    samples: tuple[str, ...] = ()
    unit: str = "rows"

    def __str__(self) -> str:
        text = f"{self.source}.{self.rule} ({self.dimension}, {self.severity}): "
        if self.unit == "days" and self.rows_checked == 1 and self.message:
            return text + self.message
        figures = f"{self.rows_failed:,} of {self.rows_checked:,} "
        if self.message.startswith(figures) and not self.message.startswith(f"{figures}rows ("):
            return text + self.message  # of rules that count something else than rows, or with examples
        text += (
            f"{self.rows_failed:,} of {self.rows_checked:,} {self.unit} failed ({self.failed_ratio:.2%}, "
            f"allowed {self.threshold:.2%})"
        )
        # The job's message repeats the figures where it has nothing to add.
        if self.message and not self.message.startswith(f"{self.rows_failed:,} of {self.rows_checked:,} "):
            text += f": {self.message}"
        return text


@dataclass(frozen=True)
class Verdict:
    """Whether the gate opens, and the reasons against it."""

    is_open: bool
    status: str
    failures: tuple[FailedRule, ...] = ()
    warnings: tuple[FailedRule, ...] = ()
    reasons: tuple[str, ...] = field(default=())

    def text(self, limit: int = 20) -> str:
        """The reasons as lines for a person."""
        lines = [*self.reasons, *(str(rule) for rule in self.failures)]
        shown = [f"  - {line}" for line in lines[:limit]]
        if len(lines) > limit:
            shown.append(f"  … and {len(lines) - limit} more")
        return "\n".join(shown)


def day_of_key(key: str) -> str:
    """The day (``YYYY-MM-DD``) in whose folder a report lies; empty where the key names none."""
    found = _DAY_FOLDER.search(key)
    return found[1] if found else ""


def read_report(body: bytes | str, expected_run_id: str | None, expected_day: str = "") -> dict[str, Any]:
    """Parse a report and make sure that it is whole, as documented, and of the expected run and day.

    Args:
        body: content of ``report.json``.
        expected_run_id: run key that it must name; any when None.
        expected_day: last day of its window; any when empty.

    Returns:
        the report as a `report_model.Report`: unknown fields are dropped, long texts cut.

    Raises:
        ReportNotReady: it is empty, too long, truncated, of another schema, run or day, or not as documented.
    """
    if len(body) > REPORT_BYTES:
        raise ReportNotReady(f"the report is too large: {len(body):,} bytes; at most {REPORT_BYTES:,} are read")
    try:
        report = parse_json(body)
    except NotAsDocumented as why:
        raise ReportNotReady(f"the report is {why}") from None
    if not isinstance(report, dict):
        raise ReportNotReady("the report is not a JSON object")
    version = report.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise ReportNotReady(f"the report has schema version {shown(version)}, not {SCHEMA_VERSION}")
    try:
        report = checked_report(report)
    except NotAsDocumented as why:
        raise ReportNotReady(f"the report is not as documented: {why}") from None
    if expected_run_id and report["run_id"] != expected_run_id:
        raise ReportNotReady(f"the report belongs to run {report['run_id']}, not to {expected_run_id}")
    if expected_day and report.get("end_date") != expected_day:
        raise ReportNotReady(f"the report is of {report.get('end_date')!r}, not of {expected_day}")
    return report


def judge(
    report: Mapping[str, Any],
    *,
    accept_warnings: bool = True,
    min_rows: Mapping[str, int] | None = None,
    max_failed_ratio: Mapping[str, float] | None = None,
) -> Verdict:
    """Decide on a report.

    Args:
        report: as `read_report` returns it.
        accept_warnings: whether failed rules of severity ``warning`` leave the gate open.
        min_rows: least rows per source; fewer close the gate.
        max_failed_ratio: per ``source.rule``, the greatest share of failing rows with which it passes; replaces
            the report's own judgement of that rule.
    """
    ratios, least = dict(max_failed_ratio or {}), dict(min_rows or {})
    failures: list[FailedRule] = []
    warnings: list[FailedRule] = []
    reasons: list[str] = []
    seen: set[str] = set()
    for table in report["tables"]:
        source, rows = str(table.get("source", "?")), int(table.get("rows") or 0)
        seen.add(source)
        if rows < least.get(source, 0):
            reasons.append(f"{source} has {rows:,} rows; at least {least[source]:,} are asked for")
        for rule in table.get("rules", ()):
            failed = _failed_rule(source, rule)
            allowed = ratios.pop(f"{source}.{failed.rule}", None)
            passed = bool(rule.get("passed")) if allowed is None else failed.failed_ratio <= allowed
            if not passed:
                (warnings if failed.severity == "warning" else failures).append(failed)
    reasons += [f"the report says nothing of {source}" for source in sorted(set(least) - seen)]
    reasons += [f"the report says nothing of rule {rule}" for rule in sorted(ratios)]
    if report["status"] == "failed" and not failures and not max_failed_ratio:
        reasons.append("the report's status is 'failed'")  # never more lenient than the job that wrote it
    if warnings and not accept_warnings:
        failures += warnings
        warnings = []
    return Verdict(
        is_open=not failures and not reasons,
        status=str(report["status"]),
        failures=tuple(failures),
        warnings=tuple(warnings),
        reasons=tuple(reasons),
    )


def _failed_rule(source: str, rule: Mapping[str, Any]) -> FailedRule:
    checked, failed = int(rule.get("rows_checked") or 0), int(rule.get("rows_failed") or 0)
    ratio = rule.get("failed_ratio")
    return FailedRule(
        source=source,
        rule=str(rule.get("rule", "?")),
        dimension=str(rule.get("dimension", "")),
        severity=str(rule.get("severity", "error")),
        rows_checked=checked,
        rows_failed=failed,
        failed_ratio=float(ratio if ratio is not None else failed / checked if checked else 0.0),
        threshold=float(rule.get("threshold") or 0.0),
        message=str(rule.get("message") or ""),
        samples=tuple(str(sample) for sample in (rule.get("samples") or ())[:5]),
        unit=str(rule.get("unit") or "rows"),
    )


class OverrideRefused(ValueError):
    """The reason that was given does not say why."""


def override_record(
    report: Mapping[str, Any], verdict: Verdict, *, reason: str, by: str, at: str, dag_id: str
) -> dict[str, Any]:
    """The record of a gate that a person opened: who, why, when, and the rules that were overridden.

    Raises:
        OverrideRefused: the reason is too short to be one.
    """
    reason = " ".join(reason.split())
    if len(reason) < MIN_REASON or len(set(reason.lower())) < 5:
        raise OverrideRefused(
            f"gate_override_reason {reason!r} is no reason: say in a sentence why the data may go out, and who decided"
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": report["run_id"],
        "dag_id": dag_id,
        "start_date": report.get("start_date"),
        "end_date": report.get("end_date"),
        "reason": reason,
        "by": by or "unknown",
        "at": at,
        "status": verdict.status,
        "failures": [*verdict.reasons, *(str(rule) for rule in verdict.failures)],
    }
