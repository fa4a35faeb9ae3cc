"""Charts as inline SVG: no library, no script, no inline style (the page's content policy forbids both).

Colours come from the style sheet by class, so that dark and light follow the visitor. Each chart has a text
alternative; the figures themselves are in a table next to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Point:
    """A rule on a day: ``state`` is ``passed``, ``warned``, ``failed``, ``unjudged`` or ``none``.

    Of a rule against history also what was measured, and between what it is in line.
    """

    day: str
    state: str
    checked: int = 0
    failed: int = 0
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def ratio(self) -> float:
        return self.failed / self.checked if self.checked else 0.0


SPARK_BARS = 66


def sparkline(points: Sequence[Point], label: str) -> Markup:
    """Failing share per day as small bars; days that passed without a failing row are a dot on the ground.

    A long span has several days to a bar: the worst of them is shown. One path per state, since a page has many.
    """
    width, height = 132, 26
    group = -(-len(points) // SPARK_BARS) or 1
    step = width / (-(-len(points) // group) or 1)
    top = max((point.ratio for point in points), default=0) or 1
    paths: dict[str, list[str]] = {}
    order = ("none", "unjudged", "passed", "warned", "failed")
    for place in range(0, len(points), group):
        worst = max(points[place : place + group], key=lambda point: (order.index(point.state), point.ratio))
        if worst.state == "none":
            continue
        high = max(worst.ratio / top * (height - 4), 4 if worst.state in ("warned", "failed") else 1.5)
        wide = max(step * 0.8, 0.6)
        left = place // group * step
        paths.setdefault(worst.state, []).append(f"M{left:.1f} {height}v-{high:.1f}h{wide:.1f}V{height}z")
    drawn = Markup("").join(
        Markup('<path class="s-{}" d="{}"></path>').format(state, "".join(bars))
        for state, bars in paths.items()
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(width, height, label, drawn)


WIDTH, HEIGHT, LEFT, BASE = 960, 240, 74, 206


def trend(points: Sequence[Point], threshold: float, label: str) -> Markup:
    """Failing share per day with the allowed share as a line, months on the axis."""
    highest = max([point.ratio for point in points] + [threshold]) or 0.01
    top = _nice(highest * 1.08)
    step = (WIDTH - LEFT - 8) / max(len(points), 1)

    def y(ratio: float) -> float:
        return BASE - ratio / top * (BASE - 14)

    parts = [_line(y(top * fraction), percent(top * fraction)) for fraction in (0, 0.25, 0.5, 0.75, 1)]
    parts += _months(points, step)
    for place, point in enumerate(points):
        if point.state in ("none", "unjudged"):
            continue
        # A day without failing rows is a mark on the ground: it differs from a day without a report.
        high = max(BASE - y(point.ratio), 2)
        title = (
            f"{point.day}: {point.failed:,} of {point.checked:,} rows ({percent(point.ratio)}), {point.state}"
        )
        parts.append(
            Markup(
                '<rect class="s-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            ).format(point.state, LEFT + place * step, BASE - high, max(min(step * 0.82, 26), 0.8), high, title)
        )
    if threshold:
        parts.append(
            Markup(
                '<line class="allowed" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"></line>'
                '<text class="axis allowed-text" x="{}" y="{:.1f}" text-anchor="end">allowed {}</text>'
            ).format(
                LEFT, WIDTH - 8, y(threshold), y(threshold), WIDTH - 10, y(threshold) - 5, percent(threshold)
            )
        )
    return _svg(parts, label)


def measured(points: Sequence[Point], label: str) -> Markup:
    """Chart of a trend rule: a dot for the value of each day, a band for the range in which the rule passes."""
    known = [(place, point) for place, point in enumerate(points) if point.value is not None]
    ends = [end for _, point in known for end in (point.value, point.low, point.high) if end is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    if high - low < 1e-9:
        high = low + 1.0
    pace = _pace((high - low) / 4)
    low, high = math.floor(low / pace) * pace, math.ceil(high * 1.02 / pace) * pace
    step = (WIDTH - LEFT - 8) / max(len(points), 1)
    wide = max(min(step * 0.82, 26), 1.2)

    def y(value: float) -> float:
        return BASE - (value - low) / (high - low) * (BASE - 14)

    ticks = [low + pace * count for count in range(round((high - low) / pace) + 1)]
    parts = [_line(y(tick), number(round(tick, 9))) for tick in ticks]
    parts += _months(points, step)
    for place, point in known:
        x = LEFT + place * step
        title = f"{point.day}: {number(point.value)}"
        if point.low is not None and point.high is not None:
            title += f", usual {number(point.low)} to {number(point.high)}"
            parts.append(
                Markup(
                    '<rect class="usual" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"></rect>'
                ).format(x, y(point.high), wide, max(y(point.low) - y(point.high), 1))
            )
        parts.append(
            Markup('<circle class="s-{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>').format(
                point.state,
                x + wide / 2,
                y(point.value or 0.0),
                5 if point.state in ("warned", "failed") else 2.5,
                f"{title}, {'not judged' if point.state == 'unjudged' else point.state}",
            )
        )
    return _svg(parts, label)


def _svg(parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg class="trend" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, escape(label), Markup("").join(parts)
    )


def _line(y: float, text: str) -> Markup:
    return Markup(
        '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"></line>'
        '<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT, WIDTH - 8, y, y, LEFT - 8, y + 4, text)


def _months(points: Sequence[Point], step: float) -> list[Markup]:
    """The first of each month on the axis; of long spans each quarter's."""
    months = sum(point.day.endswith("-01") for point in points)
    return [
        Markup('<text class="axis" x="{:.1f}" y="{}">{}</text>').format(
            LEFT + place * step, BASE + 20, point.day[:7]
        )
        for place, point in enumerate(points)
        if point.day.endswith("-01") and (months <= 12 or point.day[5:7] in ("01", "04", "07", "10"))
    ]


def number(value: float | None) -> str:
    """A measured figure as people write it."""
    if value is None:
        return "–"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def _pace(least: float) -> float:
    """The next distance between ticks of the form 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in (1, 2, 5, 10) if power * step >= least)


def percent(share: float) -> str:
    """A share as people write it: no noise behind the point, but never a false zero."""
    value = share * 100
    if not value:
        return "0 %"
    if value < 0.01:
        return "< 0.01 %"
    return f"{value:.3g} %" if value < 99.95 or value >= 100 else "> 99.9 %"


def _nice(value: float) -> float:
    """The next number of the form 1, 2, 4, 5 or 8 times a power of ten, at most one."""
    power = 1.0
    while power > value:
        power /= 10
    return min(next((power * step for step in (1, 2, 4, 5, 8, 10) if power * step >= value), 1.0), 1.0)
