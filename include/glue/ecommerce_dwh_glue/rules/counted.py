"""Kinds of rules whose rows processing has counted; it names examples beside its figures, as remarks of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import Count, LedgerKind


def counted(words: str, *failed: str, of: str = "raw_rows") -> LedgerKind:
    """A kind whose figures the ledger has.

    Args:
        words: the verdict on a rule that does not pass, with ``{failed}`` and ``{checked}``.
        failed: fields of the ledger that add up to what breaks the rule; an earlier version of the job had none.
        of: field with the number of what was looked at.
    """

    def count(_rows: int, entry: Mapping[str, Any]) -> Count:
        found = sum(int(entry.get(name, 0)) for name in failed)
        return Count(max(int(entry.get(of, 0)), found), found)

    def verdict(rule: Rule, found: Count) -> tuple[bool, str]:
        if found.ratio <= rule.threshold:
            return True, ""
        return False, words.format(failed=f"{found.failed:,}", checked=f"{found.checked:,}")

    return LedgerKind(count, verdict)
