"""S3 at the edge of the jobs: listing, reading ranges and streams, one-PUT writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol


@dataclass(frozen=True)
class StoredObject:
    """An object of a listing.

    Attributes:
        key: key in the bucket.
        size: bytes.
        etag: S3's fingerprint of the content, without quotation marks; empty where the store has none.
        modified: when it was written, ISO 8601; empty where the store does not say.
    """

    key: str
    size: int
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True)
class Level:
    """One level of a bucket.

    Attributes:
        folders: names of the folders directly below a prefix, without the slash.
        objects: objects directly below it.
    """

    folders: tuple[str, ...] = ()
    objects: tuple[StoredObject, ...] = ()


class Storage(Protocol):
    """The part of an object store that the jobs use. Instances travel to executors, so they must pickle."""

    def objects(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        """Objects below a prefix in the order of their keys."""

    def level(self, bucket: str, prefix: str) -> Level:
        """Folders and objects directly below a prefix, which ends with ``/``; a request per thousand of them."""

    def read(self, bucket: str, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object from ``start``; a negative start counts from the end."""

    def open(self, bucket: str, key: str, version: str = "") -> BinaryIO:
        """The object's bytes as a stream; of an older version where one is named."""

    def write(self, bucket: str, key: str, content: bytes, content_type: str) -> None:
        """Create or replace an object in one step."""

    def upload(self, bucket: str, key: str, path: str) -> None:
        """Create or replace an object by a file of any size; it is seen when all of it has arrived."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; where the bucket keeps versions, they stay."""

    def old_versions(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        """Keys and version ids of versions below a prefix that are not current; delete markers are left out."""

    def delete_version(self, bucket: str, key: str, version: str) -> None:
        """Delete one version for good."""

    def delete_old_versions(self, bucket: str, key: str) -> None:
        """Delete all versions of a key but the current one, for good."""

    def forget(self, bucket: str, key: str) -> None:
        """Delete an object for good: every version, and every delete marker."""

    def url(self, bucket: str, key: str) -> str:
        """Address of an object or prefix for Spark and for Redshift COPY."""


@dataclass
class S3Storage:
    """Amazon S3 by boto3; endpoint and credentials come from the environment."""

    region: str
    _client: Any = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"region": self.region, "_client": None}

    @property
    def client(self) -> Any:
        if self._client is None:
            import boto3  # late import: executors import it only when they read
            from botocore.config import Config

            config = Config(max_pool_connections=32, retries={"max_attempts": 8, "mode": "standard"})
            self._client = boto3.client("s3", region_name=self.region, config=config)
        return self._client

    def objects(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, StartAfter=start_after
        )
        for page in pages:
            for item in page.get("Contents", ()):
                modified = item["LastModified"].isoformat() if "LastModified" in item else ""
                yield StoredObject(item["Key"], item["Size"], item.get("ETag", "").strip('"'), modified)

    def level(self, bucket: str, prefix: str) -> Level:
        folders, objects = [], []
        for page in self.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/"
        ):
            folders += [
                item["Prefix"][len(prefix) :].removesuffix("/") for item in page.get("CommonPrefixes", ())
            ]
            objects += [StoredObject(item["Key"], item["Size"]) for item in page.get("Contents", ())]
        return Level(tuple(folders), tuple(objects))

    def read(self, bucket: str, key: str, start: int = 0, length: int | None = None) -> bytes:
        end = "" if length is None else start + length - 1
        span = f"bytes={start}" if start < 0 else f"bytes={start}-{end}"
        return self.client.get_object(Bucket=bucket, Key=key, Range=span)["Body"].read()

    def open(self, bucket: str, key: str, version: str = "") -> BinaryIO:
        which = {"VersionId": version} if version else {}
        return self.client.get_object(Bucket=bucket, Key=key, **which)["Body"]

    def write(self, bucket: str, key: str, content: bytes, content_type: str) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)

    def upload(self, bucket: str, key: str, path: str) -> None:
        self.client.upload_file(path, bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        self.client.delete_object(Bucket=bucket, Key=key)

    def old_versions(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Versions", ()):
                if not item["IsLatest"]:
                    yield item["Key"], item["VersionId"]

    def delete_version(self, bucket: str, key: str, version: str) -> None:
        self.client.delete_object(Bucket=bucket, Key=key, VersionId=version)

    def delete_old_versions(self, bucket: str, key: str) -> None:
        for found, version in list(self.old_versions(bucket, key)):
            if found == key:
                self.delete_version(bucket, key, version)

    def forget(self, bucket: str, key: str) -> None:
        self.delete(bucket, key)
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if item["Key"] == key:
                    self.delete_version(bucket, key, item["VersionId"])

    def url(self, bucket: str, key: str) -> str:
        return f"s3://{bucket}/{key}"
