"""Splits an export with a row per order line into customers, products, orders and order lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from shop_import.gather import Order, gather
from shop_import.reading import Export
from shop_import.shops import Shop
from shop_import.tables import Imported, Refused
from shop_import.values import (
    Spelling,
    UnreadableError,
    amount_text,
    date_text,
    key,
    moment_text,
    person_key,
    plain_name,
    slug,
)

CENT = Decimal("0.01")
REFUND_PRODUCT = "refund"


# Moments of an order; the newest of them is when its row became true.
MOMENTS = ("ordered_at", "paid_at", "shipped_at", "delivered_at", "cancelled_at", "changed_at")
_ZONE = re.compile(r"(?:[+-]\d{2}:?\d{2}|Z|UTC|GMT)\s*$")


@dataclass(frozen=True)
class Moments:
    """When an order was placed, left, arrived, was cancelled, and last changed."""

    ordered: datetime
    shipped: datetime | None
    delivered: datetime | None
    cancelled: datetime | None
    changed: datetime


@dataclass
class _Line:
    product: str
    name: str
    sku: str
    quantity: Decimal
    price: Decimal
    total: Decimal
    vendor: str
    category: str


def convert(exports: Iterable[Export], shop: Shop, spelling: Spelling, prefix: str = "") -> Imported:
    """Convert exports of one shop.

    Args:
        exports: the files, each a part of the shop's orders.
        shop: whose columns and statuses they have.
        spelling: their zone, decimal mark and date format.
        prefix: put before every id, where ids of several shops meet.

    Raises:
        ImportFileError: a column that an order needs is missing, or two files have the same order with other content.
    """
    imported = Imported()
    orders: dict[str, Order] = {}
    for export in exports:
        imported.totals.rows += len(export.rows)
        gather(export, shop, orders, imported)
    builder = _Builder(shop, spelling, prefix, imported)
    for number, order in orders.items():
        builder.add(number, order)
    builder.finish()
    return imported


class _Builder:
    """Makes the tables' rows out of orders."""

    def __init__(self, shop: Shop, spelling: Spelling, prefix: str, imported: Imported) -> None:
        self._shop, self._spelling, self._prefix, self._imported = shop, spelling, prefix, imported
        self._customers: dict[str, dict[str, Any]] = {}
        self._products: dict[str, dict[str, Any]] = {}

    def add(self, number: str, order: Order) -> None:
        """Add an order with its lines; one with a value that cannot be read is refused as a whole."""
        if self._word(order.fields.get("status", "")) in self._shop.not_orders:
            self._imported.notes.add("drafts are no orders and were left out", number)
            return
        totals = self._imported.totals
        totals.shop_orders += 1
        try:
            total = self._amount(order, "total") or Decimal(0)
            totals.shop_total += total
            row, lines, moments = self._read(number, order, total)
        except UnreadableError as error:
            self._imported.refused += [Refused(each, str(error)) for each in order.rows]
            return
        self._write(row, lines, moments, order)

    def finish(self) -> None:
        """Put the customers and products into their tables, in the order of their keys."""
        for name, rows in (("customers", self._customers), ("products", self._products)):
            self._imported.tables[name] = [
                {
                    column: moment_text(value) if isinstance(value, datetime) else value
                    for column, value in rows[id_].items()
                }
                for id_ in sorted(rows)
            ]

    # --- one order ------------------------------------------------------------------------------------------

    def _read(self, number: str, order: Order, total: Decimal) -> tuple[dict[str, Any], list[_Line], Moments]:
        moments = self._moments(order)
        lines = [self._line(line) for line in order.lines]
        if not lines:
            self._imported.notes.add("orders without any line: their total is in no sales figure", number)
        sold = sum((line.total for line in lines), Decimal(0))
        amounts = {
            name: self._amount(order, name) or Decimal(0)
            for name in ("shipping", "tax", "discount", "refunded", "fee")
        }
        amounts["discount"] = self._discount(order, amounts, sold, total, number)
        row = {
            "order_id": key(self._prefix + number.lstrip("#")),
            "order_status": self._status(order, moments.cancelled, number),
            "subtotal": sold,
            "tax": amounts["tax"],
            "shipping_cost": amounts["shipping"],
            "discount": amounts["discount"],
            "total_amount": total,
            "refunded": amounts["refunded"],
        }
        return row, lines, moments

    def _discount(
        self, order: Order, amounts: dict[str, Decimal], sold: Decimal, total: Decimal, number: str
    ) -> Decimal:
        """The discount with which lines, tax and shipping come to the order's total, where one of the known ones does.

        Shops count a discount in one of three ways: for the order, on its lines, or only in its subtotal. Prices
        include the tax or do not.
        """
        given = abs(amounts["discount"])
        on_lines = sum(
            (
                abs(self._spelling.amount(line["item_discount"]))
                for line in order.lines
                if line["item_discount"]
            ),
            Decimal(0),
        )
        subtotal = self._amount(order, "subtotal")
        candidates = [given, on_lines, given + on_lines]
        if subtotal is not None:
            candidates.append(sold - subtotal)
        for with_tax in (True, False):
            for discount in candidates:
                tax = amounts["tax"] if with_tax else Decimal(0)
                if abs(sold - discount + tax + amounts["shipping"] + amounts["fee"] - total) <= CENT / 2:
                    if not with_tax and amounts["tax"]:
                        self._imported.notes.add("orders whose prices include the tax", number)
                    if amounts["fee"]:
                        self._imported.notes.add("fees and duties are part of the total only", number)
                        self._imported.totals.open_difference += amounts["fee"]
                    elif not with_tax:
                        self._imported.totals.open_difference -= amounts["tax"]
                    return discount
        difference = total - (sold - given + amounts["tax"] + amounts["shipping"])
        self._imported.totals.open_difference += difference
        self._imported.notes.add(
            "orders whose total is not lines − discount + tax + shipping", f"{number}: {difference:+f}"
        )
        return given

    def _status(self, order: Order, cancelled_at: datetime | None, number: str) -> str:
        words = [self._word(order.fields.get(name, "")) for name in ("status", "fulfillment")]
        if cancelled_at is not None:
            words = ["cancelled"]
        known = [
            self._shop.statuses.get(word, self._shop.statuses.get(word.replace(" ", "_"), "")) for word in words
        ]
        for word, status in zip(words, known, strict=True):
            if word and not status:
                self._imported.notes.add(f"order status {word!r} is unknown and was taken as it is", number)
        first = known[0] or words[0].replace(" ", "_")
        settled = first in ("confirmed", "approved") and len(known) > 1 and known[1]
        return known[1] if settled else first

    def _word(self, text: str) -> str:
        return plain_name(text.removeprefix("wc-"))

    def _line(self, line: dict[str, str]) -> _Line:
        quantity = self._spelling.amount(line["quantity"] or "1")
        if quantity != quantity.to_integral_value():
            raise UnreadableError(f"the quantity {line['quantity']!r} is no whole number")
        price = self._spelling.amount(line["item_price"]) if line["item_price"] else None
        total = self._spelling.amount(line["item_total"]) if line["item_total"] else None
        if price is None:
            if total is None:
                raise UnreadableError(f"the line {line['item_name']!r} has neither a price nor a total")
            price = (total / quantity).quantize(Decimal("0.0001")) if quantity else total
        elif total is None:
            total = quantity * price
        sku = line["item_sku"]
        product = sku or line["item_id"] or (f"name-{slug(line['item_name'])}" if line["item_name"] else "")
        if not product:
            raise UnreadableError("a line has no SKU, no product id and no name")
        if not sku and not line["item_id"]:
            self._imported.notes.add("lines without SKU: the product's name became its key", line["item_name"])
        return _Line(
            key(self._prefix + product),
            line["item_name"],
            sku,
            quantity,
            price,
            total,
            line["vendor"],
            line["category"],
        )

    # --- rows of the tables ---------------------------------------------------------------------------------

    def _write(self, row: dict[str, Any], lines: list[_Line], moments: Moments, order: Order) -> None:
        fields, totals = order.fields, self._imported.totals
        customer = self._customer(fields, moments.ordered, moments.changed)
        self._imported.tables["orders"].append(
            {
                **{
                    name: amount_text(value) if isinstance(value, Decimal) else value
                    for name, value in row.items()
                },
                "customer_id": customer,
                "order_date": moment_text(moments.ordered),
                "payment_method": fields.get("payment_method", ""),
                "shipping_city": fields.get("ship_city") or fields.get("city", ""),
                "shipping_state": fields.get("ship_state") or fields.get("state", ""),
                "shipping_postal_code": fields.get("ship_postal_code") or fields.get("postal_code", ""),
                "shipping_country": fields.get("ship_country") or fields.get("country", ""),
                "currency": fields.get("currency", "").upper(),
                "shipped_date": moment_text(moments.shipped),
                "delivered_date": moment_text(moments.delivered),
                "updated_at": moment_text(moments.changed),
            }
        )
        totals.orders += 1
        totals.total += row["total_amount"]
        self._lines(row, lines, moments.changed)

    def _lines(self, row: dict[str, Any], lines: list[_Line], changed: datetime) -> None:
        order_id, totals = row["order_id"], self._imported.totals
        numbers: Counter[str] = Counter()

        def put(kind: str, product: str, quantity: Decimal, price: Decimal, total: Decimal) -> None:
            numbers[kind + product] += 1
            parts = [order_id, *([kind] if kind else []), product, str(numbers[kind + product])]
            self._imported.tables["order_items"].append(
                {
                    "order_item_id": key(*parts),
                    "order_id": order_id,
                    "product_id": product,
                    "quantity": f"{quantity:f}".split(".")[0],
                    "unit_price": amount_text(price),
                    "line_total": amount_text(total),
                }
            )
            totals.lines += 1
            if kind:
                totals.refunded -= total
            else:
                totals.lines_total += total

        # By product, then price: lines keep their ids when a later export lists them in another order.
        for line in sorted(lines, key=lambda line: (line.product, line.price, line.quantity)):
            put("", line.product, line.quantity, line.price, line.total)
            self._product(line.product, changed, line.name, line.sku, line.price, line.vendor, line.category)
        refunded = abs(row["refunded"])
        sold = [line for line in lines if line.quantity > 0]
        if row["order_status"] == "refunded" or (refunded and refunded >= row["total_amount"] > 0):
            for line in sorted(sold, key=lambda line: (line.product, line.price, line.quantity)):
                put("refund", line.product, -line.quantity, line.price, -line.total)
        elif refunded:
            product = key(self._prefix + REFUND_PRODUCT)
            put("refund", product, Decimal(-1), refunded, -refunded)
            self._product(product, changed, "Refund of an amount", "", Decimal(0), "", "")
            self._imported.notes.add("refunds of a part became one line with the product 'refund'", order_id)

    def _product(
        self, id_: str, changed: datetime, name: str, sku: str, price: Decimal, brand: str, category: str
    ) -> None:
        known = self._products.get(id_)
        if known is None or known["updated_at"] <= changed:
            self._products[id_] = {
                "product_id": id_,
                "product_name": name or (known or {}).get("product_name", ""),
                "category_name": category,
                "brand": brand,
                "sku": sku,
                "price": amount_text(price) if id_ != self._prefix + REFUND_PRODUCT else "",
                "updated_at": changed,
            }

    def _customer(self, fields: dict[str, str], ordered: datetime, changed: datetime) -> str:
        """The customer's id: the shop's own, else a hash of e-mail address or telephone number; empty for a guest."""
        own = fields.get("customer", "")
        if own in self._shop.guests:
            return ""
        id_ = own or person_key(fields.get("email", ""), re.sub(r"\D", "", fields.get("phone", "")))
        if not id_:
            return ""
        id_ = key(self._prefix + id_)
        known = self._customers.get(id_)
        first = (
            min(ordered.date().isoformat(), known["registration_date"]) if known else date_text(ordered.date())
        )
        if known and known["updated_at"] > changed:
            known["registration_date"] = first
            return id_
        full = fields.get("name", "")
        given, _, family = full.rpartition(" ") if " " in full else (full, "", "")
        self._customers[id_] = {
            "customer_id": id_,
            "first_name": fields.get("first_name") or given,
            "last_name": fields.get("last_name") or family,
            **{
                name: fields.get(name, "")
                for name in ("email", "phone", "address", "city", "state", "postal_code", "country")
            },
            "registration_date": first,
            "updated_at": changed,
        }
        return id_

    # --- values ---------------------------------------------------------------------------------------------

    def _amount(self, order: Order, name: str) -> Decimal | None:
        text = order.fields.get(name, "")
        return self._named(name, lambda: self._spelling.amount(text)) if text else None

    def _moments(self, order: Order) -> Moments:
        found = {name: self._moment(order, name) for name in MOMENTS}
        ordered = found["ordered_at"]
        if ordered is None:
            raise UnreadableError("the order has no date")
        changed = max(moment for moment in found.values() if moment is not None)
        return Moments(ordered, found["shipped_at"], found["delivered_at"], found["cancelled_at"], changed)

    def _moment(self, order: Order, name: str) -> datetime | None:
        text = order.fields.get(name, "")
        if not text:
            return None
        if self._spelling.timezone == "UTC" and not _ZONE.search(text):
            self._imported.notes.add("dates without a zone were read as UTC; say the shop's by --timezone")
        return self._named(name, lambda: self._spelling.moment(text))

    def _named(self, name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except UnreadableError as error:
            raise UnreadableError(f"{name}: {error}") from None
