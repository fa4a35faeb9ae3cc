"""``key_spelling``: keys are written in one way and with all their digits."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class KeySpelling(RuleKind):
    name = "key_spelling"
    meaning = "none"

    def sentence(self, _rule: Rule) -> str:
        return "No key is a rounded number (1.76723E+12), nor a number with .0 in one place and without it in another"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("the spellings are counted by processing")
