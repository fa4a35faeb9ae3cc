"""The plainest spelling of a text: encodings and odd characters are read away, with a map back to the text."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_ROUNDS = 4  # of encodings within encodings
_ENCODED = re.compile(
    r"(?:%[0-9A-Fa-f]{2}){1,200}|&#(?:[0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});?|&[A-Za-z][A-Za-z0-9]{1,31};"
    r"|\\{1,4}u[0-9A-Fa-f]{4}|\\{1,4}u\{[0-9A-Fa-f]{1,6}\}|\\{1,4}x[0-9A-Fa-f]{2}|=(?:40|2E|2e)|\+AEA-?"
)
# Invisible, though not of the category for that: combining joiner, fillers, variation selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10))))
_DOTS = frozenset("。｡․")


@dataclass
class Plain:
    """A text in its plainest spelling; character ``i`` stands for ``start[i]:end[i]`` of the original."""

    text: str
    start: list[int]
    end: list[int]


def _decoded(piece: str) -> str:
    if piece[0] == "%":
        data = bytes.fromhex(piece.replace("%", ""))
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")
    if piece[0] == "&":
        return html.unescape(piece)
    if piece[0] == "+":
        return "@"  # UTF-7
    if piece[0] == "=":
        return "@" if piece == "=40" else "."
    try:
        return chr(int(piece.lstrip("\\")[1:].strip("{}"), 16))
    except (ValueError, OverflowError):
        return piece


@lru_cache(maxsize=4096)
def _plain_character(character: str) -> str:
    if character in _INVISIBLE or unicodedata.category(character) == "Cf":
        return ""
    result = ""
    for part in unicodedata.normalize("NFKC", character):
        digit = unicodedata.decimal(part, None)
        result += str(digit) if digit is not None else "." if part in _DOTS else part
    return result


def in_plain_spelling(text: str) -> Plain:
    """A text without encodings and odd characters, with the place of each character in the text as it was."""
    places = list(range(len(text)))
    plain = Plain(text, places, [place + 1 for place in places])
    for _ in range(_ROUNDS):
        if not _ENCODED.search(plain.text):
            break
        plain = _without_encoding(plain)
    if plain.text.isascii():
        return plain
    result, start, end = [], [], []
    for place, character in enumerate(plain.text):
        for part in character if character.isascii() else _plain_character(character):
            result.append(part)
            start.append(plain.start[place])
            end.append(plain.end[place])
    return Plain("".join(result), start, end)


def _without_encoding(plain: Plain) -> Plain:
    result, start, end = [], [], []
    at = 0
    for found in _ENCODED.finditer(plain.text):
        result.append(plain.text[at : found.start()])
        start += plain.start[at : found.start()]
        end += plain.end[at : found.start()]
        decoded = _decoded(found[0])
        result.append(decoded)
        start += [plain.start[found.start()]] * len(decoded)
        end += [plain.end[found.end() - 1]] * len(decoded)
        at = found.end()
    result.append(plain.text[at:])
    return Plain("".join(result), start + plain.start[at:], end + plain.end[at:])
