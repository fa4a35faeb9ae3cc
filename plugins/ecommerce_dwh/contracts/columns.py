"""Reads the columns of a contract: type, personal data, accepted spellings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.contracts.document import Document, Place
from ecommerce_dwh.contracts.model import (
    OTHER_STATUS,
    PERSON_KEY,
    PERSON_VALUES,
    SERVICE_COLUMNS,
    Column,
    ContractError,
    Status,
)
from ecommerce_dwh.contracts.types import TYPES, checked_type, type_of

if TYPE_CHECKING:
    from ecommerce_dwh.contracts.properties import DerivedColumnProperty

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DATE_TOKENS = re.compile(r"'[^']*'|y+|M+|d+|H+|h+|m+|s+|S+|a|X+|[^A-Za-z']")
_DATE_LETTERS = frozenset(
    ["yyyy", "M", "MM", "MMM", "d", "dd", "H", "HH", "h", "hh", "m", "mm", "s", "ss", "a", "X", "XXX"]
)
# A name of a query parameter; "*" alone would keep them all.
_URL_PARAMETER = re.compile(r"[A-Za-z0-9_.~-]{1,64}\*?")
# A status as a shop writes it; the words become texts of SQL.
_STATUS_WORD = re.compile(r"[^\W_](?:[\w .:/&+-]*[^\W_])?")
_LARGEST = 10**38  # decimals have at most 38 digits


def read_columns(document: Document, items: Iterable[Mapping[str, Any]], place: Place) -> tuple[Column, ...]:
    """The columns of a contract.

    Args:
        document: the file.
        items: the table's ``properties``, which the standard's schema allows.
        place: place of the list.

    Raises:
        ContractError: a column cannot be used.
    """
    return tuple(_ColumnReader(document, item, (*place, n)).read() for n, item in enumerate(items))


def read_derived(
    document: Document, items: Iterable[DerivedColumnProperty], columns: tuple[Column, ...], place: Place
) -> tuple[Column, ...]:
    """The derived columns, which processing computes from other columns.

    Raises:
        ContractError: a derived column has no usable type or origin.
    """
    known = {f"raw:{column.name}" for column in columns if column.kind.is_text} | {"session_derived"}
    derived = []
    for number, item in enumerate(items):
        if item.derivation not in known:
            raise document.error(
                (*place, number, "derivation"),
                f"derived column '{item.name}': derivation {item.derivation!r} is not raw:<text column> or "
                "session_derived",
            )
        try:
            kind = checked_type(item.physical_type)
        except ValueError as error:
            raise document.error((*place, number, "physicalType"), f"column '{item.name}': {error}") from None
        derived.append(
            Column(item.name, kind, description=item.description.strip(), derivation=item.derivation)
        )
    return tuple(derived)


def check_names(document: Document, columns: Iterable[Column], place: Place) -> None:
    """Refuse names that no table can have: no identifiers, given twice, or reserved for processing.

    Raises:
        ContractError: a name is one of these.
    """
    reserved = {column.name for column in SERVICE_COLUMNS}
    seen = set(reserved)
    for index, column in enumerate(columns):
        where = (*place, index, "name")
        if not IDENTIFIER.fullmatch(column.name):
            raise document.error(where, f"column name {column.name!r} must be a lower-case identifier")
        if column.name in seen:
            why = "is reserved" if column.name in reserved else "is given twice"
            raise document.error(where, f"column '{column.name}' {why}")
        seen.add(column.name)


class _ColumnReader:
    def __init__(self, document: Document, item: Mapping[str, Any], place: Place) -> None:
        from ecommerce_dwh.contracts.properties import ColumnProperties, read_properties  # late: pydantic

        self.document, self.item, self.place = document, item, place
        self.name = str(item["name"])
        self.custom, self.places = read_properties(
            ColumnProperties, item, place, document, f"column '{self.name}': "
        )
        try:
            self.type = checked_type(str(item.get("physicalType", "")))
        except ValueError as error:
            raise self.fail("physicalType", str(error)) from None
        self.kind = type_of(self.type)
        self.is_personal = "pii" in (item.get("tags") or [])

    def fail(self, where: str, message: str) -> ContractError:
        """The error for a field of the column, or for one of its custom properties."""
        return self.document.error(
            self.places.get(where, (*self.place, where)), f"column '{self.name}': {message}"
        )

    def read(self) -> Column:
        """The column."""
        declared = self.item.get("logicalType")
        if declared != self.kind.logical:
            raise self.fail(
                "logicalType",
                f"logicalType {declared!r} does not fit {self.type}; use {self.kind.logical}",
            )
        custom = self.custom
        if custom.date_formats and not self.kind.is_moment:
            raise self.fail("dateFormats", f"dateFormats on a {self.type}")
        check_formats(custom.date_formats, lambda message: self.fail("dateFormats", message))
        if (custom.lower_case or custom.synonyms) and not self.kind.is_text:
            where = "lowerCase" if custom.lower_case else "synonyms"
            raise self.fail(where, "lowerCase and synonyms are for text")
        person_key, person_value = self.person()
        return Column(
            name=self.name,
            type=self.type,
            required=bool(self.item.get("required", False) or self.item.get("primaryKey", False)),
            pii=self.is_personal,
            description=str(self.item.get("description", "")).strip(),
            formats=tuple(custom.date_formats),
            minimum=self.minimum(),
            lower=custom.lower_case,
            synonyms=tuple(custom.synonyms.items()),
            statuses=self.statuses(),
            url_parameters=self.url_parameters(),
            person_key=person_key,
            person_value=person_value,
            key_format=self.key_format(),
        )

    def statuses(self) -> tuple[Status, ...]:
        """The canonical statuses, each word of which the column can hold and only one status has."""
        given = self.custom.statuses
        if given and not self.kind.is_text:
            raise self.fail("statuses", "statuses are for text")
        length = int(self.type[8:-1]) if given else 0
        owners: dict[str, str] = {}
        names: set[str] = set()
        for item in given:
            if not IDENTIFIER.fullmatch(item.status) or item.status in names or item.status == OTHER_STATUS:
                raise self.fail(
                    "statuses",
                    f"status {item.status!r} must be a lower-case identifier, given once, and not "
                    f"'{OTHER_STATUS}', which is that of all words without a status",
                )
            names.add(item.status)
            for word in item.words:
                if not _STATUS_WORD.fullmatch(word) or len(word.encode()) > length:
                    raise self.fail(
                        "statuses", f"{word!r} of status {item.status} is no word that the column can hold"
                    )
                left = self.processed(word)
                if left != word:
                    raise self.fail(
                        "statuses",
                        f"{word!r} of status {item.status} never comes: processing makes it {left!r}",
                    )
                if owners.setdefault(word, item.status) != item.status or item.words.count(word) > 1:
                    raise self.fail(
                        "statuses", f"{word!r} is given twice, for {owners[word]} and {item.status}"
                    )
        return tuple(Status(item.status, item.treatment, tuple(item.words)) for item in given)

    def processed(self, word: str) -> str:
        """The word as processing leaves it."""
        folded = word.lower() if self.custom.lower_case else word
        return self.custom.synonyms.get(folded, folded)

    def minimum(self) -> str | None:
        value = (self.item.get("logicalTypeOptions") or {}).get("minimum")
        if value is None:
            return None
        if not self.kind.is_number:
            raise self.fail("logicalTypeOptions", "minimum is for numbers")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= _LARGEST:
            raise self.fail("logicalTypeOptions", f"minimum {value!r} is not a number of up to 38 digits")
        return str(value)

    def key_format(self) -> str:
        if self.custom.key_format and not self.kind.is_text:
            raise self.fail("keyFormat", "keyFormat is for keys, which are text")
        return self.custom.key_format or ""

    def url_parameters(self) -> tuple[str, ...] | None:
        value = self.custom.url_parameters
        if value is None:
            return None
        if not self.kind.is_text:
            raise self.fail("urlParameters", "urlParameters is for text")
        if not isinstance(value, list) or not all(
            isinstance(each, str) and _URL_PARAMETER.fullmatch(each) for each in value
        ):
            raise self.fail(
                "urlParameters",
                f"urlParameters is {value!r}; list names of parameters to keep, such as "
                "[page, utm_*], or give [] to keep none",
            )
        return tuple(value)

    def person(self) -> tuple[bool, str]:
        """Whether the column carries the person's key, and which kind of personal value it holds."""
        key, value = self.custom.person_key, self.custom.person_value
        if key is None:
            key = self.name == PERSON_KEY
        if value is None:
            # A personal date without personValue is the date of birth.
            value = "birth_date" if self.is_personal and self.kind is TYPES["date"] else ""
        if key and not self.kind.is_text:
            raise self.fail("personKey", "the person's key must be text, as every key is")
        if value and value not in PERSON_VALUES:
            raise self.fail("personValue", f"personValue '{value}' is not one of {', '.join(PERSON_VALUES)}")
        if value and not self.is_personal:
            raise self.fail("personValue", "personValue is for columns that are tagged pii")
        return key, value


def check_formats(formats: Iterable[str], fail: Callable[[str], ContractError]) -> None:
    """Refuse date patterns that Spark cannot use, or of which two read one text as two dates."""
    shapes: dict[str, str] = {}
    for text in formats:
        tokens = _DATE_TOKENS.findall(text)
        letters = [token for token in tokens if token[0].isalpha()]
        good = "".join(tokens) == text and all(
            token in _DATE_LETTERS or set(token) == {"S"} for token in letters
        )
        if not good or not {"y", "M", "d"} <= {token[0] for token in letters}:
            raise fail(f"date format '{text}' cannot be used; write it like M/d/yyyy or dd.MM.yyyy HH:mm")
        # Month and day of the same shape in two orders would read one text as two dates: a guess.
        shape = re.sub(r"[Md]+", "#", text)
        order = re.sub(r"[^Md]", "", re.sub(r"(M|d)+?(?=\1)", "", text))
        if shapes.setdefault(shape, order) != order:
            raise fail("date formats contradict each other about day and month")
