"""Glue job ``ecommerce-dwh-<env>-data-processing``: raw files of a window of days into typed, accounted Parquet.

The same script runs under AWS Glue 5.1 and under ``spark-submit``; all logic is in ``ecommerce_dwh_glue``.

Arguments: ``--env --region --raw_bucket --processed_bucket --start_date --end_date --run_id``; dates are
``YYYY-MM-DD`` or ``latest``.
"""

from __future__ import annotations

import sys

from ecommerce_dwh_glue.job import bundled_contracts, read_options, spark_session
from ecommerce_dwh_glue.processing.ledger import table
from ecommerce_dwh_glue.processing.run import process
from ecommerce_dwh_glue.storage import S3Storage


def main(argv: list[str]) -> None:
    """Run the job. A failure is raised: Glue passes the words of an exception on, but not those of an exit."""
    options = read_options(argv)
    spark = spark_session(f"data-processing {options.run_id}")
    outcome = process(spark, S3Storage(options.region), bundled_contracts(), options)
    print(table(outcome.ledger))
    for item in outcome.drift:
        print(f"drift: {item['source']}.{item['column']}: {item['kind']} ({item['file_count']} file(s))")
    for remark in outcome.remarks:
        print(f"warning: {remark.source} {remark.day}: {remark.text}")
    for source, rows in outcome.rounded.items():
        print(f"warning: {source}: {rows} row(s) had more decimals than the contract keeps; rounded half up")


if __name__ == "__main__":
    main(sys.argv)
