"""A switch for failing requests, so that tests and people see how a client reacts to a failing AWS.

``<home>/faults.json`` holds a list of faults; while the file is there, every ``every``-th request to a ``service``
whose method and path match ``match`` is answered with ``status`` and ``code`` and not carried out:

    [{"service": "s3", "match": "PUT .*/accepted/", "every": 10, "status": 503, "code": "SlowDown"}]
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .s3_messages import Response


@dataclass
class Fault:
    """One line of the file, and how many requests it has met."""

    service: str
    match: re.Pattern[str]
    every: int
    status: int
    code: str
    seen: int = 0


class FaultSwitch:
    """Decides which requests fail.

    Args:
        path: the file; absent, nothing fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0.0
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def strike(self, service: str, method: str, path: str) -> Response | None:
        """The answer to a request that shall fail; None lets it pass."""
        try:
            changed = self._path.stat().st_mtime
        except FileNotFoundError:
            return None
        with self._lock:
            if changed != self._read_at:
                self._faults = [_fault(item) for item in json.loads(self._path.read_text())]
                self._read_at = changed
            for fault in self._faults:
                if fault.service == service and fault.match.search(f"{method} {path}"):
                    fault.seen += 1
                    if fault.seen % fault.every == 0:
                        return _answer(fault)
        return None


def _fault(item: dict[str, Any]) -> Fault:
    return Fault(
        service=item["service"],
        match=re.compile(item.get("match", "")),
        every=int(item.get("every", 1)),
        status=int(item.get("status", 500)),
        code=item.get("code", "InternalError"),
    )


def _answer(fault: Fault) -> Response:
    text = "injected by the local endpoint's faults.json"
    if fault.service == "s3":
        body = f"<Error><Code>{escape(fault.code)}</Code><Message>{text}</Message></Error>"
        return Response(fault.status, {"Content-Type": "application/xml"}, body.encode())
    body = json.dumps({"__type": fault.code, "message": text})
    return Response(fault.status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
