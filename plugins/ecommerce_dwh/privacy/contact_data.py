"""Finds e-mail addresses and telephone numbers in a text, in any spelling.

The text is normalised first (`ecommerce_dwh.privacy.plain_spelling`): percent signs, HTML entities and escapes are
decoded, also within one another; full-width and other compatibility characters become ordinary ones, digits of every
script become ASCII, invisible characters are removed. The search then tests the surroundings of each ``@`` (also
spelt out) for addresses and groups of digits with separators for numbers, and repeats both in words that decode from
base64 or hexadecimal.

Telephone numbers are judged by Google's libphonenumber data (package ``phonenumberslite``), as written in India
(`REGION`) when they have no country code; domains that are spelt out, by ``email-validator``. A bare run of digits is
far more often a key than a number, so it counts only in the forms of Indian numbers or behind a word such as "phone".

Time grows with the length of the text and not faster: every pattern's repetitions are bounded, and at most
`_MOST_NUMBERS` numbers of a text are looked up; the run of digits in which that happens is a number to its end.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ecommerce_dwh.privacy.plain_spelling import in_plain_spelling

REGION = "IN"
_MOST_NUMBERS = 300  # look-ups per text
_LOCAL_LENGTH = 128  # characters before the @ of an address; the standard allows 64

# --- e-mail addresses ---

_QUOTES = "\"'`‘’“”«»„"
_ENDS = re.escape(_QUOTES + "<>()[]{},;:|/\\=&?#…•")
_LABEL = rf"[^\s.@!$%*^~{_ENDS}]{{1,256}}"
_DOT = r"(?:\.{1,2}|\s{0,3}[(\[{<]\s{0,3}(?:dot|\.)\s{0,3}[)\]}>]\s{0,3}|\s{1,3}dot\s{1,3}|\s{1,2}\.\s{0,2}(?=[a-z]))"
_AT = re.compile(
    r"\s{0,3}[(\[{<]\s{0,3}(?:at|@)\s{0,3}[)\]}>]\s{0,3}|\s{0,2}@\s{0,2}|\s{1,3}at\s{1,3}|[_-]at[_-]",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    rf"{_LABEL}(?:{_DOT}{_LABEL}){{0,8}}\.?|\[(?:IPv6:)?[0-9A-Fa-f.:]{{2,60}}\]", re.IGNORECASE
)
_LOCAL_END = re.compile(rf"[\s@{_ENDS}]")
_DOT_BEFORE = re.compile(
    r"(?:\s{0,3}[(\[{<]\s{0,3}(?:dot|\.)\s{0,3}[)\]}>]\s{0,3}|\s{1,3}dot\s{1,3})\Z", re.IGNORECASE
)
# "rule failed at example.com" is prose; these say that an address is meant.
_MAIL_HOSTS = re.compile(
    r"(?:gmail|googlemail|yahoo|ymail|outlook|hotmail|live|msn|icloud|me|aol|gmx|mail|proton|protonmail|zoho|rediffmail)\b",
    re.IGNORECASE,
)
_USUAL_ENDING = re.compile(
    r"(?:\.|[_-]dot[_-])(?:com|net|org|edu|gov|info|biz|in|co|io|uk|us|de|fr|eu|ca|au|jp|cn|br|me|app|dev)\.?\Z",
    re.I,
)
_SPELT_DOT = re.compile(r"\sdot\s|[(\[{<]\s{0,3}(?:dot|\.)\s{0,3}[)\]}>]", re.IGNORECASE)
_DISPLAY_NAME = re.compile(r"(?:[^\W\d_][\w.'’-]{0,30},? ){1,5}<?\Z")


def _local_start(text: str, end: int) -> int:
    """Where the part before the @ begins; ``end`` when there is none."""
    first = max(0, end - _LOCAL_LENGTH)
    if end and text[end - 1] == '"':
        opening = text.rfind('"', first, end - 1)
        if opening >= 0:
            return opening
        end -= 1
    at = end
    while at > first:
        character = text[at - 1]
        if character in "'’":
            # o'brien@…, and not the quotation mark before an address
            if at < 2 or not (text[at - 2].isalnum() and at < len(text) and text[at].isalnum()):
                break
        elif _LOCAL_END.match(character):
            spelt = _DOT_BEFORE.search(text, max(first, at - 12), at)
            if spelt is None or not spelt.start() or _LOCAL_END.match(text[spelt.start() - 1]):
                break
            at = spelt.start()
            continue
        at -= 1
    return at


def _mail_spans(text: str) -> Iterator[tuple[int, int]]:
    for sign in _AT.finditer(text):
        start = _local_start(text, sign.start())
        local = text[start : sign.start()]
        domain = _DOMAIN.match(text, sign.end())
        is_sign, is_apart = "@" in sign[0], sign[0] != sign[0].strip()
        if not local or (domain is None and (is_apart or not is_sign)):
            continue
        if domain is not None and not _is_address(sign[0], local, domain[0]):
            continue
        end = domain.end() if domain is not None else sign.end()
        if start and text[start - 1] == "<":
            name = _DISPLAY_NAME.search(text, max(0, start - 120), start)
            if name:
                start, end = name.start(), end + text.startswith(">", end)
        yield start, end


def _is_address(sign: str, local: str, domain: str) -> bool:
    sign_word = sign.strip().lower()
    if sign_word == "@":
        return sign == "@" or "." in domain or bool(_SPELT_DOT.search(domain))
    if sign_word[0] in "([{<":
        return True
    if _SPELT_DOT.search(domain):
        return True
    if sign_word[0] in "_-":
        return bool(_MAIL_HOSTS.match(domain) or _USUAL_ENDING.search(domain))
    if "." not in domain.rstrip("."):
        return False
    is_account = bool(re.search(r"[._+\d]", local)) and not re.fullmatch(r"[\d.,%]{1,200}", local)
    return bool(_MAIL_HOSTS.match(domain)) or (is_account and _is_mail_domain(domain.rstrip(".")))


@lru_cache(maxsize=1024)
def _is_mail_domain(domain: str) -> bool:
    from email_validator import EmailNotValidError, validate_email  # late import: only where one may be

    try:
        validate_email(f"a@{domain[:250]}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


# --- telephone numbers ---

_DIGITS = re.compile(r"[0-9]{1,4000}")
_BETWEEN = re.compile(r"[\s\-‐‑‒–—―−./()\[\]·∙~*_+]{1,5}|,")
_PHONE_WORD = re.compile(
    r"(?:tel|telephone|phone|ph|mob|mobile|cell|fax|whatsapp|wa\.me|contact|call|sms|msisdn)"
    r"(?:[ _-]?(?:no|nr|num|number))?[^A-Za-z0-9]{0,4}\Z",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"[ ,;]{0,3}(?:x|ext|extn|extension|#)[.:=]?[ ]{0,2}[0-9]{1,7}", re.IGNORECASE)
_NO_PHONE = re.compile(
    r"(?<![0-9])(?:19|20)[0-9]{2}([-/._])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T _]{1,2}[0-2][0-9][:.-]?[0-5][0-9](?:[:.-]?[0-5][0-9](?:[.,][0-9]{1,9})?)?)?(?![0-9])"
    r"|(?<![0-9./-])[0-3]?[0-9]([-/.])[0-3]?[0-9]\2(?:19|20)[0-9]{2}(?![0-9./-])"
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?![0-9.])"
    r"|(?<![0-9])[0-9]{1,3}(?:,[0-9]{2,3}){1,8}(?:\.[0-9]{1,9})?(?![0-9])"
    r"|arn:aws[a-z-]{0,10}:[a-z0-9-]{0,30}:[a-z0-9-]{0,30}:[0-9]{12}"
)
_MOBILE = re.compile(r"(?:0{0,2}91|0)?0?[6-9][0-9]{9}")


@dataclass
class _Group:
    """Digits that stand together."""

    start: int
    end: int
    glued: bool  # part of a longer word of letters and digits
    plus: bool


@lru_cache(maxsize=4096)
def _is_valid(number: str) -> bool:
    """Whether libphonenumber knows a number like this one."""
    import phonenumbers  # late import: a quarter of a second, only where a text has digits

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, REGION))
    except phonenumbers.NumberParseException:
        return False


def _groups(text: str) -> list[_Group]:
    excluded = [found.span() for found in _NO_PHONE.finditer(text)]
    result, place = [], 0
    for digits in _DIGITS.finditer(text):
        start, end = digits.span()
        while place < len(excluded) and excluded[place][1] <= start:
            place += 1
        glued = place < len(excluded) and excluded[place][0] < end
        if start and _is_letter(text[start - 1]) and not _PHONE_WORD.search(text, max(0, start - 24), start):
            glued = True
        if end < len(text) and _is_letter(text[end]) and not _EXTENSION.match(text, end):
            glued = True
        before = text[max(0, start - 3) : start]
        result.append(_Group(start, end, glued, "+" in before or before.endswith("(+")))
    return result


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _runs(text: str) -> Iterator[list[_Group]]:
    """Groups of digits with nothing but separators between them."""
    run: list[_Group] = []
    for group in _groups(text):
        between = text[run[-1].end : group.start] if run else ""
        if run and (group.glued or len(between) > 5 or not _BETWEEN.fullmatch(between)):
            yield run
            run = []
        if not group.glued:
            run.append(group)
    if run:
        yield run


def _phone_spans(text: str, *, is_personal: bool) -> Iterator[tuple[int, int]]:
    left = _MOST_NUMBERS
    for run in _runs(text):
        total = sum(group.end - group.start for group in run)
        if total < 7:
            continue
        if is_personal or left <= 0:
            yield _widened(text, run[0].start, run[-1].end)
            continue
        first = 0
        while first < len(run):
            last, tries = _longest(text, run, first, left)
            left -= tries
            if left <= 0:
                yield _widened(text, run[first].start, run[-1].end)
                break
            if last is None:
                first += 1
                continue
            yield _widened(text, run[first].start, run[last].end)
            first = last + 1


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """With the plus before a number, the extension behind it, and brackets of which it holds the other half."""
    extension = _EXTENSION.match(text, end)
    end = extension.end() if extension else end
    opened = closed = 0
    for character in text[start:end]:
        if character in "([":
            opened += 1
        elif character in ")]":
            opened, closed = (opened - 1, closed) if opened else (0, closed + 1)
    while start and text[start - 1] in ("+([" if closed else "+"):
        closed -= text[start - 1] != "+"
        start -= 1
    return start, end + (opened > 0 and end < len(text) and text[end] in ")]")


def _longest(text: str, run: list[_Group], first: int, left: int) -> tuple[int | None, int]:
    """The last group of the longest telephone number that begins with a group, and how many were looked up."""
    counts, digits = [], 0
    for place in range(first, len(run)):
        digits += run[place].end - run[place].start
        if digits > 19:
            break
        counts.append(digits)
    tries = 0
    for place in range(first + len(counts) - 1, first - 1, -1):
        if counts[place - first] < 7 or tries >= left:
            continue
        tries += 1
        if _is_phone(text, run[first : place + 1]):
            return place, tries
    return None, tries


def _is_phone(text: str, groups: list[_Group]) -> bool:
    parts = [text[group.start : group.end] for group in groups]
    digits = "".join(parts)
    if groups[0].plus and 7 <= len(digits) <= 16:
        # A plus before a short figure with decimals is a sign: "+1234567.5".
        return not (len(parts) == 2 and text[groups[0].end] == "." and len(parts[1]) <= 4)
    if len(digits) > 15:  # of a payment card
        return len(parts) >= 3 and all(3 <= len(part) <= 5 for part in parts)
    if _PHONE_WORD.search(text, max(0, groups[0].start - 24), groups[0].start):
        return True
    if len(parts) == 2 and text[groups[0].end : groups[1].start] == "." and len(parts[1]) <= 4:
        return False  # a number with decimals
    if _MOBILE.fullmatch(digits):
        return True
    # "+91 (0)22 …": the nought within brackets is not dialled from abroad
    if "0" in parts[1:2] and _is_valid("+" + digits.replace("0", "", 1)):
        return True
    if len(parts) == 1:
        # Bare digits are far more often a key than a number of another country.
        return (digits.startswith("0") and len(digits) == 11 and _is_valid(digits)) or (
            digits.startswith("91") and len(digits) == 12 and _is_valid("+" + digits)
        )
    if digits.startswith("00") and _is_valid("+" + digits[2:]):
        return True
    if len(parts) >= 3 and len(digits) >= 10 and all(2 <= len(part) <= 5 for part in parts):
        return True
    if (
        len(parts) >= 3
        and len(digits) >= 10
        and len(parts[0]) == 1
        and all(3 <= len(part) <= 4 for part in parts[1:])
    ):
        return True  # 1-415-555-2671, and 1 000 000 000 as well
    if len(parts) >= 3 or digits[0] == "0" or (groups[0].start and text[groups[0].start - 1] in "(["):
        return len(digits) >= 8 and (_is_valid(digits) or (len(digits) >= 10 and _is_valid("+" + digits)))
    return len(parts[0]) <= 2 and len(parts[1]) >= 8 and _is_valid("+" + digits)


# --- encoded as a whole ---

_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{8,4000}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){6,300}")


def _encoded_spans(text: str) -> Iterator[tuple[int, int]]:
    for token in _TOKEN.finditer(text):
        for decoded in _meanings(token[0]):
            if any(True for _ in _mail_spans(decoded)) or any(
                True for _ in _phone_spans(decoded, is_personal=False)
            ):
                yield token.span()
                break


def _meanings(token: str) -> Iterator[str]:
    """What a token says when it is base64 or hexadecimal."""
    words = token.rstrip("=").replace("-", "+").replace("_", "/")[:800]
    tries: list[tuple[Callable[[str], bytes], str]] = [(base64.b64decode, words + "=" * (-len(words) % 4))]
    if _HEX.fullmatch(token):
        tries.append((bytes.fromhex, token))
    for decode, text in tries:
        try:
            decoded = decode(text).decode()
        except (binascii.Error, ValueError):
            continue
        if len(decoded) >= 7 and decoded.isprintable():
            yield decoded


def personal_spans(text: str, *, is_personal: bool = False) -> list[tuple[int, int]]:
    """Places of e-mail addresses and telephone numbers in a text, in order and without overlaps.

    Args:
        text: any text; cut first when it may be long (`ecommerce_dwh.privacy.masking.cut`).
        is_personal: the text speaks of a personal column; every longer number counts.
    """
    plain = in_plain_spelling(text)
    found = [
        *_mail_spans(plain.text),
        *_phone_spans(plain.text, is_personal=is_personal),
        *_encoded_spans(plain.text),
    ]
    spans = sorted((plain.start[start], plain.end[end - 1]) for start, end in found if end > start)
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
