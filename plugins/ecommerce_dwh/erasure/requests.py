"""Objects of an erasure in S3, and their deletion.

All of them are below ``erasures/`` of the processed bucket, so that an Airflow run's parameters, logs, XCom and the
arguments of Glue runs hold nothing of a person:

* ``requests/<name>.json``: the request, put there by a colleague; deleted as soon as the run has read it.
* ``<run key>/request.json``: the request while the run lasts, with the known values of the person.
* ``<run key>/search.json``, ``erase.json``, ``verify.json``: findings, without values of the person.
* ``open/<name>.json``: an erasure that has begun to rewrite and is not proven: the pseudonym, the days to load, and a
  salted hash by which a later run recognises the same person. Deleted when the erasure is proven.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ecommerce_dwh.lake.s3 import LIST_BYTES, read_object

FOLDER = "erasures/"
REQUESTS = f"{FOLDER}requests/"
OPEN = f"{FOLDER}open/"
REQUEST = "request.json"
# scrypt's cost: about 50 ms for each open erasure, so that trying out keys is slow.
_COST = {"n": 1 << 14, "r": 8, "p": 1}


# Widths of the columns that keep them: history.*.customer_id, quality.erasures.reason.
_BYTES = {"customer_id": 64, "reason": 1024, "region": 2}


class RequestError(ValueError):
    """A request that cannot be used; the message quotes nothing of it."""


def parse_request(body: bytes) -> dict[str, str]:
    """Key, reason and, where given, region of a request.

    Raises:
        RequestError: it is not as `docs/erasure.md` describes it.
    """
    try:
        given = json.loads(body)
    except ValueError:
        raise RequestError("the request is no JSON") from None
    known = {"customer_id": (1, 64), "reason": (10, 500), "region": (0, 2)}
    if not isinstance(given, dict) or set(given) - set(known):
        raise RequestError(f"the request is a JSON object of {', '.join(known)} and nothing else")
    found = {}
    for name, (least, most) in known.items():
        value = given.get(name, "")
        if not isinstance(value, str) or not least <= len(value.strip()) <= most:
            raise RequestError(f"{name} of the request must be text of {least} to {most} characters")
        if len(value.strip().encode()) > (width := _BYTES[name]):
            # A VARCHAR's width counts bytes, of which a character takes up to four.
            raise RequestError(f"{name} of the request must have at most {width} bytes in UTF-8; write less")
        found[name] = value.strip()
    return found


@dataclass
class RequestStore:
    """The objects below ``erasures/``.

    Args:
        client: boto3 S3 client.
        bucket: the processed bucket.
    """

    client: Any
    bucket: str

    def read_bytes(self, key: str) -> bytes | None:
        """An object's bytes; None where there is none."""
        return read_object(self.client, self.bucket, key, LIST_BYTES)

    def read(self, key: str) -> dict[str, Any] | None:
        """A JSON object; None where there is none."""
        body = self.read_bytes(key)
        return None if body is None else dict(json.loads(body))

    def write(self, key: str, content: dict[str, Any]) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")

    def forget(self, *keys: str) -> None:
        """Delete objects for good, older versions and marks of deletion included."""
        for key in keys:
            self.client.delete_object(Bucket=self.bucket, Key=key)
            pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
            for page in pages:
                for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    if item["Key"] == key:
                        self.client.delete_object(Bucket=self.bucket, Key=key, VersionId=item["VersionId"])

    def listed(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Keys below a prefix and when they were written; also such as only an older version is left of."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield str(item["Key"]), item["LastModified"]

    # --- requests ---

    def forget_run(self, run_key: str, name: str) -> None:
        """Delete the run's copy of the request, and the request itself."""
        self.forget(f"{FOLDER}{run_key}/{REQUEST}", *([f"{REQUESTS}{name}.json"] if name else []))

    def forget_others(self, run_key: str) -> int:
        """Delete what runs that are over left of whom they were about; erasures run one at a time."""
        own = f"{FOLDER}{run_key}/{REQUEST}"
        left = {key for key, _ in self.listed(FOLDER) if key.endswith(f"/{REQUEST}") and key != own}
        self.forget(*sorted(left))
        return len(left)

    def old(self, now: datetime, *, requests: timedelta, marks: timedelta, findings: timedelta) -> list[str]:
        """Keys of what has been here for longer than it should: requests, open erasures, findings."""
        ages: dict[str, datetime] = {}
        for key, written in self.listed(FOLDER):
            ages[key] = max(written.astimezone(UTC), ages.get(key, written.astimezone(UTC)))
        found = []
        for key, written in sorted(ages.items()):
            if key.startswith(REQUESTS) or key.endswith(f"/{REQUEST}"):
                limit = requests
            else:
                limit = marks if key.startswith(OPEN) else findings
            if now - written > limit:
                found.append(key)
        return found

    # --- erasures that have not come to their end ---

    def unfinished(self, customer_id: str) -> tuple[str, dict[str, Any]] | None:
        """Key and content of the mark of an unfinished erasure of the same person."""
        for key in sorted({key for key, _ in self.listed(OPEN)}):
            mark = self.read(key)
            if mark and hmac.compare_digest(_digest(customer_id, mark["salt"]), mark["digest"]):
                return key, mark
        return None

    def mark_unfinished(self, customer_id: str, pseudonym: str, days: list[str]) -> None:
        """Note that the person's erasure has begun; a mark that is there gets the days."""
        found = self.unfinished(customer_id)
        salt = secrets.token_hex(16)
        key, mark = found or (
            f"{OPEN}{secrets.token_hex(8)}.json",
            {"salt": salt, "digest": _digest(customer_id, salt), "pseudonym": pseudonym},
        )
        self.write(key, {**mark, "days": days})

    def forget_unfinished(self, customer_id: str) -> None:
        """The person's erasure has come to its end."""
        if (found := self.unfinished(customer_id)) is not None:
            self.forget(found[0])


def _digest(customer_id: str, salt: str) -> str:
    return hashlib.scrypt(customer_id.encode(), salt=bytes.fromhex(salt), **_COST, dklen=32).hex()
