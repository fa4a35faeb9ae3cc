"""Clients of AWS services by an Airflow connection, and the AWS errors that a later attempt can get past."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# Codes of throttling or of a fault of the service. Other errors (no such job, access denied) must reach the task at
# once, because a later attempt gets the same answer.
_PASSING_ERRORS = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "InternalFailure",
    "InternalServiceException",
    "RequestTimeout",
    "OperationTimeoutException",
    "500",
    "502",
    "503",
    "504",
}


def aws_client(service: str, aws_conn_id: str | None = "aws_default", **hook_arguments: Any) -> Any:
    """The boto3 client of a service.

    Args:
        service: boto3's name of it, for example ``s3``.
        aws_conn_id: Airflow connection for AWS; None takes boto3's own search for credentials.
        hook_arguments: further arguments of the provider's ``AwsBaseHook``, for example ``config``.
    """
    # Imported here: the provider takes a second to load, which the parsing of DAG files need not pay.
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    return AwsBaseHook(aws_conn_id=aws_conn_id, client_type=service, **hook_arguments).conn


def error_code(error: ClientError) -> str:
    """The code of an answer of AWS, for example ``NoSuchKey``; empty when the answer has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_passing(error: Exception) -> bool:
    """Whether a later attempt can succeed: throttling, a dropped connection, or a status of 500 or more."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in _PASSING_ERRORS or status >= 500
    return isinstance(error, (BotoCoreError, OSError))
