"""Reads surveyed files into rows of text: one DataFrame per source.

Four readers give the same columns: ``source_file``, ``source_line``, ``raw_text``, ``defect`` (what is wrong with
the row as a whole, else null) and ``x_<column>`` for each contract column: the field's text without blanks around it,
null when nothing is left, and in broken rows.

* ``whole``: small CSV files, one row per file cut into lines inside the JVM; many files share a task.
* ``lines``: large or damaged CSV files, cut into lines by Hadoop; a task per file or slice of `survey.SLICE` bytes,
  so that a line's number follows from its position within the task. No sort, no second scan.
* ``python``: files that need `records`.
* ``parquet``: native columns, as text.

Lines without any quote are split at commas; lines of files with quotes go through Spark's CSV parser, which gives
the same fields for several times the cost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.limits import DEFAULT_LIMITS, RawLimits
from ecommerce_dwh_glue.job import VOLUME_SETTINGS, tune
from ecommerce_dwh_glue.reading.parquet_footer import ParquetColumn
from ecommerce_dwh_glue.reading.records import csv_records, json_records
from ecommerce_dwh_glue.reading.survey import MAX_ROW_BYTES, SLICE, SourceFile, text_chunks
from ecommerce_dwh_glue.storage import Storage

_CSV_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": "_bad",
    "quote": '"',
    "escape": '"',
    "maxCharsPerColumn": "-1",
    "enforceSchema": "true",
}


# What surrounds a field's text without being part of it.
BLANKS = " \t\r\n"
# Files that `records` reads are read by the driver up to this many bytes: starting Python workers takes a second.
_ON_DRIVER = 4 << 20
# Spark takes some paths for patterns: ``orders[1].csv`` would be read from ``orders1.csv``. Text of such a name is read
# by Python. For Parquet, Spark is told that the path is none, as it tells itself where a table's files are known
# (DataSource.GLOB_PATHS_KEY); that works for one path at a time, of several it reads each several times.
_NO_PATTERN = ("__globPaths__", "false")
_WIDE = 20_000
_PLAIN_TYPES = {
    "boolean": T.BooleanType(),
    "int": T.IntegerType(),
    "bigint": T.LongType(),
    "float": T.FloatType(),
    "double": T.DoubleType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
    "string": T.StringType(),
}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9._=/-]+")


def text_columns(contract: SourceContract) -> list[str]:
    """Names of the text columns that reading gives and casting takes."""
    return [f"x_{column.name}" for column in contract.columns]


def _trimmed(text: Column, odd_blanks: bool) -> Column:
    """Text without `BLANKS` around it, null when nothing is left.

    Trimming a set of characters is slow in Spark, and hardly any file has other blanks than spaces.
    """
    return F.nullif(F.btrim(text, F.lit(BLANKS)) if odd_blanks else F.trim(text), F.lit(""))


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
    # Each would be a task of its own; beyond a few, Python workers read them in less time.
    many = len(damaged) > 8 * spark.sparkContext.defaultParallelism
    for file in files:
        reader = "python" if many and file.reader == "lines" and file.small else file.reader
        layout = (file.header, file.odd_bytes, file.nul_bytes, file.odd_blanks, file.quotes)
        own = (file.key,) if file.is_pattern else ()
        alike = {"whole": layout, "lines": layout, "parquet": (file.columns, own)}
        groups[(reader, *alike.get(reader, ()))].append(file)
    frames: list[DataFrame] = []
    for (way, *_), members in sorted(groups.items(), key=str):
        if way == "parquet":
            frames.append(_parquet(spark, storage, bucket, members, contract))
        elif way == "python":
            frames.append(_python(spark, storage, bucket, members, contract, limits))
        else:
            cut = _whole_lines if way == "whole" else _cut_lines
            frames.append(_parse_csv(cut(spark, storage, bucket, members), members[0], contract))
    return reduce(DataFrame.unionByName, frames) if frames else None


def _key(storage: Storage, bucket: str, files: Sequence[SourceFile]) -> Column:
    """Key of the file within the bucket: what follows the bucket in its path."""
    path = "_metadata.file_path"
    depths = {file.key.count("/") for file in files}
    lengths = {len(file.key) for file in files}
    if all(_PLAIN_KEY.fullmatch(file.key) for file in files):
        if len(lengths) == 1:  # taken by bytes: that this happens for every row shows
            length = lengths.pop()
            return F.expr(f"cast(substring(cast({path} as binary), -{length}, {length}) as string)")
        if len(depths) == 1:
            return F.expr(f"substring_index({path}, '/', -{depths.pop() + 1})")
    marker = storage.url(bucket, "").split("://", 1)[-1].rstrip("/") + "/"
    literal = marker.replace("\\", "\\\\").replace("'", "\\'")
    key = f"substring({path}, instr({path}, '{literal}') + {len(marker)})"
    # Spark gives the path as a URI; keys with blanks or percent signs come back escaped.
    return F.expr(f"case when instr({key}, '%') > 0 then url_decode(replace({key}, '+', '%2B')) else {key} end")


def _whole_lines(spark: SparkSession, storage: Storage, bucket: str, files: Sequence[SourceFile]) -> DataFrame:
    paths = [storage.url(bucket, file.key) for file in files]
    content = spark.read.text(paths, wholetext=True).select(
        _key(storage, bucket, files).alias("source_file"), "value"
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


def _cut_lines(spark: SparkSession, storage: Storage, bucket: str, files: Sequence[SourceFile]) -> DataFrame:
    # In a session of its own: how files are packed into tasks is a setting of the session, and here every task
    # gets exactly one file or slice.
    # What follows from this scan runs in that session too, so all other settings must be the same.
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
        _key(storage, bucket, files).alias("source_file"),
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


def _is_utf8(text: Column) -> Column:
    """Whether a text read from a file is valid UTF-8; Spark keeps the file's bytes as they are."""
    if hasattr(F, "is_valid_utf8"):  # Spark 4, whose decode() fails on such bytes instead of replacing them
        return F.is_valid_utf8(text)
    return F.decode(text.cast("binary"), "UTF-8") == text


def _as_utf8(text: Column) -> Column:
    if hasattr(F, "make_valid_utf8"):
        return F.make_valid_utf8(text)
    return F.decode(text.cast("binary"), "UTF-8")


def _parse_csv(lines: DataFrame, like: SourceFile, contract: SourceContract) -> DataFrame:
    """Parse lines that each are a record.

    Args:
        lines: ``source_file``, ``source_line``, ``value``.
        like: any of their files; all have its header, and what the survey saw in it: damaged bytes or over-long lines,
            NUL bytes, odd blanks, quotes.
        contract: the source's contract.
    """
    header, checks, quotes = like.header, like.odd_bytes, like.quotes
    value = F.col("value")
    defect = F.lit(None).cast("string")
    parsable = value
    if checks:
        defect = F.when(F.octet_length(value) > MAX_ROW_BYTES, F.lit("row_too_long"))
        if like.nul_bytes:  # told by bytes, as damaged text has no sound characters
            defect = defect.when(value.contains("\0"), F.lit("nul_byte"))
        defect = defect.when(~_is_utf8(value), F.lit("invalid_utf8"))
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

    raw = _as_utf8(value) if checks else value
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
            F.coalesce("early_defect", F.when(F.col("wrong"), F.lit("wrong_field_count"))).alias("defect"),
            *(
                _trimmed(text(column.name), like.odd_blanks).alias(f"x_{column.name}")
                for column in contract.columns
            ),
        )
    )


def _python(
    spark: SparkSession,
    storage: Storage,
    bucket: str,
    files: Sequence[SourceFile],
    contract: SourceContract,
    limits: RawLimits,
) -> DataFrame:
    """Rows of the files by `records`."""
    names = [column.name for column in contract.columns]

    def trimmed(text: str | None) -> str | None:
        return (text.strip(BLANKS) or None) if text else None

    def rows(file: SourceFile) -> Iterator[tuple[object, ...]]:
        chunks = text_chunks(storage.open(bucket, file.key), file.gzipped)
        if file.format == "json":
            records, places = json_records(chunks, names, limits.depth), list(range(len(names)))
        else:
            records = csv_records(chunks, len(file.header))
            places = [file.header.index(name) if name in file.header else -1 for name in names]
        for record in records:
            values = record.fields
            yield (
                file.key,
                record.line,
                record.raw,
                record.defect,
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


def _parquet(
    spark: SparkSession, storage: Storage, bucket: str, files: Sequence[SourceFile], contract: SourceContract
) -> DataFrame:
    """Rows of Parquet files of the same columns, read with the schema that the survey made.

    Spark looks for no schema in the files. A file whose key looks like a pattern comes alone.
    """
    columns = files[0].columns
    schema = T.StructType([T.StructField(column.name, _plain_type(column.spark_type)) for column in columns])
    paths = [storage.url(bucket, file.key) for file in files]
    reader = spark.read.schema(schema)
    frame = (reader.option(*_NO_PATTERN) if files[0].is_pattern else reader).parquet(*paths)
    places = {column.name.strip().lower(): number for number, column in enumerate(columns)}
    plain = frame.select(
        _key(storage, bucket, files).alias("source_file"),
        (F.col("_metadata.row_index") + 1).alias("source_line"),
        *(_value(column).alias(f"p{number}") for number, column in enumerate(columns)),
    )
    texts = [
        (F.col(f"p{places[column.name]}") if column.name in places else F.lit(None)).cast("string")
        for column in contract.columns
    ]
    row = F.struct(*(F.col(f"p{number}").alias(column.name) for number, column in enumerate(columns)))
    whole = F.concat_ws("", *texts)
    defect = F.when(whole.contains("\0"), F.lit("nul_byte")).when(~_is_utf8(whole), F.lit("invalid_utf8"))
    return plain.withColumn("defect", defect).select(
        "source_file",
        "source_line",
        F.substring(_as_utf8(F.to_json(row, {"ignoreNullFields": "false"})), 1, 1 << 16).alias("raw_text"),
        "defect",
        *(
            F.when(F.col("defect").isNull(), _trimmed(text, odd_blanks=True)).alias(f"x_{column.name}")
            for text, column in zip(texts, contract.columns, strict=True)
        ),
    )


def _plain_type(name: str) -> T.DataType:
    """A Spark type by its name; only the plain ones that `parquet_files` gives."""
    if name.startswith("decimal"):
        precision, scale = name[len("decimal(") : -1].split(",")
        return T.DecimalType(int(precision), int(scale))
    return _PLAIN_TYPES[name]


def _value(column: ParquetColumn) -> Column:
    """A column's value; timestamps that are stored as whole numbers as text."""
    name = "`" + column.name.replace("`", "``") + "`"
    if column.kind == column.spark_type:
        return F.col(name)
    micros = {
        "millis": f"try_multiply({name}, 1000L)",
        "micros": name,
        # Rounded down: what is finer than a microsecond is not kept.
        "nanos": f"({name} div 1000L) - if(pmod({name}, 1000L) > 0 and {name} < 0, 1L, 0L)",
    }[column.kind]
    # What no timestamp holds stays the number that it is, and is rejected as one.
    return F.expr(f"coalesce(cast(timestamp_micros({micros}) as string), cast({name} as string))")
