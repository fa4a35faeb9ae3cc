"""Charts as inline SVG: no library, no script, no inline style (the page's content policy forbids both).

Colours come from the style sheet by class, so that dark and light follow the visitor. Each chart has a text
alternative; the figures themselves stand in a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Point:
    """A rule on a day: ``state`` is ``passed``, ``warned``, ``failed`` or ``none``."""

    day: str
    state: str
    checked: int = 0
    failed: int = 0

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
    order = ("none", "passed", "warned", "failed")
    for place in range(0, len(points), group):
        worst = max(points[place : place + group], key=lambda point: (order.index(point.state), point.ratio))
        if worst.state == "none":
            continue
        high = max(worst.ratio / top * (height - 4), 1.5 if worst.state == "passed" else 4)
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


def trend(points: Sequence[Point], threshold: float, label: str) -> Markup:
    """Failing share per day with the allowed share as a line, months on the axis."""
    width, height, left, base = 960, 240, 64, 206
    highest = max([point.ratio for point in points] + [threshold]) or 0.01
    top = _nice(highest * 1.08)
    step = (width - left - 8) / max(len(points), 1)

    def y(ratio: float) -> float:
        return base - ratio / top * (base - 14)

    parts = []
    for fraction in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"></line>'
                '<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(
                left,
                width - 8,
                y(top * fraction),
                y(top * fraction),
                left - 8,
                y(top * fraction) + 4,
                percent(top * fraction),
            )
        )
    months = sum(point.day.endswith("-01") for point in points)
    for place, point in enumerate(points):
        x = left + place * step
        if point.day.endswith("-01") and (months <= 12 or point.day[5:7] in ("01", "04", "07", "10")):
            parts.append(
                Markup('<text class="axis" x="{:.1f}" y="{}">{}</text>').format(x, base + 20, point.day[:7])
            )
        if point.state == "none":
            continue
        # A day without failing rows is a mark on the ground: it differs from a day without a report.
        high = max(base - y(point.ratio), 2)
        title = (
            f"{point.day}: {point.failed:,} of {point.checked:,} rows ({percent(point.ratio)}), {point.state}"
        )
        parts.append(
            Markup(
                '<rect class="s-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            ).format(point.state, x, base - high, max(min(step * 0.82, 26), 0.8), high, title)
        )
    if threshold:
        parts.append(
            Markup(
                '<line class="allowed" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"></line>'
                '<text class="axis allowed-text" x="{}" y="{:.1f}" text-anchor="end">allowed {}</text>'
            ).format(
                left, width - 8, y(threshold), y(threshold), width - 10, y(threshold) - 5, percent(threshold)
            )
        )
    return Markup('<svg class="trend" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, escape(label), Markup("").join(parts)
    )


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
