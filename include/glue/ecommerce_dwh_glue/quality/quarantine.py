"""The quarantined rows of a run, for the report: how many by rule, and the first of them."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from ecommerce_dwh.privacy.masking import mask, mask_path
from ecommerce_dwh_glue.quality.context import Run

# Rows per source and rule.
QUARANTINE_SAMPLES = 5


def quarantined_rows(run: Run) -> list[dict[str, Any]]:
    """Entries by source and rule, most rows first; file names and messages are masked."""
    keys = run.processing["quarantine_files"]
    if not keys:
        return []
    bucket = run.options.processed_bucket
    rows = (
        run.spark.read.option("basePath", run.storage.url(bucket, "quarantine/"))
        .parquet(*(run.storage.url(bucket, key) for key in keys))
        .select("source", "rule", "message", "source_file", "source_line")
    )
    group = Window.partitionBy("source", "rule")
    place = F.row_number().over(group.orderBy("source_file", "source_line"))
    numbered = rows.withColumn("n", F.count("*").over(group)).withColumn("place", place)
    first = numbered.where(F.col("place") <= QUARANTINE_SAMPLES).orderBy("source", "rule", "place")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in first.collect():
        entry = found.setdefault(
            (row["source"], row["rule"]),
            {"source": row["source"], "rule": row["rule"], "rows": row["n"], "samples": []},
        )
        entry["samples"].append(
            {
                "source_file": mask_path(row["source_file"]),
                "source_line": row["source_line"],
                # Messages show no more than form and length; rows of earlier versions of the job may be read again.
                "message": mask(row["message"] or ""),
            }
        )
    return sorted(found.values(), key=lambda entry: (entry["source"], -entry["rows"], entry["rule"]))
