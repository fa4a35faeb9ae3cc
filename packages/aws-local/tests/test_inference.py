"""Schemas of single files."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws_local.inference import (
    SAMPLE_BYTES,
    UNKNOWN,
    UnreadableError,
    classify,
    column_names,
    infer,
    merge_columns,
    merge_types,
    text_type,
)


def schema_of(key: str, content: bytes):
    return infer(key, len(content), lambda: io.BytesIO(content))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", UNKNOWN),
        ("  ", UNKNOWN),
        ("7", "bigint"),
        ("-7", "bigint"),
        ("007", "bigint"),
        ("12345678901234567890", "double"),
        ("1.5", "double"),
        (".5", "double"),
        ("1e6", "double"),
        ("1,5", "string"),
        ("NaN", "string"),
        ("2024-02-29", "date"),
        ("2024-13-01", "string"),
        ("2024-01-01 10:00:00", "timestamp"),
        ("2024-01-01T10:00:00Z", "timestamp"),
        ("2024-01-01T10:00:00.123+05:30", "timestamp"),
        ("2024-01-01T25:00:00", "string"),
        ("true", "boolean"),
        ("FALSE", "boolean"),
        ("yes", "string"),
    ],
)
def test_type_of_a_csv_value(value: str, kind: str):
    assert text_type(value) == kind


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        ("bigint", "bigint", "bigint"),
        ("bigint", UNKNOWN, "bigint"),
        (UNKNOWN, "date", "date"),
        ("bigint", "double", "double"),
        ("int", "bigint", "bigint"),
        ("date", "timestamp", "timestamp"),
        ("bigint", "boolean", "string"),
        ("date", "bigint", "string"),
        ("array<bigint>", "string", "string"),
    ],
)
def test_merged_type(left: str, right: str, merged: str):
    assert merge_types(left, right) == merged
    assert merge_types(right, left) == merged


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("orders/dt=2024-01-01/f.csv", ("csv", "none")),
        ("a.CSV.GZ", ("csv", "gzip")),
        ("a.jsonl", ("json", "none")),
        ("a.json.gz", ("json", "gzip")),
        ("a.snappy.parquet", ("parquet", "none")),
        ("a.parquet.gz", None),
        ("dt=2024-01-01/_EMPTY", None),
        ("dt=2024-01-01/_tmp.csv", None),
        ("dt=2024-01-01/.hidden.csv", None),
        ("a.txt", None),
        ("folder/", None),
    ],
)
def test_format_by_name(key: str, kind: tuple[str, str] | None):
    assert classify(key) == kind


def test_csv_takes_names_from_the_header_and_types_from_the_rows():
    schema = schema_of(
        "f.csv", b'\xef\xbb\xbfOrder_ID,qty,"note, free",day\nA1,2,"x\ny",2024-01-01\nA2,3.5,,2024-01-02\n'
    )
    assert schema.columns == (
        ("order_id", "string"),
        ("qty", "double"),
        ("note, free", "string"),
        ("day", "date"),
    )
    assert (schema.records, schema.compression, schema.delimiter) == (2, "none", ",")


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_csv_delimiter_is_found(delimiter: str):
    content = f"a{delimiter}b\n1{delimiter}x\n".encode()
    assert schema_of("f.csv", content).columns == (("a", "bigint"), ("b", "string"))


def test_header_only_csv_has_columns_of_no_type():
    assert schema_of("f.csv", b"a,b\n").columns == (("a", UNKNOWN), ("b", UNKNOWN))


def test_rows_of_uneven_length_do_not_break_the_header():
    assert schema_of("f.csv", b"a,b\n1\n2,3,4\n").columns == (("a", "bigint"), ("b", "bigint"))


def test_large_csv_is_sampled_and_its_records_estimated():
    row = b"1,2024-01-01,some text that fills the line a little more than nothing\n"
    content = b"id,day,text\n" + row * (3 * SAMPLE_BYTES // len(row))
    schema = schema_of("f.csv", content)
    assert schema.columns == (("id", "bigint"), ("day", "date"), ("text", "string"))
    assert schema.records == pytest.approx(content.count(b"\n") - 1, rel=0.02)


def test_gzip_is_read_through():
    schema = schema_of("f.csv.gz", gzip.compress(b"a\n1\n"))
    assert schema.columns == (("a", "bigint"),)
    assert schema.compression == "gzip"


def test_json_lines_with_nested_and_missing_values():
    lines = [{"Id": 1, "tags": ["x"]}, {"Id": 2.5, "who": {"name": "n", "age": None}, "ok": True, "none": None}]
    schema = schema_of("f.json", "\n".join(map(json.dumps, lines)).encode())
    assert schema.columns == (
        ("id", "double"),
        ("tags", "array<string>"),
        ("who", "struct<name:string,age:string>"),
        ("ok", "boolean"),
        ("none", UNKNOWN),
    )


def test_one_bad_json_line_does_not_hide_the_others():
    assert schema_of("f.json", b'{"a": 1}\n{"a": \n{"a": 2}\n').records == 2


def test_parquet_is_read_from_its_footer():
    table = pa.table(
        {
            "Id": pa.array([1], pa.int64()),
            "small": pa.array([1], pa.int32()),
            "price": pa.array([Decimal("1.5")], pa.decimal128(18, 4)),
            "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "tags": pa.array([["a"]], pa.list_(pa.string())),
            "who": pa.array([{"age": 1}], pa.struct([("age", pa.int16())])),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    schema = schema_of("f.parquet", buffer.getvalue())
    assert schema.records == 1
    assert schema.columns == (
        ("id", "bigint"),
        ("small", "int"),
        ("price", "decimal(18,4)"),
        ("at", "timestamp"),
        ("tags", "array<string>"),
        ("who", "struct<age:smallint>"),
    )


@pytest.mark.parametrize("key", ["dt=1/_EMPTY", "f.csv", "f.json"])
def test_empty_objects_are_not_data(key: str):
    assert schema_of(key, b"") is None


@pytest.mark.parametrize(
    ("key", "content", "reason"),
    [
        ("f.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 50_000)[:-60], "EOFError"),
        ("f.csv.gz", b"not gzip at all", "BadGzipFile"),
        ("f.csv", bytes(range(256)) * 4, "binary"),
        ("f.csv", b"\xff\xfe" * 400, "UTF-8"),
        ("f.json", b"plain text\n", "no JSON object"),
        ("f.json", b"[1, 2", "not JSON"),
        ("f.parquet", b"PAR1 but not really", "Parquet"),
    ],
)
def test_unreadable_files_say_why(key: str, content: bytes, reason: str):
    with pytest.raises(UnreadableError, match=reason):
        schema_of(key, content)


def test_column_names_are_unique_and_never_empty():
    assert column_names(["A", " a ", "", "b"]) == ["a", "a_1", "col2", "b"]


def test_columns_merge_in_order_of_appearance():
    merged = merge_columns([[("a", "bigint"), ("b", UNKNOWN)], [("c", "date"), ("a", "double"), ("b", "date")]])
    assert merged == [("a", "double"), ("b", "date"), ("c", "date")]
