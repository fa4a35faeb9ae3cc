"""The product's package, for local commands that need its names: it lies under ``plugins/``, as on Airflow."""

from __future__ import annotations

import sys

from local.config import REPO

if str(REPO / "plugins") not in sys.path:
    sys.path.insert(0, str(REPO / "plugins"))

from ecommerce_dwh.settings import Settings, get_settings, load_settings

__all__ = ["Settings", "get_settings", "load_settings"]
