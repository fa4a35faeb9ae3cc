"""``null_words``: no text is a word for a missing value."""

from __future__ import annotations

from ecommerce_dwh_glue.rules.counted import counted

KIND = counted("{failed} of {checked} rows have a word where a value is missing", "null_word_rows")
