"""Hides personal data in texts of a report before they are shown.

The quality job already keeps values of personal columns out of its reports. This is the second lock: whoever may read
a DAG may open the page, and that is a wider circle than those who may read personal data.
"""

from __future__ import annotations

import re
from collections.abc import Collection

MASK = "•••"

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9.-]+")
# Needs a separator or a leading plus: a bare run of digits is far more often a key than a telephone number.
_PHONE = re.compile(r"(?<![\w-])(?:\+\d[\d ().-]{7,}\d|\(?\d{2,5}\)?[ .-]\d{3,5}[ .-]\d{3,5})(?![\w-])")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|‘[^’]*’|“[^”]*”|«[^»]*»")


def mask(text: str, *, is_personal: bool = False) -> str:
    """A text without e-mail addresses and telephone numbers.

    Args:
        text: message or sample of a report.
        is_personal: the text speaks of a personal column; whatever it quotes is hidden as well.
    """
    if is_personal:
        text = _QUOTED.sub(MASK, text)
    return _PHONE.sub(MASK, _EMAIL.sub(MASK, text))


def names_personal_column(rule: str, personal: Collection[str]) -> bool:
    """Whether a quarantine rule (``<kind>:<column>``) is about a personal column."""
    return rule.partition(":")[2] in personal
