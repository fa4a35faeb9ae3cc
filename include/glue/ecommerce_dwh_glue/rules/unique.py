"""``unique``: no two rows have the same values in the rule's columns."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import TableKind

# Repeated hashes up to which only their rows are compared; with more of them, the values of all rows are.
_MAX_HASHES = 50_000


def repeated(rows: DataFrame, rule: Rule) -> DataFrame | None:
    """Rows that share the rule's columns with another row; None when there is none.

    A 64-bit hash is looked for first, which needs no shuffle or sort of wide keys; where a hash repeats, the values
    themselves are compared, so that two keys with one hash are not taken for duplicates.
    """
    key_hash = F.xxhash64(*rule.columns)
    doubled = (
        rows.select(key_hash.alias("key_hash")).groupBy("key_hash").agg(F.count("*").alias("n")).where("n > 1")
    )
    # The limit before the aggregate lets all partitions work at once; collect() alone would take them in turn.
    found = doubled.limit(_MAX_HASHES).agg(F.collect_list("key_hash").alias("all")).collect()
    few = found[0]["all"]
    if not few:
        return None
    suspects = rows
    if len(few) < _MAX_HASHES:
        known = rows.sparkSession.createDataFrame([(value,) for value in few], "key_hash bigint")
        suspects = (
            rows.withColumn("key_hash", key_hash)
            .join(F.broadcast(known), "key_hash", "left_semi")
            .drop("key_hash")
        )
    alike = F.count("*").over(Window.partitionBy(*rule.columns))
    return suspects.withColumn("alike", alike).where("alike > 1").drop("alike")


def offenders(source: str, frames: Mapping[str, DataFrame], rule: Rule) -> DataFrame | None:
    """The repeated rows of a source."""
    return repeated(frames[source], rule)


KIND = TableKind(offenders)
