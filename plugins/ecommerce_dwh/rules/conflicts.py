"""``conflicts``: no row is lost because another thing has its key."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class Conflicts(RuleKind):
    name = "conflicts"
    meaning = "none"

    def sentence(self, _rule: Rule) -> str:
        return "No two rows of one delivery have the same key and different content"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("these rows are not among the accepted ones; processing counts them")
