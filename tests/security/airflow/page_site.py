"""The quality page over a bucket in memory, as the hostile reports and requests meet it."""

from __future__ import annotations

import json

from fake_s3 import FakeS3
from fastapi.testclient import TestClient

from tests.quality_reports import report

DAY = "2026-03-10"
KEY = f"quality/dt={DAY}/report.json"


class Site:
    """The page over a bucket in memory, for a visitor who has logged in; errors of the server are raised."""

    def __init__(self) -> None:
        from ecommerce_dwh.quality.page import off_loop
        from ecommerce_dwh.quality.page.app import create_app
        from ecommerce_dwh.quality.page.store import QualityStore

        off_loop.PATIENCE_SECONDS = 600.0  # answers of these tests do not hang on how busy the machine is
        self.s3 = FakeS3()
        self.put(f"quality/dt={DAY[:-2]}09/report.json", json.dumps(report(f"{DAY[:-2]}09")).encode())
        store = QualityStore("processed", lambda: self.s3, fresh=0.0, budget=30.0)
        self.app = create_app(store, guard=lambda: None)
        self.client = TestClient(self.app)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put(key, body)
