"""Services that moto serves are asked one at a time; it is not made for more."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local.aws.server import Endpoint
from local.config import LocalConfig


def _request(service: str, target: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "", "CONTENT_LENGTH": "2",
        "HTTP_X_AMZ_TARGET": target, "wsgi.input": io.BytesIO(b"{}"),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=local/20260101/ap-south-1/{service}/aws4_request",
    }  # fmt: skip


def test_moto_never_has_two_requests_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(LocalConfig(home=tmp_path))
    inside, most = 0, 0

    def slow(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)
        inside -= 1
        start_response("200 OK", [])
        return [b"{}"]

    monkeypatch.setattr(endpoint, "_moto", slow)
    requests = [_request("glue", "AWSGlue.CreateConnection"), _request("kms", "TrentService.ListKeys")] * 4
    answers: list[list[bytes]] = []
    threads = [
        threading.Thread(
            target=lambda request=request: answers.append(list(endpoint(request, lambda *_: None)))
        )
        for request in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    endpoint.store.close()
    assert len(answers) == len(requests)
    assert most == 1
