"""Counts of the rows, questions and values that the search of a file meets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ecommerce_dwh_glue.erasure.rows import Row

SHOWN_LINES = 20


class Unreadable(ValueError):
    """A file that cannot be searched; the message says why, without a value of it."""


@dataclass
class Tally:
    """The counts of a file. `learned` and `shared` alone hold values of the person.

    Attributes:
        rows: rows that change.
        questions: rows by question that a person has to answer.
        lines: the first lines of these rows, by question.
        learned: kind and value of personal values in the person's rows.
        shared: values of the person that other customers have, too.
        header: columns of a CSV file.
    """

    rows: int = 0
    questions: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lines: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    learned: set[tuple[str, str]] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    header: tuple[str, ...] = ()

    def add(self, row: Row, line: int) -> None:
        """Count a row."""
        self.rows += bool(row.changes)
        self.learned |= row.learned
        self.shared |= row.shared
        if row.question:
            self.ask(row.question, line)

    def ask(self, question: str, line: int) -> None:
        """Note a question about a line."""
        self.questions[question] += 1
        if len(self.lines[question]) < SHOWN_LINES:
            self.lines[question].append(line)
