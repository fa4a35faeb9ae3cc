"""Requests and answers of S3's REST interface: bodies, headers, XML."""

from __future__ import annotations

import io
import re
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.sax.saxutils import escape

from .store import BLOCK
from .stored import StoredObject, StoreError

if TYPE_CHECKING:
    from .signatures import Signed

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
OWNER = "<Owner><ID>local</ID><DisplayName>local</DisplayName></Owner>"


@dataclass
class Request:
    """One HTTP request, body unread.

    Attributes:
        signed: what its signature says about the body.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: BinaryIO
    length: int
    signed: Signed

    @property
    def bucket(self) -> str:
        """The bucket of the path."""
        return self.path.lstrip("/").partition("/")[0]

    @property
    def key(self) -> str:
        """The key of the path."""
        return self.path.lstrip("/").partition("/")[2]

    def chunks(self) -> Iterator[bytes]:
        """The payload, with the signing frames of ``aws-chunked`` taken off.

        Raises:
            StoreError: the body ended early, or is not the one that was signed.
        """
        if self.signed.payload.startswith("STREAMING-"):
            return self.signed.unframed(self.body)
        return self.signed.checked(self._blocks())

    def _blocks(self) -> Iterator[bytes]:
        # A body in HTTP chunks has no announced length; the server's stream ends where the body does.
        remaining = 1 << 62 if self.headers.get("transfer-encoding", "").lower() == "chunked" else self.length
        announced = remaining == self.length
        while remaining > 0:
            block = self.body.read(min(BLOCK, remaining))
            if not block:
                if announced:
                    raise StoreError("IncompleteBody", "The connection ended before the announced length")
                return
            remaining -= len(block)
            yield block

    def read(self) -> bytes:
        """The whole payload."""
        return b"".join(self.chunks())


@dataclass
class Response:
    """Status, headers and a body that is either bytes or an iterator of blocks."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


def iso(timestamp: float) -> str:
    """A moment as S3 writes it."""
    return (
        datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{int(timestamp % 1 * 1000):03d}Z"
    )


def xml(body: str, status: int = 200) -> Response:
    """An XML document as the answer."""
    data = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()
    return Response(status, {"Content-Type": "application/xml"}, data)


def error_response(error: StoreError, resource: str) -> Response:
    """S3's error document."""
    return xml(
        f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
        f"<Resource>{escape(resource)}</Resource><RequestId>local</RequestId></Error>",
        error.status,
    )


def parse_xml(body: bytes) -> ET.Element:
    """The root of a document, tags without their namespace.

    Raises:
        StoreError: the body is no XML.
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 - from this machine only
    except ET.ParseError:
        raise StoreError("MalformedXML", "The XML you provided was not well-formed") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def parse_tags(header: str | None) -> dict[str, str]:
    """Tags of an ``x-amz-tagging`` header."""
    return dict(urllib.parse.parse_qsl(header or "", keep_blank_values=True))


def blocks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """Bytes from ``start`` up to ``end`` of a file, which is closed afterwards."""
    with file:
        file.seek(start)
        remaining = end - start
        while remaining > 0 and (block := file.read(min(BLOCK, remaining))):
            remaining -= len(block)
            yield block


def byte_range(header: str | None, size: int) -> tuple[int, int]:
    """Start and end (exclusive) of a ``Range`` header; an unreadable one asks for everything, as in HTTP.

    Raises:
        StoreError: the range lies outside.
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").strip())
    if not found or found.group(0) == "bytes=-":
        return 0, size
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
        valid = int(last) > 0 and size > 0
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        valid = start < size and start < end
    if not valid:
        raise StoreError("InvalidRange", "The requested range is not satisfiable", 416)
    return start, end


def precondition(stored: StoredObject, headers: dict[str, str]) -> int | None:
    """Status that a conditional GET or HEAD answers instead of the object, or None."""

    def matches(header: str) -> bool:
        return header.strip() == "*" or stored.etag in [tag.strip().strip('"') for tag in header.split(",")]

    def since(header: str) -> bool:
        try:
            return int(stored.modified) > parsedate_to_datetime(header).timestamp()
        except ValueError:
            return True

    if (value := headers.get("if-match")) is not None:
        if not matches(value):
            return 412
    elif (value := headers.get("if-unmodified-since")) is not None and since(value):
        return 412
    if (value := headers.get("if-none-match")) is not None:
        return 304 if matches(value) else None
    if (value := headers.get("if-modified-since")) is not None and not since(value):
        return 304
    return None


def request_from_environ(environ: dict[str, Any], path: str, signed: Signed) -> Request:
    """Read a WSGI request; ``path`` is the percent-decoded path."""
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    body = environ.get("wsgi.input") or io.BytesIO()
    return Request(
        environ["REQUEST_METHOD"],
        path,
        query,
        headers,
        body,
        int(environ.get("CONTENT_LENGTH") or 0),
        signed,
    )
