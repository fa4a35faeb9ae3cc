"""``columns``: files have the columns of the contract and no others."""

from __future__ import annotations

from ecommerce_dwh_glue.rules.counted import counted

KIND = counted("{failed} of {checked} columns differ from the contract", "drifting_columns", of="columns")
