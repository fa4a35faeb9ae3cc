"""Masks texts for people who may not read personal data.

Reports, mails, XComs, pages and log lines reach more people than the rows that they quote. Every text that goes there
passes one of these functions first; the DAGs, the quality page and the Glue jobs use the same ones:

=====================  ==================================================================================
`mask`                 prose: e-mail addresses and telephone numbers, in any spelling, become `MASK`
`mask_error`           messages of a database or of Spark: quotations of a row are hidden as well
`mask_path`            keys of objects and names of files
`shown_value`          a rejected value: as it is when harmless, else its length and form
`shown_key`            a row's key: as it is when it has the form of a key, else its length and form
`shown_cell`           a value of a row of the warehouse, for the message of an audit
`shown_name`           a column's name found in a file: as it is when it has the form of a name in code
=====================  ==================================================================================

A name of a person has no form of its own. So a value out of a row is shown only when its form says that it cannot be
one (`is_harmless`); everything else is described by `shape`. The text itself is in the quarantine files, which jobs and
administrators can read.

The time of each function grows linearly with its text: texts are cut to a limit first, and every pattern's repetitions
are bounded. `ecommerce_dwh.privacy.contact_data` finds addresses and numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ecommerce_dwh.privacy.contact_data import personal_spans
from ecommerce_dwh.privacy.plain_spelling import in_plain_spelling

MASK = "•••"
# Version of the rules that a report was written under, in its field ``privacy``. A report without it was written by
# code that quoted rejected values; readers hide its messages and samples.
PRIVACY_VERSION = 1
# The same, in the head of report.html.
PRIVACY_MARK = f"<meta name=ecommerce-dwh-privacy content={PRIVACY_VERSION}>"
LIMIT = 4000  # characters of a text that are shown; a longer one ends in an ellipsis
SHAPE_LENGTH = 40
_CUT_BACK = 320  # the longest e-mail address, of which a cut text could end in a part


def cut(text: str, limit: int = LIMIT) -> str:
    """A text of at most ``limit`` characters that does not end in half an address or number."""
    if len(text) <= limit:
        return text
    kept = text[: max(limit - 2, 0)]
    back = max(0, len(kept) - _CUT_BACK)
    blank = max(kept.rfind(blank, back) for blank in " \n\t")
    return f"{kept[: blank if blank >= 0 else back]} …"


def has_personal(text: str) -> bool:
    """Whether a text holds an e-mail address or a telephone number."""
    return bool(personal_spans(cut(text)))


def mask(text: str, *, is_personal: bool = False, limit: int = LIMIT) -> str:
    """A text without e-mail addresses and telephone numbers, cut to a limit.

    Args:
        text: message or sample of a report, any length.
        is_personal: the text speaks of a personal column; whatever it quotes and every longer number is hidden too.
        limit: characters that are read and shown.
    """
    text = cut(text, limit)
    if is_personal:
        text = _hide_quotes(text)
    result, at = [], 0
    for start, end in personal_spans(text, is_personal=is_personal):
        result += [text[at:start], MASK]
        at = end
    return "".join([*result, text[at:]])


_PAIRS = {"'": "'", '"': '"', "‘": "’", "“": "”", "«": "»", "`": "`"}
_OPENING = re.compile(r"[\"'‘“«`]")


def _hide_quotes(text: str) -> str:
    """A text without what stands between quotation marks; what is opened and not closed is hidden to the end.

    The last mark of a kind closes, so that a value with a mark of its own ("O'Brien") is hidden as a whole.
    """
    opening = _OPENING.search(text)
    if opening is None:
        return text
    closing = text.rfind(_PAIRS[opening[0]], opening.end())
    tail = text[closing + 1 :] if closing >= 0 else ""
    return text[: opening.start()] + MASK + _hide_tail(tail)


def _hide_tail(text: str) -> str:
    """What follows the last mark of one kind may hold marks of other kinds; each kind is closed at most once."""
    for opening, closing in _PAIRS.items():
        first = text.find(opening)
        if first >= 0:
            last = text.rfind(closing, first + 1)
            text = text[:first] + MASK + (text[last + 1 :] if last >= 0 else "")
    return text


# What databases and Spark quote: identifiers in lower case stay, values go.
# (a word that a database does not understand is one of our statement: "syntax error at or near …").
_QUOTED = re.compile(r"(?<!near )'([^'\n]{0,4000})'|(?<!near )\"([^\"\n]{0,4000})\"")
_IN_CODE = re.compile(r"[a-z_][a-z0-9_.$-]{0,127}")
_ROW = re.compile(r"(Failing row contains |\)=|\bvalues? )\([^\n]{0,4000}", re.IGNORECASE)


def mask_error(text: str, *, limit: int = LIMIT) -> str:
    """Words of a database, of Spark or of another service, without what they quote of a row.

    Identifiers in lower case and harmless values stay between their quotation marks; other quotations become their
    form, and rows ("Failing row contains (…)", "Key (customer_id)=(…)") become `MASK`.
    """

    def replaced(found: re.Match[str]) -> str:
        value = found[1] if found[1] is not None else found[2]
        if not value or _IN_CODE.fullmatch(value) or is_harmless(value):
            return found[0]
        return f"{found[0][0]}{MASK}{found[0][0]}"

    rows_hidden = _ROW.sub(lambda found: f"{found[1]}({MASK})", cut(text, limit))
    return mask(_QUOTED.sub(replaced, rows_hidden), limit=limit)


_EXTENSIONS = re.compile(r"(?:\.(?:csv|json|jsonl|ndjson|parquet|txt|tsv|html|gz|zip)){1,3}\Z", re.IGNORECASE)
_PARTITION = re.compile(r"[a-z_]{1,32}=(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[a-z0-9_]{0,64})")
# Words that begin with a capital, side by side, are how people are called.
_CALLED = re.compile(
    r"(?<![^\W\d_])[A-Z][a-z'’]{1,30}(?:[ _.+-]{1,2}[A-Z][a-z'’]{1,30}){1,4}(?![^\W\d_])"
    r"|(?<![^\W\d_])[A-Z][a-z]{1,30}(?:[A-Z][a-z]{1,30}){1,3}(?![^\W\d_])"
)
_FILE_WORDS = frozenset(
    {
        "all",
        "batch",
        "backup",
        "copy",
        "corrected",
        "correction",
        "customer",
        "customers",
        "daily",
        "data",
        "delta",
        "delivery",
        "event",
        "events",
        "export",
        "feed",
        "file",
        "final",
        "full",
        "hourly",
        "import",
        "inventory",
        "item",
        "items",
        "late",
        "list",
        "monthly",
        "new",
        "old",
        "order",
        "orders",
        "part",
        "payment",
        "payments",
        "product",
        "products",
        "raw",
        "report",
        "rows",
        "run",
        "sales",
        "shop",
        "snapshot",
        "source",
        "table",
        "test",
        "update",
        "updates",
        "web",
        "weekly",
    }
)
_WORDS = re.compile(r"[A-Z]?[a-z]{1,40}")


def mask_path(path: str, *, limit: int = 1024) -> str:
    """An object's key or a file's name without addresses, numbers and names of people; folders and ending stay.

    Args:
        path: key, with or without ``s3://bucket/``.
        limit: characters that are read and shown.
    """
    return "/".join(map(_mask_segment, cut(path, limit).split("/")))


def _mask_segment(segment: str) -> str:
    if not segment or _PARTITION.fullmatch(segment):
        return segment
    ending = _EXTENSIONS.search(segment)
    tail = ending[0] if ending else ""
    stem = segment[: len(segment) - len(tail)]
    plain = in_plain_spelling(stem)
    found = [(plain.start[name.start()], plain.end[name.end() - 1]) for name in _called(plain.text)]
    for start, end in sorted([*personal_spans(stem), *found], reverse=True):
        stem = stem[:start] + MASK + stem[end:]
    return re.sub(rf"(?:{MASK}){{2,200}}", MASK, stem) + tail


def _called(text: str) -> Iterator[re.Match[str]]:
    for found in _CALLED.finditer(text):
        if not any(word.lower() in _FILE_WORDS for word in _WORDS.findall(found[0])):
            yield found


# --- single values ---

NULL_WORDS = (
    "",
    "-",
    "--",
    ".",
    "?",
    "n/a",
    "#n/a",
    "na",
    "nan",
    "nil",
    "none",
    "null",
    "\\n",
    "nat",
    "inf",
    "-inf",
    "+inf",
    "infinity",
    "-infinity",
    "true",
    "false",
    "yes",
    "no",
    "y",
    "n",
    "t",
    "f",
    "on",
    "off",
    "unknown",
    "missing",
    "tbd",
    "undefined",
    "empty",
    "error",
    "#ref!",
    "#value!",
    "#div/0!",
    "#name?",
)
# Figures too short for a telephone number, a postal code or a year of birth with its day.
HARMLESS_NUMBER = r"[-+]?[0-9]{1,4}(?:[.,][0-9]{1,4})?(?:[eE][-+]?[0-9]{1,9})?%?"
LARGE_SIGNED = r"-[0-9]{1,6}[.][0-9]{1,4}"
_HARMLESS = re.compile(f"(?:{HARMLESS_NUMBER}|{LARGE_SIGNED})")


def is_harmless(value: str) -> bool:
    """Whether a value's form says that it is no person's: a short number, or a word for "nothing" or "yes"."""
    return value.lower() in NULL_WORDS or _HARMLESS.fullmatch(value) is not None


def shape(value: str) -> str:
    """The form of a value: ``A`` for a capital, ``a`` for another letter, ``#`` for a digit; punctuation stays.

    Cut after 40 characters. The @ is shown as ``?``, so that a form is never taken for an address.
    """
    kept = [_shape_character(character) for character in value[:SHAPE_LENGTH]]
    return "".join(kept) + ("…" if len(value) > SHAPE_LENGTH else "")


def _shape_character(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Lu", "Lt"):
        return "A"
    if kind[0] in "LM":
        return "a"
    if kind[0] == "N":
        return "#"
    if character == " " or (character.isascii() and character.isprintable() and character != "@"):
        return character
    return "?"


def describe(value: str) -> str:
    """The length and form of a value, for a sentence: ``a text of 12 characters (Aaaaa Aaaaaa)``."""
    plural = "" if len(value) == 1 else "s"
    return f"a text of {len(value)} character{plural} ({shape(value)})"


def shown_value(value: str) -> str:
    """A rejected value for a message: in quotation marks when `is_harmless`, else its `describe`."""
    return f"'{value}'" if is_harmless(value) else describe(value)


_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:#/-]{0,127}")
_KEY_LETTERS = re.compile(r"[A-Za-z]{5,128}")
_HEX_WORD = re.compile(r"[0-9A-Fa-f]{8,128}")
_KEY_WORDS = frozenset(
    {
        "order",
        "orders",
        "cust",
        "customer",
        "client",
        "product",
        "products",
        "event",
        "events",
        "item",
        "items",
        "line",
        "session",
        "sessions",
        "payment",
        "row",
        "cart",
        "user",
        "shop",
        "late",
        "retur",
        "return",
        "quote",
        "stock",
        "rate",
        "batch",
    }
)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:19|20)[0-9]{2}"
)


def shown_key(key: str) -> str:
    """A row's key for a report: as it is when it has the form of a key, else its `describe`.

    A key is one word of letters, digits and ``._:#/-`` with at least one digit and no word of five letters or more
    but the usual ones ("order-17"); it is no telephone number and no date. Shifted columns put names and addresses
    where keys belong.
    """
    if _KEY.fullmatch(key) is None or not any(character in "0123456789" for character in key):
        return describe(key)
    words = () if _HEX_WORD.fullmatch(key.replace("-", "")) else _KEY_LETTERS.findall(key)
    is_key = all(word.lower() in _KEY_WORDS for word in words) and not _DATE.fullmatch(key)
    return key if is_key and not has_personal(key) else describe(key)


_CODE_WORD = re.compile(r"[a-z][a-z_]{0,63}")


def shown_cell(value: object) -> object:
    """A value of the warehouse for a message: a text by `shown_key` unless it is a word in code, others as they are."""
    return shown_key(value) if isinstance(value, str) and not _CODE_WORD.fullmatch(value) else value


_COLUMN = re.compile(r"[a-z_][a-z0-9_-]{0,63}")


def shown_name(name: str) -> str:
    """A column's name found in a file: as it is when it is a name in code, else its `describe`.

    A file without a header has a row of data in its place.
    """
    return name if _COLUMN.fullmatch(name.lower()) and not has_personal(name) else describe(name)
