"""``max_length``: a text has at most so many characters."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import RowKind


def broken(rule: Rule) -> Column:
    """Rows whose text is longer."""
    return F.length(rule.column) > int(rule.arguments["length"])


KIND = RowKind(broken)
