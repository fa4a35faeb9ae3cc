"""``row_count``: a source has at least so many accepted rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import Count, LedgerKind


def count(rows: int, _entry: Mapping[str, Any]) -> Count:
    """The accepted rows; none of them fails by itself."""
    return Count(rows, 0)


def verdict(rule: Rule, found: Count) -> tuple[bool, str]:
    """Whether there are enough rows; if not, the reason in words."""
    minimum = int(rule.arguments["minimum"])
    passed = found.checked >= minimum
    return passed, "" if passed else f"{found.checked:,} rows, at least {minimum:,} are expected"


KIND = LedgerKind(count, verdict)
