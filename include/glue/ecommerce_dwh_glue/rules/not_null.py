"""``not_null``: a column has a value."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import RowKind


def broken(rule: Rule) -> Column:
    """Rows without a value."""
    return F.col(rule.column).isNull()


KIND = RowKind(broken, is_about_values=False)
