"""One line per request, as CloudTrail keeps them, so that permissions can be compared with calls.

Kept only where the settings name a file. Bodies of S3 objects are not read.
"""

from __future__ import annotations

import io
import json
import re
import threading
import urllib.parse
from pathlib import Path
from typing import Any

_CBOR = re.compile(r"^/service/[^/]+/operation/(\w+)$")
_SECRET = re.compile(r"secretstring|password", re.I)


class Trail:
    """Appends requests to a file.

    Args:
        path: the file; None: nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()

    def note(self, environ: dict[str, Any], service: str, region: str, path: str) -> None:
        """Keep a request: service and region of its signature, operation, parameters."""
        if self._path is None:
            return
        operation, parameters = self._call(environ, service, path)
        line = {"service": service, "region": region, "operation": operation, "parameters": parameters}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")

    @staticmethod
    def _call(environ: dict[str, Any], service: str, path: str) -> tuple[str, dict[str, Any]]:
        query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        rpc = _CBOR.match(path)
        if rpc:
            return rpc.group(1), {}
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        form = "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "")
        if service == "s3" or not (target or form):
            return f"{environ['REQUEST_METHOD']} {path}", query
        body = _body(environ)
        if target:
            return target.rpartition(".")[2], _plain(json.loads(body or b"{}"))
        fields = dict(urllib.parse.parse_qsl(body.decode()))
        return fields.pop("Action", ""), _plain(fields)


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters that name a resource; none that could hold a secret."""
    return {
        name: value
        for name, value in parameters.items()
        if isinstance(value, str) and len(value) < 300 and not _SECRET.search(name)
    }
