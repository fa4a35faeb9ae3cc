"""The four ways in which rules are evaluated, the figures they give, and the usual verdict on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame

from ecommerce_dwh.contracts import Rule


@dataclass(frozen=True)
class Count:
    """Rows that a rule checked and rows that broke it, on one day."""

    checked: int
    failed: int

    @property
    def ratio(self) -> float:
        """Share of failed rows; 0 where none was checked."""
        return self.failed / self.checked if self.checked else 0.0


@dataclass
class Day:
    """A table's figures of one day.

    Attributes:
        rows: all rows.
        counts: by rule name.
        metrics: what the history rules compare, by name; None where nothing can be measured.
    """

    rows: int = 0
    counts: dict[str, Count] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)


def share_verdict(rule: Rule, count: Count) -> tuple[bool, str]:
    """Whether the share of failed rows is within the rule's threshold; if not, the reason in words."""
    if count.ratio <= rule.threshold:
        return True, ""
    allowed = f"{rule.threshold:.2%} are allowed" if rule.threshold else "none is allowed"
    return False, f"{count.failed:,} of {count.checked:,} rows ({count.ratio:.2%}) break the rule; {allowed}"


Verdict = Callable[[Rule, Count], tuple[bool, str]]


@dataclass(frozen=True)
class RowKind:
    """A rule that each row keeps or breaks by itself.

    Attributes:
        broken: SQL condition under which a row breaks the rule; null counts as unbroken.
        is_about_values: whether rows without a value in the rule's column are passed over.
    """

    broken: Callable[[Rule], Column]
    is_about_values: bool = True
    verdict: Verdict = share_verdict


@dataclass(frozen=True)
class TableKind:
    """A rule that needs more than one row at a time.

    Attributes:
        offenders: rows that break the rule, out of the accepted rows of all sources; None when there are none.
    """

    offenders: Callable[[str, Mapping[str, DataFrame], Rule], DataFrame | None]
    verdict: Verdict = share_verdict


@dataclass(frozen=True)
class LedgerKind:
    """A rule about numbers of rows, which the ledger knows.

    Attributes:
        count: gets the accepted rows of a day and its entry of the ledger.
    """

    count: Callable[[int, Mapping[str, Any]], Count]
    verdict: Verdict = share_verdict


@dataclass(frozen=True)
class HistoryKind:
    """A rule that compares a day with the days before it (`ecommerce_dwh_glue.rules.history`)."""


Kind = RowKind | TableKind | LedgerKind | HistoryKind
