"""The tables that an import writes, and its control totals."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from shop_import.notes import Notes
from shop_import.reading import Row


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Columns of the four sources in the order of their files. Web events are not part of a shop system's export.
COLUMNS: dict[str, tuple[str, ...]] = {
    "customers": _words(
        "customer_id first_name last_name email phone date_of_birth gender address city state postal_code country "
        "customer_segment registration_date updated_at"
    ),
    "products": _words(
        "product_id product_name category_name subcategory_name brand sku price cost stock_quantity is_active "
        "updated_at"
    ),
    "orders": _words(
        "order_id customer_id order_date order_status payment_method shipping_city shipping_state "
        "shipping_postal_code shipping_country subtotal tax shipping_cost discount total_amount currency "
        "shipped_date delivered_date updated_at"
    ),
    "order_items": _words("order_item_id order_id product_id quantity unit_price line_total"),
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "customers": _words("customer_id"),
    "products": _words("product_id"),
    "orders": _words("order_id order_date"),
    "order_items": _words("order_item_id order_id product_id quantity unit_price"),
}
REFUSED_FILE = "not_imported.csv"


@dataclass(frozen=True)
class Refused:
    """A row that was not imported, and why."""

    row: Row
    reason: str


@dataclass
class Totals:
    """What the export says, and what was written.

    Attributes:
        rows: rows of the export's files.
        shop_orders: orders in the export.
        shop_total: Σ of the orders' own totals, as the export has them.
        orders, total: the same of what was written.
        lines_total: Σ of the sold lines, before discounts.
        refunded: Σ of the lines that take goods or money back, positive.
        open_difference: Σ of what orders' totals have beyond lines − discount + tax + shipping.
    """

    rows: int = 0
    shop_orders: int = 0
    shop_total: Decimal = Decimal(0)
    orders: int = 0
    total: Decimal = Decimal(0)
    lines: int = 0
    lines_total: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    open_difference: Decimal = Decimal(0)


@dataclass
class Imported:
    """The rows of the four tables, with what could not be taken."""

    tables: dict[str, list[dict[str, str]]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    totals: Totals = field(default_factory=Totals)
    notes: Notes = field(default_factory=Notes)
    refused: list[Refused] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every order of the export was written with its amount."""
        totals = self.totals
        return not self.refused and (totals.shop_orders, totals.shop_total) == (totals.orders, totals.total)


def write(imported: Imported, folder: Path) -> list[Path]:
    """Write ``full/<table>.csv.gz`` for each table with rows, and the refused rows; returns the files.

    The same rows give the same bytes.
    """
    full = folder / "full"
    full.mkdir(parents=True, exist_ok=True)
    files = []
    for name, rows in imported.tables.items():
        path = full / f"{name}.csv.gz"
        path.unlink(missing_ok=True)
        if rows:
            path.write_bytes(
                _gzipped(COLUMNS[name], ([row.get(column, "") for column in COLUMNS[name]] for row in rows))
            )
            files.append(path)
    refused = folder / REFUSED_FILE
    refused.unlink(missing_ok=True)
    if imported.refused:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["file", "line", "reason", "row"])
        for each in imported.refused:
            cells = "; ".join(f"{name}={value}" for name, value in each.row.cells.items() if value)
            writer.writerow([each.row.file, each.row.line, each.reason, cells])
        refused.write_text(text.getvalue(), "utf-8")
        files.append(refused)
    return files


def _gzipped(header: Iterable[str], rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)
