"""Glue job ``ecommerce-dwh-<env>-data-erasure``: takes one person out of raw and processed files.

Arguments: as ``data_processing.py`` (the window is ignored; ``run_id`` names the erasure), and ``--erasure_mode``:
``search`` says what would change, ``erase`` changes it, ``verify`` says what is left. Whom to erase is in
``erasures/<run_id>/request.json`` of the processed bucket, so that arguments and logs hold nothing of the person.
The same script runs under AWS Glue 5.1 and under ``spark-submit``.
"""

from __future__ import annotations

import sys

from ecommerce_dwh_glue.erasure.job import Erasure, summary
from ecommerce_dwh_glue.job import bundled_contracts, read_options, spark_session
from ecommerce_dwh_glue.storage import S3Storage


def main(argv: list[str]) -> None:
    """Run the job. A failure is raised: Glue passes the words of an exception on, but not those of an exit."""
    options = read_options(argv)
    mode = argv[argv.index("--erasure_mode") + 1] if "--erasure_mode" in argv[:-1] else ""
    spark = spark_session(f"data-erasure {mode} {options.run_id}")
    storage = S3Storage(options.region)
    result = Erasure(spark.sparkContext, storage, bundled_contracts(), options, mode).run()
    print(summary(result))


if __name__ == "__main__":
    main(sys.argv)
