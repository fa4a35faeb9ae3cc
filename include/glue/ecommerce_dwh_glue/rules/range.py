"""``range``: a value lies between two bounds, both included; one of them may be missing."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import RowKind


def broken(rule: Rule) -> Column:
    """Rows whose value lies outside."""
    column, arguments = F.col(rule.column), rule.arguments
    bounds = []
    if arguments.get("minimum") is not None:
        bounds.append(column < F.lit(arguments["minimum"]))
    if arguments.get("maximum") is not None:
        bounds.append(column > F.lit(arguments["maximum"]))
    return reduce(lambda one, other: one | other, bounds)


KIND = RowKind(broken)
