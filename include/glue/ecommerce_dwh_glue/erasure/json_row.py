"""Erasure from one line of JSON, which stays JSON; values that do not change keep their spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.rows import Fields, Row, Table, judge
from ecommerce_dwh_glue.erasure.torn import decoded, encoded, torn_text


def json_row(text: bytes, table: Table, person: Person, decided: Collection[str] = ()) -> tuple[bytes, Row]:
    """A line of JSON after the erasure, and the judgement of its members."""
    read = decoded(text)
    try:
        members = json_members(read)
    except (ValueError, RecursionError):
        members = None
    if members is None:
        left, row = torn_text(text, person, decided, has_key=_names_key(read, table, person))
        return (_json_key(left, table, person) if row.changes else left), row
    texts = [_json_text(value, read[begin:end]) for _, value, begin, end in members]
    nested = {place for place, member in enumerate(members) if isinstance(member[1], (dict, list))}
    names = [name for name, *_ in members]
    row = judge(Fields(names, texts, nested), table, person, decided)
    parts, at = [], 0
    for place in sorted(row.changes):
        begin, end = members[place][2:]
        new = row.changes[place]
        keep = new is not None and place in nested and names[place] not in table.personal
        parts += [read[at:begin], str(new) if keep else json.dumps(new, ensure_ascii=read.isascii())]
        at = end
    return encoded("".join([*parts, read[at:]])), row


def json_members(text: str) -> list[tuple[str, Any, int, int]]:
    """Members of a JSON object: name (trimmed, lower case), value, begin and end of the value in the text.

    Raises:
        ValueError: the text is no JSON object.
        RecursionError: it is nested too deeply.
    """
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    blank = re.compile(r"[ \t\r\n\ufeff]*")

    def skip(place: int) -> int:
        return blank.match(text, place).end()  # type: ignore[union-attr]

    found = []
    place = skip(0)
    if text[place : place + 1] != "{":
        raise ValueError("no object")
    place = skip(place + 1)
    if text[place : place + 1] == "}":
        place += 1
    else:
        while True:
            name, place = decoder.raw_decode(text, place)
            place = skip(place)
            if not isinstance(name, str) or text[place : place + 1] != ":":
                raise ValueError("no member")
            begin = skip(place + 1)
            value, end = decoder.raw_decode(text, begin)
            is_text = text[begin] == '"'
            found.append((name.strip().lower(), value if is_text else _number(value), begin, end))
            place = skip(end)
            if text[place : place + 1] == "}":
                place += 1
                break
            if text[place : place + 1] != ",":
                raise ValueError("no comma")
            place = skip(place + 1)
    if text[skip(place) :]:
        raise ValueError("text behind the object")
    return found


class _Spelled(str):
    """A number as it is spelled."""


def _number(value: Any) -> Any:
    return _Spelled(value) if isinstance(value, str) else value


def _json_text(value: Any, written: str) -> str | None:
    """A value as processing reads it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else written


def _names_key(read: str, table: Table, person: Person) -> bool:
    return bool(table.key and _key_member(table, person).search(read))


def _key_member(table: Table, person: Person) -> re.Pattern[str]:
    quoted = re.escape(json.dumps(person.customer_id)[1:-1])
    return re.compile(
        rf'("\s*{re.escape(table.key)}\s*"\s*:\s*)(?:"\s*{quoted}\s*"|{quoted}(?=[\s,}}]|$))', re.I
    )


def _json_key(text: bytes, table: Table, person: Person) -> bytes:
    if not table.key:
        return text
    pseudonym = json.dumps(person.pseudonym)
    return encoded(_key_member(table, person).sub(lambda match: match[1] + pseudonym, decoded(text)))
