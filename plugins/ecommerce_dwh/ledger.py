"""The columns of the ledger: the delivered rows of each source and day, and their parts.

Every delivered row is accepted (loaded), superseded by another row of its key, or quarantined; the same holds for the
money of the rows. Tables, reports, pages, logs and metrics take these names from here.

Nothing here needs Airflow or Spark; the module travels to Glue in the library zip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DELIVERED = "raw_rows"
# Parts of the delivered rows; their sum is the delivered rows.
PARTS = ("accepted_rows", "superseded_rows", "quarantined_rows")
ROWS = (DELIVERED, *PARTS)
AMOUNTS = ("raw_amount", "accepted_amount", "superseded_amount", "quarantined_amount")
# Name and Redshift type of each column, in the order of the files that the processing job writes.
COLUMNS = (
    ("source", "varchar(64)"),
    ("delivery_date", "date"),
    ("run_id", "varchar(250)"),
    ("files", "integer"),
    *((name, "bigint") for name in ROWS),
    *((name, "decimal(38,4)") for name in AMOUNTS),
)

METRIC_NAMESPACE = "EcommerceDWH"  # in CloudWatch
# Metrics by who sends them; a figure has one name and one sender. The quality job sends its metrics also when the gate
# closes, the publication only for a day that readers see.
JUDGED_METRICS = {"RowsDelivered": DELIVERED, "RowsQuarantined": "quarantined_rows"}
PUBLISHED_METRICS = {"RowsLoaded": "accepted_rows", "RowsSuperseded": "superseded_rows"}


def accounted_rows(line: Mapping[str, Any]) -> int:
    """The sum of the parts of a ledger line; equal to its delivered rows when the line adds up."""
    return sum(int(line[part]) for part in PARTS)
