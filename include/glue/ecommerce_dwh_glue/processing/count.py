"""Fills the ledger: which rows were read, where each of them ended, and what was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh_glue.job import JobError
from ecommerce_dwh_glue.processing.context import Outcome, Run, Source
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.rows import dedup
from ecommerce_dwh_glue.rows.amounts import AMOUNT_UNIT, amount_parts_sql
from ecommerce_dwh_glue.rows.values import columns_schema

# Sides of the ledger; rows are grouped by the place of their side in it.
_SIDES = ("accepted", "superseded", "quarantined")


def count_read(run: Run, sources: Sequence[Source], outcome: Outcome) -> None:
    """Fill the raw side of the ledger, and the sides of rows that are not accepted."""
    lost = dedup.side_sql(
        quarantined=str(_SIDES.index("quarantined")), superseded=str(_SIDES.index("superseded"))
    )
    parts = []
    for source in sources:
        if source.rows is not None:
            parts.append(_figures(source.rows, source, "int(null)", raw=True))
        if source.ranked is not None:
            looked_at = _figures(source.ranked, source, lost, raw=run.is_small, ranked=True)
            parts.append(looked_at if run.is_small else looked_at.where("side is not null"))
    _add(sources, outcome, parts)


def count_written(run: Run, sources: Sequence[Source], outcome: Outcome) -> None:
    """Fill the accepted side from the written files, so that the ledger proves them."""
    parts = []
    for source in sources:
        written = [
            run.storage.url(run.options.processed_bucket, item.key)
            for item in source.accepted
            if "/empty/" not in item.key
        ]
        if written:
            frame = run.spark.read.schema(columns_schema(source.contract)).parquet(*written)
            parts.append(_figures(frame, source, str(_SIDES.index("accepted")), raw=False))
    _add(sources, outcome, parts)


def check_rows(files: Sequence[SourceFile], outcome: Outcome) -> None:
    """Hold Spark's count against the survey's, where every file was cut at line ends.

    Raises:
        JobError: a file has other rows now than when it was surveyed.
    """
    expected: dict[tuple[str, str], int | None] = defaultdict(int)
    for file in files:
        place, known = (file.source, file.day), expected[(file.source, file.day)]
        expected[place] = known + file.rows if file.has_exact_rows and known is not None else None
    for place, rows in expected.items():
        if rows is not None and rows != outcome.ledger[place].raw_rows:
            raise JobError(
                f"{place[0]} {place[1]}: the files hold {rows} rows, Spark read {outcome.ledger[place].raw_rows}; "
                "were files changed while the job ran? Run it again"
            )


def _figures(rows: DataFrame, source: Source, side: str, *, raw: bool, ranked: bool = False) -> DataFrame:
    """The figures of each row for the ledger; sources and sides as numbers, since rows are grouped by them.

    Args:
        rows: typed or accepted rows.
        source: their source.
        side: SQL of the ledger's side where the row ended, a place in `_SIDES`, may be null.
        raw: whether the rows count as raw, too.
        ranked: whether they were ranked, so that it is known which of them are in conflict.
    """
    high, low = amount_parts_sql(source.contract)
    return rows.select(
        F.lit(source.number).alias("source"),
        "delivery_date",
        F.expr(side).alias("side"),
        F.lit(raw).alias("raw"),
        F.expr(high).alias("amount_high"),
        F.expr(low).alias("amount_low"),
        (F.col("rounded") if raw else F.lit(False)).alias("rounded"),
        (F.col("conflict") if ranked else F.lit(False)).alias("conflict"),
    )


def _add(sources: Sequence[Source], outcome: Outcome, parts: Sequence[DataFrame]) -> None:
    """Add what `_figures` gave to the ledger."""
    if not parts:
        return
    figures = (
        reduce(DataFrame.unionAll, parts)
        .groupBy("source", "delivery_date", "side", "raw")
        .agg(
            F.count("*").alias("rows"),
            F.sum("amount_high").alias("high"),
            F.sum("amount_low").alias("low"),
            F.count_if("rounded").alias("rounded"),
            F.count_if("conflict").alias("conflicts"),
        )
    )
    for row in figures.collect():
        name = sources[row["source"]].contract.name
        entry = outcome.ledger[(name, row["delivery_date"].isoformat())]
        amount = Decimal(f"{row['high'] * AMOUNT_UNIT + row['low']}e-4")
        sides = [] if row["side"] is None else [_SIDES[row["side"]]]
        for side in [*sides, "raw"] if row["raw"] else sides:
            setattr(entry, f"{side}_rows", getattr(entry, f"{side}_rows") + row["rows"])
            setattr(entry, f"{side}_amount", getattr(entry, f"{side}_amount") + amount)
        entry.conflicting_rows += row["conflicts"]
        if row["rounded"]:
            outcome.rounded[name] = outcome.rounded.get(name, 0) + row["rounded"]
