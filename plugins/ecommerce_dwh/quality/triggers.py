"""The trigger of the quality gate: watches for the report while no worker slot is held."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.lake.s3 import REPORT_BYTES, TooLarge, read_object_async
from ecommerce_dwh.quality.report import ReportNotReady, day_of_key, read_report
from ecommerce_dwh.waiting import PollingTrigger


class QualityReportTrigger(PollingTrigger):
    """Fires when the bucket holds a quality report of the expected run."""

    def __init__(self, *, bucket: str, key: str, run_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.run_id = run_id

    def arguments(self) -> dict[str, Any]:
        return {"bucket": self.bucket, "key": self.key, "run_id": self.run_id}

    async def observe(self, client: Any) -> Mapping[str, Any] | None:
        try:
            body = await read_object_async(client, self.bucket, self.key, REPORT_BYTES)
            if body is None:
                return None
            # In a thread: all triggers of the process share the event loop.
            await asyncio.to_thread(read_report, body, self.run_id, day_of_key(self.key))
        except (ReportNotReady, TooLarge):
            return None
        return {}
