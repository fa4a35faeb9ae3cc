"""Reading ahead in a stream of lines: a record of CSV may take lines that are read before its end is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

Line = TypeVar("Line")


class Lookahead(Generic[Line]):
    """Lines of a stream by their distance from the current one.

    Args:
        source: the stream.
    """

    def __init__(self, source: Iterable[Line]) -> None:
        self._source = iter(source)
        self._waiting: deque[Line] = deque()

    def at(self, distance: int) -> Line | None:
        """The line at a distance, 0 for the current one; None behind the end."""
        while len(self._waiting) <= distance:
            following = next(self._source, None)
            if following is None:
                return None
            self._waiting.append(following)
        return self._waiting[distance]

    def drop(self, count: int) -> None:
        """Go on by so many lines, all of which were read."""
        for _ in range(count):
            self._waiting.popleft()
