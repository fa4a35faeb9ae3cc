"""Converts the public Olist data set: nine files of a Brazilian marketplace, joined by ids.

Header names: "Brazilian E-Commerce Public Dataset by Olist", files ``olist_<name>_dataset.csv``. Its customer_id
names an order's address, customer_unique_id the person; its order_item_id numbers the lines within an order.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from shop_import.notes import ImportFileError
from shop_import.reading import Row, read_export
from shop_import.tables import Imported, Refused
from shop_import.values import Spelling, UnreadableError, amount_text, key, moment_text

FILES = {
    name: f"olist_{name}_dataset.csv"
    for name in ("orders", "order_items", "customers", "products", "order_payments")
}
OPTIONAL = {"translation": "product_category_name_translation.csv"}


def is_olist(folder: Path) -> bool:
    """Whether a folder has the data set's orders."""
    return any((folder / f"{FILES['orders']}{end}").is_file() for end in ("", ".gz"))


def convert(folder: Path, spelling: Spelling, prefix: str = "") -> Imported:
    """Convert the data set; dates are in the export's zone.

    Raises:
        ImportFileError: one of the five files is missing or lacks a column.
    """
    imported = Imported()
    files = {name: _rows(folder / file, imported) for name, file in FILES.items()}
    translation = folder / OPTIONAL["translation"]
    english = (
        {
            row.cells.get("product_category_name", ""): row.cells.get("product_category_name_english", "")
            for row in _rows(translation, imported)
        }
        if translation.is_file()
        else {}
    )
    people = {_cell(row, "customer_id"): row for row in files["customers"]}
    lines: dict[str, list[Row]] = defaultdict(list)
    payments: dict[str, list[Row]] = defaultdict(list)
    for row in files["order_items"]:
        lines[_cell(row, "order_id")].append(row)
    for row in files["order_payments"]:
        payments[_cell(row, "order_id")].append(row)
        imported.totals.shop_total += spelling.amount(_cell(row, "payment_value"))
    latest: dict[str, str] = {}
    for row in files["orders"]:
        imported.totals.shop_orders += 1
        try:
            _order(
                row,
                lines[_cell(row, "order_id")],
                payments[_cell(row, "order_id")],
                people,
                spelling,
                prefix,
                imported,
                latest,
            )
        except UnreadableError as error:
            imported.refused.append(Refused(row, str(error)))
    known = {_cell(row, "order_id") for row in files["orders"]}
    for name, groups in (("order lines", lines), ("payments", payments)):
        for order in groups.keys() - known:
            imported.notes.add(f"{name} of an order that the export does not have", order, len(groups[order]))
    _customers(people, latest, prefix, imported)
    for row in files["products"]:
        category = row.cells.get("product_category_name", "")
        imported.tables["products"].append(
            {
                "product_id": key(prefix + _cell(row, "product_id")),
                "category_name": english.get(category) or category,
            }
        )
    return imported


def _rows(path: Path, imported: Imported) -> list[Row]:
    packed = path.with_name(path.name + ".gz")
    rows = read_export(packed if packed.is_file() else path).rows
    imported.totals.rows += len(rows)
    return rows


def _cell(row: Row, name: str) -> str:
    if name not in row.cells:
        raise ImportFileError(f"{row.place} has no {name}; is it the Olist data set?")
    return row.cells[name]


def _order(
    row: Row,
    lines: list[Row],
    payments: list[Row],
    people: dict[str, Row],
    spelling: Spelling,
    prefix: str,
    imported: Imported,
    latest: dict[str, str],
) -> None:
    cells = row.cells
    moments = {
        name: moment_text(spelling.moment(cells[column])) if cells.get(column) else ""
        for name, column in (
            ("order_date", "order_purchase_timestamp"),
            ("approved", "order_approved_at"),
            ("shipped_date", "order_delivered_carrier_date"),
            ("delivered_date", "order_delivered_customer_date"),
        )
    }
    if not moments["order_date"]:
        raise UnreadableError("the order has no order_purchase_timestamp")
    order_id = key(prefix + _cell(row, "order_id"))
    person = people.get(_cell(row, "customer_id"))
    sold = sum((spelling.amount(_cell(line, "price")) for line in lines), Decimal(0))
    freight = sum((spelling.amount(_cell(line, "freight_value")) for line in lines), Decimal(0))
    paid = sum((spelling.amount(_cell(payment, "payment_value")) for payment in payments), Decimal(0))
    if not payments:
        imported.notes.add("orders without a payment: their total is lines + freight", order_id)
        imported.totals.shop_total += sold + freight
    total = paid if payments else sold + freight
    if total != sold + freight:
        imported.notes.add(
            "orders whose payments are not lines + freight", f"{order_id}: {total - sold - freight:+f}"
        )
        imported.totals.open_difference += total - sold - freight
    if not lines:
        imported.notes.add("orders without any line: their total is in no sales figure", order_id)
    changed = max(moments.values())
    customer = ""
    if person is None:
        imported.notes.add("orders of a customer that the export does not have", order_id)
    else:
        customer = key(prefix + _cell(person, "customer_unique_id"))
        latest[_cell(person, "customer_id")] = moments["order_date"]
    where = person.cells if person else {}
    imported.tables["orders"].append(
        {
            "order_id": order_id,
            "customer_id": customer,
            "order_date": moments["order_date"],
            "order_status": {"canceled": "cancelled"}.get(
                cells.get("order_status", ""), cells.get("order_status", "")
            ),
            "payment_method": payments[0].cells.get("payment_type", "") if payments else "",
            "shipping_city": where.get("customer_city", ""),
            "shipping_state": where.get("customer_state", ""),
            "shipping_postal_code": where.get("customer_zip_code_prefix", ""),
            "shipping_country": "Brazil",
            "subtotal": amount_text(sold),
            "shipping_cost": amount_text(freight),
            "total_amount": amount_text(total),
            "currency": "BRL",
            "shipped_date": moments["shipped_date"],
            "delivered_date": moments["delivered_date"],
            "updated_at": changed,
        }
    )
    imported.totals.orders += 1
    imported.totals.total += total
    for line in lines:
        price = spelling.amount(_cell(line, "price"))
        imported.tables["order_items"].append(
            {
                "order_item_id": key(order_id, _cell(line, "order_item_id")),
                "order_id": order_id,
                "product_id": key(prefix + _cell(line, "product_id")),
                "quantity": "1",
                "unit_price": amount_text(price),
                "line_total": amount_text(price),
            }
        )
        imported.totals.lines += 1
        imported.totals.lines_total += price


def _customers(people: dict[str, Row], latest: dict[str, str], prefix: str, imported: Imported) -> None:
    """One row per person, with the address of the newest order."""
    newest: dict[str, tuple[str, Row]] = {}
    first: dict[str, str] = {}
    for id_, row in people.items():
        person, moment = _cell(row, "customer_unique_id"), latest.get(id_, "")
        if person not in newest or newest[person][0] <= moment:
            newest[person] = (moment, row)
        if moment:
            first[person] = min(first.get(person, moment), moment)
    imported.tables["customers"] = [
        {
            "customer_id": key(prefix + person),
            "city": row.cells.get("customer_city", ""),
            "state": row.cells.get("customer_state", ""),
            "postal_code": row.cells.get("customer_zip_code_prefix", ""),
            "country": "Brazil",
            "registration_date": first.get(person, "")[:10],
            "updated_at": moment,
        }
        for person, (moment, row) in sorted(newest.items())
    ]
