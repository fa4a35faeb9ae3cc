"""``filled``: a column that was filled on the day before is not empty on all rows."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class Filled(RuleKind):
    name = "filled"
    meaning = "none"

    def sentence(self, _rule: Rule) -> str:
        return "No column is empty on all rows that was filled on the day before"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("DQDL compares with plain averages, not with the day before")
