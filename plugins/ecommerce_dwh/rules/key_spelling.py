"""``key_spelling``: keys are written in one way and with all their digits."""

from __future__ import annotations

from ecommerce_dwh.rules.counted import CountedKind


class KeySpelling(CountedKind):
    name = "key_spelling"
    says = (
        "No key is a rounded number (1.76723E+12), nor a number with .0 in one place and without it in another"
    )
    outside = "the spellings are counted by processing"
