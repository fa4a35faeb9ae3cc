"""``null_words``: no text is a word for a missing value."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class NullWords(RuleKind):
    name = "null_words"
    meaning = "none"

    def sentence(self, _rule: Rule) -> str:
        return (
            "No text is a word for a missing value (NULL, nan, None), unless the contract names it in nullWords"
        )

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible("the words are counted by processing")
