"""One warehouse for all histories: the Redshift endpoint on embedded PostgreSQL, emptied before each test."""

from __future__ import annotations

import worlds
from serving import _warehouse, warehouse

__all__ = ["_warehouse", "warehouse"]

worlds.profiles()
