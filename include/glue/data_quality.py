"""Glue job ``ecommerce-dwh-<env>-data-quality``: judges a run's accepted rows by the rules of the contracts.

Succeeds also when rules fail (the gate of the DAG decides); fails only when it cannot judge. The same script runs
under AWS Glue 5.1 and under ``spark-submit``; all logic is in ``ecommerce_dwh_glue``.

Arguments: as ``data_processing.py``; the window is that of the run's processing.
"""

from __future__ import annotations

import sys

import boto3

from ecommerce_dwh_glue.job import bundled_contracts, read_options, spark_session
from ecommerce_dwh_glue.quality.report import summary
from ecommerce_dwh_glue.quality.run import assess
from ecommerce_dwh_glue.storage import S3Storage


def main(argv: list[str]) -> None:
    """Run the job. A failure is raised: Glue passes the words of an exception on, but not those of an exit."""
    options = read_options(argv)
    spark = spark_session(f"data-quality {options.run_id}")
    metrics = boto3.client("cloudwatch", region_name=options.region)
    report = assess(spark, S3Storage(options.region), bundled_contracts(), options, metrics)
    print(summary(report))
    where = f"s3://{options.processed_bucket}/quality/dt={report['end_date']}/{options.run_id}/report.html"
    print(f"report: {where}")


if __name__ == "__main__":
    main(sys.argv)
