"""``null_words``: no text is a word for a missing value."""

from __future__ import annotations

from ecommerce_dwh.rules.counted import CountedKind


class NullWords(CountedKind):
    name = "null_words"
    says = "No text is a word for a missing value (NULL, nan, None), unless the contract names it in nullWords"
    outside = "the words are counted by processing"
