"""``columns``: files have the columns of the contract and no others."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class Columns(RuleKind):
    name = "columns"
    meaning = "none"

    def sentence(self, _rule: Rule) -> str:
        return "Every file has the columns of the contract and no others"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("DQDL sees the accepted rows, not the columns of the files")
