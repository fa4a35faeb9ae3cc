"""COPY from S3, inside the client's transaction."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import random
import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

BUCKET = "redshift-tests"
DDL = """
    create table {name} (
        id bigint not null, n integer, small smallint, name varchar(10), day date, at timestamp,
        amount decimal(18, 4), ok boolean, ratio double precision, primary key (id)
    ) distkey (id) sortkey (day)
"""
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("whatever", pa.int32()),
        ("small", pa.int16()),
        ("name", pa.string()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("amount", pa.decimal128(18, 4)),
        ("ok", pa.bool_()),
        ("ratio", pa.float64()),
    ]
)


def run(connection: redshift_connector.Connection, sql: str) -> list[list[Any]]:
    cursor = connection.cursor()
    cursor.execute(sql)
    return [list(row) for row in cursor.fetchall()] if cursor.description else []


def message(caught: pytest.ExceptionInfo[Exception]) -> str:
    return str(caught.value.args[0]["M"])


def row(number: int, **changes: Any) -> dict[str, Any]:
    values = {
        "id": number,
        "whatever": number,
        "small": 3,
        "name": f"n{number}",
        "day": dt.date(2024, 2, 29),
        "at": dt.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=dt.UTC),
        "amount": Decimal("12.3400"),
        "ok": True,
        "ratio": 0.1,
    }
    return {**values, **changes}


def parquet(rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, row_group_size=2)
    return sink.getvalue()


@pytest.fixture
def place(s3: Any, schema: str) -> Any:
    """Puts an object under the test's own prefix; gives its URL."""

    def put(key: str, body: bytes | str) -> str:
        s3.put_object(Bucket=BUCKET, Key=f"{schema}/{key}", Body=body)
        return f"s3://{BUCKET}/{schema}/{key}"

    return put


def manifest(*entries: tuple[str, bytes], mandatory: bool = True) -> str:
    return json.dumps(
        {
            "entries": [
                {"url": url, "mandatory": mandatory, "meta": {"content_length": len(body)}}
                for url, body in entries
            ]
        }
    )


@pytest.fixture
def table(connect: Any, schema: str) -> str:
    name = f"{schema}.t"
    run(connect(autocommit=True), DDL.format(name=name))
    return name


def test_values_arrive_by_position(connect: Any, place: Any, table: str, schema: str) -> None:
    rows = [
        row(1),
        row(2, name='a"b,\n', ok=False),
        row(3, name=""),
        row(4, name=None, day=None, at=None, amount=None),
    ]
    place("data/part-0.parquet", parquet(rows))
    place("data/part-1.parquet", parquet([]))
    place("data/_SUCCESS", b"")
    place("data/.hidden.parquet", b"no parquet")
    connection = connect()
    run(connection, f"copy {table} from 's3://{BUCKET}/{schema}/data/' iam_role default format as parquet")
    assert run(connection, "select pg_last_copy_count()") == [[4]]
    at = dt.datetime(2024, 2, 29, 1, 2, 3, 4)  # noqa: DTZ001
    day = dt.date(2024, 2, 29)
    assert run(connection, f"select * from {table} order by id") == [
        [1, 1, 3, "n1", day, at, Decimal("12.3400"), True, 0.1],
        [2, 2, 3, 'a"b,\n', day, at, Decimal("12.3400"), False, 0.1],
        [3, 3, 3, "", day, at, Decimal("12.3400"), True, 0.1],
        [4, 4, 3, None, None, None, None, True, 0.1],
    ]


def test_an_object_that_arrives_in_parts_is_loaded_whole(connect: Any, place: Any, schema: str) -> None:
    """33 MiB: downloaded in five parts side by side, and larger than what is kept in memory."""
    rows = 17_350
    # Texts that do not compress, so that the object is as large as what it holds.
    texts = pa.array([random.Random(number).randbytes(1000).hex() for number in range(rows)])
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(range(rows), pa.int64()), "text": texts}), sink, compression="none")
    body = sink.getvalue()
    assert len(body) > 33 << 20
    small = parquet_of(rows, 10)
    url = place(
        "large.manifest",
        manifest((place("large/0.parquet", body), body), (place("large/1.parquet", small), small)),
    )
    connection = connect(autocommit=True)
    run(connection, f"create table {schema}.large (id bigint, text varchar(4000))")
    for attempt in range(1, 4):
        run(connection, f"copy {schema}.large from '{url}' iam_role default parquet manifest")
        assert run(connection, f"select count(*), sum(length(text)) from {schema}.large") == [
            [attempt * (rows + 10), attempt * (rows * 2000 + 10)]
        ]


def parquet_of(first: int, rows: int) -> bytes:
    sink = io.BytesIO()
    ids = pa.array(range(first, first + rows), pa.int64())
    pq.write_table(pa.table({"id": ids, "text": pa.array(["x"] * rows)}), sink)
    return sink.getvalue()


def test_copy_belongs_to_the_transaction(connect: Any, place: Any, table: str) -> None:
    url = place("a.parquet", parquet([row(1)]))
    connection = connect()
    run(connection, f"copy {table} from '{url}' iam_role default parquet")
    connection.rollback()
    assert run(connection, f"select count(*) from {table}") == [[0]]
    run(connection, f"copy {table} from '{url}' iam_role default parquet")
    run(connection, f"delete from {table}")
    run(connection, f"copy {table} from '{url}' iam_role default parquet")
    connection.commit()
    assert run(connect(), f"select count(*) from {table}") == [[1]]


def test_a_bad_row_fails_the_whole_copy(connect: Any, place: Any, table: str, schema: str) -> None:
    place("d/1.parquet", parquet([row(number) for number in range(5)]))
    bad = place("d/2.parquet", parquet([row(5), row(6, name="ééééééé")]))
    connection = connect()
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connection, f"copy {table} from 's3://{BUCKET}/{schema}/d/' iam_role default parquet")
    assert "The length of the data column name is longer" in message(caught)
    assert "Table: 10, Data: 14" in message(caught)
    assert bad in message(caught)
    with pytest.raises(redshift_connector.ProgrammingError):
        run(connection, "select 1")  # the transaction is aborted
    connection.rollback()
    assert run(connection, f"select count(*) from {table}") == [[0]]


def test_null_in_a_not_null_column(connect: Any, place: Any, table: str) -> None:
    url = place("a.parquet", parquet([row(1, id=None)]))
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), f"copy {table} from '{url}' iam_role default parquet")
    assert "NOT NULL column id" in message(caught)


@pytest.mark.parametrize(
    ("field", "kind", "expected"),
    [
        ("id", pa.int32(), "Column type: BIGINT, Parquet schema: id int32"),
        ("whatever", pa.int64(), "Column type: INTEGER, Parquet schema: whatever int64"),
        (
            "amount",
            pa.decimal128(18, 2),
            "Column type: DECIMAL(18,4), Parquet schema: amount decimal128(18, 2)",
        ),
        ("name", pa.int64(), "Column type: VARCHAR(10), Parquet schema: name int64"),
        ("day", pa.string(), "Column type: DATE, Parquet schema: day string"),
    ],
)
def test_types_must_be_the_tables(
    connect: Any, place: Any, table: str, field: str, kind: pa.DataType, expected: str
) -> None:
    changed = pa.schema([pa.field(f.name, kind if f.name == field else f.type) for f in SCHEMA])
    url = place("a.parquet", parquet([], changed))
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), f"copy {table} from '{url}' iam_role default parquet")
    assert "incompatible Parquet schema" in message(caught)
    assert expected in message(caught)
    assert url in message(caught)


def test_column_counts_must_match(connect: Any, place: Any, table: str) -> None:
    short = pa.schema(list(SCHEMA)[:4])
    url = place("a.parquet", parquet([{"id": 1, "whatever": 1, "small": 1, "name": "x"}], short))
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), f"copy {table} from '{url}' iam_role default parquet")
    assert "Unmatched number of columns between table and file. Table columns: 9, Data columns: 4" in message(
        caught
    )
    connection = connect()
    run(connection, f"copy {table} from '{url}' iam_role default parquet fillrecord")
    run(
        connection,
        f"copy {table} (id, n, small, name) from '{url}' iam_role 'arn:aws:iam::1:role/r' format parquet",
    )
    assert run(connection, f"select id, name, day from {table}") == [[1, "x", None]] * 2


def test_manifest(connect: Any, place: Any, table: str) -> None:
    first, second = parquet([row(1)]), parquet([row(2)])
    one, two = place("x/1.parquet", first), place("x/2.parquet", second)
    place("x/3.parquet", parquet([row(3)]))
    listed = place("m/good", manifest((one, first), (two, second)))
    connection = connect(autocommit=True)
    run(connection, f"copy {table} from '{listed}' iam_role default format as parquet manifest")
    assert run(connection, f"select id from {table} order by id") == [[1], [2]]

    def refused(body: str) -> str:
        url = place("m/bad", body)
        with pytest.raises(redshift_connector.ProgrammingError) as caught:
            run(connection, f"copy {table} from '{url}' iam_role default format as parquet manifest")
        return message(caught)

    missing = f"{one}.gone"
    assert missing in refused(manifest((missing, first)))
    assert "content_length" in refused(json.dumps({"entries": [{"url": one, "mandatory": True}]}))
    assert "content_length" in refused(manifest((one, first + b"x")))
    assert "Invalid manifest" in refused("[]")
    optional = place("m/optional", manifest((missing, first), (two, second), mandatory=False))
    run(connection, f"copy {table} from '{optional}' iam_role default format as parquet manifest")
    assert run(connection, "select pg_last_copy_count()") == [[1]]


def test_absent_prefix(connect: Any, s3: Any, table: str, schema: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), f"copy {table} from 's3://{BUCKET}/{schema}/nothing/' iam_role default parquet")
    assert message(caught) == f"The specified S3 prefix '{schema}/nothing/' does not exist"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "iam_role default parquet region 'ap-south-1'",
            "REGION argument is not supported for PARQUET based COPY",
        ),
        ("iam_role default parquet maxerror 3", "MAXERROR argument is not supported"),
        ("iam_role default parquet truncatecolumns", "TRUNCATECOLUMNS argument is not supported"),
        ("iam_role default parquet dateformat 'auto'", "DATEFORMAT argument is not supported"),
        ("parquet", "authorization"),
        ("iam_role default format orc", "COPY … FORMAT ORC is not served"),
        ("iam_role default csv lzop", "COPY … LZOP is not served"),
        ("iam_role default parquet sideways", 'syntax error at or near "sideways"'),
    ],
)
def test_options_are_checked(connect: Any, table: str, options: str, expected: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(connect(), f"copy {table} from 's3://{BUCKET}/x' {options}")
    assert expected in message(caught)


def test_copy_needs_the_insert_privilege(connect: Any, place: Any, table: str, schema: str) -> None:
    url = place("a.parquet", parquet([row(1)]))
    admin = connect(autocommit=True)
    run(admin, f"create user {schema}_u password 'Secret123'")
    run(admin, f"grant usage on schema {schema} to {schema}_u")
    user = connect(user=f"{schema}_u", password="Secret123", autocommit=True)
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        run(user, f"copy {table} from '{url}' iam_role default parquet")
    assert "permission denied" in message(caught)
    run(admin, f"revoke usage on schema {schema} from {schema}_u")
    run(admin, f"drop user {schema}_u")


CSV_DDL = (
    "create table {name} (id int, name varchar(5), at timestamp, amount decimal(8, 2), ok boolean, day date)"
)


def csv_copy(connect: Any, place: Any, schema: str, body: bytes | str, options: str) -> list[list[Any]]:
    connection = connect(autocommit=True)
    run(connection, f"drop table if exists {schema}.c")
    run(connection, CSV_DDL.format(name=f"{schema}.c"))
    url = place("file.csv", body)
    run(connection, f"copy {schema}.c from '{url}' iam_role default csv {options}")
    return run(connection, f"select * from {schema}.c order by id")


def test_csv(connect: Any, place: Any, schema: str) -> None:
    body = 'id,name,at,amount,ok,day\n1,"a,b",2024-01-02 03:04:05,1.999,t,2024-01-02\n2,,2024-01-02T03:04:05Z,,no,\n'
    at, day = dt.datetime(2024, 1, 2, 3, 4, 5), dt.date(2024, 1, 2)  # noqa: DTZ001
    expected = [[1, "a,b", at, Decimal("1.99"), True, day], [2, "", at, None, False, None]]
    assert (
        csv_copy(connect, place, schema, body, "ignoreheader 1 timeformat 'auto' dateformat 'auto'") == expected
    )
    zipped = gzip.compress(body.encode())
    again = csv_copy(
        connect, place, schema, zipped, "gzip ignoreheader as 1 timeformat 'auto' emptyasnull roundec"
    )
    assert [r[3] for r in again] == [Decimal("2.00"), None]
    assert again[1][1] is None


def test_csv_errors(connect: Any, place: Any, schema: str) -> None:
    body = "1;abcdefgh;;;;\nx;a;;;;\n3;ok;;;;\n"
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        csv_copy(connect, place, schema, body, "delimiter ';' maxerror 1")
    assert "sys_load_error_detail" in message(caught)
    assert [r[:2] for r in csv_copy(connect, place, schema, body, "delimiter ';' maxerror 2")] == [[3, "ok"]]
    connection = connect(autocommit=True)
    rows = run(
        connection,
        "select line_number, column_name, error_message from sys_load_error_detail "
        f"where file_name like '%{schema}%' order by start_time desc, line_number limit 2",
    )
    assert [r[:2] for r in rows] == [[1, "name"], [2, "id"]]
    assert "exceeds DDL length" in rows[0][2]
    cut = csv_copy(connect, place, schema, body, "delimiter ';' maxerror 1 truncatecolumns")
    assert [r[:2] for r in cut] == [[1, "abcde"], [3, "ok"]]


def test_loads_are_recorded(connect: Any, place: Any, table: str) -> None:
    url = place("a.parquet", parquet([row(1), row(2)]))
    connection = connect(autocommit=True)
    run(connection, f"copy {table} from '{url}' iam_role default parquet")
    assert run(
        connection,
        "select status, table_name, file_format, loaded_rows, source_file_count from sys_load_history "
        f"where data_source = '{url}'",
    ) == [["completed", "t", "parquet", 2, 1]]


def test_copy_is_quick_and_streams(connect: Any, place: Any, table: str) -> None:
    count = 200_000
    columns = {field.name: [row(1)[field.name]] * count for field in SCHEMA}
    columns["id"] = list(range(count))
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=SCHEMA), sink, row_group_size=50_000)
    url = place("big.parquet", sink.getvalue())
    connection = connect()
    started = time.monotonic()
    run(connection, f"copy {table} from '{url}' iam_role default parquet")
    seconds = time.monotonic() - started
    assert run(connection, f"select count(*) from {table}") == [[count]]
    print(f"\nCOPY: {count / seconds:,.0f} rows/s")
    assert count / seconds > 20_000  # a tenth of the usual: other tests may be running
