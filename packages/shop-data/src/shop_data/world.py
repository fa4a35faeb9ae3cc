"""The invented marketplace as a whole: one shop, and the files that it delivers.

Each value is a pure function of (seed, size, opening day, index), so the file of a day is made without making
the days before. The opening day brings the full snapshot of customers and products, later days what is new or
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from shop_data.customers import Customers
from shop_data.orders import Orders
from shop_data.products import Products
from shop_data.sessions import Sessions
from shop_data.shop import DEFAULT_OPENED, Batch, Shop


class World:
    """One shop and its parts."""

    def __init__(self, seed: int, lines_per_day: int, opened: date = DEFAULT_OPENED) -> None:
        self.shop = Shop(seed, lines_per_day, opened)
        self.customers = Customers(self.shop)
        self.products = Products(self.shop)
        self.orders = Orders(self.shop, self.customers, self.products)
        self.sessions = Sessions(self.shop, self.products, self.orders)

    def files(self, source: str, day: int) -> Iterator[Batch]:
        """Clean rows of a source's file of ``day`` (days since the opening)."""
        maker = {
            "customers": self.customers.file,
            "products": self.products.file,
            "orders": self.orders.header_file,
            "order_items": self.orders.line_file,
            "web_events": self.sessions.file,
        }[source]
        return maker(day)
