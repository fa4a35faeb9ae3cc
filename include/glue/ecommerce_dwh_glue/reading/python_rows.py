"""Files that need the readers in plain Python, `csv_records` and `json_records`, as rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.limits import RawLimits
from ecommerce_dwh_glue.reading.columns import text_columns
from ecommerce_dwh_glue.reading.csv_records import csv_records
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.json_records import json_records
from ecommerce_dwh_glue.reading.text import BLANKS, text_chunks
from ecommerce_dwh_glue.storage import Storage

# Files with up to this many bytes of text are read by the driver: starting Python workers takes a second.
_ON_DRIVER = 4 << 20


def python_rows(
    spark: SparkSession,
    storage: Storage,
    bucket: str,
    files: Sequence[SourceFile],
    contract: SourceContract,
    limits: RawLimits,
) -> DataFrame:
    """Rows of the files, cut in plain Python."""
    names = [column.name for column in contract.columns]
    missing = frozenset(("", *contract.null_words))

    def trimmed(text: str | None) -> str | None:
        value = text.strip(BLANKS) if text else ""
        return None if value in missing else value

    def is_header(values: list[str | None], file: SourceFile) -> bool:
        return (
            file.repeated_headers
            and (values[file.header.index(contract.key)] or "").strip(BLANKS).lower() == contract.key
        )

    def rows(file: SourceFile) -> Iterator[tuple[object, ...]]:
        chunks = text_chunks(storage.open(bucket, file.key), file.gzipped)
        if file.format == "json":
            records, places = json_records(chunks, names, limits.depth), list(range(len(names)))
        else:
            records = csv_records(chunks, len(file.header))
            places = [file.header.index(name) if name in file.header else -1 for name in names]
        for record in records:
            values, defect = record.fields, record.defect
            if values is not None and is_header(values, file):
                values, defect = None, "repeated_header"
            yield (
                file.key,
                record.line,
                record.raw,
                defect,
                *(None if values is None or place < 0 else trimmed(values[place]) for place in places),
            )

    schema = T.StructType(
        [
            T.StructField("source_file", T.StringType()),
            T.StructField("source_line", T.LongType()),
            T.StructField("raw_text", T.StringType()),
            T.StructField("defect", T.StringType()),
            *(T.StructField(name, T.StringType()) for name in text_columns(contract)),
        ]
    )
    if sum(file.text_bytes for file in files) <= _ON_DRIVER:
        read = [row for file in files for row in rows(file)]
        return spark.createDataFrame(read, schema, verifySchema=False)
    cores = spark.sparkContext.defaultParallelism
    spread = spark.sparkContext.parallelize(list(files), min(len(files), 4 * cores)).flatMap(rows)
    return spark.createDataFrame(spread, schema, verifySchema=False)
