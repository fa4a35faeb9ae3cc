"""Collects the rows of each order of an export with a row per order line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from shop_import.notes import ImportFileError
from shop_import.reading import Export, Row
from shop_import.shops import LINE_FIELDS, ORDER_FIELDS, Shop
from shop_import.tables import Imported, Refused
from shop_import.values import plain_name


@dataclass
class Order:
    """The rows of one order.

    Attributes:
        fields: the first value that is not empty of each of the order's fields.
        lines: the fields of each row that names a line.
    """

    rows: list[Row]
    fields: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, str]] = field(default_factory=list)


def fields_of(export: Export, shop: Shop, imported: Imported) -> dict[str, list[str]]:
    """The export's columns by field, and notes on those that have no place.

    Raises:
        ImportFileError: a column that an order needs is missing.
    """
    found: dict[str, list[str]] = {}
    order = list(shop.columns)
    for column in sorted(export.header, key=lambda name: _rank(order, plain_name(name))):
        plain = plain_name(column)
        if name := shop.columns.get(plain):
            found.setdefault(name, []).append(column)
        elif plain and plain not in shop.without_place and any(row.cells.get(column) for row in export.rows):
            near = difflib.get_close_matches(plain, order, 1, 0.8)
            hint = f": did the shop rename {near[0]!r}?" if near else ""
            imported.notes.add(f"column {column!r} has no place in the tables and was left out{hint}")
    needed = {"number": "the order's number", "ordered_at": "the order's date", "total": "the order's total"}
    needed |= {"quantity": "a line's quantity"}
    if missing := [text for name, text in needed.items() if name not in found]:
        raise ImportFileError(
            f"{export.path} has no column with {' and '.join(missing)}; its columns are "
            f"{', '.join(export.header[:12])}{' …' if len(export.header) > 12 else ''}. For an export of another "
            "system propose a mapping by `shop-import map`"
        )
    return found


def _rank(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def gather(export: Export, shop: Shop, orders: dict[str, Order], imported: Imported) -> None:
    """Collect the rows of each order; fill an order's number down rows that have none."""
    columns = fields_of(export, shop, imported)
    mine: dict[str, Order] = {}
    number = ""
    for row in export.rows:
        values = {
            name: next((row.cells[column] for column in names if row.cells.get(column)), "")
            for name, names in columns.items()
        }
        if not values["number"] and not number:
            imported.refused.append(Refused(row, "the row has no order number, and no order stands above it"))
            continue
        number = values["number"] or number
        order = mine.setdefault(number, Order([]))
        order.rows.append(row)
        for name in ORDER_FIELDS & values.keys():
            kept = order.fields.setdefault(name, values[name])
            if not kept:
                order.fields[name] = values[name]
            elif values[name] and values[name] != kept:
                imported.notes.add(f"rows of one order differ in its {name}; the first was taken", row.place)
        if values["quantity"] or values.get("item_name") or values.get("item_sku"):
            order.lines.append({name: values.get(name, "") for name in LINE_FIELDS})
    for name, order in mine.items():
        other = orders.get(name)
        if other is None:
            orders[name] = order
        elif (other.fields, other.lines) == (order.fields, order.lines):
            imported.notes.add("orders that stand in two files with the same content were taken once", name)
        else:
            raise ImportFileError(
                f"order {name} stands in {other.rows[0].place} and in {order.rows[0].place} with other content. Give "
                "only the newer export of a shop; import another shop's export on its own with --prefix"
            )
