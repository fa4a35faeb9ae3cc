"""The Redshift Data API: statements that run in a real warehouse, each in a thread of its own.

What a caller may be: the secret that ``SecretArn`` names (user name and password), the database user ``DbUser``, which
the warehouse's admin acts as, or nobody by name, which is the admin.
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from . import redshift_catalog
from .errors import ApiError, required
from .redshift_results import COMMON_NAMES, column_metadata, record
from .s3_messages import Response
from .settings import RedshiftLogin

Document = dict[str, Any]
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
_KEPT = 1000  # statements that are remembered; AWS keeps them for 24 hours
_PAGE_ROWS = 1000
_OVER = {"FINISHED", "FAILED", "ABORTED"}
_PARAMETER = re.compile(r"('(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|--[^\n]*|::)|:([A-Za-z_]\w*)", re.DOTALL)


@dataclass
class _Statement:
    """One statement, or one part of a batch."""

    id: str
    sql: str
    parameters: list[Document] = field(default_factory=list)
    status: str = "SUBMITTED"
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    nanoseconds: int = 0
    error: str = ""
    columns: list[Document] = field(default_factory=list)
    rows: list[Sequence[Any]] | None = None
    count: int = 0
    size: int = 0
    pid: int = 0
    asked: Document = field(default_factory=dict)
    parts: list[_Statement] = field(default_factory=list)
    connection: psycopg.Connection[Any] | None = None

    def to(self, status: str, error: str = "") -> None:
        self.status, self.error, self.updated = status, error, time.time()


class RedshiftDataApi:
    """Serves the Data API.

    Args:
        login: the warehouse and its admin; None: there is none, and every statement fails.
        secret: value of a secret by its name or ARN.
    """

    def __init__(self, login: RedshiftLogin | None, secret: Callable[[str], str]) -> None:
        self._login = login
        self._secret = secret
        self._statements: dict[str, _Statement] = {}
        self._lock = threading.Lock()

    def handle(self, action: str, body: bytes) -> Response:
        """Answer one request."""
        try:
            request = json.loads(body or b"{}")
            served = _ACTIONS.get(action)
            if served is None:
                raise ApiError(
                    "ValidationException", f"the local endpoint does not serve {action} of redshift-data"
                )
            return Response(200, _JSON, json.dumps(served(self, request)).encode())
        except ApiError as error:
            fault = {"__type": error.code, "message": str(error), "Message": str(error)}
            return Response(400, {**_JSON, "x-amzn-ErrorType": error.code}, json.dumps(fault).encode())

    # -- statements ------------------------------------------------------------------------------------------

    def execute(self, request: Document) -> Document:
        """ExecuteStatement."""
        statement = _Statement(str(uuid.uuid4()), required(request, "Sql"), request.get("Parameters") or [])
        _check_parameters(statement)
        return self._start(statement, request)

    def execute_batch(self, request: Document) -> Document:
        """BatchExecuteStatement: the statements are one transaction."""
        name = str(uuid.uuid4())
        texts = required(request, "Sqls")
        statement = _Statement(name, "")
        statement.parts = [_Statement(f"{name}:{number}", text) for number, text in enumerate(texts, 1)]
        return self._start(statement, request)

    def _start(self, statement: _Statement, request: Document) -> Document:
        login = self._who(request)
        statement.asked = {
            key: request[key]
            for key in (
                "ClusterIdentifier",
                "WorkgroupName",
                "Database",
                "DbUser",
                "SecretArn",
                "StatementName",
            )
            if request.get(key)
        }
        with self._lock:
            self._statements[statement.id] = statement
            for old in list(self._statements)[:-_KEPT]:
                if self._statements[old].status in _OVER:
                    del self._statements[old]
        threading.Thread(target=self._run, args=(statement, login), name="redshift-data", daemon=True).start()
        return {
            "Id": statement.id,
            "CreatedAt": statement.created,
            **_without(statement.asked, "StatementName"),
        }

    def _who(self, request: Document) -> Document:
        """Arguments of the connection; the user that the session acts as is ``acts_as``.

        Raises:
            ApiError: the request names no warehouse or a secret that is none.
        """
        if bool(request.get("ClusterIdentifier")) == bool(request.get("WorkgroupName")):
            raise ApiError("ValidationException", "Either ClusterIdentifier or WorkgroupName must be given.")
        if self._login is None:
            raise ApiError("ValidationException", "Redshift endpoint doesn't exist in this region.")
        login = {"user": self._login.user, "password": self._login.password, "acts_as": ""}
        if request.get("SecretArn"):
            try:
                found = json.loads(self._secret(request["SecretArn"]))
                login |= {"user": found["username"], "password": found["password"]}
            except (ValueError, KeyError, TypeError) as error:
                raise ApiError(
                    "ValidationException", f"{request['SecretArn']} holds no username and password"
                ) from error
        elif request.get("DbUser") and request["DbUser"] != self._login.user:
            login["acts_as"] = request["DbUser"]
        login["dbname"] = required(request, "Database")
        return login

    def _connect(self, login: Document) -> psycopg.Connection[Any]:
        if self._login is None:
            raise psycopg.OperationalError("there is no warehouse")
        options = {name: value for name, value in login.items() if name != "acts_as"}
        connection = psycopg.connect(
            host=self._login.host, port=self._login.port, autocommit=True, connect_timeout=10, **options
        )
        for name in COMMON_NAMES:
            if name.text:
                connection.adapters.register_loader(name.oid, TextLoader)
        if login["acts_as"]:
            named = psycopg.sql.Identifier(login["acts_as"])
            connection.execute(psycopg.sql.SQL("set session authorization {}").format(named))
        return connection

    def _run(self, statement: _Statement, login: Document) -> None:
        began = time.monotonic_ns()
        parts = statement.parts or [statement]
        try:
            with self._connect(login) as connection:
                statement.connection, statement.pid = connection, connection.info.backend_pid
                if statement.status != "ABORTED":
                    statement.to("STARTED")
                    if statement.parts:
                        connection.execute("begin")
                    for part in parts:
                        part.pid = statement.pid
                        _run_one(connection, part, part is not statement)
                    if statement.parts:
                        connection.execute("commit")
                    statement.to("FINISHED")
        except psycopg.errors.QueryCanceled:
            statement.to("ABORTED", "Query canceled on user's request.")
        except psycopg.Error as error:
            message = error.diag.message_primary or str(error).strip()
            if statement.status != "ABORTED":
                statement.to("FAILED", f"ERROR: {message}")
        finally:
            statement.connection = None
            statement.nanoseconds = time.monotonic_ns() - began
            for part in statement.parts:
                if part.status not in _OVER:
                    part.to("ABORTED")

    def _found(self, request: Document) -> _Statement:
        """The statement, or the part of a batch, that a request names.

        Raises:
            ApiError: there is none.
        """
        name = required(request, "Id")
        statement = self._statements.get(name.partition(":")[0])
        found = next((part for part in statement.parts if part.id == name), statement) if statement else None
        if found is None or found.id != name:
            raise ApiError("ResourceNotFoundException", "Query does not exist.")
        return found

    def describe(self, request: Document) -> Document:
        """DescribeStatement."""
        statement = self._found(request)
        told = _described(statement) | _without(statement.asked, "StatementName")
        if statement.parts:
            told["SubStatements"] = [_described(part) for part in statement.parts]
        if statement.parameters:
            told["QueryParameters"] = statement.parameters
        return told

    def result(self, request: Document) -> Document:
        """GetStatementResult."""
        statement = self._found(request)
        if statement.status != "FINISHED" or statement.rows is None:
            raise ApiError(
                "ResourceNotFoundException",
                "Query does not have result. Please check query status with DescribeStatement.",
            )
        begin = _page(request)
        page = statement.rows[begin : begin + _PAGE_ROWS]
        told: Document = {
            "Records": [record(row, statement.columns) for row in page],
            "ColumnMetadata": statement.columns,
            "TotalNumRows": len(statement.rows),
        }
        if begin + _PAGE_ROWS < len(statement.rows):
            told["NextToken"] = str(begin + _PAGE_ROWS)
        return told

    def cancel(self, request: Document) -> Document:
        """CancelStatement."""
        statement = self._found(request)
        if statement.status in _OVER:
            raise ApiError(
                "ValidationException",
                f"Could not cancel a query that is already in {statement.status} state with ID: {statement.id}",
            )
        connection = statement.connection
        statement.to("ABORTED", "Query canceled on user's request.")
        if connection is not None:
            connection.cancel()
        return {"Status": True}

    def list_statements(self, request: Document) -> Document:
        """ListStatements: the newest first."""
        status = request.get("Status") or "ALL"
        prefix = request.get("StatementName") or ""
        begin, size = _page(request), int(request.get("MaxResults") or 100)
        chosen = [
            statement
            for statement in sorted(self._statements.values(), key=lambda found: -found.created)
            if status in ("ALL", statement.status)
            and statement.asked.get("StatementName", "").startswith(prefix)
        ]
        told: Document = {"Statements": [_listed(statement) for statement in chosen[begin : begin + size]]}
        if begin + size < len(chosen):
            told["NextToken"] = str(begin + size)
        return told

    def answer(self, request: Document, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query of the catalogue.

        Raises:
            ApiError: the warehouse refuses it.
        """
        try:
            with self._connect(self._who(request)) as connection:
                return connection.execute(sql.encode(), values).fetchall()
        except psycopg.Error as error:
            raise ApiError("ValidationException", f"ERROR: {error.diag.message_primary or error}") from error


def _run_one(connection: psycopg.Connection[Any], statement: _Statement, part: bool) -> None:
    began = time.monotonic_ns()
    try:
        sql, values = _bound(statement)
        cursor = connection.execute(sql.encode(), values or None)
    except psycopg.Error as error:
        if part:
            statement.to("FAILED", f"ERROR: {error.diag.message_primary or error}")
        raise
    if cursor.description is not None:
        statement.columns = [column_metadata(column) for column in cursor.description]
        statement.rows = cursor.fetchall()
        statement.size = sum(len(str(value)) for row in statement.rows for value in row)
        statement.count = len(statement.rows)
    else:
        statement.count = max(cursor.rowcount, 0)
    statement.nanoseconds = time.monotonic_ns() - began
    if part:
        statement.to("FINISHED")


def _bound(statement: _Statement) -> tuple[str, Document]:
    """A statement for psycopg: ``:name`` is a parameter where it stands outside of quotes and comments."""
    values = {parameter["name"]: parameter["value"] for parameter in statement.parameters}
    if not values:
        return statement.sql, {}
    text = _PARAMETER.sub(
        lambda found: found[1] or (f"\0({found[2]})s" if found[2] in values else found[0]), statement.sql
    )
    return text.replace("%", "%%").replace("\0", "%"), values


def _check_parameters(statement: _Statement) -> None:
    named = {found[2] for found in _PARAMETER.finditer(statement.sql) if found[2]}
    given = [parameter.get("name") for parameter in statement.parameters]
    if unused := [name for name in given if name not in named]:
        raise ApiError(
            "ValidationException", f"Parameters list contains unused parameters. Unused parameters: {unused}"
        )
    if len(set(given)) < len(given):
        raise ApiError("ValidationException", "Parameters list contains duplicate parameters.")


def _page(request: Document) -> int:
    token = str(request.get("NextToken") or "0")
    if not token.isdecimal():
        raise ApiError("ValidationException", "NextToken is invalid.")
    return int(token)


def _without(document: Document, name: str) -> Document:
    return {key: value for key, value in document.items() if key != name}


def _described(statement: _Statement) -> Document:
    told: Document = {
        "Id": statement.id,
        "Status": statement.status,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "Duration": statement.nanoseconds,
        "HasResultSet": statement.rows is not None,
        "ResultRows": statement.count,
        "ResultSize": statement.size,
        "RedshiftPid": statement.pid,
        "RedshiftQueryId": 0,
        "ResultFormat": "JSON",
    }
    if statement.sql:
        told["QueryString"] = statement.sql
    if statement.error:
        told["Error"] = statement.error
    return told


def _listed(statement: _Statement) -> Document:
    texts = [part.sql for part in statement.parts]
    return {
        "Id": statement.id,
        "Status": statement.status,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "IsBatchStatement": bool(texts),
        "StatementName": statement.asked.get("StatementName", ""),
        **({"QueryStrings": texts} if texts else {"QueryString": statement.sql}),
    }


_ACTIONS: dict[str, Callable[[RedshiftDataApi, Document], Document]] = {
    "ExecuteStatement": RedshiftDataApi.execute,
    "BatchExecuteStatement": RedshiftDataApi.execute_batch,
    "DescribeStatement": RedshiftDataApi.describe,
    "GetStatementResult": RedshiftDataApi.result,
    "CancelStatement": RedshiftDataApi.cancel,
    "ListStatements": RedshiftDataApi.list_statements,
    **{
        action: lambda api, request, query=query: query(api.answer, request)  # type: ignore[misc]
        for action, query in redshift_catalog.QUERIES.items()
    },
}
