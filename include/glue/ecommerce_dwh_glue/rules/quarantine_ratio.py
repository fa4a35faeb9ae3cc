"""``quarantine_ratio``: the share of quarantined rows stays within the threshold; a few rows never count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import Count, LedgerKind, share_verdict


def count(_rows: int, entry: Mapping[str, Any]) -> Count:
    """Raw rows, and those of them that were quarantined."""
    return Count(entry["raw_rows"], entry["quarantined_rows"])


def verdict(rule: Rule, found: Count) -> tuple[bool, str]:
    """Whether the share is within the threshold; passes below ``minimum_rows`` quarantined rows."""
    if found.failed < int(rule.arguments.get("minimum_rows", 0)):
        return True, ""
    return share_verdict(rule, found)


KIND = LedgerKind(count, verdict)
