"""Reads surveyed files into rows of text: one DataFrame per source.

Four readers give the same columns: ``source_file``, ``source_line``, ``raw_text``, ``defect`` (what is wrong with
the row as a whole, else null) and ``x_<column>`` for each contract column: the field's text without blanks around it,
null when nothing is left, and in broken rows.

* ``whole``: small CSV files, one row per file cut into lines inside the JVM; many files share a task.
* ``lines``: large or damaged CSV files, cut into lines by Hadoop; a task per file or slice of `survey.SLICE` bytes,
  so that a line's number follows from its position within the task. No sort, no second scan.
* ``python``: files that need `csv_records` or `json_records`.
* ``parquet``: native columns, as text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.limits import DEFAULT_LIMITS, RawLimits
from ecommerce_dwh_glue.reading.csv_rows import cut_lines, parse_csv, whole_lines
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.parquet_rows import parquet_rows
from ecommerce_dwh_glue.reading.python_rows import python_rows
from ecommerce_dwh_glue.storage import Storage


def read_source(
    spark: SparkSession,
    storage: Storage,
    bucket: str,
    files: Sequence[SourceFile],
    contract: SourceContract,
    limits: RawLimits = DEFAULT_LIMITS,
) -> DataFrame | None:
    """All rows of a source's files as text.

    Args:
        spark: session, tuned by `job.tune`.
        storage: where the files are.
        bucket: raw bucket.
        files: surveyed files of one source.
        contract: the source's contract.
        limits: how much one file may be.

    Returns:
        Rows of text as described in the module; None without files.
    """
    groups: dict[tuple[Any, ...], list[SourceFile]] = defaultdict(list)
    damaged = [file for file in files if file.reader == "lines" and file.small]
    # Every such file would be a task of its own; more than a few of them are read faster by Python workers.
    many = len(damaged) > 8 * spark.sparkContext.defaultParallelism
    for file in files:
        reader = "python" if many and file.reader == "lines" and file.small else file.reader
        words = file.null_words and bool(contract.null_words)
        layout = (
            file.header,
            file.odd_bytes,
            file.nul_bytes,
            file.odd_blanks,
            file.quotes,
            file.repeated_headers,
            words,
        )
        own = (file.key,) if file.is_pattern else ()
        alike = {"whole": layout, "lines": layout, "parquet": (file.columns, own)}
        groups[(reader, *alike.get(reader, ()))].append(file)
    frames: list[DataFrame] = []
    for (way, *_), members in sorted(groups.items(), key=str):
        if way == "parquet":
            frames.append(parquet_rows(spark, storage, bucket, members, contract))
        elif way == "python":
            frames.append(python_rows(spark, storage, bucket, members, contract, limits))
        else:
            cut = whole_lines if way == "whole" else cut_lines
            frames.append(parse_csv(cut(spark, storage, bucket, members), members[0], contract))
    return reduce(DataFrame.unionByName, frames) if frames else None
