"""What the page hides of a report; the rules themselves are `ecommerce_dwh.privacy`."""

from __future__ import annotations

from collections.abc import Collection

from ecommerce_dwh.privacy import MASK, mask

__all__ = ["MASK", "mask", "names_personal_column"]


def names_personal_column(rule: str, personal: Collection[str]) -> bool:
    """Whether a quarantine rule (``<kind>:<column>``) is about a personal column."""
    return rule.partition(":")[2] in personal
