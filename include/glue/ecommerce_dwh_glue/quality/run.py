"""The quality job: judges what processing accepted, and writes report, page, check results and metrics.

The job succeeds when rules fail; the gate in the DAG decides what follows from that. It fails only when it cannot
judge. Rules are judged over the run's whole window; the check results also hold their figures day by day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.privacy.masking import mask_error
from ecommerce_dwh.rules.standing import is_about_key
from ecommerce_dwh_glue.job import JobError, Options
from ecommerce_dwh_glue.quality import figures_store
from ecommerce_dwh_glue.quality.check_results import write_check_results
from ecommerce_dwh_glue.quality.context import Figures, Run
from ecommerce_dwh_glue.quality.evaluation import empty_day, evaluate
from ecommerce_dwh_glue.quality.filled import filled_rows, note_emptied
from ecommerce_dwh_glue.quality.inputs import accepted_rows, check_expressions, read_processing
from ecommerce_dwh_glue.quality.metrics import send_metrics
from ecommerce_dwh_glue.quality.report import build_report, publish
from ecommerce_dwh_glue.rules.history import Finding, judge, metric_name
from ecommerce_dwh_glue.rules.kinds import Count, Day
from ecommerce_dwh_glue.rules.table import history_rules, ledger_rules
from ecommerce_dwh_glue.storage import Storage

# Examples in words by source and kind of rule, then by day.
Remarks = dict[tuple[str, str], dict[str, list[str]]]
# Days in which the last one with rows is looked for.
_DAYS_BEFORE = 28


def assess(
    spark: SparkSession,
    storage: Storage,
    contracts: Mapping[str, SourceContract],
    options: Options,
    cloudwatch: Any,
) -> dict[str, Any]:
    """Judge the run's rows and write report, page, check results and metrics.

    Args:
        spark: session, tuned by `job.tune`.
        storage: object store of the processed bucket.
        contracts: contracts by source name.
        options: arguments of the run.
        cloudwatch: boto3 CloudWatch client.

    Returns:
        The report (see docs/architecture.md).

    Raises:
        JobError: processing of this run is not complete, or a rule cannot be evaluated.
    """
    run = Run(spark, storage, contracts, options, read_processing(storage, options))
    try:
        frames = {name: accepted_rows(run, name) for name in contracts}
        check_expressions(contracts, frames)
        figures = _evaluate(run, frames)
        report = build_report(run, figures)
        write_check_results(run, figures)
    except (Py4JJavaError, PySparkException) as error:
        java = getattr(error, "java_exception", None)
        text = " ".join((java.toString() if java is not None else str(error)).split())
        raise JobError(f"Spark failed: {mask_error(text)[:500]}; the full trace is in the job's log") from error
    publish(run, report)
    send_metrics(cloudwatch, options.env, report)
    return report


def _evaluate(run: Run, frames: Mapping[str, DataFrame]) -> Figures:
    """Evaluate the rules of all kinds."""
    ledger: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for entry in run.processing["ledger"]:
        ledger[entry["source"]][entry["delivery_date"]] = entry
    largest = max(sum(day["accepted_rows"] for day in days.values()) for days in ledger.values())
    found, samples = evaluate(frames, run.contracts, largest)
    days = {
        name: {day: found[name].get(day) or empty_day(contract) for day in ledger[name]}
        for name, contract in run.contracts.items()
    }
    remarks: Remarks = defaultdict(lambda: defaultdict(list))
    for each in run.processing.get("remarks", ()):
        remarks[each["source"], each["kind"]][each["day"]].append(each["text"])
    findings = _compare_with_history(run, days, ledger, remarks)
    for name, contract in run.contracts.items():
        for day, figures in days[name].items():
            _count_what_was_lost(contract, figures, ledger[name][day])
            for rule, kind in ledger_rules(contract):
                figures.counts[rule.name] = kind.count(figures.rows, ledger[name][day])
    return Figures(days, findings, samples, remarks)


def _count_what_was_lost(contract: SourceContract, figures: Day, entry: Mapping[str, Any]) -> None:
    """Have rules on the uniqueness of the key look at the rows before deduplication, after which none repeats."""
    lost = int(entry.get("conflicting_rows", 0))
    for rule in contract.rules:
        if is_about_key(rule, contract.key):
            count = figures.counts[rule.name]
            figures.counts[rule.name] = Count(count.checked + lost, count.failed + lost)


def _compare_with_history(
    run: Run,
    days: Mapping[str, Mapping[str, Day]],
    ledger: Mapping[str, Mapping[str, dict[str, Any]]],
    remarks: Remarks,
) -> dict[tuple[str, str], dict[str, Finding]]:
    """Judge the history rules day by day, and keep the days' figures for the days to come."""
    rules = [(name, rule) for name, contract in run.contracts.items() for rule in history_rules(contract)]
    reach = max(figures_store.reach_of(rule for _, rule in rules), _DAYS_BEFORE)
    bucket = run.options.processed_bucket
    own: figures_store.Figures = defaultdict(dict)
    for name, by_day in days.items():
        for day, found in by_day.items():
            own[day][name] = dict(found.metrics)
        for day, filled in filled_rows(run, run.contracts[name]).items():
            own[day].setdefault(name, {}).update(filled)
    known = {**figures_store.load(run.storage, bucket, min(own), reach), **own}
    for name, contract in run.contracts.items():
        note_emptied(
            contract, ledger[name], known, lambda day, text, of=name: remarks[of, "filled"][day].append(text)
        )
    findings: dict[tuple[str, str], dict[str, Finding]] = {}
    for name, rule in rules:
        metric = metric_name(rule)
        values = {day: tables.get(name, {}).get(metric) for day, tables in known.items()}
        judged = {day: judge(rule, day, values[day], values) for day in sorted(days[name])}
        findings[name, rule.name] = judged
        for day, finding in judged.items():
            days[name][day].counts[rule.name] = Count(int(finding.judged), int(finding.deviates))
    figures_store.save(run.storage, bucket, run.options.run_id, own)
    return findings
