"""Declares configuration options, one line each: type, default, meaning, and which values are allowed.

Reading, checking, error messages and the documentation's table all come from the declaration. Used by `settings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

_KEY = "option"
_LONGEST = 200  # characters of a value in a message


class OptionError(ValueError):
    """An option has a value that cannot be used; the message names the option, the value, and what is allowed."""


@dataclass(frozen=True)
class Option:
    """Declaration of an option, beside its name and default.

    Attributes:
        meaning: effect of the option, with its unit.
        allowed: the values that it may have, in words that follow "it must be".
        read: makes the value of a text; raises ValueError where it makes none, with the reason as its message if
            `allowed` does not say it.
        is_allowed: whether the option may have a value.
        absent: gives the value where the option is left out, if that depends on the machine.
    """

    meaning: str
    allowed: str
    read: Callable[[str], Any]
    is_allowed: Callable[[Any], bool]
    absent: Callable[[], Any] | None = None


def text(default: str, meaning: str, *, pattern: str = "", allowed: str = "a text") -> Any:
    """A text; where a pattern is given, one that fits it as a whole."""
    return _declared(
        default, Option(meaning, allowed, str, lambda value: not pattern or bool(re.fullmatch(pattern, value)))
    )


def choice(default: str, meaning: str, choices: tuple[str, ...]) -> Any:
    """One of some words."""
    allowed = " or ".join(f"'{each}'" for each in choices)
    return _declared(default, Option(meaning, allowed, str, lambda value: value in choices))


def whole(default: int, meaning: str, *, least: int, most: int) -> Any:
    """A whole number between two bounds, both included."""
    allowed = f"a whole number, {least:,} or more and at most {most:,}"
    return _declared(default, Option(meaning, allowed, _whole, lambda value: least <= value <= most))


def parsed(
    default: Any,
    meaning: str,
    read: Callable[[str], Any],
    *,
    allowed: str,
    absent: Callable[[], Any] | None = None,
) -> Any:
    """A value of another kind, which `read` makes of a text."""
    return _declared(default, Option(meaning, allowed, read, lambda _value: True, absent))


def _declared(default: Any, option: Option) -> Any:
    return field(default=default, metadata={_KEY: option})


def _whole(value: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        raise ValueError
    return int(value)


def options_of(cls: type) -> Iterator[tuple[str, Any, Option]]:
    """Name, default and description of each option of a dataclass, in order."""
    for each in fields(cls):
        yield each.name, each.default, each.metadata[_KEY]


def read_options(cls: type, environ: Mapping[str, str], prefix: str, section: str) -> dict[str, Any]:
    """The options of a dataclass that are set in the environment, and those whose default depends on the machine.

    Args:
        cls: the dataclass.
        environ: environment variables; an option's is the prefix and its name in capitals.
        prefix: of the variables.
        section: of Airflow's configuration, for messages.

    Raises:
        OptionError: a text is no value of its option.
    """
    values: dict[str, Any] = {}
    for name, _, option in options_of(cls):
        given = environ.get(prefix + name.upper())
        if given is None:
            if option.absent is not None:
                values[name] = option.absent()
            continue
        try:
            values[name] = option.read(given.strip())
        except ValueError as error:
            if reason := str(error):
                raise OptionError(f"[{section}] {name}: {reason}") from None
            raise _refused(section, name, given.strip(), option) from None
    return values


def check_options(settings: Any, section: str) -> None:
    """Refuse values that an option may not have.

    Raises:
        OptionError: the first of them.
    """
    for name, _, option in options_of(type(settings)):
        value = getattr(settings, name)
        if not option.is_allowed(value):
            raise _refused(section, name, value, option)


def _refused(section: str, name: str, value: Any, option: Option) -> OptionError:
    shown = repr(value)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]} …"
    return OptionError(f"[{section}] {name} is {shown}; it must be {option.allowed}")
