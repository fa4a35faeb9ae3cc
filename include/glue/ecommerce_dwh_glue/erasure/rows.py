"""One row of a raw file: whose it is, and which of its fields change.

A row is the person's when the column that the contract names as `person_key` holds their key. There the key becomes
the pseudonym, personal columns become empty, and free text loses the person's values. A row with another key belongs to
somebody else and is never rewritten without a decision. A row without a key, or one that cannot be cut into fields, is
judged by its text (`ecommerce_dwh.erasure.person`): what is certain is overwritten, what is doubtful is asked.

Rows and money must not change: a field that keeps its row out of the warehouse keeps it out afterwards, and no
character that separates fields is touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ecommerce_dwh.contracts import Column, SourceContract, fixed_columns
from ecommerce_dwh.erasure.person import CERTAIN, DOUBTFUL, WORD_KEY, Person, Reading, crossed_out, kind_of
from ecommerce_dwh_glue.erasure.values import emptied, unreadable_bytes
from ecommerce_dwh_glue.reading.text import BLANKS

# Questions to a person, about a row.
OTHER_ROW = "other_row"  # somebody else's row names the person in free text
UNCLEAR_ROW = "unclear_row"  # a row without a key, or one that cannot be read, may be the person's
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*', re.DOTALL)


@dataclass(frozen=True)
class Table:
    """The facts about a source that erasing needs.

    Attributes:
        contract: the source's contract; None for files that no contract describes.
        fixed: columns that lead from row to row in any source; a value in them is asked about, never overwritten.
    """

    contract: SourceContract | None
    fixed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, source: str, contracts: Mapping[str, SourceContract]) -> Table:
        """The table of a source."""
        contract = contracts.get(source)
        return cls(contract, fixed_columns(contract, contracts))

    @property
    def key(self) -> str:
        """The column with the person's key; empty where rows are about nobody."""
        return self.contract.person_key if self.contract else ""

    @property
    def of_persons(self) -> bool:
        """Whether a row is a person."""
        return self.contract is not None and self.contract.is_of_persons

    @cached_property
    def personal(self) -> dict[str, Column]:
        """Personal columns by name."""
        return {column.name: column for column in self.contract.personal_columns} if self.contract else {}


@dataclass
class Row:
    """The judgement of a row.

    Attributes:
        changes: new texts by place of the field; None for an empty value.
        question: what a person has to decide (`OTHER_ROW`, `UNCLEAR_ROW`); empty for nothing.
        learned: kind and value of personal values in the person's row.
        shared: values of the person that are another customer's, too.
    """

    changes: dict[int, str | None] = field(default_factory=dict)
    question: str = ""
    learned: set[tuple[str, str]] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)


class Fields(NamedTuple):
    """A row's fields: names (lower case), texts (None for no value), and which are JSON objects or lists."""

    names: Sequence[str]
    texts: Sequence[str | None]
    nested: Collection[int] = ()


def judge(fields: Fields, table: Table, person: Person, decided: Collection[str] = ()) -> Row:
    """Whose a row is, and what of it changes.

    Args:
        fields: the row.
        table: its source.
        person: whom to erase.
        decided: questions that were answered by *erase*.
    """
    # Of two columns with the key's name either may hold the key, so both count.
    keys = {
        place: (fields.texts[place] or "").strip(BLANKS)
        for place, name in enumerate(fields.names)
        if name == table.key and table.key
    }
    if mine := [place for place, key in keys.items() if key == person.customer_id]:
        return _own(fields, table, person, mine, decided)
    if any(keys.values()) or not table.key:
        return _of_others(fields, table, person, decided)
    return _keyless(fields, table, person, decided)


def _own(fields: Fields, table: Table, person: Person, mine: Sequence[int], decided: Collection[str]) -> Row:
    row = Row(dict.fromkeys(mine, person.pseudonym))
    for place, (name, text) in enumerate(zip(fields.names, fields.texts, strict=True)):
        if place in mine or text is None or not text.strip(BLANKS):
            continue
        column = table.personal.get(name)
        if column is not None:
            kind = column.person_value or kind_of(text)
            if kind != "other" and not unreadable_bytes(text):
                row.learned.add((kind, text.strip(BLANKS)))
            row.changes[place] = emptied(column, text)
            continue
        found = person.read(text)
        in_words = any(hit.kind == WORD_KEY for hit in found.hits) and text.strip(BLANKS) != person.customer_id
        if not (found.verdict or in_words):
            continue
        if name in table.fixed and UNCLEAR_ROW not in decided:
            row.question = UNCLEAR_ROW if found.verdict else row.question
        else:
            row.changes[place] = _without(text, found, person, place in fields.nested)
    return row


def _of_others(fields: Fields, table: Table, person: Person, decided: Collection[str]) -> Row:
    row = Row()
    for place, (name, text) in enumerate(zip(fields.names, fields.texts, strict=True)):
        if text is None or name == table.key:
            continue
        if name in table.personal:
            if table.of_persons and person.owns(text):
                row.shared.add(text.strip(BLANKS))
            continue
        if name in table.fixed:
            continue
        found = person.read(text)
        if found.verdict != CERTAIN:
            continue
        if OTHER_ROW in decided:
            row.changes[place] = _without(text, found, person, place in fields.nested)
        else:
            row.question = OTHER_ROW
    return row


def _keyless(fields: Fields, table: Table, person: Person, decided: Collection[str]) -> Row:
    row = Row()
    readings = {
        place: person.read(text)
        for place, (name, text) in enumerate(zip(fields.names, fields.texts, strict=True))
        if text and name not in table.fixed
    }
    whole = person.read("\n".join(fields.texts[place] or "" for place, found in readings.items() if found.hits))
    fixed = [
        person.read(text).verdict
        for name, text in zip(fields.names, fields.texts, strict=True)
        if text and name in table.fixed
    ]
    verdict = whole.verdict or (DOUBTFUL if any(fixed) else "")
    if not verdict:
        return row
    if verdict == DOUBTFUL and UNCLEAR_ROW not in decided:
        row.question = UNCLEAR_ROW
        return row
    for place, found in readings.items():
        name, text = fields.names[place], fields.texts[place] or ""
        column = table.personal.get(name)
        if column is not None and (table.of_persons or found.hits) and text.strip(BLANKS):
            row.changes[place] = emptied(column, text)
        elif found.hits:
            row.changes[place] = _without(text, found, person, place in fields.nested)
    if not row.changes:
        row.question = UNCLEAR_ROW
    return row


def _without(text: str, found: Reading, person: Person, nested: bool) -> str:
    if not nested:
        return crossed_out(text, found.hits)

    def token(match: re.Match[str]) -> str:
        value = json.loads(match[0]) if match[0].startswith('"') else match[0]
        hits = person.read(value).hits
        return json.dumps(crossed_out(value, hits), ensure_ascii=False) if hits else match[0]

    return _JSON_TOKEN.sub(token, text)
