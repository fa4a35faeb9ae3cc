"""``conflicts``: no row is lost because another thing has its key."""

from __future__ import annotations

from ecommerce_dwh_glue.rules.counted import counted

KIND = counted("{failed} of {checked} rows lost against other content under the same key", "conflicting_rows")
