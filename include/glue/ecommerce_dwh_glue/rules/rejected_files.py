"""``rejected_files``: every file with rows has a row that is not rejected."""

from __future__ import annotations

from ecommerce_dwh_glue.rules.counted import counted

KIND = counted(
    "{failed} of {checked} file(s) have rows, and all of them were rejected", "rejected_files", of="files"
)
