"""``history``: a figure of the day is as usual, compared with the days before by a robust z-score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked, RuleKind
from ecommerce_dwh.rules.rule import Rule

# Argument defaults by metric, and those of every metric.
METRICS: dict[str, dict[str, Any]] = {
    "rows": {"tolerance": 0.2},
    "null_ratio": {"tolerance": 0.02},
    "mean": {"tolerance": 0.1},
    "sum": {"tolerance": 0.2},
}
DEFAULTS: dict[str, Any] = {"max_z": 5, "days": 28, "minimum_days": 14, "weekday": True}
# Smallest and greatest value of each number; the first two need not be whole.
_LIMITS = {"max_z": (1, 1000), "tolerance": (0, 1000), "days": (7, 366), "minimum_days": (3, 366)}
_FRACTIONS = ("max_z", "tolerance")


class History(RuleKind):
    name = "history"
    must = frozenset({"metric"})
    may = frozenset({"column", "max_z", "tolerance", "days", "minimum_days", "weekday"})
    meaning = (
        "`metric` (`rows`, `null_ratio`, `mean`, `sum`), `column`, `tolerance`, `max_z`, `days`, "
        "`minimum_days`, `weekday`: [trend rule](data-quality.md#rules-against-history)"
    )

    def takes_column(self, arguments: Mapping[str, Any]) -> bool:
        return arguments.get("metric") != "rows"

    def completed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {**DEFAULTS, **METRICS[arguments["metric"]], **arguments}

    def dimension(self, _declared: str, arguments: Mapping[str, Any]) -> str:
        return "volume" if arguments["metric"] == "rows" else "drift"  # the standard has no word for drift

    def check(self, asked: Asked) -> None:
        metric = asked.arguments["metric"]
        if not isinstance(metric, str) or metric not in METRICS:
            raise asked.refuse("metric", f"metric {metric!r} is not one of {', '.join(METRICS)}")
        if (metric == "rows") == bool(asked.columns):
            needs = "has no" if metric == "rows" else "needs a"
            raise asked.refuse("", f"metric {metric} {needs} column")
        if metric in ("mean", "sum") and (asked.type is None or not asked.type.is_number):
            raise asked.refuse("column", f"{metric} needs a number, '{asked.columns[0]}' is none")
        values = self.completed(asked.arguments)
        for argument, (low, high) in _LIMITS.items():
            value = values[argument]
            kinds = (int, float) if argument in _FRACTIONS else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                raise asked.refuse(argument, f"{argument} {value!r} is impossible; it is {low} to {high}")
        if not isinstance(values["weekday"], bool):
            raise asked.refuse("weekday", f"weekday {values['weekday']!r} is not true or false")
        if values["minimum_days"] > values["days"]:
            raise asked.refuse(
                "minimum_days", f"minimum_days {values['minimum_days']} is above days {values['days']}"
            )

    def sentence(self, rule: Rule) -> str:
        metric = rule.arguments["metric"]
        figure = {
            "rows": "The number of rows",
            "null_ratio": f"The share of rows without {rule.column}",
            "mean": f"The mean of {rule.column}",
            "sum": f"The sum of {rule.column}",
        }[metric]
        return f"{figure} is as in the {rule.arguments['days']} days before"

    def dqdl(self, _rule: Rule) -> str:
        raise dqdl.NotExpressible(
            "DQDL has no weekday-aware robust z-score; its dynamic rules compare with plain averages"
        )
