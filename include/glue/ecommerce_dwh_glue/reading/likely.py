"""Which column of a contract a name in a file may mean: ``customerId`` looks like ``customer_id``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.privacy.masking import shown_name

_ALIKE = 0.75


def likely_column(name: str, columns: Collection[str]) -> str:
    """The column that an unknown name may mean, by its letters; empty when none is alike."""
    plain = {_letters(column): column for column in columns}
    if exact := plain.get(_letters(name)):
        return exact
    close = difflib.get_close_matches(_letters(name), plain, n=1, cutoff=_ALIKE)
    return plain[close[0]] if close else ""


def renames(header: Iterable[str], contract: SourceContract, missing: Iterable[str]) -> str:
    """Words for columns of a header that may be missing ones under another name; empty when there are none."""
    unknown = [name for name in header if name and name not in {column.name for column in contract.columns}]
    pairs = [(likely_column(column, unknown), column) for column in missing]
    return "; ".join(f"{shown_name(name)} looks like {column}" for name, column in pairs if name)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
