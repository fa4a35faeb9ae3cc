"""The command ``shop-import``: convert an export, or propose a mapping for one that is unknown."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shop_import.convert import KNOWN, convert
from shop_import.guess import Proposal, propose
from shop_import.notes import ImportFileError
from shop_import.tables import REFUSED_FILE, Imported, write
from shop_import.values import Spelling


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the conversion, for this command and for one that calls it."""
    parser.add_argument("files", nargs="+", type=Path, help="exports; a folder for Olist and with --mapping")
    parser.add_argument("--shop", choices=KNOWN, help="shop system; by default recognised by the header")
    parser.add_argument("--mapping", type=Path, help="a mapping file, for any other system (see `map`)")
    parser.add_argument("--prefix", default="", help="put before every id, where ids of several shops meet")
    parser.add_argument("--timezone", default="UTC", help="zone of dates that name none (default UTC)")
    parser.add_argument(
        "--decimal", default=".", choices=[".", ","], help="decimal mark of amounts (default .)"
    )
    parser.add_argument(
        "--date-format", help="format of dates as of strptime, such as %%d/%%m/%%Y (default ISO 8601)"
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help=f"go on without orders that cannot be read; {REFUSED_FILE} has them",
    )


def import_files(options: argparse.Namespace, folder: Path, console: Console) -> Imported:
    """Convert, write and show.

    Raises:
        ImportFileError: nothing could be converted, or a row could not be read and ``--skip-unreadable`` is not given.
    """
    spelling = Spelling(options.timezone, options.decimal, options.date_format)
    title, imported = convert(
        options.files, options.shop, spelling=spelling, prefix=options.prefix, mapping_file=options.mapping
    )
    write(imported, folder)
    show(title, imported, console)
    if imported.refused and not options.skip_unreadable:
        first = imported.refused[0]
        raise ImportFileError(
            f"{len(imported.refused)} rows were not imported, the first at {first.row.place}: {first.reason}. "
            f"{folder / REFUSED_FILE} has them all; correct them, or go on without them by --skip-unreadable"
        )
    return imported


def show(title: str, imported: Imported, console: Console) -> None:
    """Print what was read, the control totals and what was not understood."""
    totals, tables = imported.totals, imported.tables
    console.print(Text(f"\n{title}: {totals.rows:,} rows", "bold"))
    console.print(
        f"{len(tables['orders']):,} orders, {len(tables['order_items']):,} lines, "
        f"{len(tables['customers']):,} customers, {len(tables['products']):,} products"
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("control totals")
    table.add_column("export", justify="right")
    table.add_column("imported", justify="right")
    table.add_column("")

    def row(name: str, shop: Decimal | int | None, ours: Decimal | int) -> None:
        mark = "" if shop is None else "equal" if shop == ours else f"differs by {ours - shop:+,}"
        table.add_row(
            name,
            "" if shop is None else f"{shop:,}",
            f"{ours:,}",
            Text(mark, "green" if mark == "equal" else "bold red"),
        )

    row("orders", totals.shop_orders, totals.orders)
    row("Σ total of the orders", totals.shop_total, totals.total)
    row("Σ lines sold, before discounts", None, totals.lines_total)
    row("Σ lines refunded", None, totals.refunded)
    if totals.open_difference:
        row("Σ total beyond lines − discount + tax + shipping", None, totals.open_difference)
    console.print(table)
    if imported.notes.found:
        console.print(Text("Not understood, or decided for you", "bold"))
        for text, note in imported.notes.found.items():
            examples = (
                f" ({', '.join(note.examples)}{' …' if note.count > len(note.examples) else ''})"
                if note.examples
                else ""
            )
            console.print(Text(f"  {note.count:>6,} × {text}") + Text(examples, "dim"), soft_wrap=True)


def show_proposal(proposal: Proposal, path: Path, console: Console) -> None:
    """Print a proposal with what is missing."""
    console.print(proposal.text, markup=False, highlight=False)
    for name, columns in proposal.missing.items():
        console.print(Text(f"{name}: needs {', '.join(columns)}, which no column looks like", "bold red"))
    for name, columns in proposal.optional.items():
        if columns:
            console.print(Text(f"{name}: without {', '.join(columns)}", "yellow"), soft_wrap=True)
    for name, columns in proposal.unused.items():
        console.print(Text(f"{name}: no place for {', '.join(columns)}", "dim"), soft_wrap=True)
    console.print(f"Written to {path}. Edit it, then import with --mapping {path}", soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="shop-import", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command", metavar="command")
    convert_ = commands.add_parser("convert", help="convert an export into the four tables")
    add_options(convert_)
    convert_.add_argument("--to", type=Path, required=True, help="folder to write")
    map_ = commands.add_parser("map", help="propose a mapping for a folder of CSV files")
    map_.add_argument("folder", type=Path)
    map_.add_argument(
        "--to", type=Path, default=Path("mapping.yaml"), help="file to write (default mapping.yaml)"
    )
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        if options.command == "map":
            proposal = propose(options.folder)
            options.to.write_text(proposal.text, "utf-8")
            show_proposal(proposal, options.to, console)
        else:
            import_files(options, options.to, console)
            console.print(f"Written to {options.to}")
    except ImportFileError as error:
        console.print(Text(str(error), "red"), soft_wrap=True)
        return 1
    return 0
