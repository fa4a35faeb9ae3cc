"""Limits of requests to objects, each with the page of the Amazon S3 User Guide or API Reference that states it."""

from __future__ import annotations

import re

from .s3_messages import Request, parse_tags
from .stored import StoreError

LONGEST_KEY = 1024  # bytes: "Naming Amazon S3 objects"
SMALLEST_PART = 5 << 20  # bytes, but for the last part: "Amazon S3 multipart upload limits"
MOST_KEYS = 1000  # of a request to delete: "DeleteObjects"
_MOST_METADATA = 2 << 10  # bytes of the names and values of users' metadata: "Working with object metadata"
_MOST_TAGS, _LONGEST_TAG_KEY, _LONGEST_TAG_VALUE = 10, 128, 256  # "Categorizing your storage using tags"

# Parameters that say how to answer, and those of signed links.
SIGNATURE_QUERIES = re.compile(
    r"x-amz-.*|x-id|encoding-type|max-keys|response-.*|AWSAccessKeyId|Signature|Expires", re.IGNORECASE
)
# Those of requests to objects that say what is asked for.
_SERVED = {
    *("versionId", "uploads", "uploadId", "partNumber", "tagging", "acl", "attributes"),
    *("max-parts", "part-number-marker"),
}


def check_object_request(request: Request) -> None:
    """Refuse what S3 does not take, and what is not served, before anything is done.

    Raises:
        StoreError: S3's own answer; ``NotImplemented`` for a part of S3 that is not served.
    """
    if len(request.key.encode()) > LONGEST_KEY:
        raise StoreError("KeyTooLongError", f"Your key is too long; at most {LONGEST_KEY} bytes are taken")
    unknown = sorted(name for name in request.query.keys() - _SERVED if not SIGNATURE_QUERIES.fullmatch(name))
    if "partNumber" in request.query and "uploadId" not in request.query:
        unknown.append("partNumber")
    if unknown:
        raise StoreError("NotImplemented", f"This endpoint does not serve ?{unknown[0]} of an object", 501)
    check_version(request.query.get("versionId", "null"))
    metadata = {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}
    size = sum(len(name.removeprefix("x-amz-meta-")) + len(value) for name, value in metadata.items())
    if size > _MOST_METADATA:
        raise StoreError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")


def check_version(version: str) -> None:
    """Refuse a version other than that of an object in a bucket without versions.

    Raises:
        StoreError: there is none.
    """
    if version not in {"", "null"}:
        raise StoreError("NoSuchVersion", "The specified version does not exist", 404)


def tags_of(request: Request) -> dict[str, str]:
    """Tags that a request's header gives its object.

    Raises:
        StoreError: S3 does not take so many, or such long ones.
    """
    return checked_tags(parse_tags(request.headers.get("x-amz-tagging")))


def checked_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags of an object, if S3 takes so many and such long ones.

    Raises:
        StoreError: it does not.
    """
    if len(tags) > _MOST_TAGS:
        raise StoreError("BadRequest", f"Object tags cannot be greater than {_MOST_TAGS}")
    for key, value in tags.items():
        if not 1 <= len(key) <= _LONGEST_TAG_KEY:
            raise StoreError("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > _LONGEST_TAG_VALUE:
            raise StoreError("InvalidTag", "The TagValue you have provided is invalid")
    return tags
