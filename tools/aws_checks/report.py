"""Lines of a check, the table that a person reads, and the exit code that a script reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rich.console import Console
from rich.table import Table
from rich.text import Text


class Level(Enum):
    """Green: nothing to do. Yellow: goes on, with a reservation. Red: would fail; ``fix`` says what to do."""

    OK = "green"
    WARN = "yellow"
    FAIL = "red"


_MARKS = {Level.OK: "✔", Level.WARN: "!", Level.FAIL: "✘"}


@dataclass(frozen=True)
class Line:
    """The outcome of one check.

    Attributes:
        name: what was looked at, in two or three words.
        level: how it stands.
        found: what was found, one sentence.
        fix: what to do, with the command where there is one; a red line always has one.
    """

    name: str
    level: Level
    found: str
    fix: str = ""

    def __post_init__(self) -> None:
        if self.level is Level.FAIL and not self.fix:
            raise ValueError(f"{self.name}: a red line says what to do")


def ok(name: str, found: str) -> Line:
    return Line(name, Level.OK, found)


def warn(name: str, found: str, fix: str = "") -> Line:
    return Line(name, Level.WARN, found, fix)


def fail(name: str, found: str, fix: str) -> Line:
    return Line(name, Level.FAIL, found, fix)


def show(title: str, lines: Sequence[Line], console: Console) -> int:
    """Print the table and the verdict.

    Returns:
        Exit code: 1 when a line is red.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title=title, title_justify="left")
    table.add_column("", width=1)
    table.add_column("check", no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    for line in lines:
        told = Text(line.found)
        if line.fix:
            told.append(f"\n→ {line.fix}", style=line.level.value)
        table.add_row(Text(_MARKS[line.level], line.level.value), Text(line.name), told)
    console.print(table)
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    verdict = "Go on." if not counts[Level.FAIL] else "Do what the red lines say, and run this again."
    console.print(
        f"\n{counts[Level.OK]} green, {counts[Level.WARN]} yellow, {counts[Level.FAIL]} red. {verdict}",
        highlight=False,
    )
    return 1 if counts[Level.FAIL] else 0
