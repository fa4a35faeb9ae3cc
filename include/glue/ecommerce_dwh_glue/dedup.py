"""Which of several rows of one key counts.

Within a source and day, sources with history keep one row per (key, version_at), the others one row per key. The
newest ``version_at`` wins, ties go to the greatest ``row_hash``, and among exact copies the first in the files.
The outcome depends on the set of rows alone, not on their order.

Few rows have a rival. So rows are first counted by a 64-bit hash of their key, which is cheap, and only those that
share a hash are sorted; a collision of hashes costs time, never correctness.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.casting import row_hash_sql


def identity(contract: SourceContract) -> list[str]:
    """Columns of which a day keeps one row per value."""
    extra = ["version_at"] if contract.history == "scd2" else []
    return ["delivery_date", contract.key, *extra]


def with_key_hash(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """Add ``key_hash``, a 64-bit hash of the row's identity; null for quarantined rows."""
    return rows.withColumn("key_hash", F.when(F.col("rule").isNull(), F.xxhash64(*identity(contract))))


def rival_hashes(rows: DataFrame) -> DataFrame:
    """The values of ``key_hash`` that more than one good row has."""
    return rows.where("key_hash is not null").groupBy("key_hash").count().where("count > 1").select("key_hash")


def ranked(rows: DataFrame, rivals: DataFrame, contract: SourceContract) -> DataFrame:
    """The good rows that share a hash, with their ``row_hash`` and their ``place``: 1 wins, the others lose.

    Args:
        rows: good rows with ``key_hash``.
        rivals: what `rival_hashes` gave.
        contract: the source's contract.
    """
    order = Window.partitionBy(*identity(contract)).orderBy(
        F.col("version_at").desc(),
        F.col("row_hash").desc(),
        F.col("source_file"),
        F.col("source_line"),
    )
    return (
        rows.join(rivals, "key_hash", "left_semi")
        .withColumn("row_hash", F.expr(row_hash_sql(contract)))
        .withColumn("place", F.row_number().over(order))
    )


def winners(rows: DataFrame, rivals: DataFrame, places: DataFrame, contract: SourceContract) -> DataFrame:
    """The rows that count, with their ``row_hash``: those without a rival, and each first among rivals."""
    alone = rows.join(rivals, "key_hash", "left_anti").withColumn("row_hash", F.expr(row_hash_sql(contract)))
    return alone.unionByName(places.where("place = 1").drop("place"))
