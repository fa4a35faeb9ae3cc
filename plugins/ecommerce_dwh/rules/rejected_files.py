"""``rejected_files``: every delivered file with rows has a row that is not rejected."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class RejectedFiles(RuleKind):
    name = "rejected_files"
    meaning = "none"

    def sentence(self, _rule: Rule) -> str:
        return "Every file with rows has a row that can be loaded"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("these rows are not among the accepted ones; processing counts them")
