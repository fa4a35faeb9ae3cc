"""A quality rule as every part of the product knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("error", "warning")


@dataclass(frozen=True)
class Rule:
    """One quality rule.

    Attributes:
        name: unique within the source.
        dimension: completeness, uniqueness, validity, consistency, referential integrity, freshness, volume, drift.
        severity: ``error`` closes the gate, ``warning`` is shown.
        kind: name of one of ``ecommerce_dwh.rules.KINDS``.
        columns: the columns that the rule looks at.
        arguments: the kind's other arguments.
        threshold: greatest share of failing rows (0…1; of days, for kind ``history``) with which the rule still
            passes.
        description: one sentence for the report's reader.
    """

    name: str
    dimension: str
    severity: str
    kind: str
    columns: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    threshold: float = 0.0
    description: str = ""

    @property
    def column(self) -> str:
        """The rule's only column; empty for rules on several or none."""
        return self.columns[0] if len(self.columns) == 1 else ""
