"""Clients of AWS for the checks, and what an error of AWS means for a line of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from tools.aws_checks.report import Line, fail, warn

# Throttled and broken calls are repeated with growing pauses; the standard mode knows AWS's error codes for both.
_CONFIG = Config(
    retries={"max_attempts": 6, "mode": "standard"},
    connect_timeout=5,
    read_timeout=20,
    user_agent_extra="ecommerce-dwh",
)

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
    "AuthorizationErrorException",
    "403",
}
_BAD_KEYS = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "ExpiredToken",
    "ExpiredTokenException",
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "RequestExpired",
}
MISSING = {
    "404",
    "NoSuchBucket",
    "NoSuchKey",
    "NotFound",
    "NoSuchEntity",
    "ResourceNotFoundException",
    "ClusterNotFound",
    "NoSuchResourceException",
    "NotFoundException",
}
_NO_NETWORK = (
    EndpointConnectionError,
    ConnectTimeoutError,
    ReadTimeoutError,
    ConnectionClosedError,
    ProxyConnectionError,
    SSLError,
)

# Where the permission is not called <service of the endpoint>:<operation>; AWS's service authorization reference.
_PERMISSIONS = {
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "ListBuckets": "s3:ListAllMyBuckets",
    "DescribeBudget": "budgets:ViewBudget",
}
_PREFIXES = {
    "accessanalyzer": "access-analyzer",
    "service-quotas": "servicequotas",
    "mwaa": "airflow",
    "logs": "logs",
    "budgets": "budgets",
}


class StoppedError(RuntimeError):
    """No further check makes sense; the message is one sentence with the cure."""


class Aws:
    """Clients of one account and region.

    Args:
        region: the deployment's region.
        session: makes the clients; each test brings its own.
    """

    def __init__(self, region: str, session: boto3.Session | None = None) -> None:
        self.region = region
        self._session = session or boto3.Session()
        self._session.events.register("after-call", _name_service)
        self._made = cache(self._make)

    def _make(self, service: str, region: str) -> Any:
        return self._session.client(service, region_name=region, config=_CONFIG)

    def client(self, service: str, region: str = "") -> Any:
        return self._made(service, region or self.region)


def _name_service(parsed: Any, model: Any, **_: object) -> None:
    """Leave the service's name in an error, which names only the operation."""
    # Some answers have a field of this name that is no error of the call.
    if isinstance(parsed, dict) and isinstance(parsed.get("Error"), dict):
        parsed["Error"]["Service"] = model.service_model.service_name


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def permission_of(service: str, operation: str) -> str:
    """The IAM action that a call needs."""
    return _PERMISSIONS.get(operation) or f"{_PREFIXES.get(service, service)}:{operation}"


def stopped(error: Exception) -> StoppedError:
    """One sentence for an error after which no check can work."""
    if isinstance(error, NoCredentialsError):
        return StoppedError(
            "There are no AWS credentials: sign in (`aws sso login`, or `aws configure`), and run this again."
        )
    if isinstance(error, ClientError) and code_of(error) in _BAD_KEYS:
        return StoppedError(
            f"AWS does not accept these credentials ({code_of(error)}): they are expired or wrong; sign in again."
        )
    if isinstance(error, _NO_NETWORK):
        return StoppedError(
            f"AWS cannot be reached ({type(error).__name__}): look at network, proxy and AWS_ENDPOINT_URL, and run "
            "this again."
        )
    return StoppedError(f"AWS says: {error}")


Check = Callable[[], Iterable[Line]]


def run(checks: Sequence[tuple[str, Check]], threads: int = 8) -> Iterator[Line]:
    """Run checks side by side and yield their lines in the given order.

    Args:
        checks: name of each check, and the check.
        threads: how many run at a time.

    Raises:
        StoppedError: AWS cannot be reached, or takes the credentials no longer.
    """
    with ThreadPoolExecutor(threads) as pool:
        work = [pool.submit(_guarded, name, check) for name, check in checks]
        for future in work:
            yield from future.result()


def _guarded(name: str, check: Check) -> list[Line]:
    lines: list[Line] = []
    try:
        lines.extend(check())
    except ClientError as error:
        return [*lines, refused(name, error)]
    except (NoCredentialsError, *_NO_NETWORK) as error:
        raise stopped(error) from None
    except BotoCoreError as error:
        lines.append(fail(name, f"not checked: {error}", "run this again; the message says which call failed"))
    return lines


def refused(name: str, error: ClientError) -> Line:
    """The line of a check that AWS refused: not checked is not green."""
    code, operation = code_of(error), error.operation_name
    if code in _DENIED:
        action = permission_of(str(error.response["Error"].get("Service", "")), operation)
        return warn(
            name,
            f"not checked: these credentials may not call {action}",
            f"allow {action}, or sign in as an administrator",
        )
    if code in _BAD_KEYS:
        return fail(
            name,
            f"{operation} takes these credentials for unknown ({code})",
            "sign in again; where only this region says so, the region is off in the account",
        )
    if "Throttl" in code or code in ("TooManyRequestsException", "RequestLimitExceeded", "SlowDown"):
        return warn(
            name, f"not checked: {operation} was throttled six times", "wait a minute and run this again"
        )
    message = str(error.response.get("Error", {}).get("Message", "")) or str(error)
    return fail(
        name, f"{operation} answers {code}: {message}", "the message is AWS's own; cure it and run this again"
    )
