"""A client that asks again is named in the log: what it asks for may be done already."""

from __future__ import annotations

import json
import logging

import pytest

from aws_local.testing import Aws


def test_a_repeated_request_is_logged_with_its_attempt(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    (aws.home / "faults.json").write_text(
        json.dumps(
            [{"service": "kms", "match": "POST", "every": 2, "status": 503, "code": "ServiceUnavailable"}]
        )
    )
    kms = aws.client("kms")  # tries a second time

    with caplog.at_level(logging.WARNING, "aws_local"):
        kms.list_keys()  # the first request passes
        first = list(caplog.messages)
        kms.list_keys()  # the second does not, and comes again

    assert first == []
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("kms: POST / is asked for again (attempt=2, invocation ")
