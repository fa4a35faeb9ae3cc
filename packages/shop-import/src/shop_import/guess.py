"""Proposes a mapping for a folder of files that no known shop system wrote."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from shop_import.mapping import DATES, MOMENTS, MONEY, UNDECIDED
from shop_import.notes import ImportFileError
from shop_import.reading import Export, read_export
from shop_import.tables import COLUMNS, REQUIRED
from shop_import.values import Spelling, UnreadableError, plain_name

# Other names of a column, in plain spelling, beside its own.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "customer_id": (
        "customer",
        "customer number",
        "customer no",
        "client id",
        "client",
        "user id",
        "account id",
        "buyer id",
    ),
    "first_name": ("given name", "forename", "firstname"),
    "last_name": ("family name", "surname", "lastname"),
    "email": ("e mail", "email address", "mail"),
    "phone": ("telephone", "phone number", "mobile"),
    "date_of_birth": ("birthday", "birth date", "dob"),
    "gender": ("sex",),
    "address": ("street", "street address", "address line 1"),
    "city": ("town",),
    "state": ("province", "region", "county"),
    "postal_code": ("zip", "zip code", "postcode", "postal"),
    "country": ("country code", "nation"),
    "customer_segment": ("segment", "customer group", "group"),
    "registration_date": ("registered", "signup date", "created", "created at", "member since"),
    "updated_at": ("updated", "modified", "last modified", "modified at", "last change", "changed at"),
    "product_id": (
        "product",
        "article",
        "article number",
        "item number",
        "stock code",
        "stockcode",
        "item id",
        "sku",
    ),
    "product_name": ("name", "title", "product title", "description", "item name", "item"),
    "category_name": ("category", "product category", "department"),
    "subcategory_name": ("subcategory", "sub category"),
    "brand": ("vendor", "manufacturer", "make"),
    "sku": ("stock keeping unit", "article number"),
    "price": ("list price", "retail price", "unit price", "msrp"),
    "cost": ("unit cost", "purchase price", "cost price", "standard cost"),
    "stock_quantity": ("stock", "inventory", "on hand", "quantity in stock"),
    "is_active": ("active", "enabled", "published"),
    "order_id": (
        "order",
        "order number",
        "order no",
        "invoice",
        "invoice no",
        "invoice number",
        "invoiceno",
        "order ref",
    ),
    "order_date": (
        "date",
        "ordered at",
        "invoice date",
        "invoicedate",
        "created at",
        "purchase date",
        "order time",
        "placed at",
    ),
    "order_status": ("status", "state of order"),
    "payment_method": ("payment", "payment type", "paid by"),
    "shipping_city": ("ship city", "delivery city"),
    "shipping_state": ("ship state", "delivery state", "shipping province"),
    "shipping_postal_code": ("ship zip", "shipping zip", "shipping postcode", "delivery postcode"),
    "shipping_country": ("ship country", "delivery country"),
    "subtotal": ("sub total", "items total"),
    "tax": ("vat", "taxes", "tax amount", "gst"),
    "shipping_cost": ("shipping", "freight", "delivery cost", "postage"),
    "discount": ("discount amount", "rebate", "voucher"),
    "total_amount": ("total", "order total", "grand total", "amount", "total due"),
    "currency": ("currency code",),
    "shipped_date": ("shipped", "shipped at", "ship date", "dispatched"),
    "delivered_date": ("delivered", "delivered at", "delivery date"),
    "order_item_id": ("line id", "order line id", "item line id", "position id"),
    "quantity": ("qty", "units", "count", "pieces"),
    "unit_price": ("price", "item price", "price each", "unitprice"),
    "line_total": ("line amount", "total price", "extended price", "amount"),
}
# Formats that are tried, those with the day first beside their twin with the month first.
FORMATS = (
    None,
    *(
        f"{day}{time}"
        for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_SAMPLE = 500


@dataclass
class Proposal:
    """A mapping to be edited.

    Attributes:
        text: the YAML file.
        missing: required columns that no file has, by table.
        optional: other columns that no file has, by table.
        unused: columns of the files without a place, by file.
    """

    text: str
    missing: dict[str, list[str]] = field(default_factory=dict)
    optional: dict[str, list[str]] = field(default_factory=dict)
    unused: dict[str, list[str]] = field(default_factory=dict)


def propose(folder: Path) -> Proposal:
    """Propose a mapping for the CSV files of a folder, or for one file.

    Raises:
        ImportFileError: there is no CSV file, or none that holds one of the tables.
    """
    paths = (
        [folder]
        if folder.is_file()
        else sorted(
            path
            for path in folder.glob("*")
            if path.name.lower().endswith((".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz"))
        )
    )
    if not paths:
        raise ImportFileError(f"{folder} has no CSV file")
    exports = [read_export(path) for path in paths]
    proposal = Proposal("")
    sources: dict[str, dict[str, Any]] = {}
    used: dict[str, set[str]] = {export.path.name: set() for export in exports}
    for name in COLUMNS:
        best = max(exports, key=lambda export: _score(name, export))
        found = match(name, best.header)
        if not _score(name, best):
            continue
        used[best.path.name] |= set(found.values())
        formats = {
            column: pattern
            for column, given in found.items()
            if column in MOMENTS | DATES
            and (pattern := date_format([row.cells.get(given, "") for row in best.rows]))
        }
        sources[name] = {"file": best.path.name, "columns": found, **({"formats": formats} if formats else {})}
        absent = [column for column in COLUMNS[name] if column not in found]
        if missing := [column for column in absent if column in REQUIRED[name] and column != "order_item_id"]:
            proposal.missing[name] = missing
        proposal.optional[name] = [column for column in absent if column not in REQUIRED[name]]
    if not sources:
        raise ImportFileError(f"no file of {folder} looks like orders, order lines, customers or products")
    proposal.unused = {
        export.path.name: rest
        for export in exports
        if (rest := [column for column in export.header if column and column not in used[export.path.name]])
    }
    content = {"version": 1, "timezone": "UTC", "decimal": _decimal(exports, sources), "sources": sources}
    proposal.text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return proposal


def match(name: str, header: list[str]) -> dict[str, str]:
    """The file's column for each of the table's that it seems to have."""
    plain = {plain_name(column): column for column in reversed(header) if column}
    found: dict[str, str] = {}
    taken: set[str] = set()

    def take(column: str, given: str) -> None:
        found[column] = plain[given]
        taken.add(given)

    for column in COLUMNS[name]:
        if plain_name(column) in plain:
            take(column, plain_name(column))
    for column in COLUMNS[name]:
        if column not in found:
            # What every row needs may share a column: a shop whose SKU is its only product number.
            free = plain.keys() if column in REQUIRED[name] else plain.keys() - taken
            given = next((other for other in OTHER_NAMES.get(column, ()) if other in free), None)
            if given:
                take(column, given)
    for column in COLUMNS[name]:
        if column not in found:
            near = difflib.get_close_matches(plain_name(column), plain.keys() - taken, 1, 0.85)
            if near:
                take(column, near[0])
    return {column: found[column] for column in COLUMNS[name] if column in found}


def _score(name: str, export: Export) -> int:
    """How well a file fits a table; 0 unless it has most of what every row needs."""
    found = match(name, export.header)
    required = [column for column in REQUIRED[name] if column != "order_item_id"]
    have = sum(column in found for column in required)
    if have < max(1, len(required) - 1) or (REQUIRED[name][0] not in found and name != "order_items"):
        return 0
    named = 20 * (
        name.rstrip("s").replace("_", "") in plain_name(export.path.name.split(".")[0]).replace(" ", "")
    )
    others = len(found) - have
    if name in ("customers", "products") and others < 1:
        return 0
    return 10 * have + others + named


def date_format(values: list[str]) -> str | None:
    """The one format that reads all values; None for ISO 8601, `UNDECIDED` where day and month may be exchanged."""
    sample = [value for value in values if value][:_SAMPLE]
    if not sample:
        return None
    fitting = [pattern for pattern in FORMATS if all(_reads(value, pattern) for value in sample)]
    if not fitting or fitting[0] is None:
        return None
    texts = [str(pattern) for pattern in fitting]
    day_first, month_first = (any(text.startswith(mark) for text in texts) for mark in ("%d", "%m"))
    return UNDECIDED if day_first and month_first else texts[0]


def _reads(value: str, pattern: str | None) -> bool:
    try:
        if pattern is None:
            Spelling().moment(value)
        else:
            datetime.strptime(value, pattern)  # noqa: DTZ007 - only whether it can be read
    except (UnreadableError, ValueError):
        return False
    return True


def _decimal(exports: list[Export], sources: dict[str, dict[str, Any]]) -> str:
    """The decimal mark with which more amounts of the mapped columns can be read."""
    by_name = {export.path.name: export for export in exports}
    read = {".": 0, ",": 0}
    for source in sources.values():
        for column, given in source["columns"].items():
            if column in MONEY:
                for row in by_name[str(source["file"])].rows[:_SAMPLE]:
                    for mark in read:
                        try:
                            Spelling(decimal=mark).amount(row.cells.get(given, "") or "0")
                        except UnreadableError:
                            continue
                        read[mark] += 1
    return "," if read[","] > read["."] else "."
