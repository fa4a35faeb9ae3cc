"""``pattern``: a regular expression is found in a text."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import RowKind


def broken(rule: Rule) -> Column:
    """Rows in whose text the pattern is not found."""
    return ~F.col(rule.column).rlike(rule.arguments["pattern"])


KIND = RowKind(broken)
