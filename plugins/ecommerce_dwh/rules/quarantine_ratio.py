"""``quarantine_ratio``: processing rejected no more than the threshold's share of the raw rows."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked, RuleKind
from ecommerce_dwh.rules.rule import Rule


class QuarantineRatio(RuleKind):
    name = "quarantine_ratio"
    may = frozenset({"minimum_rows"})
    meaning = "`minimum_rows`: fewer rejected rows than this fail the rule only if nearly all rows are rejected"

    def check(self, asked: Asked) -> None:
        if (asked.number("minimum_rows", whole=True) or 0) < 0:
            raise asked.refuse("minimum_rows", "minimum_rows cannot be negative")

    def sentence(self, rule: Rule) -> str:
        return f"At most {rule.threshold:.2%} of the raw rows are in quarantine"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("rejected rows are not among the accepted ones; processing counts them")
