"""Rules against history: is a day like the days before it?

Every judged day leaves its figures in ``quality/history/v1/<day>.json`` of the processed bucket; a rule of kind
``history`` compares its day with the trailing days (28, unless the rule says otherwise). Only days before the judged
one count, so that an old day judged again gives the answer it gave then, unless those days were corrected meanwhile.
Within a window of several days the earlier days of the window are history of the later ones: a range and single days
give the same verdicts. Pure, except for `load` and `save`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.storage import Storage

PREFIX = "quality/history/v1/"
VERSION = 1
# Days of the same weekday that a weekday-aware rule needs: two give no idea of what is usual.
SAME_WEEKDAY = 3
# Makes the median absolute deviation an estimate of the standard deviation (Hampel 1974).
MAD_TO_SIGMA = 1.4826
_LOGARITHMIC = ("rows", "sum", "mean")
_THREADS = 16

# Figures by day (YYYY-MM-DD), source and metric; None where there is nothing to measure.
Figures = dict[str, dict[str, dict[str, float | None]]]


def metric_name(rule: Rule) -> str:
    """Under what name a rule's figure is kept: ``rows``, ``mean:<column>`` …"""
    metric = str(rule.arguments["metric"])
    return f"{metric}:{rule.column}" if rule.column else metric


@dataclass(frozen=True)
class Finding:
    """What a history rule says of one day.

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
        """For the report."""
        fields = ("day", "value", "median", "low", "high", "z", "days")
        return {
            name: round(found, 6) if isinstance(found := getattr(self, name), float) else found
            for name in fields
        }


def judge(rule: Rule, day: str, value: float | None, past: Mapping[str, float | None]) -> Finding:
    """Compare a day with the days before it.

    The centre is the median of the same weekdays (of all days, unless weekday-aware); of an even number, the span
    between the two in the middle. The spread is the median absolute deviation of all trailing days, each from the
    median of the *other* days like it, which is how the judged day itself is looked at. Rows, sums and means are
    compared on a logarithmic scale (asinh, which also bears zero and negative figures): twice and half weigh the same.
    A day is out of line beyond ``max_z`` spreads, and never within ``tolerance`` of what is usual.

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
    if len(known) < int(arguments["minimum_days"]):
        return Finding(
            day,
            False,
            False,
            f"not judged: {len(known)} of the {arguments['days']} days before {day} have figures, "
            f"{arguments['minimum_days']} are needed",
            value,
            days=len(known),
        )
    groups: dict[int, list[float]] = defaultdict(list)
    for each, figure in known.items():
        groups[each.weekday() if arguments["weekday"] else 0].append(figure)
    alike = groups.get(today.weekday() if arguments["weekday"] else 0, [])
    if len(alike) < SAME_WEEKDAY:
        return Finding(
            day,
            False,
            False,
            f"not judged: {len(alike)} {today:%A}s among the {arguments['days']} days before {day} have figures, "
            f"{SAME_WEEKDAY} are needed",
            value,
            days=len(known),
        )
    offsets = [
        abs(figure - median(group[:place] + group[place + 1 :]))
        for group in groups.values()
        if len(group) > 1
        for place, figure in enumerate(group)
    ]
    sigma = MAD_TO_SIGMA * median(offsets)
    tolerance = float(arguments["tolerance"])
    reach = max(float(arguments["max_z"]) * sigma, math.log1p(tolerance) if logarithmic else tolerance)
    # Of an even number of days the two in the middle: where half of them were holidays, both halves are usual.
    below, above = sorted(alike)[(len(alike) - 1) // 2], sorted(alike)[len(alike) // 2]
    figure = math.asinh(value) if logarithmic else value
    distance = min(figure - below, 0.0) + max(figure - above, 0.0)
    deviates = abs(distance) > reach
    back = math.sinh if logarithmic else float
    usual, low, high = back(median(alike)), back(below - reach), back(above + reach)
    if arguments["metric"] == "rows":
        low = max(low, 0.0)
    if arguments["metric"] == "null_ratio":
        low, high = max(low, 0.0), min(high, 1.0)
    z = distance / sigma if sigma else None
    return Finding(
        day,
        True,
        deviates,
        _words(rule, today, value, usual, low, high, z),
        value,
        usual,
        low,
        high,
        z,
        len(known),
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


def load(storage: Storage, bucket: str, before: str, days: int) -> Figures:
    """Figures of the days before a day.

    Args:
        storage: object store.
        bucket: processed bucket.
        before: first day that does not count (``YYYY-MM-DD``).
        days: how many days back.

    Returns:
        Days without figures are missing. An object that cannot be read is left out, with a warning.
    """
    first = (dt.date.fromisoformat(before) - dt.timedelta(days=days)).isoformat()
    keys = []
    # Keys sort as days do: the listing begins before the first day wanted and ends behind the last.
    for item in storage.objects(bucket, PREFIX, start_after=f"{PREFIX}{first}"):
        day = item.key.removeprefix(PREFIX).removesuffix(".json")
        if day >= before:
            break
        keys.append(item.key)

    def read(key: str) -> tuple[str, dict[str, dict[str, float | None]]] | None:
        try:
            content = json.loads(storage.read(bucket, key))
            if content["schema_version"] != VERSION:
                raise ValueError(f"schema version {content['schema_version']!r}")
            return content["day"], content["tables"]
        except (ValueError, KeyError, TypeError) as error:
            print(f"warning: s3://{bucket}/{key} is left out of the history: {type(error).__name__}: {error}")
            return None

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        return dict(found for found in pool.map(read, keys) if found is not None)


def save(storage: Storage, bucket: str, run_key: str, figures: Figures) -> None:
    """Keep the figures of a run's days, each as an object of its own: runs of other days are not touched."""

    def write(day: str) -> None:
        content = {"schema_version": VERSION, "day": day, "run_id": run_key, "tables": figures[day]}
        text = json.dumps(content, indent=1, sort_keys=True).encode()
        storage.write(bucket, f"{PREFIX}{day}.json", text, "application/json")

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        list(pool.map(write, figures))


def reach_of(rules: Iterable[Rule]) -> int:
    """How many days back the rules look; 0 when none does."""
    return max((int(rule.arguments["days"]) for rule in rules if rule.kind == "history"), default=0)
