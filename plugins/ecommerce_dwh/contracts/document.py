"""A YAML file as plain JSON values, with the line of every value for error messages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from ecommerce_dwh.contracts.model import ContractError

Place = tuple[str | int, ...]  # keys and indexes from the top of the document to a value
# A contract has some hundred values; aliases of aliases could make billions of few lines.
_MAX_VALUES = 100_000
_MAX_DEPTH = 50
_PLAIN_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


class Document:
    """One YAML file.

    Attributes:
        path: the file.
        root: its content; dates as text, so that only what JSON has is in it.
    """

    def __init__(self, path: Path) -> None:
        import yaml  # late import: the Glue jobs read the JSON form and have no YAML parser

        self.path = path
        self.root: Any = None
        self._lines: dict[Place, int] = {}
        self._loader = yaml.SafeLoader("")
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
            if node is not None:
                self.root = self._value(node, ())
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            why = getattr(error, "problem", None) or getattr(error, "reason", None) or error
            raise ContractError(f"{path.name}:{line}: not valid YAML: {why}") from None
        except RecursionError:
            raise ContractError(f"{path.name}:1: the file is nested too deeply") from None
        except UnicodeDecodeError:
            raise ContractError(f"{path.name}:1: not UTF-8 text") from None
        except OSError as error:
            raise ContractError(f"{path.name}:1: cannot be read: {error.strerror or error}") from None

    def error(self, place: Iterable[str | int], message: str) -> ContractError:
        """The error for a value; its line is that of the nearest value around it that has one."""
        found = tuple(place)
        while found and found not in self._lines:
            found = found[:-1]
        return ContractError(f"{self.path.name}:{self._lines.get(found, 1)}: {message}")

    def line(self, place: Place) -> int:
        """The line of a value, or of the nearest value around it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _value(self, node: Any, place: Place) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        if len(self._lines) > _MAX_VALUES or len(place) > _MAX_DEPTH:
            raise self._refused(
                line, "the file has too many values, or is nested too deeply; look for aliases (*)"
            )
        if node.id != "scalar" and node.tag not in _PLAIN_TAGS:
            raise self._refused(line, f"a value of the YAML type {node.tag} has no place in a contract")
        if node.id == "mapping":
            return self._mapping(node, place)
        if node.id == "sequence":
            return [self._value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, line)

    def _mapping(self, node: Any, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.id != "scalar":
                raise self._refused(line, "a key must be a word, not a list or a mapping")
            key = str(key_node.value)
            if key in result:
                raise self._refused(line, f"'{key}' is given twice")
            self._lines[(*place, key)] = line
            result[key] = self._value(value_node, (*place, key))
        return result

    def _scalar(self, node: Any, line: int) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:
            raise self._refused(line, f"{node.value!r} cannot be read: {error}") from None
        if isinstance(value, date):  # and datetime, which is one
            return str(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refused(line, f"{node.value} is not a finite number")
        if value is not None and not isinstance(value, (str, int, float, bool)):
            raise self._refused(line, f"a value of the YAML type {node.tag} has no place in a contract")
        return value

    def _refused(self, line: int, message: str) -> ContractError:
        return ContractError(f"{self.path.name}:{line}: {message}")
