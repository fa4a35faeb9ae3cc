"""Progress for people, plain lines for logs.

On a terminal: one line per step with a spinner, then its time. Anywhere else: one line when a step ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

# Without a terminal nothing wraps: a log file has no width.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


class Reporter(Protocol):
    """Receives the supervisor's progress."""

    def begin(self, name: str, title: str) -> None: ...

    def done(self, name: str, note: str = "") -> None: ...

    def fail(self, name: str) -> None: ...


class Silent:
    """Shows nothing."""

    def begin(self, name: str, title: str) -> None:
        pass

    def done(self, name: str, note: str = "") -> None:
        pass

    def fail(self, name: str) -> None:
        pass


class StepDisplay:
    """Shows steps as they run; use as a context manager."""

    def __init__(self, target: Console = console) -> None:
        self._console = target
        self._rows: dict[str, tuple[str, Spinner]] = {}
        self._began: dict[str, float] = {}
        self._ended: dict[str, Text] = {}
        self._live = Live(console=target, refresh_per_second=8, get_renderable=self._render, transient=False)
        self._interactive = target.is_terminal

    def __enter__(self) -> Self:
        if self._interactive:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._interactive:
            self._live.stop()

    def begin(self, name: str, title: str) -> None:
        self._began[name] = time.monotonic()
        self._rows[name] = (title, Spinner("dots", style="cyan"))

    def done(self, name: str, note: str = "") -> None:
        seconds = time.monotonic() - self._began[name]
        text = note or f"{seconds:.1f} s"
        self._ended[name] = Text.assemble(("✔ ", "green"), (self._rows[name][0].ljust(38), ""), (text, "dim"))
        self._plain(name)

    def fail(self, name: str) -> None:
        seconds = time.monotonic() - self._began.get(name, time.monotonic())
        title = self._rows[name][0] if name in self._rows else name
        self._ended[name] = Text.assemble(("✘ ", "red"), (title.ljust(38), "red"), (f"{seconds:.1f} s", "dim"))
        self._plain(name)

    def _plain(self, name: str) -> None:
        if not self._interactive:
            self._console.print(self._ended[name])

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for name, (title, spinner) in self._rows.items():
            if name in self._ended:
                table.add_row(self._ended[name])
            else:
                elapsed = time.monotonic() - self._began[name]
                row = Table.grid(padding=(0, 1, 0, 0))
                row.add_row(spinner, Text(title.ljust(37)), Text(f"{elapsed:.0f} s", style="cyan"))
                table.add_row(row)
        return table


def grid(
    headers: Iterable[str], rows: Iterable[Iterable[object]], *, title: str = "", right: Iterable[int] = ()
) -> Table:
    """A compact table; columns whose index is in ``right`` are aligned to the right."""
    align_right = set(right)
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for index, header in enumerate(headers):
        table.add_column(header, justify="right" if index in align_right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    return table


def human_seconds(seconds: float) -> str:
    """``42 s``, ``3 min 05 s``, ``2 h 10 min``, ``4 d``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d"


def heading(text: str, write: Callable[..., None] = console.print) -> None:
    """A section's title."""
    write(Text(f"\n{text}", style="bold"))
