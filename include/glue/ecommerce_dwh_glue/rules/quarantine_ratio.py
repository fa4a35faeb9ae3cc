"""``quarantine_ratio``: the share of quarantined rows stays within the threshold; few rows count if nearly all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import Count, LedgerKind, share_verdict

# From this share on, rows were not rejected one by one: the delivery is of another form.
NEARLY_ALL = 0.8


def count(_rows: int, entry: Mapping[str, Any]) -> Count:
    """Raw rows, and those of them that were quarantined."""
    return Count(entry["raw_rows"], entry["quarantined_rows"])


def verdict(rule: Rule, found: Count) -> tuple[bool, str]:
    """Whether the share is within the threshold; passes below ``minimum_rows`` quarantined rows.

    However few rows there are, nearly all of them are too many.
    """
    if found.failed < int(rule.arguments.get("minimum_rows", 0)) and found.ratio < NEARLY_ALL:
        return True, ""
    return share_verdict(rule, found)


KIND = LedgerKind(count, verdict)
