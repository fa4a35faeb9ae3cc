"""``rejected_files``: every delivered file with rows has a row that is not rejected."""

from __future__ import annotations

from ecommerce_dwh.rules.counted import CountedKind


class RejectedFiles(CountedKind):
    name = "rejected_files"
    says = "Every file with rows has a row that can be loaded"
    outside = "these rows are not among the accepted ones; processing counts them"
