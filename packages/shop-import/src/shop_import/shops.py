"""What the order exports of shop systems call their columns and their order statuses.

A column's place in the tables is a field of `FIELDS`; names are compared without case and punctuation.

Sources: the header that Shopify's admin writes (Orders, Export); the default columns of the WooCommerce plugins
"Advanced Order Export" and "Customer/Order/Coupon Export", since WooCommerce itself exports no order lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shop_import.values import plain_name


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Fields of an order, then of a line. An order's fields may stand on its first row only.
ORDER_FIELDS = _words(
    "number email phone customer ordered_at paid_at shipped_at delivered_at cancelled_at changed_at status "
    "fulfillment currency subtotal shipping tax total discount refunded fee payment_method "
    "first_name last_name name address city state postal_code country "
    "ship_city ship_state ship_postal_code ship_country"
)
LINE_FIELDS = _words("quantity item_name item_sku item_id item_price item_total item_discount vendor category")
FIELDS = ORDER_FIELDS | LINE_FIELDS


@dataclass(frozen=True)
class Shop:
    """How a shop system writes its orders.

    Attributes:
        title: its name for people.
        columns: field by the export's column name, in plain spelling.
        marks: columns that only this shop's export has together; by them it is recognised.
        statuses: the warehouse's order status by the shop's.
        not_orders: statuses of what is no order yet.
        guests: customer ids that mean no customer.
        without_place: columns that are known and not taken over.
    """

    name: str
    title: str
    columns: Mapping[str, str]
    marks: frozenset[str]
    statuses: Mapping[str, str]
    not_orders: frozenset[str] = frozenset()
    guests: frozenset[str] = frozenset({"0"})
    without_place: frozenset[str] = field(default_factory=frozenset)


def _columns(text: str) -> dict[str, str]:
    """Column by column: ``field = Name | Other name``, one field on a line."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, columns = line.partition("=")
        if name.strip() not in FIELDS:
            raise ValueError(f"no field is called {name.strip()!r}")
        found |= {plain_name(column): name.strip() for column in columns.split("|")}
    return found


def _names(text: str) -> frozenset[str]:
    return frozenset(plain_name(name) for name in text.split("|"))


SHOPIFY = Shop(
    name="shopify",
    title="Shopify orders export",
    columns=_columns(
        """
        number = Name
        email = Email
        phone = Phone | Billing Phone | Shipping Phone
        ordered_at = Created at
        paid_at = Paid at
        shipped_at = Fulfilled at
        cancelled_at = Cancelled at
        status = Financial Status
        fulfillment = Fulfillment Status
        currency = Currency
        subtotal = Subtotal
        shipping = Shipping
        tax = Taxes
        total = Total
        discount = Discount Amount
        refunded = Refunded Amount
        fee = Duties
        payment_method = Payment Method
        name = Billing Name | Shipping Name
        address = Billing Street | Billing Address1 | Shipping Street
        city = Billing City
        state = Billing Province
        postal_code = Billing Zip
        country = Billing Country
        ship_city = Shipping City
        ship_state = Shipping Province
        ship_postal_code = Shipping Zip
        ship_country = Shipping Country
        quantity = Lineitem quantity
        item_name = Lineitem name
        item_sku = Lineitem sku
        item_price = Lineitem price
        item_discount = Lineitem discount
        vendor = Vendor
        """
    ),
    marks=_names("Name | Financial Status | Lineitem quantity | Lineitem price"),
    statuses={
        "cancelled": "cancelled",
        "voided": "cancelled",
        "expired": "cancelled",
        "refunded": "refunded",
        "partially_refunded": "confirmed",
        "paid": "confirmed",
        "authorized": "approved",
        "pending": "pending",
        "partially_paid": "pending",
        "unpaid": "pending",
        # The fulfillment decides where an order is paid.
        "fulfilled": "shipped",
        "partial": "processing",
        "unfulfilled": "confirmed",
        "restocked": "returned",
    },
    without_place=_names(
        "Accepts Marketing | Discount Code | Shipping Method | Lineitem compare at price | "
        "Lineitem requires shipping | Id | "
        "Lineitem taxable | Lineitem fulfillment status | Billing Address2 | Billing Company | Shipping Name | "
        "Shipping Address1 | Shipping Address2 | Shipping Company | Notes | Note Attributes | Payment Reference | "
        "Payment References | Payment ID | Payment Terms Name | Next Payment Due At | Outstanding Balance | Employee | "
        "Location | Device ID | Tags | Risk Level | Source | Receipt Number | Billing Province Name | "
        "Shipping Province Name | "
        + " | ".join(f"Tax {number} {part}" for number in range(1, 6) for part in ("Name", "Value"))
    ),
)

WOOCOMMERCE = Shop(
    name="woocommerce",
    title="WooCommerce orders export",
    columns=_columns(
        """
        number = Order Number | Order # | order_number | Order ID | order_id
        customer = Customer User ID | Customer User | customer_id | User ID | Customer ID
        email = Email (Billing) | billing_email | Billing Email Address | Billing Email
        phone = Phone (Billing) | billing_phone
        ordered_at = Order Date | date | order_date | Date Created
        paid_at = Paid Date | date_paid | paid_date
        delivered_at = Completed Date | date_completed | completed_date
        changed_at = Modified Date | date_modified
        status = Order Status | status
        currency = Order Currency | currency | order_currency
        subtotal = Order Subtotal Amount | order_subtotal | subtotal
        shipping = Order Shipping Amount | shipping_total | order_shipping
        tax = Order Total Tax Amount | tax_total | order_tax
        total = Order Total Amount | order_total | total
        discount = Cart Discount Amount | discount_total | cart_discount
        refunded = Order Refund Amount | refunded_total | order_refund
        fee = Order Total Fee | fee_total
        payment_method = Payment Method Title | payment_method_title | payment_method
        first_name = First Name (Billing) | billing_first_name
        last_name = Last Name (Billing) | billing_last_name
        address = Address 1&2 (Billing) | Address 1 (Billing) | billing_address_1
        city = City (Billing) | billing_city
        state = State Code (Billing) | State Name (Billing) | billing_state
        postal_code = Postcode (Billing) | billing_postcode
        country = Country Code (Billing) | Country Name (Billing) | billing_country
        ship_city = City (Shipping) | shipping_city
        ship_state = State Code (Shipping) | State Name (Shipping) | shipping_state
        ship_postal_code = Postcode (Shipping) | shipping_postcode
        ship_country = Country Code (Shipping) | Country Name (Shipping) | shipping_country
        quantity = Quantity | item_quantity | Quantity (- Refund)
        item_name = Item Name | item_name | Product Name | Name
        item_sku = SKU | item_sku
        item_id = Product Id | item_product_id | Product ID
        item_price = Item Cost | item_price | Product Current Price
        item_total = Order Line Subtotal | item_subtotal | Order Line (w/o tax)
        category = Category | item_category
        """
    ),
    marks=_names("Order Status | Order Date"),
    statuses={
        "pending": "pending",
        "pending payment": "pending",
        "processing": "processing",
        "on hold": "on_hold",
        "completed": "completed",
        "cancelled": "cancelled",
        "canceled": "cancelled",
        "failed": "cancelled",
        "refunded": "refunded",
        "trash": "cancelled",
    },
    not_orders=frozenset({"draft", "checkout draft", "auto draft"}),
    without_place=_names(
        "Item # | Customer Note | Coupon Code | Discount Amount | Discount Amount Tax | Shipping Method Title | "
        "Company (Billing) | Company (Shipping) | First Name (Shipping) | Last Name (Shipping) | "
        "Address 1&2 (Shipping) | Order Line Tax | Order Line Total"
    ),
)

SHOPS = {shop.name: shop for shop in (SHOPIFY, WOOCOMMERCE)}


def recognise(header: list[str]) -> Shop | None:
    """The shop whose export has such a header; None when it is none that is known."""
    names = {plain_name(name) for name in header}
    if SHOPIFY.marks <= names:
        return SHOPIFY
    known = {WOOCOMMERCE.columns.get(name) for name in names}
    return WOOCOMMERCE if {"number", "status", "ordered_at", "total", "quantity"} <= known else None
