"""``expression``: SQL over the columns of a row is true."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import RowKind


def broken(rule: Rule) -> Column:
    """Rows for which the expression is false; null is not false."""
    return ~F.expr(rule.arguments["expression"])


KIND = RowKind(broken, is_about_values=False)
