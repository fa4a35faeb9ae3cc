"""``filled``: a column that was filled on the day before is not empty on all rows."""

from __future__ import annotations

from ecommerce_dwh.rules.counted import CountedKind


class Filled(CountedKind):
    name = "filled"
    says = "No column is empty on all rows that was filled on the day before"
    outside = "DQDL compares with plain averages, not with the day before"
