"""The quality report of a run: built as JSON (docs/architecture.md), and written with its page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh.lake.layout import shown
from ecommerce_dwh.ledger import ROWS
from ecommerce_dwh.privacy.masking import PRIVACY_VERSION
from ecommerce_dwh_glue.quality.context import Figures, Run
from ecommerce_dwh_glue.quality.page import html_page
from ecommerce_dwh_glue.quality.quarantine import quarantined_rows
from ecommerce_dwh_glue.quality.samples import SAMPLES, shown_sample
from ecommerce_dwh_glue.quality.verdicts import is_judged, judge
from ecommerce_dwh_glue.rules import history
from ecommerce_dwh_glue.rules.kinds import Count

_LEDGER_FIELDS = ("source", "delivery_date", *ROWS)


def build_report(run: Run, figures: Figures) -> dict[str, Any]:
    """The report over the run's window."""
    tables: list[dict[str, Any]] = [
        {
            "source": name,
            "rows": sum(day.rows for day in figures.days[name].values()),
            "rules": [_rule_entry(contract, rule, figures) for rule in contract.rules],
        }
        for name, contract in run.contracts.items()
    ]
    failed = {rule["severity"] for table in tables for rule in table["rules"] if not rule["passed"]}
    processing = run.processing
    return {
        "schema_version": 1,
        "privacy": PRIVACY_VERSION,
        "run_id": run.options.run_id,
        "start_date": processing["start_date"],
        "end_date": processing["end_date"],
        "generated_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "status": "failed" if "error" in failed else "warned" if failed else "passed",
        "tables": tables,
        "ledger": [{field: entry[field] for field in _LEDGER_FIELDS} for entry in processing["ledger"]],
        "quarantine": quarantined_rows(run),
        "drift": processing["drift"],
        "not_loaded": _not_loaded(processing),
        "not_loaded_count": int(processing.get("not_loaded_count", 0)),
    }


def _not_loaded(processing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Objects of the raw bucket that processing named and did not load: key on one line, bytes, reason.

    The verdict does not depend on them: an object that could be rows of the day fails processing itself.
    """
    return [
        {"key": shown(item["key"]), "size": item["size"], "reason": item["reason"]}
        for item in processing.get("not_loaded", ())
    ]


def _rule_entry(contract: SourceContract, rule: Rule, figures: Figures) -> dict[str, Any]:
    days = [day.counts[rule.name] for day in figures.days[contract.name].values()]
    total = Count(sum(day.checked for day in days), sum(day.failed for day in days))
    found = figures.findings.get((contract.name, rule.name))
    examples = figures.examples(contract.name, rule)
    passed, message = judge(rule, total, found, examples)
    keys = figures.samples.get((contract.name, rule.name), [])
    samples = [*(examples if total.failed else ()), *(shown_sample(contract, key) for key in keys)]
    return {
        "rule": rule.name,
        "dimension": rule.dimension,
        "severity": rule.severity,
        "description": rule.description,
        "unit": "rows" if found is None else "days",
        "rows_checked": total.checked,
        "rows_failed": total.failed,
        "failed_ratio": round(total.ratio, 6),
        "threshold": rule.threshold,
        "judged": is_judged(rule, total),
        "passed": passed,
        "message": message,
        "samples": samples[:SAMPLES],
        **({"history": history.shown(found).as_plain()} if found else {}),
    }


def publish(run: Run, report: Mapping[str, Any]) -> None:
    """Write report and page: the run's own first, then the day's newest; a reader of either sees a whole file."""
    bucket = run.options.processed_bucket
    day = f"quality/dt={report['end_date']}/"
    text = json.dumps(report, indent=1, ensure_ascii=False).encode()
    page = html_page(report, run.contracts).encode()
    for folder in (f"{day}{run.options.run_id}/", day):
        run.storage.write(bucket, f"{folder}report.html", page, "text/html; charset=utf-8")
        run.storage.write(bucket, f"{folder}report.json", text, "application/json")


def summary(report: Mapping[str, Any]) -> str:
    """The report in a few lines of text."""
    lines = [f"quality of {report['start_date']} … {report['end_date']}: {report['status']}"]
    for table in report["tables"]:
        for rule in table["rules"]:
            if not rule["passed"]:
                lines.append(f"  {rule['severity']}: {table['source']}.{rule['rule']}: {rule['message']}")
    return "\n".join(lines)
