"""The input of the quality job: the outcome of processing, the accepted rows, and rules that Spark understands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue import manifest
from ecommerce_dwh_glue.job import JobError, Options
from ecommerce_dwh_glue.quality.context import Run
from ecommerce_dwh_glue.rows.values import columns_schema
from ecommerce_dwh_glue.storage import Storage


def read_processing(storage: Storage, options: Options) -> dict[str, Any]:
    """The content of the run's ``processing.json``.

    Raises:
        JobError: processing of this run is not complete.
    """
    key = manifest.processing_key(options.run_id)
    try:
        return dict(json.loads(storage.read(options.processed_bucket, key)))
    except (ClientError, OSError, ValueError) as error:
        raise JobError(
            f"processing of run {options.run_id} is not complete: "
            f"s3://{options.processed_bucket}/{key} cannot be read ({type(error).__name__}); "
            "run the processing job of this run first"
        ) from None


def accepted_rows(run: Run, name: str) -> DataFrame:
    """The rows of a source that processing accepted.

    Raises:
        JobError: the run did not process the source.
    """
    keys = run.processing["accepted_files"].get(name)
    if keys is None:
        raise JobError(f"run {run.options.run_id} did not process {name}; run the processing job again")
    paths = [run.storage.url(run.options.processed_bucket, key) for key in keys]
    return run.spark.read.schema(columns_schema(run.contracts[name])).parquet(*paths)


def check_expressions(contracts: Mapping[str, SourceContract], frames: Mapping[str, DataFrame]) -> None:
    """Refuse rules of kind ``expression`` that are no conditions.

    Raises:
        JobError: names the first one.
    """
    for name, frame in frames.items():
        for rule in contracts[name].rules:
            if rule.kind != "expression":
                continue
            try:
                kinds = frame.select(F.expr(rule.arguments["expression"])).dtypes
            except (AnalysisException, ParseException) as error:
                why = str(error).splitlines()[0]
                raise JobError(f"{name}: rule '{rule.name}' is not valid SQL: {why}") from None
            if kinds[0][1] != "boolean":
                raise JobError(f"{name}: rule '{rule.name}' gives {kinds[0][1]}, not true or false")
