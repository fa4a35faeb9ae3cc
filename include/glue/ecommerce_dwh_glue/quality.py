"""The quality job: judges what processing accepted, and tells people and machines.

The job succeeds when rules fail; the gate in the DAG decides what that means. It fails only when it cannot judge.
Rules are judged over the run's whole window; `check_results` also holds their figures day by day.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial, reduce
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from py4j.protocol import Py4JJavaError
from pyspark import inheritable_thread_target
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh_glue import manifest
from ecommerce_dwh_glue.casting import spark_type
from ecommerce_dwh_glue.job import JobError, Options
from ecommerce_dwh_glue.report import html_page
from ecommerce_dwh_glue.rules import Count, duplicates, one_pass, orphans, row_rules, tests
from ecommerce_dwh_glue.storage import Storage

NAMESPACE = "EcommerceDWH"
SAMPLES = 20
QUARANTINE_SAMPLES = 5
_CHECK_SCHEMA = (
    "run_id string, delivery_date date, source string, rule string, dimension string, severity string, "
    "rows_checked bigint, rows_failed bigint, failed_ratio decimal(18,6), threshold decimal(18,6), passed boolean, "
    "message string"
)


def judge(rule: Rule, count: Count) -> tuple[bool, str]:
    """Whether a rule passes, and in words why not.

    Args:
        rule: the rule.
        count: rows checked and failed.
    """
    ratio = count.failed / count.checked if count.checked else 0.0
    if rule.kind == "row_count":
        minimum = int(rule.arguments["minimum"])
        passed = count.checked >= minimum
        return passed, "" if passed else f"{count.checked} rows, at least {minimum} are expected"
    few = rule.kind == "quarantine_ratio" and count.failed < int(rule.arguments.get("minimum_rows", 0))
    passed = few or ratio <= rule.threshold
    if passed:
        return True, ""
    allowed = f"{rule.threshold:.2%} are allowed" if rule.threshold else "none is allowed"
    return False, f"{count.failed:,} of {count.checked:,} rows ({ratio:.2%}) break the rule; {allowed}"


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
            counts = self._counts(frames, processing)
            samples = self._samples(frames, counts)
            quarantine = self._quarantine(processing["quarantine_files"])
            report = self._report(processing, counts, samples, quarantine)
            self._write_check_results(counts)
        except (Py4JJavaError, PySparkException) as error:
            java = getattr(error, "java_exception", None)
            text = " ".join((java.toString() if java is not None else str(error)).split())
            raise JobError(f"Spark failed: {text[:500]}; the full trace is in the job's log") from error
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

    def _counts(
        self, frames: Mapping[str, DataFrame], processing: Mapping[str, Any]
    ) -> dict[str, dict[str, dict[str, Count]]]:
        """Counts by source, day and rule; the rule ``""`` counts all rows."""
        ledger: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for entry in processing["ledger"]:
            ledger[entry["source"]][entry["delivery_date"]] = entry
        jobs: list[tuple[str, Rule | None, Callable[[], dict[str, Any]]]] = []
        for name, contract in self.contracts.items():
            jobs.append((name, None, partial(one_pass, frames[name], contract)))
            for rule in contract.rules:
                if rule.kind == "unique":
                    jobs.append((name, rule, partial(duplicates, frames[name], rule)))
                elif rule.kind == "referential":
                    jobs.append((name, rule, partial(self._orphan_counts, frames, name, rule)))
        # Side by side: on a small day, planning a job takes longer than running it.
        with ThreadPoolExecutor(max_workers=4) as pool:
            futures = [(name, rule, pool.submit(inheritable_thread_target(work))) for name, rule, work in jobs]
            found = [(name, rule, future.result()) for name, rule, future in futures]
        result: dict[str, dict[str, dict[str, Count]]] = {}
        for name, judged, counts in found:
            if judged is None:
                nothing = {"": Count(0, 0)} | {
                    each.name: Count(0, 0) for each in row_rules(self.contracts[name])
                }
                result[name] = {day: counts.get(day, dict(nothing)) for day in ledger[name]}
        for name, judged, counts in found:
            if judged is not None:
                for day, by_rule in result[name].items():
                    by_rule[judged.name] = Count(by_rule[""].checked, counts.get(day, Count(0, 0)).failed)
        for name, days in result.items():
            for day, by_rule in days.items():
                for rule in self.contracts[name].rules:
                    if rule.kind == "quarantine_ratio":
                        entry = ledger[name][day]
                        by_rule[rule.name] = Count(entry["raw_rows"], entry["quarantined_rows"])
                    elif rule.kind == "row_count":
                        by_rule[rule.name] = Count(by_rule[""].checked, 0)
        return result

    def _orphan_counts(self, frames: Mapping[str, DataFrame], name: str, rule: Rule) -> dict[str, Count]:
        lost = orphans(frames[name], frames[rule.arguments["to_source"]], rule)
        return {
            row["delivery_date"].isoformat(): Count(0, row["count"])
            for row in lost.groupBy("delivery_date").count().collect()
        }

    def _samples(
        self, frames: Mapping[str, DataFrame], counts: Mapping[str, Mapping[str, Mapping[str, Count]]]
    ) -> dict[tuple[str, str], list[str]]:
        """Keys of some rows that break a rule, for rules that any row breaks. Keys only: no personal data."""
        parts = []
        for name, contract in self.contracts.items():
            if contract.column(contract.key).pii:
                continue
            for rule in contract.rules:
                if not sum(day[rule.name].failed for day in counts[name].values()):
                    continue
                if rule in row_rules(contract):
                    broken = frames[name].where(tests(rule)[1])
                elif rule.kind == "referential":
                    broken = orphans(frames[name], frames[rule.arguments["to_source"]], rule)
                else:
                    continue
                parts.append(
                    broken.select(
                        F.lit(name).alias("source"),
                        F.lit(rule.name).alias("rule"),
                        F.col(contract.key).alias("key"),
                    )
                    .orderBy("key")
                    .limit(SAMPLES)
                )
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        if parts:
            for row in reduce(DataFrame.unionAll, parts).collect():
                found[(row["source"], row["rule"])].append(row["key"])
        return found

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
                    "source_file": row["source_file"],
                    "source_line": row["source_line"],
                    "message": row["message"],
                }
            )
        return sorted(found.values(), key=lambda entry: (entry["source"], -entry["rows"], entry["rule"]))

    # --- results ---

    def _report(
        self,
        processing: Mapping[str, Any],
        counts: Mapping[str, Mapping[str, Mapping[str, Count]]],
        samples: Mapping[tuple[str, str], list[str]],
        quarantine: list[dict[str, Any]],
    ) -> dict[str, Any]:
        tables, failed = [], set()
        for name, contract in self.contracts.items():
            rules = []
            for rule in contract.rules:
                days = [day[rule.name] for day in counts[name].values()]
                total = Count(sum(day.checked for day in days), sum(day.failed for day in days))
                passed, message = judge(rule, total)
                if not passed:
                    failed.add(rule.severity)
                rules.append(
                    {
                        "rule": rule.name,
                        "dimension": rule.dimension,
                        "severity": rule.severity,
                        "description": rule.description,
                        "rows_checked": total.checked,
                        "rows_failed": total.failed,
                        "failed_ratio": round(total.failed / total.checked, 6) if total.checked else 0.0,
                        "threshold": rule.threshold,
                        "passed": passed,
                        "message": message,
                        "samples": samples.get((name, rule.name), []),
                    }
                )
            rows = sum(day[""].checked for day in counts[name].values())
            tables.append({"source": name, "rows": rows, "rules": rules})
        fields = ("source", "delivery_date", "raw_rows", "accepted_rows", "superseded_rows", "quarantined_rows")
        return {
            "schema_version": 1,
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

    def _write_check_results(self, counts: Mapping[str, Mapping[str, Mapping[str, Count]]]) -> None:
        bucket, run_key = self.options.processed_bucket, self.options.run_id
        rows = []
        for name, days in counts.items():
            for day, by_rule in days.items():
                for rule in self.contracts[name].rules:
                    count = by_rule[rule.name]
                    passed, message = judge(rule, count)
                    ratio = Decimal(count.failed) / count.checked if count.checked else Decimal(0)
                    rows.append(
                        (
                            run_key, dt.date.fromisoformat(day), name, rule.name, rule.dimension, rule.severity,
                            count.checked, count.failed, round(ratio, 6), Decimal(str(rule.threshold)), passed,
                            message[:1000],
                        )
                    )  # fmt: skip
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
