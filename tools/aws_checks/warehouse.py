"""Statements on the warehouse by the Redshift Data API: no way into the VPC is needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dwh.settings import Settings
from tools.aws_checks.aws import MISSING, Aws, code_of

_ADMIN = "dwh_admin"
_SECONDS = 120


def status(aws: Aws, settings: Settings) -> str:
    """Status of the cluster or workgroup, in lower case as Redshift has a cluster's; empty: there is neither."""
    try:
        return str(_cluster(aws, settings)["ClusterStatus"])
    except ClientError as error:
        if not _absent(error):
            raise
    try:
        client = aws.client("redshift-serverless")
        return str(client.get_workgroup(workgroupName=settings.cluster)["workgroup"]["status"]).lower()
    except ClientError as error:
        if not _absent(error):
            raise
    return ""


def _cluster(aws: Aws, settings: Settings) -> dict[str, Any]:
    return dict(aws.client("redshift").describe_clusters(ClusterIdentifier=settings.cluster)["Clusters"][0])


def _absent(error: ClientError) -> bool:
    return code_of(error) in {*MISSING, "ClusterNotFoundFault"}


def address(aws: Aws, settings: Settings) -> dict[str, str]:
    """How the Data API signs in as the admin: at a cluster by name, at a workgroup by the admin's managed secret.

    The Data API takes no DbUser with a workgroup (Redshift management guide, "Authorizing access to the Data API").
    """
    try:
        _cluster(aws, settings)
    except ClientError as error:
        if not _absent(error):
            raise
        namespace = aws.client("redshift-serverless").get_namespace(namespaceName=settings.prefix)["namespace"]
        return {
            "WorkgroupName": settings.cluster,
            "Database": settings.database,
            "SecretArn": namespace["adminPasswordSecretArn"],
        }
    return {"ClusterIdentifier": settings.cluster, "Database": settings.database, "DbUser": _ADMIN}


def _value(field: dict[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))


class Statements:
    """Runs statements as the warehouse's admin.

    Args:
        aws: clients.
        settings: names of the environment.
        poll_seconds: pause between two looks at a statement.
    """

    def __init__(self, aws: Aws, settings: Settings, poll_seconds: float = 1) -> None:
        self.client = aws.client("redshift-data")
        self.where = address(aws, settings)
        self.poll_seconds = poll_seconds

    def answer(self, *statements: str) -> tuple[list[list[Any]], str]:
        """Run statements in one transaction.

        Returns:
            The rows of the last one, and the error; one of them is empty.
        """
        if len(statements) == 1:
            started = self.client.execute_statement(
                Sql=statements[0], StatementName="ecommerce-dwh-verify", **self.where
            )
        else:
            started = self.client.batch_execute_statement(
                Sqls=list(statements), StatementName="ecommerce-dwh-verify", **self.where
            )
        described = self._wait(started["Id"])
        if described["Status"] != "FINISHED":
            return [], str(described.get("Error") or f"the statement ended as {described['Status']}")
        parts: Sequence[dict[str, Any]] = described.get("SubStatements") or [described]
        if not parts[-1].get("HasResultSet"):
            return [], ""
        pages = self.client.get_paginator("get_statement_result").paginate(Id=parts[-1]["Id"])
        return [[_value(value) for value in row] for page in pages for row in page["Records"]], ""

    def _wait(self, statement: str) -> dict[str, Any]:
        until = time.monotonic() + _SECONDS
        while True:
            described = dict(self.client.describe_statement(Id=statement))
            if described["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return described
            if time.monotonic() > until:
                self.client.cancel_statement(Id=statement)
                return {"Status": "ABORTED", "Error": f"no answer within {_SECONDS} seconds"}
            time.sleep(self.poll_seconds)
