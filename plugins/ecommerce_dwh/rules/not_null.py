"""``not_null``: a column is filled."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class NotNull(RuleKind):
    name = "not_null"
    must = frozenset({"column"})
    meaning = "`column`"

    def sentence(self, rule: Rule) -> str:
        return f"{rule.column} is filled"

    def dqdl(self, rule: Rule) -> str:
        if not rule.threshold:
            return f"IsComplete {dqdl.quoted(rule.column)}"
        return f"Completeness {dqdl.quoted(rule.column)} >= {dqdl.passing_share(rule)}"
