"""Requests and answers as the WSGI server hands them over."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from .s3_messages import Response, error_response
from .signatures import Signed
from .stored import StoreError

log = logging.getLogger("aws_local")

_ATTEMPT = re.compile(r"attempt=(\d+)")

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def buffered(environ: Environ) -> bytes:
    """The whole body, which the next reader can read again."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = bytes(environ["wsgi.input"].read())  # the server's stream ends where the body does
    else:
        body = bytes(environ["wsgi.input"].read(length)) if length else b""
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    return body


def held(environ: Environ, signed: Signed) -> Response | None:
    """Read a body for moto, which does not check what was signed; an error when it is another one."""
    body = buffered(environ)
    try:
        streaming = signed.payload.startswith("STREAMING-")
        for _ in signed.unframed(io.BytesIO(body)) if streaming else signed.checked([body]):
            pass
    except StoreError as error:
        return error_response(error, "")
    return None


def note_repetition(environ: Environ, service: str, path: str) -> None:
    """Log that a client asks again: it lost an answer or got an error, and what it asks for may be done already."""
    attempt = _ATTEMPT.search(environ.get("HTTP_AMZ_SDK_REQUEST", ""))
    if attempt and int(attempt.group(1)) > 1:
        log.warning(
            "%s: %s %s is asked for again (%s, invocation %s)",
            service or "no service",
            environ["REQUEST_METHOD"],
            path,
            attempt.group(0),
            environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "unknown"),
        )


def not_served(what: str, environ: Environ) -> Response:
    """An API that nobody here implements. Not a 500, which every SDK would retry for seconds."""
    text = f"The local endpoint does not serve this: {what}"
    if "json" in environ.get("CONTENT_TYPE", ""):
        document = {"__type": "UnsupportedOperationException", "message": text, "Message": text}
        return Response(501, {"Content-Type": environ["CONTENT_TYPE"]}, json.dumps(document).encode())
    body = f"<ErrorResponse><Error><Code>NotImplemented</Code><Message>{escape(text)}</Message></Error></ErrorResponse>"
    return Response(501, {"Content-Type": "text/xml"}, body.encode())


def send(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A response as the server takes it."""
    headers = {"x-amz-request-id": "local", **response.headers}
    if isinstance(response.body, bytes):
        headers.setdefault("Content-Length", str(len(response.body)))
    status = HTTPStatus(response.status)
    start_response(
        f"{status.value} {status.phrase}", [(name, _header(value)) for name, value in headers.items()]
    )
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    return [response.body] if isinstance(response.body, bytes) else response.body


def _header(value: str) -> str:
    """Header text as WSGI wants it: bytes dressed as latin-1."""
    return value.encode("utf-8").decode("latin-1")
