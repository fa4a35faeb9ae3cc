"""Texts of others (messages, names, values of rows) made fit for a page, a mail, a log or a database.

Such a text may be of any length and hold what UTF-8, SMTP or PostgreSQL refuse: lone surrogates, NUL, control
characters. Everything here takes time in proportion to the text's length.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
CUT = " … (cut)"
# Control characters except tab and line feed, surrogates that are no pair, and what Unicode says is no character.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")
_LONGEST_WORD = 80  # characters that are given up at a cut, so that no half of a word is left


def well_formed(text: str) -> str:
    """The text with line feeds as the only line ends, and U+FFFD in place of each character that is none."""
    return _UNFIT.sub(REPLACEMENT, _LINE_ENDS.sub("\n", text))


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters of a text, the last of them a mark where there were more.

    A word at the cut is removed as a whole, because no mask recognises half a telephone number.
    """
    if len(text) <= limit:
        return text
    limit = max(limit - len(CUT), 0)
    kept = text[:limit]
    if not text[limit].isspace():
        ends = [place for place in range(max(limit - _LONGEST_WORD, 0), limit) if kept[place].isspace()]
        kept = kept[: ends[-1]] if ends else kept
    return kept.rstrip() + CUT


def said(value: object, limit: int) -> str:
    """Any value as a well-formed text of at most ``limit`` characters."""
    try:
        text = value if isinstance(value, str) else "" if value is None else str(value)
    except Exception as error:  # a __str__ of somebody else
        text = f"{type(value).__name__} that cannot be shown ({type(error).__name__})"
    # Cut before anything looks at the characters; each of them is replaced by one, so the length stays.
    return well_formed(cut(text, limit))


def one_line(value: object, limit: int) -> str:
    """Any value as a single line, every run of white space one blank."""
    return " ".join(said(value, limit).split())
