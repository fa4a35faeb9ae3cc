"""Order and reach among tables and views that depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set


def reached(names: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    """What follows from the names, directly or not; the names themselves only where a circle leads back to them."""
    found, waiting = set[str](), list(names)
    while waiting:
        for name in following(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def ordered(names: Iterable[str], needs: Mapping[str, Set[str]]) -> list[str]:
    """The names, each after those that it needs, otherwise in the given order; a circle ends as it was given."""
    done, waiting = list[str](), list(names)
    while waiting:
        free = [name for name in waiting if not (needs[name] - {name}) & set(waiting)] or waiting
        done += free
        waiting = [name for name in waiting if name not in free]
    return done
