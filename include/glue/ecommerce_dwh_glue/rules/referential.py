"""``referential``: a value that refers to another source is found there."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import TableKind


def orphans(rows: DataFrame, parents: DataFrame, rule: Rule) -> DataFrame:
    """Rows whose reference finds no parent row; rows without a reference are none."""
    keys = parents.select(F.col(rule.arguments["to_column"]).alias(rule.column))
    judged = rows.where(F.expr(rule.arguments["where"])) if rule.arguments.get("where") else rows
    return judged.where(F.col(rule.column).isNotNull()).join(keys, rule.column, "left_anti")


def offenders(source: str, frames: Mapping[str, DataFrame], rule: Rule) -> DataFrame:
    """The orphaned rows of a source."""
    return orphans(frames[source], frames[rule.arguments["to_source"]], rule)


KIND = TableKind(offenders)
