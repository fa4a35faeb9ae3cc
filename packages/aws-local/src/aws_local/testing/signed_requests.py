"""Signed requests for tests that speak HTTP themselves. botocore signs them, not the code that is tested."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "ap-south-1"


def signed_headers(
    method: str,
    url: str,
    service: str = "s3",
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    key: str = "local",
    secret: str = "local",
    region: str = REGION,
) -> dict[str, str]:
    """The headers of a signed request, without ``Host``, which the HTTP client sets.

    Give ``X-Amz-Content-SHA256`` among the headers to sign another payload than the body, such as a streaming scheme.
    """
    given = dict(headers or {})
    if service == "s3":
        given.setdefault("X-Amz-Content-SHA256", hashlib.sha256(body).hexdigest())
    request = AWSRequest(method, url, headers=given, data=body)
    if "X-Amz-Content-SHA256" in given:
        request.context["payload_signing_enabled"] = True
    auth = (_GivenPayload if service == "s3" else SigV4Auth)(Credentials(key, secret), service, region)
    auth.add_auth(request)
    return dict(request.headers.items())


class _GivenPayload(S3SigV4Auth):
    """Signs the payload's hash that the headers already have."""

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        wanted = request.headers["X-Amz-Content-SHA256"]
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = wanted

    def payload(self, request: AWSRequest) -> str:
        return str(request.headers["X-Amz-Content-SHA256"])


def signed_frames(headers: Mapping[str, str], chunks: Sequence[bytes], secret: str = "local") -> bytes:
    """An ``aws-chunked`` body that continues the signature of its request's headers."""
    lower = {name.lower(): value for name, value in headers.items()}
    parts = dict(
        part.strip().partition("=")[::2] for part in lower["authorization"].partition(" ")[2].split(",")
    )
    _, day, region, service, end = parts["Credential"].split("/")
    scope, signature = "/".join((day, region, service, end)), parts["Signature"]
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    empty, out = hashlib.sha256(b"").hexdigest(), b""
    for chunk in (*chunks, b""):
        lines = (
            "AWS4-HMAC-SHA256-PAYLOAD",
            lower["x-amz-date"],
            scope,
            signature,
            empty,
            hashlib.sha256(chunk).hexdigest(),
        )
        signature = hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()
        out += f"{len(chunk):x};chunk-signature={signature}\r\n".encode() + chunk + b"\r\n"
    return out
