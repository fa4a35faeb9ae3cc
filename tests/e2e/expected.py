"""What the warehouse must hold for a folder of raw files, computed in plain Python from the files alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from shop_data.raw_rows import rows_of
from shop_data.raw_rules import Rules, Values, amount_of, checks_of, moment_of, rule_broken
from shop_data.schema import SOURCES

# Stock changes daily and is a fact of its own (fact_inventory), not a version of the product.
_NOT_VERSIONED = ("updated_at", "stock_quantity")


@dataclass
class Version:
    """An accepted row of a source with history."""

    moment: datetime
    content: tuple[str | None, ...]


@dataclass
class Expected:
    """Numbers that views and dimensions must show.

    Attributes:
        versions: per source and key, its distinct versions in order; None where one moment has two contents.
        revenue: Σ line_total of revenue lines, where every line's amount and status are beyond doubt.
        doubtful: lines whose newest version is tied between two amounts, or whose order's status is.
    """

    versions: dict[str, dict[str, list[Version] | None]] = field(default_factory=dict)
    revenue: Decimal = Decimal(0)
    revenue_orders: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)


def accepted(folder: Path, source: str, rules: Rules) -> list[tuple[date, Values]]:
    """Rows that break no hard rule, with the day that delivered them."""
    found = []
    checks = checks_of(SOURCES[source], rules)
    for path in sorted((folder / source).glob("dt=*/*")):
        day = date.fromisoformat(path.parent.name.removeprefix("dt="))
        for values, fault in rows_of(path.name, path.read_bytes(), SOURCES[source]):
            if values is not None and not fault and not rule_broken(values, checks):
                found.append((day, values))
    return found


def expect(folder: Path, rules: Rules) -> Expected:
    """Compute everything from the files."""
    result = Expected()
    for source in ("customers", "products"):
        result.versions[source] = _versions(folder, source, rules)
    statuses = _newest(folder, "orders", rules)
    lines: dict[str, tuple[date, set[tuple[str, int, Decimal]]]] = {}
    for day, values in accepted(folder, "order_items", rules):
        key, order = str(values["order_item_id"]), str(values["order_id"])
        content = (order, int(Decimal(str(values["quantity"]))), amount_of(values))
        if key not in lines or day > lines[key][0]:
            lines[key] = (day, {content})
        elif day == lines[key][0]:
            lines[key][1].add(content)
    for key, (_, contents) in lines.items():
        ((order, quantity, amount), *others) = contents
        if order not in statuses:
            continue  # held
        if others or len(statuses[order]) > 1:
            result.doubtful.add(key)
        elif quantity < 0 or not statuses[order] & {"cancelled", "unavailable"}:
            result.revenue += amount
            result.revenue_orders.add(order)
    return result


def _version_at(day: date, values: Values) -> datetime:
    text = values.get("updated_at")
    return (moment_of(text) if text else None) or datetime(day.year, day.month, day.day)  # noqa: DTZ001


def _versions(folder: Path, source: str, rules: Rules) -> dict[str, list[Version] | None]:
    key_name = SOURCES[source].key
    moments: dict[str, dict[datetime, set[tuple[str | None, ...]]]] = defaultdict(lambda: defaultdict(set))
    for day, values in accepted(folder, source, rules):
        content = tuple(value for name, value in values.items() if name not in (key_name, *_NOT_VERSIONED))
        moments[str(values[key_name])][_version_at(day, values)].add(content)
    found: dict[str, list[Version] | None] = {}
    for key, by_moment in moments.items():
        if any(len(contents) > 1 for contents in by_moment.values()):
            found[key] = None
            continue
        versions: list[Version] = []
        for moment in sorted(by_moment):
            (content,) = by_moment[moment]
            if not versions or versions[-1].content != content:
                versions.append(Version(moment, content))
        found[key] = versions
    return found


def _newest(folder: Path, source: str, rules: Rules) -> dict[str, set[str]]:
    """Normalised status of each order's newest version; two of them where the newest is tied."""
    newest: dict[str, tuple[datetime, set[str]]] = {}
    for day, values in accepted(folder, source, rules):
        order, moment = str(values["order_id"]), _version_at(day, values)
        status = (values["order_status"] or "").strip().lower()
        status = "cancelled" if status == "canceled" else status
        if order not in newest or moment > newest[order][0]:
            newest[order] = (moment, {status})
        elif moment == newest[order][0]:
            newest[order][1].add(status)
    return {order: statuses for order, (_, statuses) in newest.items()}
