"""JSON lines read in plain Python, because numbers must keep the spelling of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ecommerce_dwh.limits import RawLimits
from ecommerce_dwh_glue.reading.lines import Record, cut_lines, readable
from ecommerce_dwh_glue.reading.text import BOM

_JSON_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")

# The beginning of a file in which names of members are looked for.
_HEAD, _OBJECTS = 1 << 18, 100


class TooDeep(ValueError):
    """Values of a JSON text are nested too deeply."""


def json_records(
    chunks: Iterable[bytes], columns: Sequence[str], depth: int = RawLimits.depth
) -> Iterator[Record]:
    """Records of a JSON-lines file; numbers keep the spelling of the file.

    Args:
        chunks: the file's text in pieces.
        columns: names whose values are wanted; other members are ignored.
        depth: how deep values may be nested.
    """
    for line in cut_lines(chunks):
        text = line.text
        while text.startswith(BOM):  # of the file, or of one that was put behind another
            text = text[len(BOM) :]
        text = text.strip(b" \t\r")
        if not text:
            continue
        defect, values = None, None
        if line.cut:
            defect = "row_too_long"
        elif b"\0" in text:
            defect = "nul_byte"
        else:
            try:
                _check_depth(text, depth)
                values = _json_values(text.decode("utf-8"), columns)
                if any(value and "\0" in value for value in values):
                    defect = "nul_byte"
                "".join(value for value in values if value).encode("utf-8")
            except UnicodeError:  # bytes that are no UTF-8, or a lone surrogate written as \ud800
                defect = "invalid_utf8"
            except (TooDeep, RecursionError):
                defect = "json_too_deep"
            except ValueError:
                defect = "malformed_json"
        yield Record(line.number, readable(text[: 1 << 16]), defect, None if defect else values)


def _check_depth(text: bytes, depth: int) -> None:
    """Raise `TooDeep` when brackets are open deeper than ``depth``, before a parser follows them."""
    if text.count(b"[") + text.count(b"{") <= depth:
        return
    level = 0
    for bracket in _BRACKETS.finditer(_JSON_TEXT.sub(b"", text)):
        level += 1 if bracket[0] in b"[{" else -1
        if level > depth:
            raise TooDeep


def _json_values(text: str, columns: Sequence[str]) -> list[str | None]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = {name.strip().lower(): value for name, value in pairs}
        if len(members) != len(pairs):
            raise ValueError("a member is given twice")
        return members

    found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=unique)
    if not isinstance(found, dict):
        raise ValueError("not an object")

    def as_text(value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    return [as_text(found.get(name)) for name in columns]


def first_members(head: bytes, depth: int) -> tuple[str, ...]:
    """Names of the members of a file's first objects, lower case and trimmed; lines that are no object have none.

    Args:
        head: the file's beginning; its last line may be incomplete.
        depth: how deep values may be nested.
    """
    names: dict[str, None] = {}
    for line in head[:_HEAD].split(b"\n")[:_OBJECTS]:
        try:
            text = line.removeprefix(BOM)
            _check_depth(text, depth)
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            names.update(dict.fromkeys(name.strip().lower() for name in found))
    return tuple(names)
