"""The person of an erasure, and the places of a text that name this person.

A row belongs to the person by its key alone, which is compared as a whole field and never searched in text. In text
that has no fields (a line that cannot be read, a URL, the name of a file, a message) only values count that point at
one person: an e-mail address, a telephone number in any of its spellings, or the full name together with a second
value. What several people may share, or a full name alone, is *doubtful*: a person decides about it.

Pure Python, except `phonenumbers` (https://github.com/daviddrysdale/python-phonenumbers); the module travels to Glue in
the library zip.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import phonenumbers

from ecommerce_dwh.privacy.spelling import View, folded

KINDS = ("email", "phone", "given_name", "family_name", "full_name", "birth_date", "address")
CERTAIN, DOUBTFUL, NONE = "certain", "doubtful", ""
_SECOND = ("birth_date", "address", "email", "phone", "key")
# A key is found in text only where it cannot be anything else: never a number, never a short code.
_LONG_KEY = 12
# A code of this length says nothing alone, but goes where the text is the person's anyway.
_WORD_KEY, WORD_KEY = 5, "word_key"
_MIN_PHONE = 7
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_STARTS = 64  # places within a run of base64 at which a value may begin
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){7,}(?![0-9A-Za-z])")
# An address with something before it that may be part of it: export-asha@post.example.
_PART = "part"
_AFTER_MAIL = r"(?![\w-]|\.(?!(?:csv|json|parquet|gz|txt|html|pdf|eml|xlsx?)(?![^\W_]))[^\W_])"
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T].*)?")
_BETWEEN = r"[\W_]{0,3}"  # what people write between the digits of a number
_ALONE, _ENDS = r"(?<![^\W_])", r"(?![^\W_])"


class Hit(NamedTuple):
    """A value found in a text: its kind, the value, and the spans of the text that it is written in."""

    kind: str
    value: str
    spans: tuple[tuple[int, int], ...]


class Reading(NamedTuple):
    """The verdict on a text (``certain``, ``doubtful`` or empty), and the hits that it rests on."""

    verdict: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Person:
    """Whom to erase.

    Attributes:
        customer_id: the natural key.
        pseudonym: replaces the key; random, so it reveals nothing.
        values: known personal values by kind (`KINDS`).
        shared: values that other customers have as well (a family's telephone); alone they identify nobody.
        region: two letters of the country in which numbers without a country code are dialled; may be empty.
    """

    customer_id: str
    pseudonym: str
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    region: str = ""

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Person:
        """The person of a request (`as_request`)."""
        values = {str(kind): frozenset(map(str, given)) for kind, given in dict(request["values"]).items()}
        return cls(
            str(request["customer_id"]),
            str(request["pseudonym"]),
            values,
            frozenset(request.get("shared", ())),
            str(request.get("region") or ""),
        )

    def as_request(self) -> dict[str, Any]:
        """The person as JSON."""
        return {
            "customer_id": self.customer_id,
            "pseudonym": self.pseudonym,
            "values": {kind: sorted(values) for kind, values in sorted(self.values.items())},
            "shared": sorted(self.shared),
            "region": self.region,
        }

    def knowing(self, more: Iterable[tuple[str, str]], shared: Iterable[str] = ()) -> Person:
        """The same person with further values (pairs of kind and value)."""
        values = {kind: set(known) for kind, known in self.values.items()}
        for kind, value in more:
            if value.strip():
                values.setdefault(kind if kind in KINDS else kind_of(value), set()).add(value.strip())
        frozen = {kind: frozenset(known) for kind, known in values.items() if kind in KINDS and known}
        return replace(self, values=frozen, shared=self.shared | frozenset(shared))

    def owns(self, value: str) -> bool:
        """Whether a field's text is one of the known values."""
        return folded(value.strip()) in self._owned

    # --- reading a text ---

    def read(self, text: str) -> Reading:
        """The reading of a text without fields."""
        hits = self._hits(text)
        if not hits:
            return Reading(NONE, ())
        kinds = {hit.kind for hit in hits}
        alone = [hit for hit in hits if hit.value not in self.shared]
        if any(hit.kind in ("email", "phone", "key", "encoded") for hit in alone):
            return Reading(CERTAIN, hits)
        named = "full_name" in kinds or {"given_name", "family_name"} <= kinds
        if named and kinds & set(_SECOND):
            return Reading(CERTAIN, hits)
        if named or kinds & {"email", "phone", _PART} or any(hit.kind == "address" for hit in alone):
            return Reading(DOUBTFUL, hits)
        return Reading(NONE, hits)

    def names(self, text: str) -> bool:
        """Whether a text that a colleague wrote holds anything of the person: any value, or the key as a word."""
        if self._hits(text):
            return True
        words = re.findall(r"[^\W_]+", folded(text))
        key = re.findall(r"[^\W_]+", folded(self.customer_id))
        if any(words[at : at + len(key)] == key for at in range(len(words))):
            return True
        # 42 stands for C-0042.
        numbers = {number.lstrip("0") or "0" for number in re.findall(r"\d+", folded(self.customer_id))}
        return bool(numbers & {number.lstrip("0") or "0" for number in re.findall(r"\d+", folded(text))})

    def may_be_in(self, text: bytes) -> bool:
        """A quick test of a row: False is certain, True needs the full test."""
        return self._quick.search(text) is not None

    def _hits(self, text: str) -> tuple[Hit, ...]:
        view = View.of(text)
        hits = [
            Hit(kind, value, tuple(view.written(*match.span())))
            for kind, value, pattern in self._patterns
            for match in pattern.finditer(view.folded)
        ]
        for pattern, decode in ((_BASE64, _from_base64), (_HEX, _from_hex)):
            for match in pattern.finditer(view.plain):
                begin = self._place_within(decode(match[0]))
                if begin >= 0:
                    spans = view.written(match.start() + begin, match.end(), plain=True)
                    hits.append(Hit("encoded", "", tuple(spans)))
        return tuple(hits)

    def _place_within(self, decoded: Iterable[tuple[int, bytes]]) -> int:
        """Where in a run of encoded text that begins which points at the person; -1 for nowhere."""
        for begin, data in decoded:
            if b"@" not in data and not re.search(rb"\d\D?\d", data):
                continue
            for text in (data.decode("utf-8", "ignore"), data.decode("utf-16-le", "ignore")):
                view = View.of(text)
                for kind, value, pattern in self._patterns:
                    if (
                        kind in ("email", "phone", "key")
                        and value not in self.shared
                        and pattern.search(view.folded)
                    ):
                        return begin
        return -1

    # --- what is looked for ---

    @cached_property
    def _owned(self) -> frozenset[str]:
        return frozenset(folded(value) for values in self.values.values() for value in values)

    @cached_property
    def _patterns(self) -> list[tuple[str, str, re.Pattern[str]]]:
        """Kind, value and pattern of what is looked for in folded text."""
        found = []
        for kind, values in sorted(self.values.items()):
            for value in sorted(values, key=lambda value: (-len(value), value)):
                found += [(kind, value, re.compile(text)) for text in _PATTERNS[kind](value, self.region)]
                if kind == "email":
                    found += [(_PART, value, re.compile(text)) for text in _parts(value, "")]
        key = folded(self.customer_id)
        if len(key) >= _LONG_KEY and re.search(r"\d", key) and re.search(r"[^\W\d_]", key):
            found.append(("key", self.customer_id, re.compile(_ALONE + re.escape(key) + _ENDS)))
        elif _EMAIL.fullmatch(key):
            found += [("key", self.customer_id, re.compile(text)) for text in _emails(key, "")]
        elif len(key) >= _WORD_KEY and re.search(r"\d", key) and re.search(r"[^\W\d_]", key):
            found.append((WORD_KEY, self.customer_id, re.compile(_ALONE + re.escape(key) + _ENDS)))
        return found

    @cached_property
    def _quick(self) -> re.Pattern[bytes]:
        """Pattern of rows that need the full test: the key, a word of a value, or any kind of encoding."""
        parts = [
            re.escape(self.customer_id.encode()),
            rb"%[0-9a-f]{2}",
            rb"\\[ux/\\]",
            rb"&#?\w{2,8};",
            rb"[\x80-\xff]",
        ]
        shortest = 64
        for kind, values in self.values.items():
            for value in values:
                if kind == "phone":
                    digits = number_of(value, self.region)[1]
                    parts.append(rb"[^0-9a-z]{0,3}".join(digit.encode() for digit in digits[-_MIN_PHONE:]))
                    shortest = min(shortest, len(digits))
                elif kind == "birth_date":
                    continue  # never alone
                else:
                    words = sorted(re.findall(r"[^\W_]+", folded(value)), key=len)
                    parts += [re.escape(word.encode()) for word in words[-1:]]
                    shortest = min(shortest, len(value) if kind == "email" else 64)
        if shortest < 64 or _EMAIL.fullmatch(self.customer_id):
            parts.append(rb"[a-z0-9+/_-]{%d,}" % max(8, min(shortest, 32) * 4 // 3))
        return re.compile(b"|".join(part for part in parts if part), re.IGNORECASE)


def kind_of(value: str) -> str:
    """Kind of a value of which no contract says the kind."""
    return "email" if _EMAIL.fullmatch(value.strip()) else "other"


def crossed_out(text: str, hits: Sequence[Hit]) -> str:
    """The text with an ``x`` for each letter and digit of the hits; what separates fields stays."""
    marks: dict[int, tuple[int, int]] = {}
    for hit in hits:
        for begin, end in hit.spans:
            marks[begin] = (begin, max(end, marks.get(begin, (0, 0))[1]))
    parts, at = [], 0
    for begin, end in sorted(marks.values()):
        if begin < at:
            continue
        parts.append(text[at:begin])
        written = text[begin:end]
        parts.append("x" if len(written) > 1 or written.isalnum() or written == "_" else written)
        at = end
    return "".join([*parts, text[at:]])


# --- patterns by kind, for folded text ---


def _emails(value: str, _region: str) -> list[str]:
    address = folded(value.strip())
    spellings = {address}
    local, _, domain = address.rpartition("@")
    for codec in ("encode", "decode"):
        try:
            other = (
                domain.encode("idna").decode() if codec == "encode" else domain.encode("ascii").decode("idna")
            )
            spellings.add(f"{local}@{folded(other)}")
        except UnicodeError:
            continue
    if not _EMAIL.fullmatch(address):
        return []
    return [rf"(?<![\w.+-]){re.escape(text)}{_AFTER_MAIL}" for text in sorted(spellings)]


def _parts(value: str, _region: str) -> list[str]:
    return [text.replace(r"(?<![\w.+-])", r"(?<=[.+_-])", 1) for text in _emails(value, "")]


def number_of(value: str, region: str) -> tuple[str, str]:
    """Country code (may be empty) and national number of a telephone number, digits only."""
    text = folded(value)
    plus = text.strip().startswith(("+", "00"))
    digits = re.sub(r"\D", "", re.split(r"(?:ext\.?|x|#)\s*\d+\s*$", text)[0])
    try:
        number = phonenumbers.parse(("+" + digits.removeprefix("00")) if plus else digits, region or None)
        if phonenumbers.is_possible_number(number):
            return str(number.country_code), phonenumbers.national_significant_number(number)
    except phonenumbers.NumberParseException:
        pass
    return "", digits.lstrip("0")


def _phones(value: str, region: str) -> list[str]:
    code, digits = number_of(value, region)
    if len(digits) < _MIN_PHONE:
        return []
    national = _BETWEEN.join(digits)
    if code:
        country = _BETWEEN.join(code)
        before = rf"(?:(?:\+|(?:0{_BETWEEN}){{2}}|0{_BETWEEN}1{_BETWEEN}1)?{_BETWEEN}{country}{_BETWEEN}"
        before += rf"(?:0{_BETWEEN})?|0{_BETWEEN})?"
    else:
        before = rf"(?:(?:\+|00){_BETWEEN}[1-9]\d{{0,2}}{_BETWEEN}(?:0{_BETWEEN})?|0{_BETWEEN})?"
    # As a number in JSON or a spreadsheet it may end in .0.
    return [rf"(?<![^\W_]){before}{national}(?:\.0+)?(?![^\W_])"]


def _words(value: str, _region: str) -> list[str]:
    words = re.findall(r"[^\W_]+", folded(value))
    return [_ALONE + r"[\W_]{1,4}".join(map(re.escape, words)) + _ENDS] if len("".join(words)) > 1 else []


def _addresses(value: str, region: str) -> list[str]:
    # A town or a country alone is no address.
    return _words(value, region) if len(value) >= 8 and re.search(r"\d", folded(value)) else []


def _dates(value: str, _region: str) -> list[str]:
    match = _ISO_DATE.fullmatch(value.strip())
    if match is None:
        return _words(value, "")
    year, month, day = match[1], rf"0?{int(match[2])}", rf"0?{int(match[3])}"
    return [
        rf"(?<!\d)(?:{year}\D{month}\D{day}|{day}\D{month}\D{year}|{month}\D{day}\D{year}"
        rf"|{match[1]}{match[2]}{match[3]})(?!\d)"
    ]


_PATTERNS = {
    "email": _emails,
    "phone": _phones,
    "given_name": _words,
    "family_name": _words,
    "full_name": _words,
    "birth_date": _dates,
    "address": _addresses,
}


def _from_base64(run: str) -> Iterable[tuple[int, bytes]]:
    """What a run of base64 may stand for, and from which character on: its beginning may be something else's."""
    text = run.rstrip("=").replace("-", "+").replace("_", "/")
    # Few, so that a long run of separators costs no more than its length.
    behind = [match.end() for match in islice(re.finditer(r"[-_/]", run), _STARTS)]
    for start in sorted({0, 1, 2, 3, *behind}):
        part = text[start:]
        part = part[:-1] if len(part) % 4 == 1 else part
        if len(part) < 8:
            continue
        try:
            yield start, base64.b64decode(part + "=" * (-len(part) % 4))
        except binascii.Error:
            continue


def _from_hex(run: str) -> Iterable[tuple[int, bytes]]:
    yield 0, bytes.fromhex(run)
