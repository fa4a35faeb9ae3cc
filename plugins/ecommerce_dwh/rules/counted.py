"""Kinds without arguments, whose figures processing counts while it reads the files."""

from __future__ import annotations

from typing import ClassVar

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class CountedKind(RuleKind):
    """A kind of this sort; its condition in Spark is made by ``ecommerce_dwh_glue.rules.counted``.

    Attributes:
        says: the rule as a sentence.
        outside: why DQDL cannot say it.
    """

    meaning = "none"
    says: ClassVar[str]
    outside: ClassVar[str]

    def sentence(self, _rule: Rule) -> str:
        return self.says

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible(self.outside)
