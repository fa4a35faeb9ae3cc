"""``history``: a day is like the days before it.

A rule compares its day with the trailing days (28, unless the rule says otherwise). Only days before the judged one
count, so that an old day judged again gives the answer it gave then, unless those days were corrected meanwhile.
Within a window of several days the earlier days of the window are history of the later ones: a range and single days
give the same verdicts.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules.kinds import Count, HistoryKind

# Days of the same weekday that a weekday-aware rule needs: two give no idea of what is usual.
SAME_WEEKDAY = 3
# Makes the median absolute deviation an estimate of the standard deviation (Hampel 1974).
MAD_TO_SIGMA = 1.4826
_LOGARITHMIC = ("rows", "sum", "mean")
# Where these are zero nothing happens: a closed shop that opens on a Saturday is no fault of a delivery.
_SIZES = ("rows", "sum")
# Days out of line that a message names; the rest is counted.
_NAMED_DAYS = 3

KIND = HistoryKind()


def metric_name(rule: Rule) -> str:
    """Under what name a rule's figure is kept: ``rows``, ``mean:<column>`` …"""
    metric = str(rule.arguments["metric"])
    return f"{metric}:{rule.column}" if rule.column else metric


@dataclass(frozen=True)
class Finding:
    """The verdict of a history rule on one day.

    Attributes:
        day: the day.
        judged: whether there was enough to judge by.
        deviates: whether the day is out of line.
        text: the finding in words, for report and mail.
        value: the day's figure.
        median: what is usual.
        low, high: the day is in line from the first to the second.
        z: robust z-score; None where the days before do not differ at all.
        days: days of history used.
    """

    day: str
    judged: bool
    deviates: bool
    text: str
    value: float | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    z: float | None = None
    days: int = 0

    def as_plain(self) -> dict[str, Any]:
        """The finding as the report has it."""
        fields = ("day", "value", "median", "low", "high", "z", "days")
        return {
            name: round(found, 6) if isinstance(found := getattr(self, name), float) else found
            for name in fields
        }


def verdict(rule: Rule, count: Count, findings: Mapping[str, Finding]) -> tuple[bool, str]:
    """Whether a rule passes over a window, and in words why not, or why it could not be judged.

    Args:
        rule: the rule.
        count: days judged and days out of line.
        findings: what was found by day.
    """
    odd = [finding.text for finding in findings.values() if finding.deviates]
    if not count.checked:
        return True, shown(findings).text
    if not odd or count.ratio <= rule.threshold:
        return True, ""
    more = len(odd) - _NAMED_DAYS
    rest = f"; and {more} more of {count.checked} days" if more > 0 else ""
    return False, "; ".join(odd[:_NAMED_DAYS]) + rest


def shown(findings: Mapping[str, Finding]) -> Finding:
    """The finding that is shown for a window: of the first day out of line, else of the last day."""
    return next((finding for finding in findings.values() if finding.deviates), [*findings.values()][-1])


def judge(rule: Rule, day: str, value: float | None, past: Mapping[str, float | None]) -> Finding:
    """Compare a day with the days before it.

    The centre is the median of the same weekdays (of all days, unless weekday-aware); of an even number, the span
    between the two in the middle. The spread is the median absolute deviation of all trailing days, each from the
    median of the *other* days like it, which is how the judged day itself is looked at. Rows, sums and means are
    compared on a logarithmic scale (asinh, which also bears zero and negative figures): twice and half weigh the same.
    A day is out of line beyond ``max_z`` spreads, and never within ``tolerance`` of what is usual. Rows and sums of
    days that usually have none are not judged.

    Args:
        rule: of kind ``history``.
        day: the day.
        value: its figure; None when it has none.
        past: figures by day; later days and those beyond the trailing window are left out here.
    """
    arguments = rule.arguments
    today = dt.date.fromisoformat(day)
    first = (today - dt.timedelta(days=int(arguments["days"]))).isoformat()
    logarithmic = arguments["metric"] in _LOGARITHMIC
    known = {
        dt.date.fromisoformat(name): math.asinh(figure) if logarithmic else figure
        for name, figure in sorted(past.items())
        if first <= name < day and figure is not None
    }
    if value is None:
        return Finding(day, False, False, f"not judged: {day} has no value to measure")
    groups: dict[int, list[float]] = defaultdict(list)
    for each, figure in known.items():
        groups[each.weekday() if arguments["weekday"] else 0].append(figure)
    alike = groups.get(today.weekday() if arguments["weekday"] else 0, [])
    if reason := _too_little(rule, today, len(known), len(alike)):
        return Finding(day, False, False, f"not judged: {reason}", value, days=len(known))
    if arguments["metric"] in _SIZES and _upper_median(alike) == 0:
        when = f"{today:%A}s" if arguments["weekday"] else "days"
        return Finding(
            day, False, False, f"not judged: {when} usually have nothing", value, 0.0, days=len(known)
        )
    sigma = _spread(groups)
    tolerance = float(arguments["tolerance"])
    reach = max(float(arguments["max_z"]) * sigma, math.log1p(tolerance) if logarithmic else tolerance)
    # The two days in the middle of an even number: where half of the days were holidays, both halves are usual.
    below, above = sorted(alike)[(len(alike) - 1) // 2], _upper_median(alike)
    figure = math.asinh(value) if logarithmic else value
    distance = min(figure - below, 0.0) + max(figure - above, 0.0)
    back = math.sinh if logarithmic else float
    usual, low, high = back(median(alike)), back(below - reach), back(above + reach)
    if arguments["metric"] == "rows":
        low = max(low, 0.0)
    if arguments["metric"] == "null_ratio":
        low, high = max(low, 0.0), min(high, 1.0)
    z = distance / sigma if sigma else None
    text = _words(rule, today, value, usual, low, high, z)
    return Finding(day, True, abs(distance) > reach, text, value, usual, low, high, z, len(known))


def _upper_median(figures: list[float]) -> float:
    """The figure in the middle; of an even number, the greater of the two."""
    return sorted(figures)[len(figures) // 2]


def _too_little(rule: Rule, today: dt.date, known: int, alike: int) -> str:
    """Why the days before are too few to judge by; empty when they are enough."""
    trailing, needed = rule.arguments["days"], rule.arguments["minimum_days"]
    if known < int(needed):
        return f"{known} of the {trailing} days before {today} have figures, {needed} are needed"
    if alike < SAME_WEEKDAY:
        return f"{alike} {today:%A}s among the {trailing} days before {today} have figures, {SAME_WEEKDAY} are needed"
    return ""


def _spread(groups: Mapping[int, list[float]]) -> float:
    """Robust standard deviation of days, each against the others like it."""
    return MAD_TO_SIGMA * median(
        [
            abs(figure - median(group[:place] + group[place + 1 :]))
            for group in groups.values()
            if len(group) > 1
            for place, figure in enumerate(group)
        ]
    )


def _words(
    rule: Rule, day: dt.date, value: float, usual: float, low: float, high: float, z: float | None
) -> str:
    metric = str(rule.arguments["metric"])
    what = {
        "rows": "{} rows",
        "sum": f"sum of {rule.column} {{}}",
        "mean": f"mean of {rule.column} {{}}",
        "null_ratio": f"{rule.column} empty in {{}} of rows",
    }[metric]

    def figure(number: float) -> str:
        if metric == "null_ratio":
            return f"{number:.1%}"
        return f"{number:,.0f}" if metric == "rows" or abs(number) >= 1000 else f"{number:,.2f}"

    when = f"a {day:%A}" if rule.arguments["weekday"] else "a day"
    score = "" if z is None else f"; robust z {z:+.1f}, allowed ±{rule.arguments['max_z']:g}"
    return (
        f"{what.format(figure(value))} on {day:%A} {day}; {when} usually has {figure(low)} to {figure(high)} "
        f"(median {figure(usual)}{score})"
    )
