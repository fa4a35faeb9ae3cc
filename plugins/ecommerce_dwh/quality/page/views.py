"""The overview, the rules over time and the ledger, computed from the index. Pure: no S3, no web framework."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from ecommerce_dwh.quality.page.charts import Point
from ecommerce_dwh.quality.page.index import (
    FAILED,
    NOT_JUDGED,
    PASSED,
    UNKNOWN,
    DayEntry,
    RuleMonth,
)
from ecommerce_dwh.quality.page.masking import mask
from ecommerce_dwh.quality.page.store import Snapshot, shift_month

SPANS = (1, 3, 6, 12, 24)
# State: (symbol, words). The symbol carries the meaning where colour does not.
STATES = {
    "passed": ("✓", "passed"),
    "warned": ("!", "warning"),
    "failed": ("✕", "failed"),
    "unjudged": ("–", "not judged"),
    "unreadable": ("?", "report cannot be read"),
    "none": ("·", "no report"),
}
WORST = ("passed", "warned", "failed", "unreadable")
MOST_LEDGER_LINES = 20_000  # of a span of months


@dataclass(frozen=True)
class Cell:
    """A day of a table in the overview."""

    day: str
    state: str
    title: str
    link: str = ""
    is_range: bool = False

    @property
    def symbol(self) -> str:
        return STATES[self.state][0]


@dataclass(frozen=True)
class MonthBlock:
    """A month of the overview: one row per table, the first row sums up."""

    name: str
    title: str
    days: tuple[int, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @property
    def has_links(self) -> bool:
        """Whether the keyboard can enter it; what scrolls must be reachable otherwise."""
        return any(cell.link for _, cells in self.rows for cell in cells)


@dataclass(frozen=True)
class RuleLine:
    """A rule in the overview's list."""

    source: str
    rule: str
    dimension: str
    severity: str
    description: str
    state: str
    days_failed: int
    days_seen: int
    last_failed: str
    points: tuple[Point, ...]


@dataclass
class Coverage:
    """The report that counts for each day: its own, or that of a range of days; the newest written wins."""

    by_day: dict[str, tuple[str, DayEntry]] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, names: Collection[str]) -> Coverage:
        """Of the days from the first of the months named on; a report may claim to reach back for centuries."""
        result = cls()
        first = f"{min(names, default='')}-01"
        for month in snapshot.months:
            for end, entry in month.days.items():
                for day in _days(max(entry.start or end, first), end):
                    known = result.by_day.get(day)
                    if known is None or (_rank(entry), end == day) > (_rank(known[1]), known[0] == day):
                        result.by_day[day] = (end, entry)
        return result


def _rank(entry: DayEntry) -> str:
    return "" if entry.problem else entry.generated_at


def _days(first: str, last: str) -> Iterable[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day.isoformat()
        day += timedelta(days=1)


def table_state(entry: DayEntry, source: str) -> str:
    """The state of one table in a report."""
    if entry.problem:
        return "unreadable"
    if source not in entry.tables:
        return "none"
    _, _, errors, warnings = entry.tables[source]
    return "failed" if errors else "warned" if warnings else "passed"


def report_state(entry: DayEntry) -> str:
    """The state of a whole report: never milder than its headline."""
    if entry.problem:
        return "unreadable"
    states = [table_state(entry, source) for source in entry.tables]
    return max([entry.status, *(state for state in states if state != "none")], key=WORST.index)


def sources_of(snapshot: Snapshot, first: Sequence[str] = ()) -> tuple[str, ...]:
    """All tables of the span; those of the contracts first, in their order."""
    found = {source for month in snapshot.months for source, _ in month.rules}
    found |= {source for month in snapshot.months for entry in month.days.values() for source in entry.tables}
    return (*(source for source in first if source in found), *sorted(found - set(first)))


def month_blocks(
    snapshot: Snapshot, names: Sequence[str], sources: Sequence[str], today: str
) -> list[MonthBlock]:
    """The overview, newest month first.

    Args:
        snapshot: index of at least these months and of all later ones.
        names: months to show.
        sources: tables, in order.
        today: days after it are left empty.
    """
    coverage = Coverage.of(snapshot, names)
    newest = max(coverage.by_day, default="")
    blocks = []
    for name in reversed(names):
        first = date.fromisoformat(f"{name}-01")
        last = date.fromisoformat(f"{shift_month(name, 1)}-01") - timedelta(days=1)
        days = list(_days(first.isoformat(), last.isoformat()))
        rows = [("All tables", tuple(_cell(day, "", coverage, newest, today) for day in days))]
        rows += [
            (source, tuple(_cell(day, source, coverage, newest, today) for day in days)) for source in sources
        ]
        blocks.append(MonthBlock(name, first.strftime("%B %Y"), tuple(range(1, last.day + 1)), tuple(rows)))
    return blocks


def _cell(day: str, source: str, coverage: Coverage, newest: str, today: str) -> Cell:
    found = coverage.by_day.get(day)
    who = source or "all tables"
    if found is None:
        if day > max(newest, today):
            return Cell(day, "none", "")
        return Cell(day, "none", f"{day}, {who}: no report")
    end, entry = found
    state = table_state(entry, source) if source else report_state(entry)
    words = STATES[state][1]
    if entry.problem:
        words = f"report cannot be read: {mask(entry.problem)}"
    elif source in entry.tables:
        rows, rules, errors, warnings = entry.tables[source]
        counts = [f"{rows:,} rows", f"{rules} rules"]
        counts += [f"{errors} failed"] if errors else []
        counts += [f"{warnings} warned"] if warnings else []
        words = f"{words}, {', '.join(counts)}"
    is_range = entry.start not in ("", end)
    if is_range:
        words += f" (one report for {entry.start} to {end})"
    link = f"day/{day}" if end == day else f"day/{end}?focus={day}"
    return Cell(day, state, f"{day}, {who}: {words}", f"{link}#{source}" if source else link, is_range)


def rule_points(snapshot: Snapshot, source: str, rule: str, names: Collection[str]) -> list[Point]:
    """A rule's days within the months given, one point per day."""
    points = []
    for month in snapshot.months:
        if month.name not in names:
            continue
        found = month.rules.get((source, rule))
        for place in range(month.length):
            day = f"{month.name}-{place + 1:02}"
            points.append(_point(found, place, day))
    return points


def _point(rule: RuleMonth | None, place: int, day: str) -> Point:
    if rule is None or rule.verdicts[place] == UNKNOWN:
        return Point(day, "none")
    state = {PASSED: "passed", NOT_JUDGED: "unjudged"}.get(rule.verdicts[place], "failed")
    if state == "failed" and rule.severity == "warning":
        state = "warned"
    measure = rule.measures.get(str(place)) or (None, None, None)
    return Point(day, state, rule.checked[place] or 0, rule.failed[place] or 0, *measure)


def rule_lines(
    snapshot: Snapshot,
    names: Sequence[str],
    *,
    query: str = "",
    show: str = "failing",
    source: str = "",
    limit: int = 1000,
) -> tuple[list[RuleLine], int, int]:
    """Rules of the span that match, those that failed last first; how many match, and how many rules there are.

    Args:
        snapshot: index of at least these months.
        names: months of the span.
        query: words that must all occur in a rule's table, name, dimension, severity or description.
        show: ``failing`` for rules that failed in the span, ``all`` for every rule.
        source: only this table.
        limit: at most so many lines.
    """
    months = [month for month in snapshot.months if month.name in names]
    rules: dict[tuple[str, str], RuleMonth] = {}
    verdicts: dict[tuple[str, str], str] = {}
    days: list[str] = []
    for month in months:
        for key in verdicts.keys() - month.rules.keys():
            verdicts[key] += UNKNOWN * month.length
        for key, rule in month.rules.items():
            verdicts[key] = verdicts.get(key, UNKNOWN * len(days)) + rule.verdicts
        rules.update(month.rules)  # the newest month's words describe a rule
        days += [f"{month.name}-{place + 1:02}" for place in range(month.length)]
    words = query.lower().split()
    found = []
    for key, rule in rules.items():
        history = verdicts[key]
        if (source and key[0] != source) or (show == "failing" and FAILED not in history):
            continue
        text = " ".join((".".join(key), rule.dimension, rule.severity, rule.description)).lower()
        if all(word in text for word in words):
            last = history.rfind(FAILED)
            found.append((last, rule.severity == "error", history.count(FAILED), key))
    found.sort(key=lambda item: item[3])
    found.sort(key=lambda item: item[:3], reverse=True)
    lines = [_line(snapshot, key, rules[key], verdicts[key], days, names) for _, _, _, key in found[:limit]]
    return lines, len(found), len(rules)


def _line(
    snapshot: Snapshot,
    key: tuple[str, str],
    rule: RuleMonth,
    verdicts: str,
    days: Sequence[str],
    names: Collection[str],
) -> RuleLine:
    points = rule_points(snapshot, *key, names)
    last = verdicts.rfind(FAILED)
    return RuleLine(
        source=key[0],
        rule=key[1],
        dimension=rule.dimension,
        severity=rule.severity,
        description=rule.description,
        state=next((point.state for point in reversed(points) if point.state != "none"), "none"),
        days_failed=verdicts.count(FAILED),
        days_seen=len(verdicts) - verdicts.count(UNKNOWN) - verdicts.count(NOT_JUDGED),
        last_failed=days[last] if last >= 0 else "",
        points=tuple(points),
    )


@dataclass(frozen=True)
class LedgerLine:
    """The ledger of a source and day."""

    day: str
    source: str
    raw: int
    accepted: int
    superseded: int
    quarantined: int
    link: str = ""

    @property
    def balances(self) -> bool:
        return self.raw == self.accepted + self.superseded + self.quarantined


def ledger_line(day: str, source: str, counts: Sequence[int], link: str = "") -> LedgerLine:
    """A line from its counts, in the order of `ecommerce_dwh.ledger.ROWS`."""
    raw, accepted, superseded, quarantined = counts
    return LedgerLine(day, source, raw, accepted, superseded, quarantined, link)


def ledger_lines(snapshot: Snapshot, names: Collection[str], source: str = "") -> list[LedgerLine]:
    """The ledger of every day of the span, newest day first, as its newest report counts it.

    At most `MOST_LEDGER_LINES`: those of the newest days.
    """
    lines = []
    for day, (end, entry) in sorted(Coverage.of(snapshot, names).by_day.items(), reverse=True):
        if day[:7] not in names:
            continue
        for table, counts in entry.ledger.get(day, {}).items():
            if not source or table == source:
                lines.append(ledger_line(day, table, counts, f"day/{end}"))
                if len(lines) == MOST_LEDGER_LINES:
                    return lines
    return lines


def unreadable(snapshot: Snapshot, names: Collection[str]) -> list[tuple[str, str]]:
    """Days of the span whose report cannot be read, newest first, each with the reason."""
    return sorted(
        (
            (day, mask(entry.problem))
            for month in snapshot.months
            if month.name in names
            for day, entry in month.days.items()
            if entry.problem
        ),
        reverse=True,
    )
