"""``row_count``: a run has at least so many rows."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked, RuleKind
from ecommerce_dwh.rules.rule import Rule


class RowCount(RuleKind):
    name = "row_count"
    must = frozenset({"minimum"})
    meaning = "`minimum`"

    def check(self, asked: Asked) -> None:
        minimum = asked.number("minimum", whole=True)
        if minimum is None or minimum < 0:
            raise asked.refuse("minimum", "minimum must be a whole number and cannot be negative")

    def sentence(self, rule: Rule) -> str:
        return f"There are at least {rule.arguments['minimum']} rows"

    def dqdl(self, rule: Rule) -> str:
        return f"RowCount >= {dqdl.number(rule.arguments['minimum'])}"
