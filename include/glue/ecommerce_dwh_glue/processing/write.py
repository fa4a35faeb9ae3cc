"""Writes the accepted rows of each source, and the quarantined rows of all, as Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.processing.context import Outcome, Run, Source
from ecommerce_dwh_glue.rows import dedup
from ecommerce_dwh_glue.rows.identity import good_columns
from ecommerce_dwh_glue.rows.sessions import mark_visitors
from ecommerce_dwh_glue.rows.values import spark_type
from ecommerce_dwh_glue.storage import StoredObject

_ROWS_PER_FILE = 2_000_000
# Quarantined rows up to which one task writes them: one file per source and day.
_QUARANTINED_PER_TASK = 200_000
# Columns in which all rows of a file have the same value, or nearly.
_CONSTANT = ("delivery_date", "source_file", "run_id")


def write_accepted(run: Run, source: Source) -> None:
    """Write the accepted rows of a source; without any, a file without rows."""
    columns = [*good_columns(source.contract), "row_hash"]
    good: list[DataFrame] = []
    if source.rows is not None:
        rest = dedup.unmarked(source.rows, source.marks)
        good.append(dedup.hashed(rest, source.contract).select(columns))
    if source.ranked is not None:
        winners = dedup.winners(source.ranked).select(columns)
        # Winners are few beside the unmarked rows, so few tasks write them, into few files.
        few = max(1, source.marked_rows // _ROWS_PER_FILE)
        good.append(winners if run.is_small else winners.coalesce(few))
    _write_days(run, source, _accepted_columns(run, reduce(DataFrame.unionAll, good), source.contract))
    if not source.accepted:
        write_empty(run, source)


def _accepted_columns(run: Run, rows: DataFrame, contract: SourceContract) -> DataFrame:
    complete = mark_visitors(rows.withColumn("run_id", F.lit(run.options.run_id)), contract)
    return complete.select(
        *(F.col(column.name).cast(spark_type(column)) for column in contract.accepted_columns)
    )


def _write_days(run: Run, source: Source, frame: DataFrame) -> None:
    """Write rows into a folder per day."""
    folder = _folder(run, source)
    touched = sorted({file.day for file in source.files})
    expected = sum(file.rows for file in source.files)
    is_small = expected < _ROWS_PER_FILE // 20
    if is_small:
        frame = frame.coalesce(1)
    if len(touched) == 1:
        writer, target = frame.write, f"{folder}dt={touched[0]}/"
    else:
        frame = frame.withColumn("dt", F.col("delivery_date"))
        if not is_small and source.contract.sessions is not None:
            # Sessions leave the rows of each day spread over all tasks; without this every task would write every day.
            frame = frame.repartition(max(run.cores, expected // _ROWS_PER_FILE), "dt")
        writer, target = frame.write.partitionBy("dt"), folder
    # COPY reads the files once: looking for repeated values takes longer than reading them, except where all values of
    # a file are the same.
    writer = writer.option("parquet.enable.dictionary", "false")
    for constant in _CONSTANT:
        writer = writer.option(f"parquet.enable.dictionary#{constant}", "true")
    writer.option("maxRecordsPerFile", _ROWS_PER_FILE).mode("append").parquet(
        run.storage.url(run.options.processed_bucket, target)
    )
    source.accepted = _parquet_files(run, folder)


def write_empty(run: Run, source: Source) -> None:
    """Write a file without rows, because COPY of an empty manifest is an error."""
    folder = f"{_folder(run, source)}empty/"
    columns = [
        F.lit(None).cast(spark_type(column)).alias(column.name) for column in source.contract.accepted_columns
    ]
    empty = run.spark.range(0).select(columns)  # a list of no rows would start a Python worker
    empty.write.mode("append").parquet(run.storage.url(run.options.processed_bucket, folder))
    source.accepted = _parquet_files(run, folder)


def _folder(run: Run, source: Source) -> str:
    return f"accepted/{source.contract.name}/run={run.options.run_id}/try={run.attempt}/"


def _parquet_files(run: Run, prefix: str) -> list[StoredObject]:
    found = run.storage.objects(run.options.processed_bucket, prefix)
    return [item for item in found if item.key.endswith(".parquet")]


def write_quarantine(run: Run, sources: Sequence[Source], outcome: Outcome) -> list[StoredObject]:
    """Write the quarantined rows of all sources; returns the new files."""
    rows = {source.contract.name: 0 for source in sources}
    for (name, _), entry in outcome.ledger.items():
        rows[name] += entry.quarantined_rows
    rejecting = [source for source in sources if source.ranked is not None and rows[source.contract.name]]
    if not rejecting:
        return []
    before = {
        prefix: {item.key for item in _parquet_files(run, prefix)}
        for source in rejecting
        for prefix in [f"quarantine/source={source.contract.name}/run={run.options.run_id}/"]
    }
    parts = [_rejected(run, source.ranked, source) for source in rejecting if source.ranked is not None]
    tasks = 1 if sum(rows.values()) < _QUARANTINED_PER_TASK else run.cores
    (
        reduce(DataFrame.unionAll, parts)
        .repartition(tasks, "source", "dt")
        .write.partitionBy("source", "run", "dt")
        .mode("append")
        .parquet(run.storage.url(run.options.processed_bucket, "quarantine/"))
    )
    return [
        item
        for prefix, known in before.items()
        for item in _parquet_files(run, prefix)
        if item.key not in known
    ]


def _rejected(run: Run, ranked: DataFrame, source: Source) -> DataFrame:
    """The quarantined rows of a source, with the columns that become folders."""
    return dedup.rejected(ranked).select(
        "delivery_date",
        F.lit(run.options.run_id).alias("run_id"),
        "source_file",
        "source_line",
        "rule",
        "message",
        "raw_text",
        F.lit(source.contract.name).alias("source"),
        F.lit(run.options.run_id).alias("run"),
        F.col("delivery_date").cast("string").alias("dt"),
    )
