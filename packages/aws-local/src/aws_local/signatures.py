"""Signature Version 4, checked as AWS checks it.

docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (requests),
docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html (bodies in signed
chunks), sigv4-query-string-auth.html (links), ErrorResponses.html (S3's codes); the other services' codes are those of
their pages "Common Errors" and docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html (JSON).

There is one key pair and no session token: nothing of this package assumes a role locally. Version 2 of the signature
is refused, as in every region opened after January 2014, ap-south-1 among them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

from botocore.utils import normalize_url_path

from .s3_messages import Response
from .store import BLOCK
from .stored import StoreError

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW_SECONDS = 15 * 60
LONGEST_LINK_SECONDS = 7 * 24 * 3600
_EMPTY = hashlib.sha256(b"").hexdigest()
_CREDENTIAL = re.compile(r"([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
_MISMATCH = "The request signature we calculated does not match yours. Check your key and signing method."


class Denied(Exception):
    """A request without a valid signature.

    Attributes:
        kind: a row of the table of codes: missing, key, token, signature, date, expired, unsigned (a
            header), malformed or version.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Signed:
    """The body that a valid signature announces.

    Attributes:
        payload: the body's SHA-256 in hex, ``UNSIGNED-PAYLOAD``, or the name of a streaming scheme; empty where the
            service signs the body itself and the signature was checked with it.
    """

    payload: str
    key: bytes = b""
    date: str = ""
    scope: str = ""
    signature: str = ""

    def checked(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The body as it comes.

        Raises:
            StoreError: at its end, when it is not the one that was signed.
        """
        if not re.fullmatch(r"[0-9a-f]{64}", self.payload):
            yield from blocks
            return
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block)
            yield block
        if digest.hexdigest() != self.payload:
            raise StoreError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )

    def unframed(self, stream: BinaryIO) -> Iterator[bytes]:
        """An ``aws-chunked`` body without its frames (``<hex size>;chunk-signature=…``) and trailers.

        Raises:
            StoreError: a frame is malformed, or a chunk or the trailer is not signed as the scheme demands.
        """
        signs, previous = self.payload.startswith(f"STREAMING-{ALGORITHM}-PAYLOAD"), self.signature
        while True:
            size, given = _frame(stream)
            digest, remaining = hashlib.sha256(), size
            while remaining:
                block = stream.read(min(BLOCK, remaining))
                if not block:
                    raise StoreError("IncompleteBody", "The chunked upload ended early")
                remaining -= len(block)
                if signs:
                    digest.update(block)
                yield block
            if signs:
                expected = self._sign(f"{ALGORITHM}-PAYLOAD", previous, _EMPTY, digest.hexdigest())
                if not hmac.compare_digest(expected, given):
                    raise StoreError("SignatureDoesNotMatch", _MISMATCH, 403)
                previous = expected
            if size == 0:
                self._check_trailer(stream, previous)
                return
            stream.readline()

    def _check_trailer(self, stream: BinaryIO, previous: str) -> None:
        lines = []
        while line := stream.readline().strip():
            lines.append(line.decode("latin-1"))
        if self.payload != f"STREAMING-{ALGORITHM}-PAYLOAD-TRAILER":
            return
        given = [line.partition(":")[2] for line in lines if line.startswith("x-amz-trailer-signature:")]
        kept = "".join(f"{line}\n" for line in lines if not line.startswith("x-amz-trailer-signature:"))
        expected = self._sign(f"{ALGORITHM}-TRAILER", previous, hashlib.sha256(kept.encode()).hexdigest())
        if not given or not hmac.compare_digest(expected, given[0].strip()):
            raise StoreError("SignatureDoesNotMatch", _MISMATCH, 403)

    def _sign(self, scheme: str, *parts: str) -> str:
        return _hex(self.key, "\n".join((scheme, self.date, self.scope, *parts)))


class Signatures:
    """Checks requests against one key pair.

    Args:
        access_key: the key's name.
        secret_key: the key.
        key_source: what sets the key's name, for messages.
    """

    def __init__(self, access_key: str, secret_key: str, key_source: str) -> None:
        self._access_key = access_key
        self._key_source = key_source
        self._secret_key = secret_key

    def check(self, environ: Mapping[str, Any], raw_path: str, body_hash: str) -> Signed:
        """Hold a request's signature against the key.

        Args:
            environ: its WSGI environment.
            raw_path: its path as it was sent.
            body_hash: SHA-256 of the body in hex; empty for S3, whose requests say it themselves.

        Raises:
            Denied: it has none, or a wrong or an old one.
        """
        headers = _headers(environ)
        query = _parameters(environ.get("QUERY_STRING", ""))
        given = _from_header(headers) if "authorization" in headers else _from_link(dict(query))
        key_id, day, region, service = given.credential
        if key_id != self._access_key:
            raise Denied("key", f"The AWS access key ID does not exist: it is {self._key_source}")
        if "x-amz-security-token" in headers or "X-Amz-Security-Token" in dict(query):
            raise Denied("token", "The provided token is malformed or otherwise invalid")
        _check_time(given, day)
        _check_signed_headers(given, headers)
        payload = body_hash if service != "s3" else headers.get("x-amz-content-sha256", "")
        if service == "s3" and not payload:
            if not given.expires:
                raise Denied("malformed", "Missing required header for this request: x-amz-content-sha256")
            payload = UNSIGNED
        canonical = "\n".join(
            (
                environ["REQUEST_METHOD"],
                _canonical_path(raw_path, service),
                _canonical_query(query),
                *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in given.signed_headers),
                "",
                ";".join(given.signed_headers),
                payload,
            )
        )
        scope = f"{day}/{region}/{service}/aws4_request"
        text = "\n".join((ALGORITHM, given.date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        key = _signing_key(self._secret_key, day, region, service)
        if not hmac.compare_digest(_hex(key, text), given.signature):
            raise Denied("signature", _MISMATCH)
        return Signed(payload if service == "s3" else "", key, given.date, scope, given.signature)


@dataclass(frozen=True)
class _Given:
    """A signature as a request brings it; ``expires`` is 0 for one in a header."""

    credential: tuple[str, str, str, str]
    date: str
    signed_headers: tuple[str, ...]
    signature: str
    expires: int = 0


def _from_header(headers: Mapping[str, str]) -> _Given:
    scheme, _, rest = headers["authorization"].strip().partition(" ")
    if scheme != ALGORITHM:
        raise Denied("version", f"The authorization mechanism is not supported. Please use {ALGORITHM}.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    date = headers.get("x-amz-date") or _iso_date(headers.get("date", ""))
    return _Given(
        _credential(parts.get("Credential", "")),
        date,
        _names(parts.get("SignedHeaders", "")),
        parts.get("Signature", ""),
    )


def _from_link(query: Mapping[str, str]) -> _Given:
    if "Signature" in query or "AWSAccessKeyId" in query:
        raise Denied("version", f"The authorization mechanism is not supported. Please use {ALGORITHM}.")
    if "X-Amz-Signature" not in query:
        raise Denied("missing", "The request has no signature")
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise Denied("version", f"The authorization mechanism is not supported. Please use {ALGORITHM}.")
    expires = query.get("X-Amz-Expires", "")
    if not expires.isdecimal() or not 1 <= int(expires) <= LONGEST_LINK_SECONDS:
        raise Denied("malformed", f"X-Amz-Expires must be between 1 and {LONGEST_LINK_SECONDS} seconds")
    return _Given(
        _credential(query.get("X-Amz-Credential", "")),
        query.get("X-Amz-Date", ""),
        _names(query.get("X-Amz-SignedHeaders", "")),
        query["X-Amz-Signature"],
        int(expires),
    )


def _credential(text: str) -> tuple[str, str, str, str]:
    found = _CREDENTIAL.fullmatch(text)
    if found is None:
        raise Denied("malformed", "The credential must be <key>/<day>/<region>/<service>/aws4_request")
    key, day, region, service = found.groups()
    return key, day, region, service


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted(filter(None, text.lower().split(";"))))


def _check_time(given: _Given, day: str) -> None:
    try:
        moment = datetime.strptime(given.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Denied("malformed", "The request needs a date (X-Amz-Date) such as 20260101T020000Z") from None
    if not given.date.startswith(day):
        raise Denied("malformed", "The credential's day is not that of the request's date")
    age = time.time() - moment
    if given.expires and age > given.expires:
        raise Denied("expired", "Request has expired")
    if age < -SKEW_SECONDS or (age > SKEW_SECONDS and not given.expires):
        raise Denied("date", f"The request's time {given.date} and the server's differ by more than 15 minutes")


def _check_signed_headers(given: _Given, headers: Mapping[str, str]) -> None:
    needed = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if missing := sorted(needed - set(given.signed_headers)):
        raise Denied(
            "unsigned", f"There were headers present in the request which were not signed: {missing[0]}"
        )


def _iso_date(text: str) -> str:
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return ""


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = str(environ[name])
    # WSGI gives bytes dressed as latin-1; what was signed is the text.
    return {name: value.encode("latin-1").decode("utf-8", "replace") for name, value in headers.items()}


def _parameters(query: str) -> list[tuple[str, str]]:
    # A blank is sent as ``+`` by some clients (the AWS SDK for Java 1, and so S3A), and signed as ``%20`` by all.
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value)) for name, _, value in pairs]


def _canonical_path(raw: str, service: str) -> str:
    if service == "s3":  # encoded once, and never normalised
        return urllib.parse.quote(urllib.parse.unquote_to_bytes(raw), safe="/-_.~") or "/"
    return urllib.parse.quote(normalize_url_path(raw), safe="/~")


def _canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    encoded = sorted(
        (urllib.parse.quote(name, safe="-_.~"), urllib.parse.quote(value, safe="-_.~"))
        for name, value in parameters
        if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _hex(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def _frame(stream: BinaryIO) -> tuple[int, str]:
    """Size and signature of the next chunk."""
    header = stream.readline()
    if not header:
        raise StoreError("IncompleteBody", "The chunked upload ended early")
    size, _, extension = header.strip().partition(b";")
    try:
        return int(size, 16), extension.partition(b"chunk-signature=")[2].decode("latin-1")
    except ValueError:
        raise StoreError("InvalidRequest", "The chunked upload has a malformed chunk header") from None


# Code and status of each kind of refusal.
_S3_CODES = {
    "missing": ("AccessDenied", 403),
    "key": ("InvalidAccessKeyId", 403),
    "token": ("InvalidToken", 400),
    "signature": ("SignatureDoesNotMatch", 403),
    "date": ("RequestTimeTooSkewed", 403),
    "expired": ("AccessDenied", 403),
    "malformed": ("AuthorizationHeaderMalformed", 400),
    "version": ("InvalidRequest", 400),
    "unsigned": ("AccessDenied", 403),
}
_QUERY_CODES = {
    "missing": ("MissingAuthenticationToken", 403),
    "key": ("InvalidClientTokenId", 403),
    "token": ("InvalidClientTokenId", 403),
    "signature": ("SignatureDoesNotMatch", 403),
    "date": ("RequestExpired", 400),
    "expired": ("RequestExpired", 400),
    "malformed": ("IncompleteSignature", 400),
    "version": ("IncompleteSignature", 400),
    "unsigned": ("SignatureDoesNotMatch", 403),
}
_JSON_CODES = {
    "missing": ("MissingAuthenticationTokenException", 400),
    "key": ("UnrecognizedClientException", 400),
    "token": ("UnrecognizedClientException", 400),
    "signature": ("InvalidSignatureException", 400),
    "date": ("InvalidSignatureException", 400),
    "expired": ("InvalidSignatureException", 400),
    "malformed": ("IncompleteSignatureException", 400),
    "version": ("IncompleteSignatureException", 400),
    "unsigned": ("InvalidSignatureException", 400),
}


def denial(denied: Denied, service: str, environ: Mapping[str, Any]) -> Response:
    """The answer to a request without a valid signature, in the form and words of its service."""
    text = str(denied)
    if service == "s3":
        code, status = _S3_CODES[denied.kind]
        body = (
            f"<Error><Code>{code}</Code><Message>{escape(text)}</Message><RequestId>local</RequestId></Error>"
        )
        return Response(status, {"Content-Type": "application/xml"}, body.encode())
    kind = environ.get("CONTENT_TYPE", "")
    if "x-www-form-urlencoded" in kind or "Action=" in environ.get("QUERY_STRING", ""):
        code, status = _QUERY_CODES[denied.kind]
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>local</RequestId></ErrorResponse>"
        return Response(status, {"Content-Type": "text/xml"}, body.encode())
    code, status = _JSON_CODES[denied.kind]
    document = {"__type": code, "message": text}
    headers = {"Content-Type": kind if "json" in kind else "application/json", "x-amzn-ErrorType": code}
    return Response(status, headers, json.dumps(document).encode())
