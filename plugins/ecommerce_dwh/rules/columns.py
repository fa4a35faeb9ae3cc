"""``columns``: files have the columns of the contract and no others."""

from __future__ import annotations

from ecommerce_dwh.rules.counted import CountedKind


class Columns(CountedKind):
    name = "columns"
    says = "Every file has the columns of the contract and no others"
    outside = "DQDL sees the accepted rows, not the columns of the files"
