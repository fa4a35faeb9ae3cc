"""Columns of the five sources, as the generator writes them.

A project's contracts are written apart from this list on purpose, so that the generated files are not derived from
what a pipeline expects; a test of the project compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One source: ``columns`` maps a name to its kind, in the order in which files carry it.

    Kinds: ``text``, ``integer``, ``money``, ``date``, ``timestamp``, ``boolean``.
    """

    name: str
    key: str
    columns: dict[str, str]
    required: frozenset[str]
    history: bool  # every distinct version of a key is kept (SCD type 2)
    must_arrive: bool  # a day without a file is a fault unless declared empty


def _columns(text: str) -> dict[str, str]:
    pairs = (word.partition(":") for word in text.split())
    return {name: kind or "text" for name, _, kind in pairs}


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="customers",
            key="customer_id",
            columns=_columns(
                "customer_id first_name last_name email phone date_of_birth:date gender address city state "
                "postal_code country customer_segment registration_date:date updated_at:timestamp"
            ),
            required=frozenset({"customer_id"}),
            history=True,
            must_arrive=False,
        ),
        Source(
            name="products",
            key="product_id",
            columns=_columns(
                "product_id product_name category_name subcategory_name brand sku price:money cost:money "
                "stock_quantity:integer is_active:boolean updated_at:timestamp"
            ),
            required=frozenset({"product_id"}),
            history=True,
            must_arrive=False,
        ),
        Source(
            name="orders",
            key="order_id",
            columns=_columns(
                "order_id customer_id order_date:timestamp order_status payment_method shipping_city "
                "shipping_state shipping_postal_code shipping_country subtotal:money tax:money "
                "shipping_cost:money discount:money total_amount:money currency shipped_date:timestamp "
                "delivered_date:timestamp updated_at:timestamp"
            ),
            required=frozenset({"order_id", "order_date"}),
            history=False,
            must_arrive=True,
        ),
        Source(
            name="order_items",
            key="order_item_id",
            columns=_columns(
                "order_item_id order_id product_id quantity:integer unit_price:money line_total:money"
            ),
            required=frozenset({"order_item_id", "order_id", "product_id", "quantity", "unit_price"}),
            history=False,
            must_arrive=True,
        ),
        Source(
            name="web_events",
            key="event_id",
            columns=_columns(
                "event_id customer_id session_id event_type event_timestamp:timestamp product_id page_url "
                "referrer device_type browser user_agent"
            ),
            required=frozenset({"event_id", "event_type", "event_timestamp"}),
            history=False,
            must_arrive=False,
        ),
    )
}

EMPTY_MARK = "_EMPTY"
"""An object of this name declares a day without activity."""

KEY_LENGTH = 64
"""Natural keys are ``VARCHAR(64)``."""
