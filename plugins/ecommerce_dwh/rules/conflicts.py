"""``conflicts``: no row is lost because another thing has its key."""

from __future__ import annotations

from ecommerce_dwh.rules.counted import CountedKind


class Conflicts(CountedKind):
    name = "conflicts"
    says = "No two rows of one delivery have the same key and different content"
    outside = "these rows are not among the accepted ones; processing counts them"
