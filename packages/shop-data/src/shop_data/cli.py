"""The command ``shop-data``: arguments, progress and summaries; the modules beside it do the work."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from shop_data.dirt import MODES
from shop_data.generate import Generator, Plan, day_range, write_truth
from shop_data.load import LoadedRange, load_folder
from shop_data.render import FORMATS
from shop_data.schema import SOURCES
from shop_data.shop import DEFAULT_OPENED
from shop_data.target import TargetError, open_target
from shop_data.truth import count_raw
from shop_data.world import World


@dataclass(frozen=True)
class Surroundings:
    """Names and advice of the project that calls the command.

    Attributes:
        program: name of the command in its messages.
        raw_bucket: where files go without ``--to``; None makes ``--to`` an argument that must be given.
        advice: end of the message that a bucket or an endpoint cannot be used.
        next_step: what to do when a folder has been landed.
    """

    program: str = "shop-data"
    raw_bucket: Callable[[], str] | None = None
    advice: str = ""
    next_step: Callable[[LoadedRange], str] | None = None


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


def _parser(around: Surroundings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=around.program, description=__doc__)
    must = around.raw_bucket is None
    to = "folder or s3://bucket" + ("" if must else "; default the raw bucket")
    commands = parser.add_subparsers(dest="command", required=True)

    generate = commands.add_parser("generate", help="make up days of an Indian marketplace")
    generate.add_argument("--days", type=_days, required=True, metavar="A:B", help="days, both included")
    generate.add_argument("--lines-per-day", type=_count, default=10_000, metavar="N", help="default 10000")
    generate.add_argument("--seed", type=int, default=7)
    generate.add_argument("--format", choices=FORMATS, default="csv.gz")
    generate.add_argument("--dirt", choices=tuple(MODES), default="default")
    generate.add_argument("--opened", type=_day, metavar="DAY", help=f"first day of the shop, {DEFAULT_OPENED}")
    generate.add_argument("--sources", type=_sources, default=list(SOURCES), metavar="A,B", help="default: all")
    generate.add_argument("--to", metavar="TARGET", required=must, help=to)
    generate.add_argument("--truth", type=Path, metavar="FILE", help="what the files hold, as JSON")
    generate.add_argument("--replace", action="store_true", help="delete other files of these days")
    generate.set_defaults(run=_generate)

    load = commands.add_parser("load", help="land real data sets in the raw bucket")
    load.add_argument(
        "folder", type=Path, help="holds daily/dt=…/<source>.csv.gz, full/<source>.csv.gz, or both"
    )
    load.add_argument("--days", type=_days, metavar="A:B", help="only these days; default: all in the data")
    load.add_argument("--as-one-day", type=_day, metavar="DAY", help="land the full/ files whole on this day")
    load.add_argument(
        "--order-date-format",
        metavar="PATTERN",
        help="how order_date is written, e.g. %%m/%%d/%%Y; default ISO 8601",
    )
    load.add_argument(
        "--by-updated-at",
        action="store_true",
        help="land customers and products on the day of their updated_at; default: all on the first day",
    )
    load.add_argument(
        "--undated-day", type=_day, metavar="DAY", help="where rows without a date land; default: first"
    )
    load.add_argument("--to", metavar="TARGET", required=must, help=to)
    load.add_argument("--replace", action="store_true", help="delete other files of these days")
    load.set_defaults(run=_load)

    truth = commands.add_parser("truth", help="count a raw folder or bucket in plain Python")
    truth.add_argument("place", metavar="PLACE", help="folder or s3://bucket")
    truth.add_argument("--days", type=_days, metavar="A:B", help="default: all")
    truth.set_defaults(run=_truth)
    parser.set_defaults(around=around)
    return parser


def _target_of(arguments: argparse.Namespace) -> str:
    return arguments.to or arguments.around.raw_bucket()


def _generate(arguments: argparse.Namespace, console: Console) -> int:
    days: list[date] = arguments.days
    opened = arguments.opened or min(DEFAULT_OPENED, days[0])
    if arguments.opened is None and opened != DEFAULT_OPENED:
        console.print(f"The shop opens on {opened}; give --opened {opened} for other days of the same shop.")
    if days[0] > opened:
        console.print(f"The full snapshot of customers and products lies in {opened}, before these days.")
    to = _target_of(arguments)
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
        number = world.shop.day_number(day)
        orders = world.shop.order_count(number)
        total += sum(orders * per_order.get(source, 0) for source in plan.sources)
        total += world.shop.customers if number == 0 and "customers" in plan.sources else 0
    return round(total)


class _LoadProgress:
    """Shows what `load_folder` reports: a bar on a terminal, a line per step elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> _LoadProgress:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._console.is_terminal:
            self._bar.update(self._task, description=what, completed=done, total=total or None)
        elif what != self._step:
            self._console.print(f"{what} …")
        self._step = what


def _load(arguments: argparse.Namespace, console: Console) -> int:
    loaded = load(arguments, console)
    if arguments.around.next_step is not None:
        console.print(arguments.around.next_step(loaded))
    return 0


def load(arguments: argparse.Namespace, console: Console) -> LoadedRange:
    """Land a folder as the arguments of ``load`` say, and print what was landed."""
    to = _target_of(arguments)
    started = time.monotonic()
    with _LoadProgress(console) as progress:
        loaded = load_folder(
            arguments.folder,
            to,
            days=arguments.days,
            as_one_day=arguments.as_one_day,
            order_date_format=arguments.order_date_format,
            by_updated_at=arguments.by_updated_at,
            undated_day=arguments.undated_day,
            replace=arguments.replace,
            progress=progress,
        )
    show_loaded(loaded, console, replaced=arguments.replace)
    console.print(f"{loaded.rows.total():,} rows in {time.monotonic() - started:.1f} s")
    return loaded


def show_loaded(loaded: LoadedRange, console: Console, *, replaced: bool = False) -> None:
    """Print what a load landed."""
    table = Table(title=f"{loaded.start} … {loaded.end} ({len(loaded.days):,} days) in {loaded.to}")
    for heading in ("source", "rows", "days with files", "days declared empty", "undated", "outside"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    for source in SOURCES:
        if loaded.days_with_files[source] or loaded.declared_empty[source]:
            counts = (
                loaded.rows,
                loaded.days_with_files,
                loaded.declared_empty,
                loaded.undated,
                loaded.outside,
            )
            table.add_row(source, *(f"{count[source]:,}" if count[source] else "" for count in counts))
    console.print(table)
    if loaded.undated:
        console.print(
            f"{loaded.undated.total():,} rows have no readable date and landed on one day nevertheless."
        )
    if loaded.outside:
        console.print(f"{loaded.outside.total():,} rows lie outside these days and were not landed.")
    if loaded.ignored:
        name, reason = next(iter(loaded.ignored.items()))
        more = f"; and {len(loaded.ignored) - 1:,} more" if len(loaded.ignored) > 1 else ""
        console.print(f"Not landed: {name} ({reason}){more}", style="yellow", markup=False, soft_wrap=True)
    if loaded.foreign:
        what = "were deleted" if replaced else "would be loaded too; --replace deletes them"
        console.print(
            f"[yellow]{len(loaded.foreign)} other files of these days {what}, e.g. {loaded.foreign[0]}."
        )


def _truth(arguments: argparse.Namespace, console: Console) -> int:
    days = arguments.days
    found = count_raw(arguments.place, (days[0], days[-1]) if days else None)
    console.print_json(json.dumps(found.as_json()))
    return 0


def parse(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> argparse.Namespace:
    """Read a command line."""
    return _parser(around or Surroundings()).parse_args(arguments)


def main(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> int:
    """Run one command; the exit code is 1 when it could not be done and 2 for wrong arguments."""
    parsed = parse(arguments, around)
    console = Console(highlight=False)
    try:
        return parsed.run(parsed, console)
    except (TargetError, ValueError, FileNotFoundError) as error:
        advice = parsed.around.advice if isinstance(error, TargetError) else ""
        print(f"{parsed.around.program}: {error}{advice}", file=sys.stderr)
        return 1
