"""The quality job: judges what processing accepted, and tells people and machines.

The job succeeds when rules fail; the gate in the DAG decides what that means. It fails only when it cannot judge.
Rules are judged over the run's whole window; `check_results` also holds their figures day by day.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh.privacy.masking import PRIVACY_VERSION, mask, mask_error, mask_path, shown_key
from ecommerce_dwh_glue import manifest
from ecommerce_dwh_glue.job import JobError, Options
from ecommerce_dwh_glue.quality import history
from ecommerce_dwh_glue.quality.evaluation import Count, Day, empty_day, evaluate
from ecommerce_dwh_glue.quality.page import html_page
from ecommerce_dwh_glue.rows.casting import spark_type
from ecommerce_dwh_glue.storage import Storage

NAMESPACE = "EcommerceDWH"
QUARANTINE_SAMPLES = 5
_CHECK_SCHEMA = (
    "run_id string, delivery_date date, source string, rule string, dimension string, severity string, "
    "rows_checked bigint, rows_failed bigint, failed_ratio decimal(18,6), threshold decimal(18,6), passed boolean, "
    "message string"
)


def judge(rule: Rule, count: Count, findings: Mapping[str, history.Finding] | None = None) -> tuple[bool, str]:
    """Whether a rule passes, and in words why not.

    Args:
        rule: the rule.
        count: rows checked and failed; of a history rule, days judged and days out of line.
        findings: of a history rule, what was found by day.
    """
    ratio = count.failed / count.checked if count.checked else 0.0
    if findings is not None:
        passed = ratio <= rule.threshold
        odd = [finding.text for finding in findings.values() if finding.deviates]
        if not count.checked:
            return True, _shown(findings).text
        if not odd:
            return True, ""
        more = f"; and {len(odd) - 3} more of {count.checked} days" if len(odd) > 3 else ""
        return passed, "" if passed else "; ".join(odd[:3]) + more
    if rule.kind == "row_count":
        minimum = int(rule.arguments["minimum"])
        passed = count.checked >= minimum
        return passed, "" if passed else f"{count.checked:,} rows, at least {minimum:,} are expected"
    few = rule.kind == "quarantine_ratio" and count.failed < int(rule.arguments.get("minimum_rows", 0))
    passed = few or ratio <= rule.threshold
    if passed:
        return True, ""
    allowed = f"{rule.threshold:.2%} are allowed" if rule.threshold else "none is allowed"
    return False, f"{count.failed:,} of {count.checked:,} rows ({ratio:.2%}) break the rule; {allowed}"


def _shown(findings: Mapping[str, history.Finding]) -> history.Finding:
    """The finding that stands for a window: the first day out of line, else the last day."""
    return next((finding for finding in findings.values() if finding.deviates), [*findings.values()][-1])


def shown_sample(contract: SourceContract, sample: str) -> str:
    """What a report shows of a row that `rules.sample_key` named: its key, or the masked place where it stands."""
    if contract.column(contract.key).pii:
        file, _, line = sample.rpartition(":")
        return f"{mask_path(file)}:{line}"
    return shown_key(sample)


class Quality:
    """One run of the quality job.

    Args:
        spark: session, tuned by `job.tune`.
        storage: object store of the processed bucket.
        contracts: contracts by source name.
        options: arguments of the run.
        cloudwatch: boto3 CloudWatch client.
    """

    def __init__(
        self,
        spark: SparkSession,
        storage: Storage,
        contracts: Mapping[str, SourceContract],
        options: Options,
        cloudwatch: Any,
    ) -> None:
        self.spark = spark
        self.storage = storage
        self.contracts = contracts
        self.options = options
        self.cloudwatch = cloudwatch
        self.attempt = uuid.uuid4().hex[:12]

    def run(self) -> dict[str, Any]:
        """Judge the run's rows and write report, page, check results and metrics.

        Returns:
            The report (see docs/architecture.md).

        Raises:
            JobError: processing of this run is not complete, or a rule cannot be evaluated.
        """
        processing = self._processing()
        try:
            frames = {name: self._accepted(name, processing) for name in self.contracts}
            self._check_expressions(frames)
            figures, samples = self._evaluate(frames, processing)
            findings = self._histories(figures)
            quarantine = self._quarantine(processing["quarantine_files"])
            report = self._report(processing, figures, findings, samples, quarantine)
            self._write_check_results(figures, findings)
        except (Py4JJavaError, PySparkException) as error:
            java = getattr(error, "java_exception", None)
            text = " ".join((java.toString() if java is not None else str(error)).split())
            raise JobError(
                f"Spark failed: {mask_error(text)[:500]}; the full trace is in the job's log"
            ) from error
        self._publish(report)
        self._send_metrics(report)
        return report

    def _processing(self) -> dict[str, Any]:
        key = manifest.processing_key(self.options.run_id)
        try:
            return json.loads(self.storage.read(self.options.processed_bucket, key))
        except (ClientError, OSError, ValueError) as error:
            raise JobError(
                f"processing of run {self.options.run_id} is not complete: "
                f"s3://{self.options.processed_bucket}/{key} cannot be read ({type(error).__name__}); "
                "run the processing job of this run first"
            ) from None

    def _accepted(self, name: str, processing: Mapping[str, Any]) -> DataFrame:
        contract = self.contracts[name]
        schema = ", ".join(f"`{column.name}` {spark_type(column)}" for column in contract.accepted_columns)
        keys = processing["accepted_files"].get(name)
        if keys is None:
            raise JobError(f"run {self.options.run_id} did not process {name}; run the processing job again")
        paths = [self.storage.url(self.options.processed_bucket, key) for key in keys]
        return self.spark.read.schema(schema).parquet(*paths)

    def _check_expressions(self, frames: Mapping[str, DataFrame]) -> None:
        for name, frame in frames.items():
            for rule in self.contracts[name].rules:
                if rule.kind != "expression":
                    continue
                try:
                    kinds = frame.select(F.expr(rule.arguments["expression"])).dtypes
                except (AnalysisException, ParseException) as error:
                    why = str(error).splitlines()[0]
                    raise JobError(f"{name}: rule '{rule.name}' is not valid SQL: {why}") from None
                if kinds[0][1] != "boolean":
                    raise JobError(f"{name}: rule '{rule.name}' gives {kinds[0][1]}, not true or false")

    # --- evaluation ---

    def _evaluate(
        self, frames: Mapping[str, DataFrame], processing: Mapping[str, Any]
    ) -> tuple[dict[str, dict[str, Day]], dict[tuple[str, str], list[str]]]:
        """Figures by source and day, and sample keys by source and rule, of everything but history rules."""
        ledger: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for entry in processing["ledger"]:
            ledger[entry["source"]][entry["delivery_date"]] = entry
        largest = max(sum(day["accepted_rows"] for day in days.values()) for days in ledger.values())
        found, samples = evaluate(frames, self.contracts, largest)
        result = {
            name: {day: found[name].get(day) or empty_day(contract) for day in ledger[name]}
            for name, contract in self.contracts.items()
        }
        for name, days in result.items():
            for day, figures in days.items():
                for rule in self.contracts[name].rules:
                    if rule.kind == "quarantine_ratio":
                        entry = ledger[name][day]
                        figures.counts[rule.name] = Count(entry["raw_rows"], entry["quarantined_rows"])
                    elif rule.kind == "row_count":
                        figures.counts[rule.name] = Count(figures.rows, 0)
        return result, samples

    def _histories(
        self, figures: Mapping[str, Mapping[str, Day]]
    ) -> dict[tuple[str, str], dict[str, history.Finding]]:
        """Judge the history rules day by day, and keep the days' figures for the days to come."""
        rules = [(name, rule) for name, contract in self.contracts.items() for rule in contract.rules]
        reach = history.reach_of(rule for _, rule in rules)
        if not reach:
            return {}
        bucket = self.options.processed_bucket
        own: history.Figures = defaultdict(dict)
        for name, days in figures.items():
            for day, found in days.items():
                own[day][name] = found.metrics
        known = {**history.load(self.storage, bucket, min(own), reach), **own}
        findings: dict[tuple[str, str], dict[str, history.Finding]] = {}
        for name, rule in rules:
            if rule.kind != "history":
                continue
            metric = history.metric_name(rule)
            values = {day: tables.get(name, {}).get(metric) for day, tables in known.items()}
            judged = {day: history.judge(rule, day, values[day], values) for day in sorted(figures[name])}
            findings[name, rule.name] = judged
            for day, finding in judged.items():
                figures[name][day].counts[rule.name] = Count(int(finding.judged), int(finding.deviates))
        history.save(self.storage, bucket, self.options.run_id, own)
        return findings

    def _quarantine(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        if not keys:
            return []
        bucket = self.options.processed_bucket
        rows = (
            self.spark.read.option("basePath", self.storage.url(bucket, "quarantine/"))
            .parquet(*(self.storage.url(bucket, key) for key in keys))
            .select("source", "rule", "message", "source_file", "source_line")
        )
        group = Window.partitionBy("source", "rule")
        place = F.row_number().over(group.orderBy("source_file", "source_line"))
        found: dict[tuple[str, str], dict[str, Any]] = {}
        kept = rows.withColumn("n", F.count("*").over(group)).withColumn("place", place)
        for row in (
            kept.where(F.col("place") <= QUARANTINE_SAMPLES).orderBy("source", "rule", "place").collect()
        ):
            entry = found.setdefault(
                (row["source"], row["rule"]),
                {"source": row["source"], "rule": row["rule"], "rows": row["n"], "samples": []},
            )
            entry["samples"].append(
                {
                    "source_file": mask_path(row["source_file"]),
                    "source_line": row["source_line"],
                    # Says no more than form and length already; rows of earlier versions may be read again.
                    "message": mask(row["message"] or ""),
                }
            )
        return sorted(found.values(), key=lambda entry: (entry["source"], -entry["rows"], entry["rule"]))

    # --- results ---

    def _report(
        self,
        processing: Mapping[str, Any],
        figures: Mapping[str, Mapping[str, Day]],
        findings: Mapping[tuple[str, str], Mapping[str, history.Finding]],
        samples: Mapping[tuple[str, str], list[str]],
        quarantine: list[dict[str, Any]],
    ) -> dict[str, Any]:
        tables, failed = [], set()
        for name, contract in self.contracts.items():
            rules = []
            for rule in contract.rules:
                days = [day.counts[rule.name] for day in figures[name].values()]
                total = Count(sum(day.checked for day in days), sum(day.failed for day in days))
                found = findings.get((name, rule.name))
                passed, message = judge(rule, total, found)
                if not passed:
                    failed.add(rule.severity)
                rules.append(
                    {
                        "rule": rule.name,
                        "dimension": rule.dimension,
                        "severity": rule.severity,
                        "description": rule.description,
                        "unit": "rows" if found is None else "days",
                        "rows_checked": total.checked,
                        "rows_failed": total.failed,
                        "failed_ratio": round(total.failed / total.checked, 6) if total.checked else 0.0,
                        "threshold": rule.threshold,
                        "judged": found is None or total.checked > 0,
                        "passed": passed,
                        "message": message,
                        "samples": [shown_sample(contract, key) for key in samples.get((name, rule.name), [])],
                        **({"history": _shown(found).as_plain()} if found else {}),
                    }
                )
            rows = sum(day.rows for day in figures[name].values())
            tables.append({"source": name, "rows": rows, "rules": rules})
        fields = ("source", "delivery_date", "raw_rows", "accepted_rows", "superseded_rows", "quarantined_rows")
        return {
            "schema_version": 1,
            "privacy": PRIVACY_VERSION,
            "run_id": self.options.run_id,
            "start_date": processing["start_date"],
            "end_date": processing["end_date"],
            "generated_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "status": "failed" if "error" in failed else "warned" if failed else "passed",
            "tables": tables,
            "ledger": [{field: entry[field] for field in fields} for entry in processing["ledger"]],
            "quarantine": quarantine,
            "drift": processing["drift"],
        }

    def _write_check_results(
        self,
        figures: Mapping[str, Mapping[str, Day]],
        findings: Mapping[tuple[str, str], Mapping[str, history.Finding]],
    ) -> None:
        bucket, run_key = self.options.processed_bucket, self.options.run_id
        rows = []
        for name, days in figures.items():
            for day, found in days.items():
                for rule in self.contracts[name].rules:
                    count = found.counts[rule.name]
                    finding = findings.get((name, rule.name))
                    passed, message = judge(rule, count, finding and {day: finding[day]})
                    ratio = Decimal(count.failed) / count.checked if count.checked else Decimal(0)
                    rows.append(
                        (
                            run_key,
                            dt.date.fromisoformat(day),
                            name,
                            rule.name,
                            rule.dimension,
                            rule.severity,
                            count.checked,
                            count.failed,
                            round(ratio, 6),
                            Decimal(str(rule.threshold)),
                            passed,
                            message[:1000],
                        )
                    )
        folder = f"check_results/run={run_key}/try={self.attempt}/"
        frame = self.spark.createDataFrame(rows, _CHECK_SCHEMA).coalesce(1)
        frame.write.mode("append").parquet(self.storage.url(bucket, folder))
        written = [item for item in self.storage.objects(bucket, folder) if item.key.endswith(".parquet")]
        manifest.write_copy_manifest(self.storage, bucket, run_key, "check_result", written)

    def _publish(self, report: Mapping[str, Any]) -> None:
        """The run's own report first, then the day's newest: a reader of either sees a whole file."""
        bucket = self.options.processed_bucket
        day = f"quality/dt={report['end_date']}/"
        text = json.dumps(report, indent=1, ensure_ascii=False).encode()
        page = html_page(report, self.contracts).encode()
        for folder in (f"{day}{self.options.run_id}/", day):
            self.storage.write(bucket, f"{folder}report.html", page, "text/html; charset=utf-8")
            self.storage.write(bucket, f"{folder}report.json", text, "application/json")

    def _send_metrics(self, report: Mapping[str, Any]) -> None:
        figures: dict[tuple[str, str], float] = defaultdict(float)
        for entry in report["ledger"]:
            for metric, field in (
                ("RowsRaw", "raw_rows"),
                ("RowsAccepted", "accepted_rows"),
                ("RowsQuarantined", "quarantined_rows"),
            ):
                figures[(metric, entry["source"])] += entry[field]
        for table in report["tables"]:
            figures[("RulesFailed", table["source"])] += sum(not rule["passed"] for rule in table["rules"])
        data = [
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "Environment", "Value": self.options.env},
                    {"Name": "Source", "Value": source},
                ],
                "Value": value,
                "Unit": "Count",
            }
            for (metric, source), value in sorted(figures.items())
        ]
        try:
            self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            # The verdict stands without metrics; the missing-metric alarm tells of this.
            print(f"warning: metrics were not sent to CloudWatch: {error}")


def summary(report: Mapping[str, Any]) -> str:
    """The report in a few lines of text."""
    lines = [f"quality of {report['start_date']} … {report['end_date']}: {report['status']}"]
    for table in report["tables"]:
        for rule in table["rules"]:
            if not rule["passed"]:
                lines.append(f"  {rule['severity']}: {table['source']}.{rule['rule']}: {rule['message']}")
    return "\n".join(lines)
