"""``key_spelling``: keys are written in one way and with all their digits."""

from __future__ import annotations

from ecommerce_dwh_glue.rules.counted import counted

KIND = counted(
    "{failed} of {checked} rows have a key that is not written as elsewhere",
    "rounded_key_rows",
    "mixed_key_rows",
)
