"""The course of an SQL file: statements whose comment says when they run, and what is known when they do.

A comment ``-- <word>: <text>`` before a statement's code gives it a part:

* ``guard``: a query that must return no row; the text is the message otherwise.
* ``needed``: a query for work; where it returns no row, the rest of the file has nothing to do.
* ``bounds``: a query of one row. Later statements hold its values as ``'{column}'``: Redshift skips blocks by literals,
  not by what a join would find (https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html).
* ``if``: a statement that runs where the named value is neither null, zero nor false.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ecommerce_dwh.warehouse.sql_text import SqlTextError

_PART = re.compile(
    r"(?:\s|--(?!\s*(?:guard|needed|bounds|if):)[^\n]*\n)*--\s*(guard|needed|bounds|if):([^\n]*)"
)
_VALUE = re.compile(r"'\{(\w+)\}'")


@dataclass(frozen=True)
class Step:
    """One statement of a file as it is to be run now.

    Attributes:
        statement: its text, values in their places.
        part: ``guard``, ``needed`` or ``bounds``, whose rows `Flow.answer` takes; empty for all others.
        text: what the comment says after the part.
    """

    statement: str
    part: str = ""
    text: str = ""


class Flow:
    """Walks through the statements of one file, in one transaction."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.ended = False

    def step(self, statement: str) -> Step | None:
        """What to run for a statement; None where it is left out.

        Raises:
            SqlTextError: the statement asks for a value that no query before it has given.
        """
        if self.ended:
            return None
        found = _PART.match(statement)
        part, text = (found[1], found[2].strip()) if found else ("", "")
        if part == "if":
            if not self._known(text):
                return None
            part = ""
        return Step(_VALUE.sub(lambda match: self._literal(match[1]), statement), part, text)

    def answer(self, step: Step, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Take the rows of a step that has a part.

        Raises:
            SqlTextError: a query for bounds returned another number of rows than one.
        """
        if step.part == "needed":
            self.ended = not rows
        elif step.part == "bounds":
            if len(rows) != 1:
                raise SqlTextError(
                    f"the query for bounds ({step.text}) returned {len(rows)} rows; it must be one"
                )
            self.values |= dict(zip(columns, rows[0], strict=True))

    def _known(self, name: str) -> Any:
        if name not in self.values:
            raise SqlTextError(f"no query for bounds before it gives the value {name}")
        return self.values[name]

    def _literal(self, name: str) -> str:
        value = self._known(name)
        if isinstance(value, datetime):
            return f"'{value.isoformat(sep=' ')}'"
        if isinstance(value, date):
            return f"'{value.isoformat()}'"
        raise SqlTextError(f"the bound {name} is {type(value).__name__}; it must be a date or a timestamp")
