"""Runs the processing job for tests in another environment: one Spark session, one window per line of standard input.

    .venv/spark/bin/python tests/real/processing_server.py FOLDER

The folder's folders stand for the buckets; that of raw files is ``raw``. A line is ``first-day last-day run-key``; each
is answered by a line ``done``. A run that fails ends the process with its error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "glue"))

from spark_for_tests import REPO, spark_session
from storage import FolderStorage

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh_glue.job import Options
from ecommerce_dwh_glue.processing.run import process


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the job prints is no answer
    spark = spark_session()
    contracts = load_contracts(REPO / "include" / "sources")
    for line in sys.stdin:
        first, last, run = line.split()
        options = Options("dev", "ap-south-1", "raw", "ecommerce-dwh-dev-processed", first, last, run)
        process(spark, FolderStorage(Path(sys.argv[1])), contracts, options)
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
