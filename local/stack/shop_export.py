"""``make import``: an export of a shop system, converted, loaded and compared with the shop's own totals."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from rich.text import Text

from local.config import LocalConfig
from local.stack import summary
from local.stack.demo import load_sample
from local.stack.display import console
from shop_import import cli
from shop_import.guess import propose
from shop_import.notes import ImportFileError
from shop_import.tables import Imported

_NEWEST = """
select order_id, total_amount from (
    select order_id, total_amount,
        row_number() over (partition by order_id order by version_at desc, delivery_date desc) as place
    from history.orders
) as versions
where place = 1
"""


def import_export(config: LocalConfig, arguments: Sequence[str]) -> int:
    """Convert an export into source files, load them, and compare orders and totals; returns the exit code.

    Args:
        config: the local stack.
        arguments: options of ``shop-import convert``, and ``--convert-only``.
    """
    parser = argparse.ArgumentParser(prog="make import", description="Load an export of a shop system.")
    cli.add_options(parser)
    parser.add_argument("--convert-only", action="store_true", help="write the source files and load nothing")
    options = parser.parse_args(list(arguments))
    first = options.files[0]
    folder = config.home / "imports" / first.name.split(".")[0] / time.strftime("%Y%m%d-%H%M%S")
    try:
        imported = cli.import_files(options, folder, console)
    except ImportFileError as error:
        console.print(Text(str(error), "red"), soft_wrap=True)
        return 1
    console.print(f"Source files: {folder}", soft_wrap=True)
    if options.convert_only:
        console.print(f"Load them by: make load-sample SAMPLE={folder}", soft_wrap=True)
        return 0
    # Customers and products land on the day of their last order, so that nobody registers after a delivery.
    code = load_sample(config, folder, ["--by-updated-at"])
    return code or compare(config, imported)


def compare(config: LocalConfig, imported: Imported) -> int:
    """Print whether the warehouse has the export's orders and Σ total; returns the exit code: 1 where not."""
    wanted = {row["order_id"]: Decimal(row["total_amount"]) for row in imported.tables["orders"]}
    with closing(summary.connect(config)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(_NEWEST)
        stored = {str(order): total for order, total in cursor.fetchall()}
    found = {order: stored[order] or Decimal(0) for order in wanted.keys() & stored.keys()}
    orders, total = len(found), sum(found.values(), Decimal(0))
    equal = found == wanted
    verdict = (
        "the shop's own figures" if equal else f"the export has {len(wanted):,} and {sum(wanted.values()):,}"
    )
    console.print(
        Text(
            f"\nIn the warehouse: {orders:,} orders of this export, Σ total {total:,}: {verdict}.",
            "green" if equal else "red",
        )
    )
    if others := len(stored.keys() - wanted.keys()):
        console.print(
            f"Beside them: {others:,} orders that were there before. Views show both; `make reset` empties the stack.",
            style="yellow",
        )
    if not equal:
        missing = sorted(wanted.keys() - found.keys())
        console.print(
            f"Not loaded: {', '.join(missing[:5]) or 'none'}. The report of the run says why.", soft_wrap=True
        )
    return 0 if equal else 1


def propose_mapping(sample: Path, target: Path) -> int:
    """Write a proposal of a mapping for a folder of files and show it; returns the exit code."""
    try:
        proposal = propose(sample)
    except ImportFileError as error:
        console.print(Text(str(error), "red"), soft_wrap=True)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(proposal.text, "utf-8")
    cli.show_proposal(proposal, target, console)
    console.print(f"Load by: make import FILE={sample} ARGS='--mapping {target}'", soft_wrap=True)
    return 0
