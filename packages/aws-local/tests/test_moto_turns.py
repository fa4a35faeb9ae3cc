"""Services that moto serves are asked one at a time; it is not made for more."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from aws_local.server import Endpoint
from aws_local.settings import in_folder
from aws_local.testing.signed_requests import signed_headers


def _request(service: str, target: str) -> dict[str, Any]:
    url = "http://127.0.0.1:4566/"
    headers = signed_headers("POST", url, service, body=b"{}", headers={"X-Amz-Target": target})
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "CONTENT_LENGTH": "2",
        "HTTP_HOST": url.split("/")[2],
        "wsgi.input": io.BytesIO(b"{}"),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }


def test_moto_never_has_two_requests_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(in_folder(tmp_path))
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
