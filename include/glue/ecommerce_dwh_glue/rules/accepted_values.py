"""``accepted_values``: a value is one of a list."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import RowKind


def broken(rule: Rule) -> Column:
    """Rows whose value is none of the list."""
    return ~F.col(rule.column).isin(*rule.arguments["values"])


KIND = RowKind(broken)
