"""Real shops' files in whole local stacks: each stack has its own home and ports and is stopped before the next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, named by ``DWH_REAL_DATA``."""
    folder = os.environ.get("DWH_REAL_DATA")
    assert folder, "DWH_REAL_DATA must name the folder of real data (docs/local-data.md)"
    return Path(folder)
