"""Writes job and crawl logs into moto's CloudWatch Logs, so that the console's API shows them.

Moto keeps events in memory, so each stream is bounded; the whole text is in the run's log file.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import Any

_LINES_PER_STREAM = 10_000
_STREAMS = 200

log = logging.getLogger("aws_local.cloudwatch")


class LogWriter:
    """Appends lines to CloudWatch log streams, making groups and streams as needed."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def _backend(self) -> Any:
        from moto.logs.models import logs_backends  # late import: not needed before the first log

        return logs_backends[self._account][self._region]

    def write(self, group: str, stream: str, lines: list[str], where: str = "") -> None:
        """Append lines; after the stream's limit only a hint to ``where`` the rest is."""
        with self._lock:
            backend = self._backend()
            count = self._counts.get((group, stream))
            if count is None:
                count = self._open(backend, group, stream)
            room = _LINES_PER_STREAM - count
            if room <= 0:
                return
            shown = lines[:room]
            if len(lines) >= room:
                shown.append(f"[log stream full; the rest is in {where}]")
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": line or " "} for line in shown]
            backend.put_log_events(group, stream, events)
            self._counts[group, stream] = count + len(shown)

    def _open(self, backend: Any, group: str, stream: str) -> int:
        if group not in backend.groups:
            backend.create_log_group(group, {})
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        while len(self._counts) >= _STREAMS:
            (old_group, old_stream), _ = self._counts.popitem(last=False)
            if old_group in backend.groups and old_stream in backend.groups[old_group].streams:
                backend.delete_log_stream(old_group, old_stream)
        return 0
