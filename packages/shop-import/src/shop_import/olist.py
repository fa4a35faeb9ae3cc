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
_COUNTRY = "Brazil"
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
    lines, payments = (_by_order(files[name]) for name in ("order_items", "order_payments"))
    builder = _Builder(files["customers"], spelling, prefix, imported)
    for row in files["orders"]:
        imported.totals.shop_orders += 1
        order = _cell(row, "order_id")
        try:
            builder.add(row, lines.pop(order, []), payments.pop(order, []))
        except UnreadableError as error:
            imported.refused.append(Refused(row, str(error)))
    for name, left in (("order lines", lines), ("payments", payments)):
        for order, rows in left.items():
            imported.notes.add(f"{name} of an order that the export does not have", order, len(rows))
    for row in (row for rows in payments.values() for row in rows):
        try:
            imported.totals.shop_total += spelling.amount(_cell(row, "payment_value"))
        except UnreadableError as error:
            imported.refused.append(Refused(row, str(error)))
    imported.tables["customers"] = builder.customers()
    for row in files["products"]:
        category = row.cells.get("product_category_name", "")
        imported.tables["products"].append(
            {
                "product_id": key(prefix + _cell(row, "product_id")),
                "category_name": english.get(category) or category,
            }
        )
    return imported


def _by_order(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[_cell(row, "order_id")].append(row)
    return found


def _rows(path: Path, imported: Imported) -> list[Row]:
    packed = path.with_name(path.name + ".gz")
    rows = read_export(packed if packed.is_file() else path).rows
    imported.totals.rows += len(rows)
    return rows


def _cell(row: Row, name: str) -> str:
    if name not in row.cells:
        raise ImportFileError(f"{row.place} has no {name}; is it the Olist data set?")
    return row.cells[name]


class _Builder:
    """Makes the tables' rows out of orders, each with its lines and payments."""

    def __init__(self, people: list[Row], spelling: Spelling, prefix: str, imported: Imported) -> None:
        self._people = {_cell(row, "customer_id"): row for row in people}
        self._spelling, self._prefix, self._imported = spelling, prefix, imported
        self._ordered: dict[
            str, str
        ] = {}  # moment of the order by customer_id, which names one order's address

    def add(self, row: Row, lines: list[Row], payments: list[Row]) -> None:
        """Add an order.

        Raises:
            UnreadableError: one of its values cannot be read; nothing was added.
        """
        cells, totals, notes = row.cells, self._imported.totals, self._imported.notes
        sold, freight = self._sum(lines, "price"), self._sum(lines, "freight_value")
        total = self._sum(payments, "payment_value") if payments else sold + freight
        totals.shop_total += total
        moments = {
            name: moment_text(self._spelling.moment(cells[column])) if cells.get(column) else ""
            for name, column in (
                ("order_date", "order_purchase_timestamp"),
                ("approved", "order_approved_at"),
                ("shipped_date", "order_delivered_carrier_date"),
                ("delivered_date", "order_delivered_customer_date"),
            )
        }
        if not moments["order_date"]:
            raise UnreadableError("the order has no order_purchase_timestamp")
        order_id = key(self._prefix + _cell(row, "order_id"))
        if not payments:
            notes.add("orders without a payment: their total is lines + freight", order_id)
        if total != sold + freight:
            difference = total - sold - freight
            notes.add("orders whose payments are not lines + freight", f"{order_id}: {difference:+f}")
            totals.open_difference += difference
        if not lines:
            notes.add("orders without any line: their total is in no sales figure", order_id)
        customer, where = self._customer(row, moments["order_date"], order_id)
        status = cells.get("order_status", "")
        self._imported.tables["orders"].append(
            {
                "order_id": order_id,
                "customer_id": customer,
                "order_date": moments["order_date"],
                "order_status": {"canceled": "cancelled"}.get(status, status),
                "payment_method": payments[0].cells.get("payment_type", "") if payments else "",
                **{f"shipping_{name}": value for name, value in where.items()},
                "subtotal": amount_text(sold),
                "shipping_cost": amount_text(freight),
                "total_amount": amount_text(total),
                "currency": "BRL",
                "shipped_date": moments["shipped_date"],
                "delivered_date": moments["delivered_date"],
                "updated_at": max(moments.values()),
            }
        )
        totals.orders += 1
        totals.total += total
        totals.lines += len(lines)
        totals.lines_total += sold
        for line in lines:
            price = amount_text(self._spelling.amount(_cell(line, "price")))
            self._imported.tables["order_items"].append(
                {
                    "order_item_id": key(order_id, _cell(line, "order_item_id")),
                    "order_id": order_id,
                    "product_id": key(self._prefix + _cell(line, "product_id")),
                    "quantity": "1",
                    "unit_price": price,
                    "line_total": price,
                }
            )

    def customers(self) -> list[dict[str, str]]:
        """One row per person, with the address of the newest order."""
        newest: dict[str, tuple[str, Row]] = {}
        first: dict[str, str] = {}
        for id_, row in self._people.items():
            person, moment = _cell(row, "customer_unique_id"), self._ordered.get(id_, "")
            if person not in newest or newest[person][0] <= moment:
                newest[person] = (moment, row)
            if moment:
                first[person] = min(first.get(person, moment), moment)
        return [
            {
                "customer_id": key(self._prefix + person),
                **_address(row),
                "registration_date": first.get(person, "")[:10],
                "updated_at": moment,
            }
            for person, (moment, row) in sorted(newest.items())
        ]

    def _customer(self, row: Row, moment: str, order_id: str) -> tuple[str, dict[str, str]]:
        """Key and address of an order's customer; no key where the export does not have the person."""
        person = self._people.get(_cell(row, "customer_id"))
        if person is None:
            self._imported.notes.add("orders of a customer that the export does not have", order_id)
            return "", {"country": _COUNTRY}
        self._ordered[_cell(row, "customer_id")] = moment
        return key(self._prefix + _cell(person, "customer_unique_id")), _address(person)

    def _sum(self, rows: list[Row], column: str) -> Decimal:
        return sum((self._spelling.amount(_cell(row, column)) for row in rows), Decimal(0))


def _address(person: Row) -> dict[str, str]:
    return {
        "city": person.cells.get("customer_city", ""),
        "state": person.cells.get("customer_state", ""),
        "postal_code": person.cells.get("customer_zip_code_prefix", ""),
        "country": _COUNTRY,
    }
