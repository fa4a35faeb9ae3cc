"""The processed bucket as the Data quality page reads it: errors in words, and a client that is renewed after each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecommerce_dwh.aws import aws_client, error_code
from ecommerce_dwh.lake.s3 import read_object

WORKERS = 16  # parallel reads


class StoreError(Exception):
    """S3 cannot be read; the message says what a person can do about it and holds no secret."""


def page_client(aws_conn_id: str = "aws_default") -> Any:
    """S3 client of the Airflow connection, with room for parallel reads."""
    from botocore.config import Config  # late import: processes without visitors need not pay

    config = Config(
        max_pool_connections=WORKERS,
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return aws_client("s3", aws_conn_id, config=config)


class Bucket:
    """A bucket, used by many threads.

    Args:
        name: its name.
        make_client: makes an S3 client; called once, and again after a failure.
    """

    def __init__(self, name: str, make_client: Callable[[], Any] = page_client) -> None:
        self.name = name
        self._make_client = make_client
        self._s3: Any = None
        self._lock = threading.Lock()

    def guarded(self, work: Callable[[], Any]) -> Any:
        """The result of work on the bucket; its errors as `StoreError`."""
        try:
            return work()
        except ClientError as error:
            self._s3 = None  # credentials may have been renewed
            code = error_code(error) or "?"
            raise StoreError(
                f"S3 answers {code} to {error.operation_name} on bucket {self.name}. Check connection "
                "aws_default and the web server's permission to list and read quality/ there."
            ) from error
        except (BotoCoreError, OSError) as error:
            self._s3 = None
            raise StoreError(
                f"S3 cannot be reached ({type(error).__name__}). Check connection aws_default and the network."
            ) from error

    def _client(self) -> Any:
        with self._lock:
            if self._s3 is None:
                try:
                    self._s3 = self._make_client()
                except (ClientError, BotoCoreError, OSError):
                    raise
                except Exception as error:  # Airflow's own: the connection is missing or malformed
                    raise StoreError(
                        f"connection aws_default cannot be used ({type(error).__name__}); see the server's log"
                    ) from error
            return self._s3

    def get(self, key: str, limit: int) -> bytes | None:
        """An object's content; None when there is none, TooLarge when it has more bytes than the limit."""
        return read_object(self._client(), self.name, key, limit)

    def pages(self, prefix: str, delimiter: str = "") -> Iterable[Mapping[str, Any]]:
        """Answers of ``ListObjectsV2`` below a prefix."""
        request = {"Bucket": self.name, "Prefix": prefix, **({"Delimiter": delimiter} if delimiter else {})}
        while True:
            page = self._client().list_objects_v2(**request)
            yield page
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object."""
        self._client().put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)
