"""The columns of the ledger: the delivered rows of each source and day, and their parts.

Every delivered row is accepted (loaded), superseded by another row of its key, or quarantined; the same holds for the
money of the rows. Tables, reports, pages, logs and metrics use these names.

Nothing here needs Airflow or Spark; the module travels to Glue in the library zip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DELIVERED = "raw_rows"
# Parts of the delivered rows; together they are all of them.
PARTS = ("accepted_rows", "superseded_rows", "quarantined_rows")
ROWS = (DELIVERED, *PARTS)

# Names in CloudWatch of what a publication sends; quarantined rows come from the quality job, so that they are known
# when the gate stays closed.
METRIC_NAMESPACE = "EcommerceDWH"
PUBLISHED_METRICS = {
    "RowsDelivered": DELIVERED,
    "RowsLoaded": "accepted_rows",
    "RowsSuperseded": "superseded_rows",
}


def accounted_rows(line: Mapping[str, Any]) -> int:
    """The sum of the parts of a ledger line; equal to its delivered rows when the line adds up."""
    return sum(int(line[part]) for part in PARTS)
