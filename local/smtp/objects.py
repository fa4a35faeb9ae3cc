"""Objects of the local S3 for a person's browser, in the place of the S3 console, which a laptop has not.

The local S3 endpoint answers signed requests only, and a browser signs nothing. The reader signs for the person. The
page's door (`local.doors`) refuses requests of other origins' pages.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from local.config import LocalConfig

# More than any report or file of errors that a person reads; a larger object is for the AWS CLI.
MAX_BYTES = 32 << 20
# Reports and raw files hold texts of strangers: nothing in them may run, load or frame anything.
OBJECT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; sandbox"
)
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
}


class ObjectNotShownError(Exception):
    """An object that cannot be shown; the message says why."""


@dataclass(frozen=True)
class ShownObject:
    """An object as the browser gets it.

    Attributes:
        content: bytes.
        kind: value of ``Content-Type``.
    """

    content: bytes
    kind: str


class ObjectReader:
    """Reads objects of the local S3 with the stack's own credentials.

    Args:
        config: address and credentials of the S3 endpoint.
    """

    def __init__(self, config: LocalConfig) -> None:
        self._config = config

    @cached_property
    def _s3(self) -> Any:
        return self._config.aws_client("s3")

    def read(self, bucket: str, key: str) -> ShownObject:
        """One object.

        Raises:
            ObjectNotShownError: there is no such object, it is larger than `MAX_BYTES`, or S3 does not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = self._s3.get_object(Bucket=bucket, Key=key)
            with found["Body"] as body:
                content = body.read(MAX_BYTES + 1)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise ObjectNotShownError(f"s3://{bucket}/{key} cannot be read: {code}") from error
        except BotoCoreError as error:
            raise ObjectNotShownError(f"The local S3 endpoint does not answer: {error}") from error
        if len(content) > MAX_BYTES:
            raise ObjectNotShownError(
                f"s3://{bucket}/{key} is larger than {MAX_BYTES >> 20} MiB; download it with aws s3 cp"
            )
        return shown(key, content)


def shown(key: str, content: bytes) -> ShownObject:
    """How a browser shows an object: by the ending of its key; gzip of a text is unpacked as far as `MAX_BYTES`.

    Args:
        key: key of the object.
        content: its bytes.
    """
    path = PurePosixPath(key)
    if path.suffix == ".gz":
        kind = _KINDS.get(PurePosixPath(path.stem).suffix)
        if kind:
            try:
                with gzip.open(io.BytesIO(content)) as unpacked:
                    return ShownObject(unpacked.read(MAX_BYTES), kind)
            except (OSError, EOFError):
                pass
    return ShownObject(content, _KINDS.get(path.suffix, "application/octet-stream"))
