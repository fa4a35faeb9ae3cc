"""The Redshift Data API and Redshift's credentials on the AWS endpoint, with the warehouse of the same machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from aws_local.server import Endpoint
from aws_local.settings import RedshiftLogin
from aws_local.testing import client, settings_in
from redshift_local.testing import RunningEndpoint

WHERE = {"ClusterIdentifier": "any-cluster", "Database": "dev"}


@pytest.fixture(scope="module")
def aws_settings(tmp_path_factory: pytest.TempPathFactory, redshift_local: RunningEndpoint) -> Iterator[Any]:
    warehouse = redshift_local
    login = RedshiftLogin(warehouse.host, warehouse.port, warehouse.user, warehouse.password)
    settings = replace(settings_in(tmp_path_factory.mktemp("aws")), redshift=login)
    endpoint = Endpoint(settings)
    endpoint.start()
    yield settings
    endpoint.stop()


@pytest.fixture(scope="module")
def data(aws_settings: Any) -> Any:
    return client(aws_settings, "redshift-data")


def ended(data: Any, started: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        told = data.describe_statement(Id=started["Id"])
        if told["Status"] in {"FINISHED", "FAILED", "ABORTED"}:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.05)


def test_a_query_runs_and_has_typed_fields(data: Any) -> None:
    sql = """
        select
            1 as n, cast(1.50 as decimal(8, 2)) as d, 'é' as t, cast(null as int) as nothing, true as b,
            cast(0.5 as float) as f, timestamp '2024-01-02 03:04:05' as m, json_parse('{"a": 1}') as s
    """
    told = ended(data, data.execute_statement(Sql=sql, StatementName="typed", **WHERE))
    assert (told["Status"], told["HasResultSet"], told["ResultRows"]) == ("FINISHED", True, 1)
    result = data.get_statement_result(Id=told["Id"])
    assert result["Records"] == [
        [
            {"longValue": 1},
            {"stringValue": "1.50"},
            {"stringValue": "é"},
            {"isNull": True},
            {"booleanValue": True},
            {"doubleValue": 0.5},
            {"stringValue": "2024-01-02 03:04:05"},
            {"stringValue": '{"a":1}'},
        ]
    ]
    kinds = [column["typeName"] for column in result["ColumnMetadata"]]
    assert kinds == ["int4", "numeric", "varchar", "int4", "bool", "float8", "timestamp", "super"]
    assert (result["ColumnMetadata"][1]["precision"], result["ColumnMetadata"][1]["scale"]) == (8, 2)
    listed = data.list_statements(StatementName="typed")["Statements"]
    assert [found["Id"] for found in listed] == [told["Id"]]


def test_what_a_statement_wrote_is_in_the_warehouse(data: Any, redshift_local: RunningEndpoint) -> None:
    for sql in (
        "create table data_api (a int, b varchar(9))",
        "insert into data_api values (1, 'x'), (2, 'y')",
    ):
        told = ended(data, data.execute_statement(Sql=sql, **WHERE))
        assert told["Status"] == "FINISHED", told
    assert (told["HasResultSet"], told["ResultRows"]) == (False, 2)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        data.get_statement_result(Id=told["Id"])
    with psycopg.connect(redshift_local.url) as connection:
        assert connection.execute("select count(*) from data_api").fetchone() == (2,)


def test_parameters_are_values(data: Any) -> None:
    hostile = "x'; drop table t; --"
    started = data.execute_statement(
        Sql="select :text as a, cast(:n as int) + 1 as b, ':text' as c, 100 % 7 as d",
        Parameters=[{"name": "text", "value": hostile}, {"name": "n", "value": "41"}],
        **WHERE,
    )
    told = ended(data, started)
    assert told["Status"] == "FINISHED", told
    assert data.get_statement_result(Id=told["Id"])["Records"] == [
        [{"stringValue": hostile}, {"longValue": 42}, {"stringValue": ":text"}, {"longValue": 2}]
    ]
    with pytest.raises(ClientError, match="unused parameters"):
        data.execute_statement(Sql="select 1", Parameters=[{"name": "n", "value": "1"}], **WHERE)


def test_an_error_is_the_warehouses(data: Any) -> None:
    told = ended(data, data.execute_statement(Sql="select string_agg('a', ',')", **WHERE))
    assert told["Status"] == "FAILED"
    assert "STRING_AGG is not supported by Amazon Redshift" in told["Error"]
    told = ended(data, data.execute_statement(Sql="select 1", **{**WHERE, "Database": "no_such"}))
    assert told["Status"] == "FAILED"
    for asked in ({"Id": "11111111-1111-1111-1111-111111111111"}, {"Id": f"{told['Id']}:9"}):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            data.describe_statement(**asked)


def test_a_batch_is_one_transaction(data: Any, redshift_local: RunningEndpoint) -> None:
    good = ended(
        data, data.batch_execute_statement(Sqls=["create table batched (a int)", "select 7 as n"], **WHERE)
    )
    assert [part["Status"] for part in good["SubStatements"]] == ["FINISHED", "FINISHED"]
    second = good["SubStatements"][1]
    assert data.get_statement_result(Id=second["Id"])["Records"] == [[{"longValue": 7}]]
    sqls = ["insert into batched values (1)", "select 1 / 0", "select 2"]
    bad = ended(data, data.batch_execute_statement(Sqls=sqls, **WHERE))
    assert bad["Status"] == "FAILED"
    assert [part["Status"] for part in bad["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    with psycopg.connect(redshift_local.url) as connection:
        assert connection.execute("select count(*) from batched").fetchone() == (0,)


def test_a_statement_is_cancelled(data: Any) -> None:
    digits = "(select 0 as n union all select 1 union all select 2 union all select 3 union all select 4)"
    endless = "select count(*) from " + " cross join ".join(f"{digits} as d{place}" for place in range(16))
    started = data.execute_statement(Sql=endless, **WHERE)
    time.sleep(0.5)
    assert data.cancel_statement(Id=started["Id"])["Status"]
    told = ended(data, started)
    assert told["Status"] == "ABORTED"
    with pytest.raises(ClientError, match="already in ABORTED state"):
        data.cancel_statement(Id=started["Id"])


def test_who_runs_a_statement(data: Any, aws_settings: Any, redshift_local: RunningEndpoint) -> None:
    with psycopg.connect(redshift_local.url, autocommit=True) as connection:
        connection.execute("create user reader password 'Reader123'")
    secret = client(aws_settings, "secretsmanager").create_secret(
        Name="reader", SecretString=json.dumps({"username": "reader", "password": "Reader123"})
    )
    for who, user in (
        ({}, "awsuser"),
        ({"DbUser": "reader"}, "reader"),
        ({"SecretArn": secret["ARN"]}, "reader"),
    ):
        told = ended(data, data.execute_statement(Sql="select current_user", **WHERE, **who))
        assert told["Status"] == "FINISHED", told
        assert data.get_statement_result(Id=told["Id"])["Records"] == [[{"stringValue": user}]]
    with pytest.raises(ClientError, match="ValidationException"):
        data.execute_statement(Sql="select 1", SecretArn="no-such-secret", **WHERE)


def test_the_catalogue_is_listed(data: Any) -> None:
    ended(data, data.execute_statement(Sql="create table listed (a int not null, b decimal(8, 2))", **WHERE))
    assert data.list_databases(**WHERE)["Databases"] == ["dev"]
    assert "redshift_shim" not in data.list_schemas(**WHERE)["Schemas"]
    found = data.list_tables(SchemaPattern="public", TablePattern="listed", **WHERE)["Tables"]
    assert found == [{"name": "listed", "schema": "public", "type": "TABLE"}]
    columns = data.describe_table(Schema="public", Table="listed", **WHERE)["ColumnList"]
    assert [(column["name"], column["nullable"], column["scale"]) for column in columns] == [
        ("a", 0, 0),
        ("b", 1, 2),
    ]


def test_pages_of_a_result(data: Any) -> None:
    ten = "(select 0 as n" + "".join(f" union all select {n}" for n in range(1, 10)) + ")"
    sql = f"select a.n from {ten} as a cross join {ten} as b cross join {ten} as c cross join {ten} as d"
    told = ended(data, data.execute_statement(Sql=sql, **WHERE))
    pages = data.get_paginator("get_statement_result").paginate(Id=told["Id"])
    sizes = [len(page["Records"]) for page in pages]
    assert (len(sizes), sum(sizes)) == (10, 10_000)


def test_credentials_open_a_session(aws_settings: Any, redshift_local: RunningEndpoint) -> None:
    redshift = client(aws_settings, "redshift")
    for asked in ({"DbUser": "awsuser"}, {"DbUser": "made_by_credentials", "AutoCreate": True}):
        found = redshift.get_cluster_credentials(ClusterIdentifier="any", DbName="dev", **asked)
        assert found["DbUser"] == f"{'IAMA' if 'AutoCreate' in asked else 'IAM'}:{asked['DbUser']}", (
            "as AWS has it"
        )
        login = {"user": found["DbUser"], "password": found["DbPassword"], "dbname": "dev"}
        with psycopg.connect(host=redshift_local.host, port=redshift_local.port, **login) as connection:
            assert connection.execute("select current_user").fetchone() == (asked["DbUser"],)
    with pytest.raises(ClientError, match="no password of"):
        redshift.get_cluster_credentials(ClusterIdentifier="any", DbUser="made_by_credentials", DbName="dev")
