"""COPY of JSON, packed text and objects without bytes."""

from __future__ import annotations

import bz2
import gzip
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import redshift_connector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_redshift_copy import BUCKET
from test_redshift_sessions import fields, run

from redshift_local import copy_json
from redshift_local.copy_model import Column

LINES = (
    '{"id": 1, "name": "é\\"x", "amount": 12345678901234.5678, "ok": true, "extra": [1], "s": {"k": [1.50, null]}}\n'
    '\n{"ok": null, "id": 2,\n "name": "two"}{"id": 3, "s": "text"}'
)
DDL = "(id bigint not null, name varchar(10), amount decimal(18, 4), ok boolean, s super)"


def packed(kind: str, data: bytes) -> bytes:
    if kind == "gzip":
        return gzip.compress(data)
    if kind == "bzip2":
        return bz2.compress(data)
    if kind == "zstd":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()
    return data


@pytest.mark.parametrize("kind", ["", "gzip", "bzip2", "zstd"])
@pytest.mark.parametrize("form", ["json 'auto'", "format as json 'auto'", "format json"])
def test_objects_are_loaded_by_their_keys(connect: Any, schema: str, s3: Any, kind: str, form: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{schema}/a.json", Body=packed(kind, LINES.encode()))
    s3.put_object(Bucket=BUCKET, Key=f"{schema}/empty.json", Body=b"")
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.t {DDL}")
    run(connection, f"copy {schema}.t from 's3://{BUCKET}/{schema}/' iam_role default {form} {kind}")
    assert run(connection, f"select * from {schema}.t order by id") == [
        [1, 'é"x', Decimal("12345678901234.5678"), True, '{"k":[1.50,null]}'],
        [2, "two", None, None, None],
        [3, None, None, None, '"text"'],
    ]


def test_keys_in_other_case(connect: Any, schema: str, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{schema}/a.json", Body=b'{"ID": 1, "Name": "x"}')
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.t (id int, name varchar(9))")
    for mode, wanted in (("auto", [None, None]), ("auto ignorecase", [1, "x"])):
        run(connection, f"truncate {schema}.t")
        run(connection, f"copy {schema}.t from 's3://{BUCKET}/{schema}/' iam_role default json '{mode}'")
        assert run(connection, f"select * from {schema}.t") == [wanted]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"id": 1} [2]', "an object is expected"),
        (b'{"id": 1', "Invalid value"),
        (b'{"id": "x"}', "Invalid digit"),
        (b'{"name": "no id"}', "Missing data for not-null field"),
        (b'{"id": NaN}', "Invalid value NaN"),
        (b'\xff{"id": 1}', "utf-8"),
    ],
)
def test_what_is_no_row_fails_the_load(connect: Any, schema: str, s3: Any, body: bytes, said: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{schema}/a.json", Body=body)
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.t {DDL}")
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connection, f"copy {schema}.t from 's3://{BUCKET}/{schema}/' iam_role default json 'auto'")
    assert said in fields(caught)["D"]
    assert run(connection, f"select count(*) from {schema}.t") == [[0]]


def test_a_path_file_is_not_served(connect: Any) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), "copy t from 's3://b/c' iam_role default json 's3://b/paths.json'")
    assert "is not served by the local warehouse" in fields(caught)["M"]


def test_parquet_objects_without_bytes_are_left_out(connect: Any, schema: str, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{schema}/empty.parquet", Body=b"")
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.t (a int)")
    run(connection, f"copy {schema}.t from 's3://{BUCKET}/{schema}/' iam_role default format parquet")
    assert run(connection, f"select count(*) from {schema}.t") == [[0]]


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(["s", "other"]), VALUES)), st.sampled_from(["", "\n", " \n\n"]))
def test_every_sequence_of_objects_is_read(documents: list[dict[str, Any]], between: str) -> None:
    text = between.join(json.dumps(document) for document in documents)
    found = [values for _, (values,) in copy_json.rows(text, [Column("s", "jsonb")], ignore_case=False)]
    wanted = [document.get("s") for document in documents]
    assert [None if value is None else json.loads(value) for value in found] == wanted
