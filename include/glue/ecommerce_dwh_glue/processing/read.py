"""Reads and types the rows of every source, and finds the rows that need a closer look."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from ecommerce_dwh_glue.processing.context import Run, Source, in_threads
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.source import read_source
from ecommerce_dwh_glue.rows import dedup
from ecommerce_dwh_glue.rows.casting import type_rows

# Bytes of text up to which all rows are ranked: there, planning takes longer than sorting.
SMALL_VOLUME = 8 << 20
# Bytes of text per shuffle partition, and the most partitions.
_PARTITION_BYTES, _MAX_PARTITIONS = 32 << 20, 200
# Above this many marks a shuffle is cheaper than sending them to every executor.
_BROADCAST_MARKS = 1_000_000
_RANKED_PER_TASK = 200_000


def set_parallelism(run: Run, files: Sequence[SourceFile]) -> None:
    """Fit the session to the volume of the window."""
    volume = sum(max(file.text_bytes, file.size) for file in files)
    run.is_small = volume < SMALL_VOLUME
    partitions = 1 if run.is_small else max(run.cores, min(_MAX_PARTITIONS, volume // _PARTITION_BYTES))
    run.spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    # Adaptive execution is off: partitions follow the volume and joins carry hints, so planning again between stages
    # would only take time.
    run.spark.conf.set("spark.sql.adaptive.enabled", "false")


def read_rows(run: Run, sources: Sequence[Source]) -> None:
    """Read and type every source; each file is read once."""
    for source in sources:
        with_rows = [file for file in source.files if file.rows or file.format != "csv" or file.odd_quotes]
        text = read_source(
            run.spark,
            run.storage,
            run.options.raw_bucket,
            with_rows,
            source.contract,
            run.options.limits,
        )
        if text is None:
            continue
        rows = type_rows(text, source.contract)
        if run.is_small:
            source.ranked = run.keep(dedup.ranked(rows, source.contract))
        else:
            source.rows = run.keep(rows)


def mark_rows(run: Run, sources: Sequence[Source]) -> int:
    """Find the rows that need a closer look, and have them ranked.

    Returns:
        How many rows that are.
    """
    read = {source.number: source.rows for source in sources if source.rows is not None}
    if not read:
        return 0
    # Kept, because finding the marks takes a pass over all rows.
    found = run.keep(dedup.marks(read))
    sums = found.groupBy("source").agg(F.count("*").alias("marks"), F.sum("rows").alias("rows"))
    counts: dict[int, Row] = {}

    def count() -> None:
        counts.update((row["source"], row) for row in sums.collect())

    def plan() -> None:
        for number, rows in read.items():
            _look_closer(run, sources[number], rows, found, tasks=1)

    # Few rows are marked as a rule, so the plan for a few rows is made while the rows are read.
    in_threads([count, plan])
    for number, rows in read.items():
        source = sources[number]
        if number not in counts:
            source.marks = source.ranked = None
            continue
        marks, source.marked_rows = counts[number]["marks"], counts[number]["rows"]
        tasks = -(-source.marked_rows // _RANKED_PER_TASK)
        if marks > _BROADCAST_MARKS or tasks > 1:
            _look_closer(run, source, rows, found, tasks=tasks, many=marks > _BROADCAST_MARKS)
    return sum(source.marked_rows for source in sources)


def _look_closer(
    run: Run, source: Source, rows: DataFrame, found: DataFrame, *, tasks: int, many: bool = False
) -> None:
    """Have the rows of a source ranked that have a mark."""
    source.marks = dedup.marks_of(found, source.number, many=many)
    few = dedup.marked(rows, source.marks, tasks)
    source.ranked = run.keep(dedup.ranked(few, source.contract))
