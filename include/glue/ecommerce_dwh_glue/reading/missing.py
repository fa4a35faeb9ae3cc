"""Words that programs write where a value is missing: ``NULL``, ``\\N``, ``nan``, ``None``.

A contract says with ``nullWords`` which of them are null in its source. The others are values, and counted: a customer
of the name NULL is in no shop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecommerce_dwh.contracts import SourceContract

# Compared as written: "Null" and "Nan" are names of people.
SUSPECTED = (
    "NULL",
    "null",
    "\\N",
    "nan",
    "NaN",
    "None",
    "<NA>",
    "NaT",
    "#N/A",
    "#NULL!",
    "N/A",
    "(null)",
    "[NULL]",
)


def suspected_words(contract: SourceContract) -> tuple[str, ...]:
    """The words that a source has no agreement on."""
    return tuple(word for word in SUSPECTED if word not in contract.null_words)


def null_word_pattern(contract: SourceContract) -> tuple[Sequence[bytes], re.Pattern[bytes]]:
    """What to look for in a file's text: parts of the words, and a pattern of a word that stands alone."""
    words = [word.encode() for word in sorted({*SUSPECTED, *contract.null_words})]
    alone = b"|".join(re.escape(word) for word in words)
    # Each part is a pass over the text: several words have one in common.
    parts = [part for part in (b"ULL", b"ull", b"/A") if any(part in word for word in words)]
    parts += [word for word in words if not any(part in word for part in parts)]
    return parts, re.compile(rb"(?<![A-Za-z0-9_.-])(?:" + alone + rb")(?![A-Za-z0-9_.-])")
