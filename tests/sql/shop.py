"""A small shop for scenario tests: files by day, in few words."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from comparing import check
from harness import SOURCES, Row, Warehouse


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def customer(key: str, updated: str | None = None, **attributes: Any) -> Row:
    return {"customer_id": key, "updated_at": updated and at(updated), **attributes}


def product(
    key: str, price: str | None = None, cost: str | None = None, updated: str | None = None, **more: Any
) -> Row:
    return {
        "product_id": key,
        "price": price and Decimal(price),
        "cost": cost and Decimal(cost),
        "updated_at": updated and at(updated),
        **more,
    }


def order(key: str, buyer: str | None, ordered: str, updated: str | None = None, **more: Any) -> Row:
    money = {"tax", "shipping_cost", "discount"}
    return {
        "order_id": key,
        "customer_id": buyer,
        "order_date": at(ordered),
        "updated_at": updated and at(updated),
        **{name: Decimal(value) if name in money else value for name, value in more.items()},
    }


def item(key: str, order_key: str, bought: str, quantity: int, price: str, total: str | None = None) -> Row:
    return {
        "order_item_id": key,
        "order_id": order_key,
        "product_id": bought,
        "quantity": quantity,
        "unit_price": Decimal(price),
        "line_total": total and Decimal(total),
    }


def event(
    key: str, kind: str, happened: str, session: str | None, who: str | None = None, what: str | None = None
) -> Row:
    return {
        "event_id": key,
        "event_type": kind,
        "event_timestamp": at(happened),
        "session_id": session,
        "customer_id": who,
        "product_id": what,
    }


class Shop:
    """Loads days into a warehouse and reads it back in short rows."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.published: date | None = None

    def load(self, day: str, until: str | None = None, **files: list[Row] | dict[str, list[Row]]) -> None:
        """One run. A source's rows belong to the first day, or are given by day.

        After each run the warehouse must equal the model as well.
        """
        first, last = date.fromisoformat(day), date.fromisoformat(until or day)
        assert set(files) <= set(SOURCES)
        rows = {
            source: {date.fromisoformat(d): r for d, r in given.items()}
            if isinstance(given, dict)
            else {first: given}
            for source, given in files.items()
        }
        self.warehouse.load(first, last, rows)
        self.published = max(self.published or last, last)
        check(self.warehouse, self.published)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query in short form: decimals without trailing zeros, instants and days as text."""
        return [tuple(short(value) for value in row.values()) for row in self.warehouse.client_rows(query)]

    def sales(self, columns: str) -> list[tuple[Any, ...]]:
        """Columns of the sales with the versions they point at, in order of order_item_id."""
        return self.read(
            f"select {columns} from facts.fact_sales as s "
            "inner join dimensions.dim_customer as c on s.customer_key = c.customer_key "
            "inner join dimensions.dim_product as p on s.product_key = p.product_key "
            "inner join dimensions.dim_geography as g on s.geography_key = g.geography_key "
            "order by s.order_item_id"
        )

    def customers(self, columns: str) -> list[tuple[Any, ...]]:
        return self.read(
            f"select {columns} from dimensions.dim_customer where customer_key <> -1 "
            "order by customer_id, effective_from"
        )

    def products(self, columns: str) -> list[tuple[Any, ...]]:
        return self.read(
            f"select {columns} from dimensions.dim_product where product_key <> -1 "
            "order by product_id, effective_from"
        )


def short(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix(":00").removesuffix(" 00:00")
    if isinstance(value, date):
        return value.isoformat()
    return value
