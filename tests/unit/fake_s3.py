"""An S3 in memory: the calls that the quality page makes, counted, with failures on demand."""

# ruff: noqa: N803 - the names are boto3's

from __future__ import annotations

import hashlib
import io
import threading
import time
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError


class FakeS3:
    """Holds objects; ``gets`` and ``puts`` are the keys asked for, ``lists`` counts listings."""

    def __init__(self, page_size: int = 1000) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: dict[str, datetime] = {}
        self.gets: list[str] = []
        self.puts: list[str] = []
        self.lists = 0
        self.page_size = page_size
        self.denied: set[str] = set()
        self.seconds_per_get = 0.0
        self._lock = threading.Lock()

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        self.written[key] = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=len(self.written))

    def _refuse(self, operation: str, code: str = "AccessDenied") -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "key AKIASECRET is not allowed"}}, operation)

    def put_object(self, *, Bucket, Key, Body, **_):
        if "put" in self.denied:
            raise self._refuse("PutObject")
        self.puts.append(Key)
        self.put(Key, Body)

    def get_object(self, *, Bucket, Key):
        if "get" in self.denied:
            raise self._refuse("GetObject")
        with self._lock:
            self.gets.append(Key)
        time.sleep(self.seconds_per_get)
        if Key not in self.objects:
            raise self._refuse("GetObject", "NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key])}

    def list_objects_v2(self, *, Bucket, Prefix, Delimiter="", ContinuationToken=""):
        if "list" in self.denied:
            raise self._refuse("ListObjectsV2")
        self.lists += 1
        names = []
        for key in sorted(self.objects):
            if key.startswith(Prefix):
                end = key.find(Delimiter, len(Prefix)) if Delimiter else -1
                name = key if end < 0 else key[: end + 1]
                if name not in names and name > ContinuationToken:
                    names.append(name)
        page, rest = names[: self.page_size], names[self.page_size :]
        answer = {"IsTruncated": bool(rest), "Contents": [], "CommonPrefixes": []}
        for name in page:
            if Delimiter and name.endswith(Delimiter):
                answer["CommonPrefixes"].append({"Prefix": name})
            else:
                tag = hashlib.md5(self.objects[name]).hexdigest()
                answer["Contents"].append({"Key": name, "ETag": f'"{tag}"', "LastModified": self.written[name]})
        if rest:
            answer["NextContinuationToken"] = page[-1]
        return answer
