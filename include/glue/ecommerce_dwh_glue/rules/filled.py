"""``filled``: a column that was filled on the day before is not empty on all rows (`quality.filled`)."""

from __future__ import annotations

from ecommerce_dwh_glue.rules.counted import counted

KIND = counted(
    "{failed} of {checked} columns are empty that were filled on the day before",
    "emptied_columns",
    of="known_columns",
)
