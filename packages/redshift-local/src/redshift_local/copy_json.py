"""Objects of a JSON file for COPY: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from redshift_local.copy_model import Column

_SPACE = re.compile(r"\s*")


class _Number(str):
    """A number as it was written: a decimal of 38 digits is no float."""

    __slots__ = ()


def _refuse(text: str) -> Any:
    raise ValueError(f"Invalid value {text}")


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_refuse)


def rows(text: str, columns: Sequence[Column], *, ignore_case: bool) -> Iterator[tuple[int, list[str | None]]]:
    """Line and values of each object; keys that name no column are left out, and columns without a key are null.

    Args:
        text: objects, one behind another.
        columns: target columns.
        ignore_case: a key may be written in other case than the column.

    Raises:
        ValueError: the text is no sequence of objects.
    """
    position, line = 0, 1
    while True:
        end = _SPACE.match(text, position).end()  # type: ignore[union-attr]
        line += text.count("\n", position, end)
        position = end
        if position == len(text):
            return
        if text[position] != "{":
            raise ValueError(f"Invalid JSONPath format or JSON value: an object is expected in line {line}")
        try:
            found, end = _DECODER.raw_decode(text, position)
        except ValueError as error:
            raise ValueError(f"Invalid value in line {line}: {error}") from error
        by_name = {key.lower() if ignore_case else key: value for key, value in found.items()}
        yield line, [_text(by_name.get(column.name), column) for column in columns]
        line += text.count("\n", position, end)
        position = end


def _text(value: Any, column: Column) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and column.base != "jsonb":
        return str(value)
    return _written(value)


def _written(value: Any) -> str:
    """A value as JSON, without white space."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_written(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
