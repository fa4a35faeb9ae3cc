"""A text as it reads once its spellings are undone, with the way back to the characters that were written.

Personal values occur in URLs, messages and names of files percent-encoded, as HTML entities, as JSON escapes, in
full-width or Arabic digits, in any case, or with invisible characters between. `View` undoes all of these and knows for
each character where it came from, so that what is found in the reading can be overwritten in the writing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

ROUNDS = 4  # encodings within encodings that are undone; %252540 is three
_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|\\[uU](?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\[uU](?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|\\[uU](?P<unicode>[0-9A-Fa-f]{4})|\\[xX](?P<byte>[0-9A-Fa-f]{2})|\\(?P<slash>[/\\])"
    r"|&(?P<entity>#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
Piece = tuple[str, int, int]  # a character, and the span of the text that it stands for


@dataclass(frozen=True)
class View:
    """A text's reading.

    Attributes:
        plain: characters with all escapes undone, case as written.
        folded: the same folded: one case, ASCII digits, neither accents nor invisible characters.
        plain_spans, folded_spans: begin and end in the text of each character; None where all is as written.
    """

    plain: str
    folded: str
    plain_spans: tuple[tuple[int, int], ...] | None
    folded_spans: tuple[tuple[int, int], ...] | None

    @classmethod
    def of(cls, text: str) -> View:
        """The reading of a text."""
        if text.isascii() and not _ESCAPE.search(text):
            return cls(text, text.lower(), None, None)
        pieces: list[Piece] = [(char, place, place + 1) for place, char in enumerate(text)]
        for _ in range(ROUNDS):
            # Escapes may themselves be written in full-width characters.
            pieces = [(_narrow(char), begin, end) for char, begin, end in pieces]
            read = "".join(piece[0] for piece in pieces)
            if not _ESCAPE.search(read):
                break
            pieces = list(_unescaped(read, pieces))
        folded = [(part, begin, end) for char, begin, end in pieces for part in fold_char(char)]
        return cls(
            "".join(piece[0] for piece in pieces),
            "".join(piece[0] for piece in folded),
            tuple(piece[1:] for piece in pieces),
            tuple(piece[1:] for piece in folded),
        )

    def written(self, begin: int, end: int, *, plain: bool = False) -> list[tuple[int, int]]:
        """Spans of the text that characters ``begin`` … ``end`` of the reading (``plain`` or folded) stand for."""
        spans = self.plain_spans if plain else self.folded_spans
        return [(place, place + 1) for place in range(begin, end)] if spans is None else list(spans[begin:end])


def _narrow(char: str) -> str:
    """The ASCII character of a full-width one; any other as it is."""
    return chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else char


def _unescaped(read: str, pieces: list[Piece]) -> Iterator[Piece]:
    """Characters with one round of escapes undone."""
    at = 0
    for match in _ESCAPE.finditer(read):
        yield from pieces[at : match.start()]
        at = match.end()
        if match["percent"]:
            yield from _percent(match, pieces)
            continue
        if match["high"]:
            pair = chr(int(match["high"], 16)) + chr(int(match["low"], 16))
            char = pair.encode("utf-16", "surrogatepass").decode("utf-16")
        elif match["unicode"] or match["byte"]:
            char = chr(int(match["unicode"] or match["byte"], 16))
        else:
            char = match["slash"] or html.unescape(match[0])
        begin, end = pieces[match.start()][1], pieces[match.end() - 1][2]
        for part in char:
            yield part, begin, end
    yield from pieces[at:]


def _percent(match: re.Match[str], pieces: list[Piece]) -> Iterator[Piece]:
    """Characters of a run of percent escapes; bytes that are no UTF-8 are read as Latin-1."""
    data = bytes.fromhex(match[0].replace("%", ""))
    place = 0
    while place < len(data):
        for width in (1, 2, 3, 4):
            try:
                char = data[place : place + width].decode("utf-8")
                break
            except UnicodeDecodeError:
                continue
        else:
            char, width = chr(data[place]), 1
        first, last = match.start() + 3 * place, match.start() + 3 * (place + width) - 1
        yield char, pieces[first][1], pieces[last][2]
        place += width


@lru_cache(maxsize=4096)
def fold_char(char: str) -> str:
    """A character in the one spelling in which values are compared; empty for what is invisible."""
    if char.isascii():
        return char.lower()
    parts = []
    for part in unicodedata.normalize("NFKD", char):
        category = unicodedata.category(part)
        if category == "Cf" or "\u0300" <= part <= "\u036f":
            continue
        parts.append(str(unicodedata.digit(part)) if category == "Nd" else part.casefold())
    return "".join(parts)


def folded(text: str) -> str:
    """A text in the one spelling in which values are compared."""
    return "".join(map(fold_char, text))
