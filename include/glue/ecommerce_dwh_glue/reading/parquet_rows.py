"""Parquet files as rows of text, read with the schema that the survey made of the footer."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.reading.columns import as_utf8, file_key, is_utf8, trimmed
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.parquet_types import ParquetColumn
from ecommerce_dwh_glue.storage import Storage

# Spark takes some paths for patterns: ``orders[1].csv`` would be read from ``orders1.csv``. Text of such a name is read
# by Python. For Parquet, an option switches patterns off (DataSource.GLOB_PATHS_KEY, which Spark sets itself for the
# files of a table); with several paths, Spark reads each of them several times, so such a file is read alone.
_NO_PATTERN = ("__globPaths__", "false")
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


def parquet_rows(
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
        file_key(storage, bucket, files).alias("source_file"),
        (F.col("_metadata.row_index") + 1).alias("source_line"),
        *(_value(column).alias(f"p{number}") for number, column in enumerate(columns)),
    )
    # NaN of a column of numbers is a number, and rejected as one; only texts can be words.
    are_words = {column.name.strip().lower() for column in columns if column.spark_type == "string"}
    texts = [
        (F.col(f"p{places[column.name]}") if column.name in places else F.lit(None)).cast("string")
        for column in contract.columns
    ]
    row = F.struct(*(F.col(f"p{number}").alias(column.name) for number, column in enumerate(columns)))
    whole = F.concat_ws("", *texts)
    defect = F.when(whole.contains("\0"), F.lit("nul_byte")).when(~is_utf8(whole), F.lit("invalid_utf8"))
    return plain.withColumn("defect", defect).select(
        "source_file",
        "source_line",
        F.substring(as_utf8(F.to_json(row, {"ignoreNullFields": "false"})), 1, 1 << 16).alias("raw_text"),
        "defect",
        *(
            F.when(
                F.col("defect").isNull(),
                trimmed(text, True, contract.null_words if column.name in are_words else ()),
            ).alias(f"x_{column.name}")
            for text, column in zip(texts, contract.columns, strict=True)
        ),
    )


def _plain_type(name: str) -> T.DataType:
    """A Spark type by its name; only the plain ones that `parquet_types` gives."""
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
    # A number that no timestamp holds stays a number, and is rejected as one.
    return F.expr(f"coalesce(cast(timestamp_micros({micros}) as string), cast({name} as string))")
