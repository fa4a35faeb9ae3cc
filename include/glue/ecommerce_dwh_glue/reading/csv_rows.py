"""CSV files as rows of text: cut into lines by Spark or Hadoop, and parsed inside the JVM.

Lines without any quote are split at commas; lines of files with quotes go through Spark's CSV parser, which gives
the same fields for several times the cost.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.job import VOLUME_SETTINGS, tune
from ecommerce_dwh_glue.reading.columns import as_utf8, file_key, is_utf8, trimmed
from ecommerce_dwh_glue.reading.files import SLICE, SourceFile
from ecommerce_dwh_glue.reading.text import MAX_ROW_BYTES
from ecommerce_dwh_glue.storage import Storage

_CSV_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": "_bad",
    "quote": '"',
    "escape": '"',
    "maxCharsPerColumn": "-1",
    "enforceSchema": "true",
}
_WIDE = 20_000


def whole_lines(spark: SparkSession, storage: Storage, bucket: str, files: Sequence[SourceFile]) -> DataFrame:
    """Lines of small files, which Spark reads as one row per file."""
    paths = [storage.url(bucket, file.key) for file in files]
    content = spark.read.text(paths, wholetext=True).select(
        file_key(storage, bucket, files).alias("source_file"), "value"
    )
    return content.select(
        "source_file", F.posexplode(F.split("value", "\n")).alias("position", "value")
    ).select(
        "source_file",
        (F.col("position") + 1).cast("bigint").alias("source_line"),
        _without_cr(F.col("value")).alias("value"),
    )


def _without_cr(text: Column) -> Column:
    # By bytes: in damaged text, the last bytes of the line may count as one character with its line end.
    cut = F.expr("cast(substring(cast(value as binary), 1, octet_length(value) - 1) as string)")
    return F.when(text.endswith("\r"), cut).otherwise(text)


def cut_lines(spark: SparkSession, storage: Storage, bucket: str, files: Sequence[SourceFile]) -> DataFrame:
    """Lines of large files, cut by Hadoop; every task reads exactly one file or slice.

    The scan has a session of its own, because the packing of files into tasks is a setting of the session.
    """
    # Plans made from this scan run in that session as well, so all other settings must be the same.
    session = tune(spark.newSession())
    for name, value in (
        *((name, str(spark.conf.get(name))) for name in VOLUME_SETTINGS),
        ("spark.sql.files.maxPartitionBytes", str(SLICE)),
        ("spark.sql.files.openCostInBytes", str(SLICE)),
        ("spark.sql.files.minPartitionNum", "1"),
    ):
        session.conf.set(name, value)
    paths = [storage.url(bucket, file.key) for file in files]
    scan = session.read.text(paths, lineSep="\n").select(
        file_key(storage, bucket, files).alias("source_file"),
        F.col("_metadata.file_block_start").alias("block"),
        # The lower 33 bits count the rows of the task from 0.
        F.monotonically_increasing_id().bitwiseAND((1 << 33) - 1).alias("position"),
        _without_cr(F.col("value")).alias("value"),
    )
    sliced = {file.key: file.bases for file in files if len(file.bases) > 1}
    base = F.lit(0).cast("bigint")
    for key, bases in sliced.items():
        for index, lines in enumerate(bases[1:], start=1):
            base = F.when(
                (F.col("block") == index * SLICE) & (F.col("source_file") == key), F.lit(lines).cast("bigint")
            ).otherwise(base)
    rows = scan.select("source_file", (F.col("position") + base + 1).alias("source_line"), "value")
    cores = spark.sparkContext.defaultParallelism
    tasks = sum(len(file.bases) for file in files)
    # A gzip file is read by one task; parsing is most of the work and is shared out.
    return rows.repartition(2 * cores) if tasks < cores else rows


def parse_csv(lines: DataFrame, like: SourceFile, contract: SourceContract) -> DataFrame:
    """Parse lines that each are a record.

    Args:
        lines: ``source_file``, ``source_line``, ``value``.
        like: any of their files; all have its header, and what the survey saw in it: damaged bytes or over-long lines,
            NUL bytes, odd blanks, quotes, words for null, repeated headers.
        contract: the source's contract.
    """
    header, checks, quotes = like.header, like.odd_bytes, like.quotes
    value = F.col("value")
    defect = F.lit(None).cast("string")
    parsable = value
    if checks:
        defect = F.when(F.octet_length(value) > MAX_ROW_BYTES, F.lit("row_too_long"))
        if like.nul_bytes:  # found by bytes, because damaged text has no sound characters
            defect = defect.when(value.contains("\0"), F.lit("nul_byte"))
        defect = defect.when(~is_utf8(value), F.lit("invalid_utf8"))
        parsable = F.when(F.col("early_defect").isNull(), value)
    if quotes:
        # Spark's parser stops at a line of more than 20,480 fields, and with it the job.
        commas = F.octet_length(value) - F.octet_length(F.replace(value, F.lit(",")))
        wide = (F.octet_length(value) > _WIDE) & (commas > _WIDE)
        given = defect if checks else F
        defect = given.when(wide, F.lit("wrong_field_count"))
        parsable = F.when(F.col("early_defect").isNull(), value)
        schema = ", ".join([*(f"c{index} string" for index in range(len(header))), "_bad string"])
        fields, wrong, whole = (
            F.from_csv(parsable, schema, _CSV_OPTIONS),
            F.col("f._bad").isNotNull(),
            F.col("f"),
        )
    else:
        fields, wrong, whole = F.split(parsable, ",", -1), F.size("f") != len(header), F.col("f")
    position = {name: index for index, name in enumerate(header)}

    def text(name: str) -> Column:
        if name not in position:
            return F.lit(None).cast("string")
        return F.col(f"g.c{position[name]}") if quotes else F.get("g", F.lit(position[name]))

    raw = as_utf8(value) if checks else value
    words = contract.null_words if like.null_words else ()
    found = F.coalesce("early_defect", F.when(F.col("wrong"), F.lit("wrong_field_count")))
    if like.repeated_headers:
        is_header = F.lower(trimmed(text(contract.key), odd_blanks=True)) == F.lit(contract.key)
        found = F.coalesce(found, F.when(is_header, F.lit("repeated_header")))
    return (
        lines.where((F.col("source_line") > 1) & F.expr(r"value >= '!' or trim(BOTH ' \t\r' FROM value) != ''"))
        .withColumn("early_defect", defect)
        .withColumn("f", fields)
        .withColumn("wrong", wrong)
        # No field of a broken row counts for anything, least of all as money.
        .withColumn("g", F.when(~F.col("wrong"), whole))
        .select(
            "source_file",
            "source_line",
            (F.substring(raw, 1, 1 << 16) if checks else raw).alias("raw_text"),
            found.alias("defect"),
            *(
                trimmed(text(column.name), like.odd_blanks, words).alias(f"x_{column.name}")
                for column in contract.columns
            ),
        )
    )
