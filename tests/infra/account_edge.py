"""What the local AWS endpoint has no stand-in of, played at the HTTP edge; and faults for any call of a client.

Access Analyzer, Service Quotas, Cost Explorer's tags and MWAA without an environment speak AWS's wire format to real
clients, which find them by AWS_ENDPOINT_URL_<SERVICE>. Requests are checked by botocore before they are sent.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import loaders
from botocore.awsrequest import AWSResponse
from conftest import REGION, Endpoint
from urllib3 import HTTPResponse

# Name and value as AWS lists them for a new account.
QUOTAS: dict[str, dict[str, tuple[str, float]]] = {
    "vpc": {
        "L-F678F1CE": ("VPCs per Region", 5),
        "L-FE5A380F": ("NAT gateways per Availability Zone", 5),
        "L-29B6F2EB": ("Interface VPC endpoints per VPC", 50),
    },
    "ec2": {"L-0263D0A3": ("EC2-VPC Elastic IPs", 5)},
    "redshift": {"L-11111111": ("Nodes in this account", 200), "L-22222222": ("Snapshots", 700)},
    "redshift-serverless": {"L-33333333": ("Number of workgroups", 25)},
    "airflow": {"L-44444444": ("Environments per account per Region", 10)},
}
# Models of the services, read once for all sessions.
_LOADER = loaders.Loader()
_VARIABLES = ("ACCESSANALYZER", "SERVICE_QUOTAS", "COST_EXPLORER", "MWAA", "REDSHIFT_SERVERLESS")


class AccountEdge(AbstractContextManager["AccountEdge"]):
    """The server.

    Attributes:
        quotas: as ``QUOTAS``; a test changes its copy.
        tags: active cost allocation tags.
        environments: names of Airflow environments.
        asked: operations in the order in which they came.
    """

    def __init__(self) -> None:
        self.quotas = {service: dict(quotas) for service, quotas in QUOTAS.items()}
        self.tags = {"Project", "Environment"}
        self.environments: list[str] = []
        self.asked: list[str] = []
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                status, document = edge.answer(
                    self.path.partition("?")[0], self.headers.get("X-Amz-Target", ""), body
                )
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if status >= 400:
                    self.send_header("x-amzn-ErrorType", document["__type"])
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve  # noqa: N815 - names that the base class asks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environ(self) -> dict[str, str]:
        """Variables that lead clients, the AWS CLI and the tools to this server for its services."""
        # MWAA's clients put `api.` before the host of the endpoint.
        direct = {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
        return {**direct, **{f"AWS_ENDPOINT_URL_{name}": self.url for name in _VARIABLES}}

    def answer(self, path: str, target: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        operation = target.rpartition(".")[2] or path
        self.asked.append(operation)
        answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "/policy/validation": lambda body: {"findings": list(findings(body["policyDocument"]))},
            "GetServiceQuota": self._quota,
            "GetAWSDefaultServiceQuota": self._quota,
            "ListServiceQuotas": lambda body: {"Quotas": self._listed(body)},
            "ListAWSDefaultServiceQuotas": lambda body: {"Quotas": self._listed(body)},
            "ListCostAllocationTags": lambda body: {
                "CostAllocationTags": [
                    {"TagKey": tag, "Type": "UserDefined", "Status": "Active"}
                    for tag in sorted(self.tags & set(body["TagKeys"]))
                ]
            },
            "ListWorkgroups": lambda _body: {"workgroups": []},
            "/environments": lambda _body: {"Environments": self.environments},
        }
        if path.startswith("/environments/"):
            return 404, {"__type": "ResourceNotFoundException", "message": f"no {path.rpartition('/')[2]}"}
        if operation not in answers:
            return 404, {"__type": "UnknownOperationException", "message": f"nothing plays {operation}"}
        found = answers[operation](body)
        if found is None:
            return 400, {"__type": "NoSuchResourceException", "message": "no such quota"}
        return 200, found

    def _listed(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        service = body["ServiceCode"]
        return [
            {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": value}
            for code, (name, value) in self.quotas.get(service, {}).items()
        ]

    def _quota(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        found = [quota for quota in self._listed(body) if quota["QuotaCode"] == body["QuotaCode"]]
        return {"Quota": found[0]} if found else None

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def findings(document: str) -> Iterator[dict[str, Any]]:
    """What Access Analyzer says of a policy, as far as our policies could earn it (its policy check reference)."""

    def finding(kind: str, code: str, details: str) -> dict[str, Any]:
        link = f"https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#{code}"
        return {
            "findingType": kind,
            "issueCode": code,
            "findingDetails": details,
            "learnMoreLink": link,
            "locations": [],
        }

    try:
        policy = json.loads(document)
    except ValueError:
        yield finding("ERROR", "JSON_SYNTAX_ERROR", "The policy is no JSON.")
        return
    if policy.get("Version") != "2012-10-17":
        yield finding("WARNING", "MISSING_VERSION", "Add the version 2012-10-17.")
    for statement in policy["Statement"]:
        if (
            statement.get("Action") == "*"
            and statement.get("Resource") == "*"
            and statement["Effect"] == "Allow"
        ):
            yield finding(
                "SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", "Everything is allowed."
            )
        resources = statement.get("Resource", [])
        for arn in [resources] if isinstance(resources, str) else resources:
            if re.match(r"arn:[^:]*:[^:]*[*?]", arn) or (arn != "*" and not arn.startswith("arn:")):
                yield finding(
                    "ERROR", "INVALID_ARN_PREFIX", f"The ARN {arn} has no service that it names in full."
                )


class Faults:
    """A boto3 session whose calls fail where a test says so.

    Args:
        endpoint: answers everything else.
        edge: answers for the services that the endpoint lacks.
    """

    def __init__(self, endpoint: Endpoint, edge: AccountEdge, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {**endpoint.environ(), **edge.environ()}.items():
            monkeypatch.setenv(name, value)
        core = botocore.session.Session()
        core.register_component("data_loader", _LOADER)
        self.session = boto3.Session(botocore_session=core, region_name=REGION)

    def refuse(self, service: str, operation: str, code: str, status: int = 400, where: bytes = b"") -> None:
        """Answer calls of an operation with an error.

        Args:
            where: only those whose body holds this.
        """

        def answer(request: Any, **_: object) -> AWSResponse | None:
            body = request.body or b""
            if where not in (body if isinstance(body, bytes) else str(body).encode()):
                return None
            return error_response(request.url, service, code, status)

        self.session.events.register(f"before-send.{service}.{operation}", answer)

    def change(self, service: str, operation: str, how: Callable[[dict[str, Any]], None]) -> None:
        """Change the parsed answer of an operation; a refusal stays as it is."""

        def answered(http_response: Any, parsed: dict[str, Any], **_: object) -> None:
            if http_response.status_code < 300:
                how(parsed)

        self.session.events.register(f"after-call.{service}.{operation}", answered)

    def cut(self, error: Exception) -> None:
        """From now on nothing is reached."""

        def unreachable(**_: object) -> None:
            raise error

        self.session.events.register("before-send", unreachable)


def error_response(url: str, service: str, code: str, status: int) -> AWSResponse:
    """An error in the wire format of the service's protocol."""
    headers = {"x-amzn-ErrorType": code}
    message = f"User is not authorized, said {service}"
    if service == "ec2":
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
    elif service in ("iam", "sts", "redshift", "sns"):
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    elif service == "s3":
        body = ""  # to HEAD
    else:
        body = json.dumps({"__type": code, "message": message})
    return AWSResponse(url, status, headers, _raw(body.encode()))


def success(url: str, body: bytes) -> AWSResponse:
    """An answer in the wire format of the service."""
    return AWSResponse(url, 200, {}, _raw(body))


def _raw(body: bytes) -> HTTPResponse:
    return HTTPResponse(body=io.BytesIO(body), preload_content=False)


@contextmanager
def quick_retries() -> Iterator[None]:
    """Pauses between retries cost no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
        yield
