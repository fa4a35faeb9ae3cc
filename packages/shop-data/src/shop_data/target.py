"""Targets of raw files: a folder, or a bucket of the endpoint that ``AWS_ENDPOINT_URL`` names."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shop_data.schema import EMPTY_MARK


class TargetError(RuntimeError):
    """Files cannot be written there; the message says why and what to do."""


class Target(Protocol):
    """Takes files by key, ``<source>/dt=YYYY-MM-DD/<name>``."""

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        """A path to write to; its content appears under ``key`` when the block ends without an error."""
        ...

    def put(self, key: str, data: bytes) -> None: ...

    def copy(self, key: str, path: Path) -> None: ...

    def names(self, prefix: str) -> list[str]:
        """Keys under a prefix that ends with ``/``."""
        ...

    def delete(self, key: str) -> None: ...

    def finish(self) -> None:
        """Wait until everything has arrived; the first failure is raised."""
        ...


def day_prefix(source: str, day: object) -> str:
    """Folder of a source's day, with the slash."""
    return f"{source}/dt={day}/"


def empty_key(source: str, day: object) -> str:
    return day_prefix(source, day) + EMPTY_MARK


class FolderTarget:
    """A folder laid out like the bucket."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readers ignore names with a leading dot, so nobody reads half a file.
        partial = path.with_name(f".{path.name}.partial")
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def put(self, key: str, data: bytes) -> None:
        with self.file(key) as path:
            path.write_bytes(data)

    def copy(self, key: str, path: Path) -> None:
        with self.file(key) as partial:
            shutil.copyfile(path, partial)

    def names(self, prefix: str) -> list[str]:
        files = (path for path in (self.root / prefix).rglob("*") if path.is_file() and path.name[0] != ".")
        return sorted(path.relative_to(self.root).as_posix() for path in files)

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def finish(self) -> None:
        """Files are in place as soon as they are written."""


# Without an endpoint in the environment boto3 would talk to AWS itself, where generated data does not belong.
_THIS_MACHINE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "ap-south-1",
}


def s3_client(environ: Mapping[str, str] = os.environ) -> Any:
    """An S3 client for the endpoint of the environment's ``AWS_*`` variables; default: port 4566 of this machine."""
    values = {**_THIS_MACHINE, **{name: value for name, value in environ.items() if name.startswith("AWS_")}}
    return boto3.client(
        "s3",
        endpoint_url=values.get("AWS_ENDPOINT_URL_S3", values["AWS_ENDPOINT_URL"]),
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        region_name=values["AWS_DEFAULT_REGION"],
        config=Config(max_pool_connections=16, retries={"max_attempts": 3}, s3={"addressing_style": "path"}),
    )


class BucketTarget:
    """A bucket, or a prefix in it; uploads run beside the work that makes the next file."""

    def __init__(self, url: str, client: Any = None, threads: int = 8) -> None:
        parts = urlsplit(url)
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        self._client = client or s3_client()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="upload")
        self._jobs: list[Future[None]] = []
        # Bounds the files that wait on disk for their upload.
        self._slots = threading.BoundedSemaphore(2 * threads)
        try:
            self._client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            raise TargetError(
                f"bucket {self.bucket} cannot be used at {self._client.meta.endpoint_url} "
                f"({error.response['Error']['Code']}); create it, or name another bucket"
            ) from error
        except BotoCoreError as error:
            raise TargetError(
                f"no S3 endpoint answers at {self._client.meta.endpoint_url}; set AWS_ENDPOINT_URL, "
                "or write to a folder"
            ) from error

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _submit(self, key: str, path: Path, *, remove: bool) -> None:
        self._slots.acquire()

        def upload() -> None:
            try:
                self._client.upload_file(str(path), self.bucket, self._key(key))
            finally:
                self._slots.release()
                if remove:
                    path.unlink()

        self._jobs.append(self._pool.submit(upload))

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        handle, name = tempfile.mkstemp(prefix="raw-")
        os.close(handle)
        path = Path(name)
        try:
            yield path
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._submit(key, path, remove=True)

    def put(self, key: str, data: bytes) -> None:
        with self.file(key) as path:
            path.write_bytes(data)

    def copy(self, key: str, path: Path) -> None:
        self._submit(key, path, remove=False)

    def names(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._key(prefix)
        )
        start = len(self._key(""))
        return [entry["Key"][start:] for page in pages for entry in page.get("Contents", ())]

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=self._key(key))

    def finish(self) -> None:
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.result()


def open_target(url: str) -> Target:
    """``s3://bucket[/prefix]`` or a folder.

    Raises:
        TargetError: the bucket does not exist or nothing answers.
    """
    if url.startswith("s3://"):
        return BucketTarget(url)
    return FolderTarget(Path(url))
