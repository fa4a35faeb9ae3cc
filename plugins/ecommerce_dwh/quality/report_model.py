"""The form of a quality report as gate, page, mails and replay take it: types, lengths, ranges.

A report is an object in a bucket and is read as untrusted input. Values that could break a reader (another type, an
infinite number, a year 0001, a key that occurs twice) are refused here with their place. Unknown fields are dropped;
texts for people are cut. The published form is ``docs/quality-report.schema.json``: this one adds limits (lengths,
numbers of entries, days from 1970 to 2999, names that occur once) and leaves optional what gates of other DAGs leave
out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from ecommerce_dwh.texts import cut, one_line, said

FIRST_YEAR, LAST_YEAR = 1970, 2999
MOST = 2**53 - 1  # greatest count: beyond it JSON's readers disagree
_REASON = 300  # characters of an explanation
_SHOWN = ("schema_version", "status", "start_date", "end_date", "delivery_date", "day")
_STRICT = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class NotAsDocumented(ValueError):
    """The content is not of the form that it should have; the message is a clause for people."""


def real_day(text: str) -> str:
    """A day ``YYYY-MM-DD`` from 1970 to 2999, as it is.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) or not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        raise ValueError(f"no day from {FIRST_YEAR} to {LAST_YEAR}, YYYY-MM-DD")
    date.fromisoformat(text)
    return text


def _texts(limit: int) -> Callable[[str], str]:
    return lambda text: said(text, limit)


def _one_meaning(report: Report) -> Report:
    start, end = report.get("start_date"), report.get("end_date")
    if start and end and start > end:
        raise ValueError(f"the report begins on {start}, after it ends")
    _no_name_twice([table["source"] for table in report["tables"]], "table")
    for table in report["tables"]:
        _no_name_twice([rule["rule"] for rule in table["rules"]], f"rule of {table['source']}")
    return report


def _no_name_twice(names: list[str], what: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"it has the {what} {shown(name)} {count} times")


def _fewer_than_checked(rule: Rule) -> Rule:
    if rule.get("rows_failed", 0) > rule.get("rows_checked", MOST):
        raise ValueError("more rows failed than were checked")
    return rule


Day = Annotated[str, StringConstraints(max_length=10), AfterValidator(real_day)]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,256}$")]
RunKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,250}$")]
Count = Annotated[int, Field(ge=0, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
Figure = Annotated[float, Field(ge=-1e18, le=1e18)]
Words = Annotated[str, AfterValidator(_texts(1000))]
Sample = Annotated[str, AfterValidator(_texts(300))]


@with_config(_STRICT)
class History(TypedDict):
    """The measurement of a rule against history."""

    day: Day
    value: Figure | None
    median: Figure | None
    low: Figure | None
    high: Figure | None
    z: NotRequired[Figure | None]
    days: Count


@with_config(_STRICT)
class Rule(TypedDict):
    """A rule's verdict."""

    rule: Name
    passed: bool
    dimension: NotRequired[Annotated[str, StringConstraints(max_length=64)]]
    severity: NotRequired[Annotated[str, StringConstraints(max_length=64)]]
    description: NotRequired[Words]
    unit: NotRequired[Annotated[str, StringConstraints(max_length=64)]]
    rows_checked: NotRequired[Count]
    rows_failed: NotRequired[Count]
    failed_ratio: NotRequired[Share]
    threshold: NotRequired[Share]
    judged: NotRequired[bool]
    message: NotRequired[Words]
    samples: NotRequired[Annotated[list[Sample], Field(max_length=20)]]
    history: NotRequired[History]


@with_config(_STRICT)
class Table(TypedDict):
    """A source and its rules."""

    source: Name
    rows: NotRequired[Count]
    rules: Annotated[list[Annotated[Rule, AfterValidator(_fewer_than_checked)]], Field(max_length=1000)]


@with_config(_STRICT)
class LedgerEntry(TypedDict):
    """The ledger of a source and day."""

    source: Name
    delivery_date: Day
    raw_rows: Count
    accepted_rows: Count
    superseded_rows: Count
    quarantined_rows: Count


@with_config(_STRICT)
class RejectedRow(TypedDict):
    """The place of a quarantined row, and its defect."""

    source_file: NotRequired[Words]
    source_line: NotRequired[Annotated[int, Field(ge=-1, le=MOST)]]
    message: NotRequired[Words | None]


@with_config(_STRICT)
class Quarantine(TypedDict):
    """Rejected rows of one source and reason."""

    source: Name
    rule: Name
    rows: NotRequired[Count]
    samples: NotRequired[Annotated[list[RejectedRow], Field(max_length=20)]]


@with_config(_STRICT)
class Drift(TypedDict):
    """A column that differs from the contract."""

    source: Name
    column: Sample
    kind: Sample
    file_count: NotRequired[Count]


@with_config(_STRICT)
class NotLoaded(TypedDict):
    """An object of the raw bucket that lies where no file is loaded."""

    key: Words
    size: NotRequired[Count]
    reason: Words


@with_config(_STRICT)
class Report(TypedDict):
    """A quality report of schema version 1."""

    schema_version: Literal[1]
    run_id: RunKey
    status: Literal["passed", "warned", "failed"]
    start_date: NotRequired[Day]
    end_date: NotRequired[Day]
    generated_at: NotRequired[Annotated[str, StringConstraints(max_length=64)]]
    privacy: NotRequired[Count]  # version of the rules of `privacy` that it was written under
    tables: Annotated[list[Table], Field(min_length=1, max_length=500)]
    ledger: NotRequired[Annotated[list[LedgerEntry], Field(max_length=50_000)]]
    quarantine: NotRequired[Annotated[list[Quarantine], Field(max_length=5000)]]
    drift: NotRequired[Annotated[list[Drift], Field(max_length=5000)]]
    not_loaded: NotRequired[Annotated[list[NotLoaded], Field(max_length=1000)]]
    not_loaded_count: NotRequired[Count]  # of all such objects, also of those that are not named


@with_config(_STRICT)
class Override(TypedDict):
    """Who opened a run's closed gate, and why (``gate_override.json``)."""

    reason: Sample
    by: NotRequired[Sample]
    at: NotRequired[Sample]


def parse_json(body: bytes | str) -> Any:
    """JSON as the standard has it: UTF-8, no NaN, no key twice.

    Raises:
        NotAsDocumented: it is something else, nested too deep, or has a number beyond all measure.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        return json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except RecursionError:
        raise NotAsDocumented("not complete JSON (nested too deep)") from None
    except ValueError as error:
        raise NotAsDocumented(f"not complete JSON ({one_line(error, _REASON)})") from None


def checked_report(content: object) -> dict[str, Any]:
    """A parsed and checked report, without unknown fields, and with its texts cut.

    Raises:
        NotAsDocumented: it is not of the documented form; the message names the first place and the trouble.
    """
    found: dict[str, Any] = checked(_report(), content)
    return found


def checked_override(content: object) -> dict[str, Any]:
    """A parsed record of a gate that a person opened.

    Raises:
        NotAsDocumented: it is not of the documented form.
    """
    found: dict[str, Any] = checked(_override(), content)
    return found


def checked(adapter: TypeAdapter[Any], content: object) -> Any:
    """Content as the adapter has it.

    Raises:
        NotAsDocumented: it is of another form; the message names the first place and the trouble.
    """
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise NotAsDocumented(cut(_trouble(first), _REASON)) from None
    except RecursionError:
        raise NotAsDocumented("nested too deep") from None


def shown(value: object) -> str:
    """A value of any type as a short text for an explanation."""
    if isinstance(value, str):
        return repr(cut(value, 40))
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= MOST):
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _trouble(error: Mapping[str, Any]) -> str:
    """The first finding in words: place, value where it can be no personal data, and what is asked for."""
    place = ".".join(str(step) for step in error["loc"]) or "the whole"
    name = str(error["loc"][-1]) if error["loc"] else ""
    asked = one_line(error["msg"], _REASON).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"it lacks {place}"
    if not error["loc"]:
        return asked
    value = error["input"]
    if name in _SHOWN or not isinstance(value, str):
        return f"{place} is {shown(value)}: {asked}"
    return f"{place}: {asked}"


@cache
def _report() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[Report, AfterValidator(_one_meaning)])


@cache
def _override() -> TypeAdapter[Any]:
    return TypeAdapter(Override)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shown(name)} occurs twice")
        found[name] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
