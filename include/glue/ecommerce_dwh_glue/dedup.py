"""Which of several rows of one key counts.

Within a source and day, sources with history keep one row per (key, version_at), the others one row per key. The
newest ``version_at`` wins, ties go to the greatest ``row_hash``, and among exact copies the first in the files.
The outcome depends on the set of rows alone, not on their order.

Few rows have a rival or break a rule. So one cheap pass marks the 64-bit hashes of identities that need a closer look
(`marked`): those that occur twice, and those of rows that may break a rule. Rows of all other hashes are accepted as
they come, without judging, sorting or shuffling them; only the rest is judged and ranked (`ranked`). A collision of
hashes costs time, never correctness.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.casting import identity, judge_rows, row_hash_sql, type_rows


def marked(rows: DataFrame) -> DataFrame:
    """Sum up rows by source and day, apart from those that need a closer look.

    Args:
        rows: what `casting.account` gave, with an integer ``source``.

    Returns:
        ``source``, ``delivery_date``, ``mark`` (a key hash that needs a closer look, else null), and the sums ``rows``,
        ``amount_high``, ``amount_low``, ``rounded``: one row for each mark, one for all other rows of a source and day.
    """
    keys = rows.groupBy("source", "delivery_date", "key_hash").agg(
        F.count("*").alias("rows"),
        F.sum("amount_high").alias("amount_high"),
        F.sum("amount_low").alias("amount_low"),
        F.count_if("rounded").alias("rounded"),
        F.max("suspect").alias("suspect"),
    )
    mark = F.when((F.col("rows") > 1) | F.col("suspect"), F.col("key_hash"))
    return keys.groupBy("source", "delivery_date", mark.alias("mark")).agg(
        *(F.sum(name).alias(name) for name in ("rows", "amount_high", "amount_low", "rounded"))
    )


def unmarked(keyed: DataFrame, marks: DataFrame | None, contract: SourceContract) -> DataFrame:
    """The rows that are good and have no rival, typed, with their ``row_hash``.

    Args:
        keyed: what `casting.key_rows` gave.
        marks: ``key_hash`` of the rows to leave out; None when there are none.
        contract: the source's contract.
    """
    rest = keyed if marks is None else keyed.join(marks, "key_hash", "left_anti")
    return type_rows(rest, contract).withColumn("row_hash", F.expr(row_hash_sql(contract)))


def ranked(keyed: DataFrame, marks: DataFrame, contract: SourceContract, tasks: int = 1) -> DataFrame:
    """The marked rows, judged, with their ``row_hash`` and ``place``: of the good ones, 1 wins and the others lose.

    Args:
        keyed: what `casting.key_rows` gave.
        marks: ``key_hash`` of the rows to look at.
        contract: the source's contract.
        tasks: how many tasks share the judging.
    """
    order = Window.partitionBy(F.isnull("rule"), *identity(contract)).orderBy(
        F.col("version_at").desc(),
        F.col("row_hash").desc(),
        F.col("source_file"),
        F.col("source_line"),
    )
    # Few rows pass the join. Behind an exchange, what is said about them stays out of the code that runs for all rows.
    few = keyed.join(marks, "key_hash", "left_semi").repartition(tasks, "key_hash")
    judged = judge_rows(type_rows(few, contract), contract)
    return judged.withColumn("row_hash", F.expr(row_hash_sql(contract))).withColumn(
        "place", F.row_number().over(order)
    )
