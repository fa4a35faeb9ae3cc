"""The end of ``make run`` and ``make load-sample`` in words: what came, what was wrong, what the warehouse says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from local.config import LocalConfig
from local.stack import summary
from local.stack.display import console

QUERIES = Path(__file__).with_name("story.sql")
NAMES = {"order_items": "order lines", "web_events": "web events"}
_SHOWN = 4  # findings of one kind; the page has all


@dataclass(frozen=True)
class Story:
    """What is told.

    Attributes:
        days: first and last day.
        answers: rows of each query of ``story.sql``.
        reports: quality report by day; absent where there is none.
    """

    days: tuple[str, str]
    answers: Mapping[str, Sequence[tuple[Any, ...]]]
    reports: Mapping[str, Mapping[str, Any]]

    def came(self) -> list[str]:
        """Rows by source."""
        rows = [(NAMES.get(source, source), count) for source, count, *_ in self.answers["came"] if count]
        first, last = self.days
        when = first if first == last else f"{first} … {last}"
        return [f"{when}: " + (", ".join(f"{count:,} {name}" for name, count in rows) or "no row")]

    def wrong(self) -> list[str]:
        """What was set aside, with its reasons, and what was loaded with a warning."""
        lines = []
        superseded, quarantined, lost = (sum(row[place] for row in self.answers["came"]) for place in (2, 3, 4))
        if quarantined:
            reasons: Counter[str] = Counter()
            for report in self.reports.values():
                for found in report.get("quarantine", []):
                    reasons[f"{found['source']} {found['rule']}"] += found["rows"]
            lines.append(f"{quarantined:,} rows are in quarantine with their reasons: {_most(reasons)}")
        if superseded:
            lines.append(f"{superseded:,} rows were copies or older versions of a key that came twice")
        (held,) = self.answers["held"] or [(0,)]
        if held[0]:
            lines.append(f"{held[0]:,} order lines wait for their order, which has not come yet")
        lines += self._drift()
        warned: Counter[str] = Counter()
        for report in self.reports.values():
            for table in report["tables"]:
                for rule in table["rules"]:
                    if not rule["passed"]:
                        warned[f"{table['source']} {rule['rule']}"] += 1
        if warned:
            lines.append(f"Rules that warn: {_most(warned, unit='day')}")
        lines.append(
            "Every raw row is loaded, in quarantine, or counted as superseded; order lines add up in money, too."
            if not lost
            else f"{lost:,} rows are in no part of the ledger: that is a fault of the warehouse."
        )
        return lines

    def _drift(self) -> list[str]:
        """Columns that are not those of the contracts, and files that were not loaded."""
        kinds: dict[str, set[str]] = {}
        for report in self.reports.values():
            for found in report.get("drift", []):
                kinds.setdefault(str(found["kind"]), set()).add(f"{found['source']}.{found['column']}")
        lines = [f"{kind[:1].upper()}{kind[1:]}: {_some(sorted(columns))}" for kind, columns in kinds.items()]
        skipped = sum(int(report.get("not_loaded_count", 0)) for report in self.reports.values())
        return [*lines, *([f"{skipped:,} objects were not loaded; the report names them"] if skipped else [])]

    def says(self) -> list[str]:
        """The figures of the analytics views."""
        (orders, revenue), *_ = self.answers["sales"] or [(None, None)]
        if not orders:
            return ["There are no sales yet."]
        ((customers,),) = self.answers["customers"]
        lines = [
            f"Revenue {revenue:,.2f} in {orders:,} orders of {customers:,} customers; "
            f"{Decimal(revenue) / orders:,.2f} per order"
        ]
        best = []
        for category, amount in self.answers["categories"]:
            best.append(f"category {category} ({100 * Decimal(amount) / Decimal(revenue):.0f} % of revenue)")
        best += [f"product {name}" for (name,) in self.answers["products"] if name]
        best += [f"place {', '.join(filter(None, place))}" for place in self.answers["places"] if any(place)]
        if best:
            lines.append(f"First: {'; '.join(best)}")
        ((sessions, purchases),) = self.answers["funnel"] or [(None, None)]
        if sessions:
            lines.append(
                f"{sessions:,} web sessions, {purchases:,} of them with a purchase ({100 * purchases / sessions:.1f} %)"
            )
        return lines


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _most(counts: Counter[str], unit: str = "") -> str:
    def amount(count: int) -> str:
        return f"{count:,} {unit}{'' if count == 1 else 's'}" if unit else f"{count:,}"

    return _some([f"{name} ({amount(count)})" for name, count in counts.most_common()])


def read_story(config: LocalConfig, days: Sequence[str]) -> Story:
    """Ask the warehouse and read the reports of the days."""
    answers = {}
    with closing(summary.connect(config)) as connection:
        connection.autocommit = True
        for name, text in summary.queries(QUERIES):
            cursor = connection.cursor()
            cursor.execute(text.format(first=days[0], last=days[-1]))
            answers[name] = [tuple(row) for row in cursor.fetchall()]
    return Story((days[0], days[-1]), answers, summary.reports(config, days))


def show_story(config: LocalConfig, days: Sequence[str], target: Console = console) -> None:
    """Print the story of the days, and what to do next."""
    story = read_story(config, days)
    for title, lines in (
        ("What came in", story.came()),
        ("What was wrong with it", story.wrong()),
        ("What the warehouse says now", story.says()),
    ):
        target.print(Text(f"\n{title}", style="bold"))
        for line in lines:
            target.print(Text(f"  {line}"), soft_wrap=True)


def show_next(config: LocalConfig, day: str, target: Console = console) -> None:
    """Print four things to try, with their commands."""
    report = config.home / "reports" / f"{day}.html"
    rows = [
        ("look at the runs", "make up", f"then {config.mail_url}/start: every page, with logins"),
        ("ask the warehouse", 'make psql SQL="select * from analytics.monthly_sales_trends"', ""),
        ("read a day's quality report", str(report), "a page for the browser"),
        (
            "load your own shop",
            "make import SHOP=shopify FILE=orders_export.csv",
            "docs/local-data.md has others",
        ),
    ]
    target.print(Text("\nWhat to try next", style="bold"))
    for what, command, hint in rows:
        line = Text.assemble((f"  {what:<28}", ""), (command, "cyan"), (f"   {hint}" if hint else "", "dim"))
        target.print(line, soft_wrap=True)
