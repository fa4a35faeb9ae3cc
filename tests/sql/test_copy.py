"""The COPY scripts: they load what the run's manifest names, again and again, and leave no trace when they die."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import CONTRACTS, Warehouse, load_of, statements
from moto.server import ThreadedMotoServer
from test_crash import die_after

from ecommerce_dwh.contracts import Column
from tools.generate.codegen import CHECK_RESULT_COLUMNS, LEDGER_COLUMNS

TABLES = {
    **{name: contract.accepted_columns for name, contract in CONTRACTS.items()},
    "ledger": LEDGER_COLUMNS,
    "check_result": CHECK_RESULT_COLUMNS,
}
LOAD = load_of(date(2026, 1, 1), date(2026, 1, 1), "copied")
_TYPES: dict[str, tuple[pa.DataType, Any]] = {
    "varchar": (pa.string(), "x"),
    "integer": (pa.int32(), 1),
    "bigint": (pa.int64(), 1),
    "date": (pa.date32(), date(2026, 1, 1)),
    "timestamp": (pa.timestamp("us", tz="UTC"), datetime(2026, 1, 1, tzinfo=UTC)),
    "boolean": (pa.bool_(), True),
}


@pytest.fixture(scope="module")
def s3(_warehouse: Warehouse) -> Iterator[Any]:
    """S3 where the warehouse looks for it, with the bucket of the jobs' output."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", _warehouse.config.aws_port, verbose=False)
    server.start()
    login = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "ap-south-1"}
    client = boto3.client("s3", endpoint_url=_warehouse.config.aws_url, **login)
    client.create_bucket(
        Bucket=LOAD.processed_bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
    )
    yield client
    server.stop()


def file_of(columns: tuple[Column, ...], rows: int) -> bytes:
    """A Parquet file as processing writes it: columns by position, in the contract's types."""
    fields, values = [], {}
    for column in columns:
        if column.base_type == "decimal":
            precision, scale = (int(part) for part in column.type[8:-1].split(","))
            kind, value = pa.decimal128(precision, scale), Decimal(1)
        else:
            kind, value = _TYPES[column.base_type]
        fields.append((column.name, kind))
        values[column.name] = LOAD.run_key if column.name == "run_id" else value
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([values] * rows, pa.schema(fields)), sink)
    return sink.getvalue()


def deliver(s3: Any, name: str, *, rows: int) -> None:
    """Put a file and the manifest that names it."""
    body = file_of(tuple(TABLES[name]), rows)
    key = f"accepted/{name}/run={LOAD.run_key}/try={rows}/part.parquet"
    s3.put_object(Bucket=LOAD.processed_bucket, Key=key, Body=body)
    entry = {
        "url": f"s3://{LOAD.processed_bucket}/{key}",
        "mandatory": True,
        "meta": {"content_length": len(body)},
    }
    s3.put_object(
        Bucket=LOAD.processed_bucket,
        Key=f"runs/{LOAD.run_key}/copy/{name}.manifest",
        Body=json.dumps({"entries": [entry]}).encode(),
    )


def count(warehouse: Warehouse, name: str) -> int:
    return int(warehouse.rows(f"select count(*) as n from staging.stg_{name}")[0]["n"])


@pytest.mark.parametrize("name", TABLES)
def test_copy_replaces_the_runs_rows_and_leaves_no_trace_when_it_dies(
    warehouse: Warehouse, s3: Any, name: str
) -> None:
    file = f"staging/stg_{name}/copy.sql"
    deliver(s3, name, rows=3)
    warehouse.run(file, LOAD)
    warehouse.run(file, LOAD)
    assert count(warehouse, name) == 3
    deliver(s3, name, rows=5)
    for number in range(1, len(statements(file, LOAD)) + 1):
        die_after(warehouse, file, LOAD, number)
        assert count(warehouse, name) == 3, f"left a trace when it died after statement {number}"
    warehouse.run(file, LOAD)
    assert count(warehouse, name) == 5
