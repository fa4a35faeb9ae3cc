"""Regions that an account has to switch on, and the account API that does it.

Regions launched after 20 March 2019 are off in a new account, and AWS knows no credentials there until they are enabled
(docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html). Enabling takes a while; here, one look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from .s3_messages import Response

# Enabled in every account; all other regions have to be enabled.
_BY_DEFAULT = frozenset(
    [
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ]
)
_INVALID = "The security token included in the request is invalid"


class Regions:
    """The regions that the account has enabled.

    Args:
        path: the file that keeps it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def status(self, region: str) -> str:
        """ENABLED_BY_DEFAULT, DISABLED, ENABLING or ENABLED."""
        return "ENABLED_BY_DEFAULT" if region in _BY_DEFAULT else self._status.get(region, "DISABLED")

    def refusal(self, service: str, region: str, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request for a region that is off; None: the region is on.

        The codes are those that AWS's services give for credentials they do not know:
        docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and the common errors of EC2 and S3.
        """
        if not region or self.status(region).startswith("ENABLED"):
            return None
        if service == "s3":
            return _xml(
                403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
            )
        if service == "ec2":
            return _xml(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
        if "json" in headers.get("content-type", ""):
            body = json.dumps({"__type": "UnrecognizedClientException", "message": f"{_INVALID}."}).encode()
            return Response(400, {"Content-Type": headers["content-type"]}, body)
        return _xml(403, "InvalidClientTokenId", f"{_INVALID}.")

    def handle(self, path: str, body: bytes) -> Response | None:
        """The calls of the account API that are about regions; None: another call."""
        parameters = json.loads(body or b"{}")
        name = parameters.get("RegionName", "")
        if path == "/getRegionOptStatus":
            answer = {"RegionName": name, "RegionOptStatus": self.status(name)}
            self._advance(name)
        elif path == "/listRegions":
            names = sorted({*_BY_DEFAULT, *self._status})
            answer = {"Regions": [{"RegionName": n, "RegionOptStatus": self.status(n)} for n in names]}  # type: ignore[dict-item]
        elif path in ("/enableRegion", "/disableRegion"):
            if name in _BY_DEFAULT:
                words = f"Region {name} is enabled by default and cannot be changed"
                return _json(400, {"__type": "ValidationException", "message": words})
            self._set(name, "ENABLING" if path == "/enableRegion" else "DISABLED")
            answer = {}
        else:
            return None
        return _json(200, answer)

    def _advance(self, region: str) -> None:
        if self._status.get(region) == "ENABLING":
            self._set(region, "ENABLED")

    def _set(self, region: str, status: str) -> None:
        if not (status == "ENABLING" and self._status.get(region) == "ENABLED"):
            self._status[region] = status
        self._path.write_text(json.dumps(self._status))


def _json(status: int, document: object) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _xml(status: int, code: str, message: str) -> Response:
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    forms = {
        "InvalidAccessKeyId": f"<Error>{error}</Error>",
        "AuthFailure": f"<Response><Errors><Error>{error}</Error></Errors></Response>",
    }
    body = forms.get(code, f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>")
    return Response(status, {"Content-Type": "text/xml"}, body.encode())
