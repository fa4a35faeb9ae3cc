"""UNLOAD: files as Redshift writes them, by https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html"""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector
from test_redshift_copy import BUCKET
from test_redshift_sessions import fields, psycopg_url, run

from redshift_local.testing import RunningEndpoint

KINDS = (
    "a bigint, d decimal(18, 4), t varchar(40), b boolean, day date, m timestamp, z timestamptz, f float8, s super, "
    "v varbyte(9), i smallint"
)
ROWS = (
    "(1, 1.5, 'é, \"x\"', true, '2024-01-02', '2024-01-02 03:04:05.678', '2024-01-02 03:04:05+00', 0.5, "
    "json_parse('{\"k\": [1, 2]}'), 'abc', 7)",
    "(2, null, null, null, null, null, null, null, null, null, null)",
    "(3, -2.0001, 'line\nbreak', false, '9999-12-31', '1900-01-01', null, -1e300, null, null, null)",
)


class Lake:
    """The bucket as a test sees it, below a prefix of its own."""

    def __init__(self, s3: Any, prefix: str) -> None:
        self._s3 = s3
        self.prefix = prefix
        self.url = f"s3://{BUCKET}/{prefix}/"

    def names(self) -> list[str]:
        found = self._s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/").get("Contents", ())
        return [item["Key"].removeprefix(f"{self.prefix}/") for item in found]

    def read(self, name: str) -> bytes:
        return self._s3.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")["Body"].read()

    def table(self, name: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self.read(name)))


@pytest.fixture
def lake(s3: Any, schema: str) -> Lake:
    return Lake(s3, schema)


@pytest.fixture
def unload(connect: Any, schema: str, lake: Lake) -> Iterator[Callable[..., redshift_connector.Connection]]:
    """Unloads a query on the table ``t`` of three rows; the connection commits by itself."""
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.t ({KINDS})")
    for row in ROWS:
        run(connection, f"insert into {schema}.t select {row[1:-1]}")

    def unloading(options: str, query: str = "select * from {t} order by a") -> redshift_connector.Connection:
        text = query.format(t=f"{schema}.t").replace("'", "''")
        run(connection, f"unload ('{text}') to '{lake.url}' iam_role default {options}")
        return connection

    yield unloading


def test_parquet_keeps_types_and_values(unload: Any, lake: Lake, schema: str) -> None:
    connection = unload("format as parquet")
    assert lake.names() == ["0000_part_00.parquet"]
    found = lake.table("0000_part_00.parquet")
    assert [str(kind) for kind in found.schema.types] == [
        *(
            "int64",
            "decimal128(18, 4)",
            "string",
            "bool",
            "date32[day]",
            "timestamp[us]",
            "timestamp[us, tz=UTC]",
        ),
        *("double", "string", "binary", "int16"),
    ]
    first, second, third = found.to_pylist()
    assert (first["d"], first["t"], first["b"], first["v"]) == (Decimal("1.5000"), 'é, "x"', True, b"abc")
    assert json.loads(first["s"]) == {"k": [1, 2]}
    assert first["m"] == dt.datetime.fromisoformat("2024-01-02T03:04:05.678")
    assert all(value is None for name, value in second.items() if name != "a")
    assert third["day"] == dt.date(9999, 12, 31)
    assert run(connection, "select pg_last_unload_count()") == [[3]]


def test_what_is_unloaded_can_be_loaded(unload: Any, lake: Lake, schema: str) -> None:
    connection = unload("parquet manifest", "select a, d, t, b, day, m, f, i from {t}")
    assert sorted(lake.names()) == ["0000_part_00.parquet", "manifest"]
    columns = "a, d, t, b, day, m, f, i"
    run(connection, f"create table {schema}.u as select {columns} from {schema}.t limit 0")
    run(connection, f"copy {schema}.u from '{lake.url}manifest' iam_role default format parquet manifest")
    loaded = f"select {columns} from {schema}.t intersect select * from {schema}.u"
    same = f"select count(*) from ({loaded}) as s"
    assert run(connection, same) == [[3]]


def test_csv_is_quoted_where_it_must_be(unload: Any, lake: Lake) -> None:
    unload("csv header", "select a, t, b from {t} order by a")
    (name,) = lake.names()
    assert list(csv.reader(io.StringIO(lake.read(name).decode()))) == [
        ["a", "t", "b"],
        ["1", 'é, "x"', "t"],
        ["2", "", ""],
        ["3", "line\nbreak", "f"],
    ]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("", '1|é, "x"|t\n2||\n'),
        ("delimiter as '\\t' null as 'nil'", '1\té, "x"\tt\n2\tnil\tnil\n'),
        ("addquotes escape", '"1"|"é, \\"x\\""|"t"\n"2"||\n'),
        ("header delimiter ';'", 'a;t;b\n1;é, "x";t\n2;;\n'),
    ],
)
def test_delimited_text(unload: Any, lake: Lake, options: str, wanted: str) -> None:
    unload(options, "select a, t, b from {t} where a < 3 order by a")
    assert lake.names() == ["0000_part_00"]
    assert lake.read("0000_part_00").decode() == wanted


def test_json_has_an_object_a_line(unload: Any, lake: Lake) -> None:
    unload("format json", "select a, d, t, b, s from {t} order by a")
    lines = [json.loads(line) for line in lake.read("0000_part_00").decode().splitlines()]
    assert lines[0] == {"a": 1, "d": 1.5, "t": 'é, "x"', "b": True, "s": {"k": [1, 2]}}
    assert lines[1] == {"a": 2, "d": None, "t": None, "b": None, "s": None}


@pytest.mark.parametrize(
    ("option", "ending", "unpack"),
    [
        ("gzip", ".gz", gzip.decompress),
        ("bzip2", ".bz2", bz2.decompress),
        ("zstd", ".zst", lambda data: pa.input_stream(pa.BufferReader(data), compression="zstd").read()),
    ],
)
def test_packed_text(
    unload: Any, lake: Lake, option: str, ending: str, unpack: Callable[[bytes], bytes]
) -> None:
    unload(f"csv {option}", "select a from {t} order by a")
    assert unpack(lake.read(f"0000_part_00{ending}")) == b"1\n2\n3\n"


def test_partitions_are_folders(unload: Any, lake: Lake) -> None:
    unload("parquet partition by (b, day) manifest verbose", "select a, b, day from {t}")
    folders = [
        "b=f/day=9999-12-31",
        "b=t/day=2024-01-02",
        "b=__HIVE_DEFAULT_PARTITION__/day=__HIVE_DEFAULT_PARTITION__",
    ]
    assert sorted(lake.names()) == sorted(
        [*(f"{folder}/0000_part_00.parquet" for folder in folders), "manifest"]
    )
    assert lake.table(f"{folders[0]}/0000_part_00.parquet").to_pylist() == [{"a": 3}]
    manifest = json.loads(lake.read("manifest"))
    assert manifest["meta"]["record_count"] == 3
    assert manifest["schema"]["elements"] == [{"name": "a", "type": {"base": "bigint"}}]
    assert sorted(entry["meta"]["record_count"] for entry in manifest["entries"]) == [1, 1, 1]


def test_partition_columns_are_included_when_asked(unload: Any, lake: Lake) -> None:
    unload("csv partition by (i) include", "select a, i from {t} where a = 1")
    assert lake.read("i=7/0000_part_00") == b"1,7\n"


def test_a_target_that_holds_files_is_not_touched(unload: Any, lake: Lake) -> None:
    unload("csv", "select 1 as a")
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        unload("csv", "select 2 as a")
    assert "unload destination on S3 is not empty" in fields(caught)["M"]
    assert lake.read("0000_part_00") == b"1\n"
    unload("csv allowoverwrite", "select 3 as a")
    assert lake.read("0000_part_00") == b"3\n"
    unload("parquet cleanpath parallel off", "select 4 as a")
    assert lake.names() == ["000.parquet"]


def test_a_query_without_rows_leaves_its_columns(unload: Any, lake: Lake) -> None:
    unload("parquet", "select a, d from {t} where a > 99")
    found = lake.table("0000_part_00.parquet")
    assert (found.num_rows, found.schema.names) == (0, ["a", "d"])


def test_large_results_go_into_several_files(unload: Any, lake: Lake) -> None:
    digits = "(" + " union all ".join(f"select {n} as n" for n in range(10)) + ")"
    many = " cross join ".join(f"{digits} as d{place}" for place in range(5))
    unload("csv maxfilesize 5 mb", f"select d0.n, repeat('x', 100) as t from {many}")
    names = lake.names()
    assert names == ["0000_part_00", "0000_part_01"]
    assert sum(lake.read(name).count(b"\n") for name in names) == 100_000


def test_an_unload_belongs_to_its_transaction(connect: Any, schema: str, lake: Lake) -> None:
    connection = connect()
    run(connection, f"create table {schema}.own (a int)")
    run(connection, f"insert into {schema}.own values (5)")
    run(connection, f"unload ('select a from {schema}.own') to '{lake.url}' iam_role default csv")
    assert lake.read("0000_part_00") == b"5\n"
    with pytest.raises(redshift_connector.ProgrammingError):
        run(connection, f"unload ('select no_such from {schema}.own') to '{lake.url}' iam_role default csv")
    connection.rollback()
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connection, f"unload ('select 1 as a') to 's3://{BUCKET}-none/x' iam_role default csv")
    assert "S3ServiceException" in fields(caught)["M"]
    connection.rollback()
    assert run(connection, "select 1") == [[1]]


def test_a_request_to_cancel_ends_no_later_statement(endpoint: RunningEndpoint, lake: Lake) -> None:
    with psycopg.connect(psycopg_url(endpoint), autocommit=True) as connection:
        connection.cancel()  # comes when nothing runs
        connection.execute(f"unload ('select 7 as a') to '{lake.url}' iam_role default csv")
    assert lake.read("0000_part_00") == b"7\n"


@pytest.mark.parametrize(
    ("query", "options", "wanted"),
    [
        ("select 1 as a, 2 as a", "csv", "names of their own"),
        ("select 1 as a", "csv partition by (b)", 'column "b" of PARTITION BY'),
        ("select 1 as a", "csv partition by (a)", "every column is a partition column"),
        ("select 1 as a", "csv maxfilesize 1 mb", "between 5 MB"),
        ("select 1 as a", "csv escape", "ESCAPE is not supported"),
        ("delete from t", "csv", "takes one SELECT"),
    ],
)
def test_what_is_wrong_is_said(unload: Any, query: str, options: str, wanted: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        unload(options, query)
    assert wanted in fields(caught)["M"]
