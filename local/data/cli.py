"""Arguments, progress and summaries of ``python -m local.data``; the work is done in the modules beside it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from local.data.dirt import MODES
from local.data.generate import Generator, Plan, day_range, write_truth
from local.data.render import FORMATS
from local.data.schema import SOURCES
from local.data.target import TargetError, open_target
from local.data.world import DEFAULT_OPENED, World


def default_bucket() -> str:
    """The raw bucket of the deployment, as the product names it."""
    from plugins.ecommerce_dwh.settings import get_settings  # noqa: PLC0415 - only needed without --to

    return f"s3://{get_settings().bucket('raw')}"


def _days(text: str) -> list[date]:
    try:
        return day_range(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-01-01") from None


def _count(text: str) -> int:
    """A whole number; 1e6 and 1_000_000 are fine."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(value)


def _sources(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no source is called {unknown[0]!r}; there are {', '.join(SOURCES)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    generate = commands.add_parser("generate", help="make up days of an Indian marketplace")
    generate.add_argument("--days", type=_days, required=True, metavar="A:B", help="days, both included")
    generate.add_argument("--lines-per-day", type=_count, default=10_000, metavar="N", help="default 10000")
    generate.add_argument("--seed", type=int, default=7)
    generate.add_argument("--format", choices=FORMATS, default="csv.gz")
    generate.add_argument("--dirt", choices=tuple(MODES), default="default")
    generate.add_argument("--opened", type=_day, metavar="DAY", help=f"first day of the shop, {DEFAULT_OPENED}")
    generate.add_argument("--sources", type=_sources, default=list(SOURCES), metavar="A,B", help="default: all")
    generate.add_argument("--to", metavar="TARGET", help="folder or s3://bucket; default the raw bucket")
    generate.add_argument("--truth", type=Path, metavar="FILE", help="what the files hold, as JSON")
    generate.add_argument("--replace", action="store_true", help="delete other files of these days")
    generate.set_defaults(run=_generate)
    return parser


def _generate(arguments: argparse.Namespace, console: Console) -> int:
    days: list[date] = arguments.days
    opened = arguments.opened or min(DEFAULT_OPENED, days[0])
    if arguments.opened is None and opened != DEFAULT_OPENED:
        console.print(f"The shop opens on {opened}; give --opened {opened} for other days of the same shop.")
    if days[0] > opened:
        console.print(f"The full snapshot of customers and products lies in {opened}, before these days.")
    to = arguments.to or default_bucket()
    plan = Plan(
        days,
        arguments.lines_per_day,
        arguments.seed,
        arguments.format,
        arguments.dirt,
        opened,
        arguments.sources,
    )
    target = open_target(to)
    generator = Generator(plan, target)
    started = time.monotonic()
    _show_progress(generator, console)
    if generator.foreign and arguments.replace:
        for key in generator.foreign:
            target.delete(key)
    truth_file = write_truth(generator, to, arguments.truth)
    seconds = time.monotonic() - started

    table = Table(title=f"{len(days)} days in {to}")
    for heading in ("source", "files", "rows", "quarantined", "superseded", "amount"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    total = 0
    for source, by_day in generator.truth.items():
        truths = by_day.values()
        rows = sum(truth.raw_rows for truth in truths)
        total += rows
        table.add_row(
            source,
            f"{sum(truth.files for truth in truths):,}",
            f"{rows:,}",
            f"{sum(truth.quarantined_rows for truth in truths):,}",
            f"{sum(truth.superseded_rows for truth in truths):,}",
            f"{sum(truth.raw_amount for truth in truths):,.2f}" if source == "order_items" else "",
        )
    console.print(table)
    console.print(f"{total:,} rows in {seconds:.1f} s ({total / max(seconds, 0.001):,.0f} rows/s)")
    if truth_file:
        console.print(f"What they hold: {truth_file}")
    if generator.foreign and not arguments.replace:
        console.print(
            f"[yellow]These days hold {len(generator.foreign)} other files, e.g. {generator.foreign[0]}; "
            "they would be loaded too. --replace deletes them."
        )
    return 0


def _show_progress(generator: Generator, console: Console) -> None:
    """A bar on a terminal, a line per day elsewhere."""
    plan, world = generator.plan, generator.world
    if not console.is_terminal:
        current = None
        for day, _, _ in generator.run():
            if day != current:
                console.print(f"{day} …")
                current = day
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("", total=_expected(world, plan))
        done = 0
        for day, source, rows in generator.run():
            done += rows
            progress.update(task, completed=done, description=f"{day} {source}")
        progress.update(task, total=done)


def _expected(world: World, plan: Plan) -> int:
    """About how many rows there will be; good enough for a bar."""
    per_order = {"orders": 2.8, "order_items": 2.5, "web_events": 5.5}
    total = 0.0
    for day in plan.days:
        number = world.day_number(day)
        orders = world.order_count(number)
        total += sum(orders * per_order.get(source, 0) for source in plan.sources)
        total += world.customers if number == 0 and "customers" in plan.sources else 0
    return round(total)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 1 when it could not be done and 2 for wrong arguments."""
    parsed = _parser().parse_args(arguments)
    console = Console(highlight=False)
    try:
        return parsed.run(parsed, console)
    except (TargetError, ValueError, FileNotFoundError) as error:
        print(f"local.data: {error}", file=sys.stderr)
        return 1
