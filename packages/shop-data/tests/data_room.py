"""Helpers of the tests. Not in ``conftest.py``, whose name other folders have too."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from shop_data.generate import day_range

DAYS = day_range("2026-01-01:2026-01-04")


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its key."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def day_of(key: str) -> date:
    return date.fromisoformat(key.split("dt=")[1][:10])
