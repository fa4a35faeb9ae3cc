"""Glue job ``ecommerce-dwh-<env>-data-quality``: judges a run's accepted rows by the rules of the contracts.

Succeeds also when rules fail (the gate of the DAG decides); fails only when it cannot judge. The same script runs
under AWS Glue 5.1 and under ``spark-submit``; all logic is in ``ecommerce_dwh_glue``.

Arguments: as ``data_processing.py``; the window is that of the run's processing.
"""

from __future__ import annotations

import sys
import traceback

import boto3

from ecommerce_dwh_glue.job import JobError, bundled_contracts, read_options, spark_session
from ecommerce_dwh_glue.quality.report import summary
from ecommerce_dwh_glue.quality.run import assess
from ecommerce_dwh_glue.storage import S3Storage


def main(argv: list[str]) -> None:
    """Run the job; a failure ends the process with one readable line and a non-zero exit code."""
    try:
        options = read_options(argv)
        spark = spark_session(f"data-quality {options.run_id}")
        metrics = boto3.client("cloudwatch", region_name=options.region)
        report = assess(spark, S3Storage(options.region), bundled_contracts(), options, metrics)
    except JobError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        sys.exit(f"data_quality failed: {error}")
    print(summary(report))
    where = f"s3://{options.processed_bucket}/quality/dt={report['end_date']}/{options.run_id}/report.html"
    print(f"report: {where}")


if __name__ == "__main__":
    main(sys.argv)
