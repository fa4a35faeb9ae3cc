"""Which of several rows of one key counts.

Within a source and day, sources with history keep one row per (key, version_at), the others one row per key. The
newest ``version_at`` wins, ties go to the greatest ``row_hash``, and among exact copies the first in the files.
The outcome depends on the set of rows alone, not on their order.

Few rows have a rival or break a rule. So of many rows, one cheap pass finds the 64-bit hashes of identities that need
a closer look (`marks`): those that occur twice, and those of suspect rows. Rows of all other hashes are accepted as
they come, without judging, sorting or shuffling them; only the rest is judged and ranked (`ranked`). A
collision of hashes costs time, never correctness. Few rows are all ranked: planning takes longer than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.rows.casting import identity, judge_rows, row_hash_sql


def marks(sources: Mapping[int, DataFrame]) -> DataFrame:
    """Key hashes of the rows that need a closer look.

    Args:
        sources: what `casting.type_rows` gave, by number.

    Returns:
        ``source`` (its number), ``key_hash``, ``rows`` (how many have it).
    """
    hashes = [
        rows.select(F.lit(place).alias("source"), "key_hash", F.isnotnull("suspect").alias("suspect"))
        for place, rows in sources.items()
    ]
    return (
        reduce(DataFrame.unionAll, hashes)
        .groupBy("source", "key_hash")
        .agg(F.count("*").alias("rows"), F.max("suspect").alias("suspect"))
        .where("rows > 1 or suspect")
        .drop("suspect")
    )


def hashed(typed: DataFrame, contract: SourceContract) -> DataFrame:
    """Typed rows with their ``row_hash`` (`casting.row_hash_sql`)."""
    return typed.withColumn("row_hash", F.expr(row_hash_sql(contract)))


def marked(typed: DataFrame, hashes: DataFrame, tasks: int) -> DataFrame:
    """The rows that need a closer look, spread over tasks.

    Few rows pass. Behind an exchange, what is said about them stays out of the code that runs for all rows.
    """
    return typed.join(hashes, "key_hash", "left_semi").repartition(tasks, "key_hash")


def ranked(typed: DataFrame, contract: SourceContract) -> DataFrame:
    """Rows, judged, with their ``row_hash`` and ``place``: of the good ones, 1 wins and the others lose.

    Args:
        typed: what `casting.type_rows` gave, with all rivals of each row.
        contract: the source's contract.
    """
    order = Window.partitionBy(F.isnull("rule"), *identity(contract)).orderBy(
        F.col("version_at").desc(),
        F.col("row_hash").desc(),
        F.col("source_file"),
        F.col("source_line"),
    )
    return hashed(judge_rows(typed, contract), contract).withColumn("place", F.row_number().over(order))
