"""A job with the usual steps of an ETL job, run once so that the JVM can archive the classes that such jobs load.

The job reads CSV, JSON and Parquet from S3, casts, ranks, joins and aggregates, and writes partitioned Parquet. What
it computes is of no interest.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType


def main(bucket: str) -> None:
    """Run through the usual steps in one bucket."""
    spark = SparkSession.builder.appName("warmup").getOrCreate()
    rows = spark.range(2000).select(
        F.col("id").cast("string").alias("key"),
        (F.col("id") % 7).cast("string").alias("part"),
        F.concat(F.lit("2024-01-0"), (F.col("id") % 9 + 1).cast("string")).alias("day"),
        (F.col("id") * 1.5).alias("amount"),
    )
    rows.write.mode("overwrite").option("header", True).csv(f"s3://{bucket}/csv", compression="gzip")
    rows.write.mode("overwrite").json(f"s3://{bucket}/json")
    raw = spark.read.csv(f"s3://{bucket}/csv", header=True, mode="PERMISSIVE", schema=rows.schema)
    other = spark.read.json(f"s3://{bucket}/json")
    typed = raw.select(
        F.trim("key").alias("key"),
        "part",
        F.to_date("day").alias("day"),
        F.to_timestamp("day").alias("moment"),
        F.expr("try_cast(amount as double)").cast(DecimalType(18, 4)).alias("amount"),
        F.sha2(F.concat_ws("|", "key", "part"), 256).alias("digest"),
        F.when(F.col("key").rlike("^[0-9]+$"), F.lower("part")).alias("checked"),
        F.input_file_name().alias("file"),
    )
    newest = Window.partitionBy("key").orderBy(F.col("moment").desc(), F.col("digest"))
    kept = typed.withColumn("rank", F.row_number().over(newest)).where("rank = 1").cache()
    joined = kept.join(other.select("key", F.col("amount").alias("again")), "key", "left")
    joined.write.mode("overwrite").partitionBy("part").parquet(f"s3://{bucket}/parquet")
    back = spark.read.parquet(f"s3://{bucket}/parquet")
    back.groupBy("part").agg(
        F.count("*"), F.sum("amount"), F.countDistinct("key"), F.max("day"), F.approx_count_distinct("file")
    ).orderBy("part").collect()
    back.createOrReplaceTempView("back")
    spark.sql("select day, percentile_approx(again, 0.5) p from back group by day having p > 0").collect()
    spark.sparkContext.parallelize(["a", "b"], 2).map(str.upper).collect()
    spark.createDataFrame([("a", 1)], "name string, number int").union(
        spark.createDataFrame([("b", 2)], "name string, number int")
    ).coalesce(1).write.mode("append").parquet(f"s3://{bucket}/rows")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--bucket") + 1])
