"""Amounts, moments and keys of exports as the warehouse's files spell them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shop_import.notes import ImportFileError

KEY_LENGTH = 64
_CURRENCY_SIGNS = re.compile(r"^(?:[A-Z]{3}|[A-Za-z]{0,2}[$€£¥₹])\s*|\s*(?:[A-Z]{3}|[$€£¥₹])$")
_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_OFFSET = re.compile(r"\s+(?=(?:[+-]\d{2}:?\d{2}|UTC|GMT|Z)$)")


class UnreadableError(ValueError):
    """A value that cannot be read; the message says what would be."""


@dataclass(frozen=True)
class Spelling:
    """How an export writes what can be written in several ways.

    Attributes:
        timezone: IANA name of the zone of moments that name none.
        decimal: decimal mark, ``.`` or ``,``.
        date_format: format of moments as of ``strptime``; None means ISO 8601.
    """

    timezone: str = "UTC"
    decimal: str = "."
    date_format: str | None = None
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the choices.

        Raises:
            ImportFileError: there is no such zone, or the decimal mark is neither of the two.
        """
        if self.decimal not in (".", ","):
            raise ImportFileError(f"the decimal mark is . or , and not {self.decimal!r}")
        try:
            object.__setattr__(self, "_zone", ZoneInfo(self.timezone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ImportFileError(
                f"there is no timezone {self.timezone!r}; names are those of the IANA list, such as Asia/Kolkata"
            ) from None

    def amount(self, text: str) -> Decimal:
        """An amount of money or a quantity; currency signs and thousands marks go.

        Raises:
            UnreadableError: it is no number, or its decimal mark is another than the export's.
        """
        plain = _CURRENCY_SIGNS.sub("", text.strip()).strip()
        sign = ""
        if plain.startswith("(") and plain.endswith(")"):
            sign, plain = "-", plain[1:-1]
        if plain.startswith(("-", "\u2212")):
            sign, plain = "-", _CURRENCY_SIGNS.sub("", plain[1:].strip())
        plain = plain.replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("'", "")
        thousands = "," if self.decimal == "." else "."
        if thousands in plain:
            whole = plain.partition(self.decimal)[0]
            if not re.fullmatch(rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+", whole):
                raise UnreadableError(
                    f"{text!r} is no amount with the decimal mark {self.decimal!r}; choose the other by --decimal"
                )
            plain = whole.replace(thousands, "") + plain[len(whole) :]
        number = sign + plain.replace(self.decimal, ".")
        if not _AMOUNT.fullmatch(number):
            raise UnreadableError(f"{text!r} is no amount")
        return Decimal(number)

    def moment(self, text: str) -> datetime:
        """A moment in UTC; one without a zone is in the export's.

        Raises:
            UnreadableError: it is not written as ISO 8601, or not in the export's format.
        """
        plain = _OFFSET.sub("", text.strip())
        plain = re.sub(r"(?:UTC|GMT)$", "+00:00", plain)
        try:
            if self.date_format:
                found = datetime.strptime(text.strip(), self.date_format)  # noqa: DTZ007 - zone below
            elif _DATE.match(plain):
                found = datetime.fromisoformat(plain)
            else:
                raise ValueError
        except ValueError:
            raise UnreadableError(
                f"{text!r} is no date as {self.date_format or 'YYYY-MM-DD HH:MM:SS'}; say its format by --date-format"
            ) from None
        return (found if found.tzinfo else found.replace(tzinfo=self._zone)).astimezone(UTC)


def moment_text(moment: datetime | None) -> str:
    """A moment as the files carry it: UTC without an offset; empty for none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def date_text(day: date | None) -> str:
    """A day as ISO 8601; empty for none."""
    return day.isoformat() if day else ""


def amount_text(amount: Decimal | None) -> str:
    """An amount without an exponent; empty for none."""
    return "" if amount is None else f"{amount:f}"


def key(*parts: str) -> str:
    """A natural key of at most 64 characters; a longer one keeps its beginning and ends in a hash of the whole."""
    whole = ":".join(parts)
    if len(whole.encode()) <= KEY_LENGTH:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return f"{whole.encode()[: KEY_LENGTH - 17].decode(errors='ignore')}-{digest}"


def person_key(*identities: str) -> str:
    """The key of a customer whom the export names by e-mail address or telephone number only: a hash of it.

    The same person has the same key in every export, and the key names nobody.
    """
    identity = next((text.strip().lower() for text in identities if text.strip()), "")
    return f"person-{hashlib.sha256(identity.encode()).hexdigest()[:24]}" if identity else ""


def slug(text: str) -> str:
    """A name as part of a key: lower case, words joined by hyphens."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[^\w]+", "-", plain).strip("-")


def plain_name(text: str) -> str:
    """A column's name for comparing: lower case words and digits."""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))
