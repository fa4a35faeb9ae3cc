"""The rules of the sources in plain Python, written apart from any pipeline: values, their faults, amounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from shop_data.schema import KEY_LENGTH, Source

_INTEGER = re.compile(r"[+-]?\d+(\.0*)?")
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?", re.ASCII
)
_BOOLEANS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"})

Values = dict[str, str | None]


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text.isascii() else None
    except InvalidOperation:
        return None


def moment_of(text: str, patterns: Sequence[str] = ()) -> datetime | None:
    """A timestamp in UTC: ISO 8601 or one of the declared patterns (as of strptime)."""
    for pattern in patterns:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - no zone means UTC
        except ValueError:
            continue
    if not _DATE.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\d) ([Z+-])", r"\1\2", text))
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


@dataclass(frozen=True)
class Rules:
    """Rules that contracts add to the built-in ones, by source and column.

    Attributes:
        lengths: greatest length in bytes, beside the 64 of natural keys.
        date_patterns: strptime patterns accepted beside ISO 8601.
    """

    lengths: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    date_patterns: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


Check = Callable[[str], str]


def checks_of(source: Source, rules: Rules) -> list[tuple[str, bool, Check]]:
    """Per column: whether it is required, and what names the rule that a value breaks."""

    def text_check(limit: int) -> Check:
        # A character has at most four bytes.
        return lambda text: "too_long" if 4 * len(text) > limit and len(text.encode()) > limit else ""

    def moment_check(patterns: Sequence[str]) -> Check:
        return lambda text: "" if moment_of(text, patterns) else "unparseable"

    def check(name: str, kind: str) -> Check:
        if kind == "text":
            default = KEY_LENGTH if name.endswith("_id") and name != "session_id" else 1 << 30
            return text_check(rules.lengths.get(source.name, {}).get(name, default))
        if kind in ("integer", "money"):
            return lambda text: _number_fault(name, kind, text)
        if kind == "boolean":
            return lambda text: "" if text.lower() in _BOOLEANS else "unparseable"
        return moment_check(rules.date_patterns.get(source.name, {}).get(name, ()))

    return [(name, name in source.required, check(name, kind)) for name, kind in source.columns.items()]


def rule_broken(values: Values, checks: list[tuple[str, bool, Check]]) -> str:
    """The first rule that a row breaks; empty when it is fine."""
    for name, required, check in checks:
        text = values[name]
        if text is None:
            if required:
                return "not_null"
        elif rule := check(text):
            return rule
    return ""


def _number_fault(name: str, kind: str, text: str) -> str:
    number = _number(text)
    if number is not None and not number.is_finite():
        return "non_finite"
    if number is None or (kind == "integer" and not _INTEGER.fullmatch(text)):
        return "unparseable"
    return "below_minimum" if name == "unit_price" and number < 0 else ""


def amount_of(values: Values) -> Decimal:
    """``line_total``, else quantity × unit price, else nothing."""

    def read(name: str) -> Decimal | None:
        number = _number(values.get(name) or "")
        return number if number is not None and number.is_finite() else None

    total = read("line_total")
    if total is not None:
        return total
    quantity, price = read("quantity"), read("unit_price")
    if quantity is None or price is None or quantity != int(quantity):
        return Decimal(0)
    return quantity * price
