"""Picks the row that counts among several of one key.

Within a source and day, sources with history keep one row per (key, version_at), the others one row per key. The
newest ``version_at`` wins, among versions of the future (`casting`) the latest; ties go to the greatest ``row_hash``,
and among exact copies the first in the files. The outcome depends on the set of rows alone, not on their order.

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
from ecommerce_dwh_glue.rows.casting import judge_rows
from ecommerce_dwh_glue.rows.identity import identity, row_hash_sql


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


def marks_of(found: DataFrame, source: int, *, many: bool) -> DataFrame:
    """The key hashes of one source, ready to be joined with its rows.

    Args:
        found: what `marks` gave.
        source: the source's number.
        many: whether they are too many to be sent to every executor.
    """
    hashes = found.where(F.col("source") == source).select("key_hash")
    return hashes.hint("shuffle_hash") if many else F.broadcast(hashes.coalesce(1))


def hashed(typed: DataFrame, contract: SourceContract) -> DataFrame:
    """Typed rows with their ``row_hash`` (`identity.row_hash_sql`)."""
    return typed.withColumn("row_hash", F.expr(row_hash_sql(contract)))


def marked(typed: DataFrame, hashes: DataFrame, tasks: int) -> DataFrame:
    """The rows that need a closer look, spread over tasks.

    Few rows pass. Behind an exchange, what is said about them stays out of the code that runs for all rows.
    """
    return typed.join(hashes, "key_hash", "left_semi").repartition(tasks, "key_hash")


def unmarked(typed: DataFrame, hashes: DataFrame | None) -> DataFrame:
    """The rows that need no closer look: all of them are accepted.

    Args:
        typed: what `casting.type_rows` gave.
        hashes: what `marks_of` gave; None when no row is marked.
    """
    return typed if hashes is None else typed.join(hashes, "key_hash", "left_anti")


def ranked(typed: DataFrame, contract: SourceContract) -> DataFrame:
    """Rows, judged, with their ``row_hash`` and ``place``: of the good ones, 1 wins and the others lose.

    ``conflict`` is true for rows that lose against another row of the same version, or against one that differs in a
    required column: such a row is no copy and no earlier version of the winner, but something else under its key.

    Args:
        typed: what `casting.type_rows` gave, with all rivals of each row.
        contract: the source's contract.
    """
    # As delivered: version_at may be the end of the delivery's day for several versions of the future.
    version = contract.version_column or "version_at"
    order = Window.partitionBy(F.isnull("rule"), *identity(contract)).orderBy(
        F.col("version_at").desc(),
        F.col(version).desc(),
        F.col("row_hash").desc(),
        F.col("source_file"),
        F.col("source_line"),
    )
    fixed = [name for name in contract.required_columns if name != contract.key]
    kept = dict.fromkeys(["row_hash", version, "source_file", "source_line", *fixed])
    winner = F.first(F.struct(*kept)).over(order)
    placed = hashed(judge_rows(typed, contract), contract).select(
        "*", F.row_number().over(order).alias("place"), winner.alias("winner")
    )
    differs = reduce(
        lambda one, other: one | other,
        (F.col(name) != F.col(f"winner.{name}") for name in fixed),
        F.col(version).eqNullSafe(F.col(f"winner.{version}")),
    )
    is_other = (F.col("row_hash") != F.col("winner.row_hash")) & differs
    lost = F.isnull("rule") & (F.col("place") > 1)
    return placed.withColumn("conflict", F.coalesce(lost & is_other, F.lit(False)))


def winners(ranked_rows: DataFrame) -> DataFrame:
    """Of the rows that `ranked` gave, those that are accepted."""
    return ranked_rows.where("rule is null and place = 1")


def rejected(ranked_rows: DataFrame) -> DataFrame:
    """Of the rows that `ranked` gave, those that are quarantined."""
    return ranked_rows.where("rule is not null")


def side_sql(*, quarantined: str, superseded: str) -> str:
    """SQL over the rows that `ranked` gave: one of two values for the rows that are not accepted, null for the others.

    Args:
        quarantined: SQL of the value for quarantined rows.
        superseded: SQL of the value for rows that lost against another.
    """
    return f"case when rule is not null then {quarantined} when place > 1 then {superseded} end"
