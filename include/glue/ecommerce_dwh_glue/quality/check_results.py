"""The figures of every rule and day as Parquet, which the warehouse loads into ``quality.check_results``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from ecommerce_dwh_glue import manifest
from ecommerce_dwh_glue.quality.context import Figures, Run
from ecommerce_dwh_glue.quality.verdicts import judge

_SCHEMA = (
    "run_id string, delivery_date date, source string, rule string, dimension string, severity string, "
    "rows_checked bigint, rows_failed bigint, failed_ratio decimal(18,6), threshold decimal(18,6), passed boolean, "
    "message string"
)
# Characters of the column ``message``.
_MESSAGE = 1000


def write_check_results(run: Run, figures: Figures) -> None:
    """Write a row per rule and day, and the COPY manifest."""
    bucket, run_key = run.options.processed_bucket, run.options.run_id
    rows = []
    for name, days in figures.days.items():
        for day, found in days.items():
            for rule in run.contracts[name].rules:
                count = found.counts[rule.name]
                finding = figures.findings.get((name, rule.name))
                passed, message = judge(
                    rule, count, finding and {day: finding[day]}, figures.examples(name, rule, day)
                )
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
                        message[:_MESSAGE],
                    )
                )
    folder = f"check_results/run={run_key}/try={run.attempt}/"
    frame = run.spark.createDataFrame(rows, _SCHEMA).coalesce(1)
    frame.write.mode("append").parquet(run.storage.url(bucket, folder))
    written = [item for item in run.storage.objects(bucket, folder) if item.key.endswith(".parquet")]
    manifest.write_copy_manifest(run.storage, bucket, run_key, "check_result", written)
