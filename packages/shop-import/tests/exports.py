"""Small made-up exports in the columns of the real ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path


def _names(text: str) -> list[str]:
    return text.split("|")


SHOPIFY_HEADER = _names(
    "Name|Email|Financial Status|Paid at|Fulfillment Status|Fulfilled at|Accepts Marketing|Currency|Subtotal|Shipping|"
    "Taxes|Total|Discount Code|Discount Amount|Shipping Method|Created at|Lineitem quantity|Lineitem name|"
    "Lineitem price|Lineitem compare at price|Lineitem sku|Lineitem requires shipping|Lineitem taxable|"
    "Lineitem fulfillment status|Billing Name|Billing Street|Billing Address1|Billing Address2|Billing Company|"
    "Billing City|Billing Zip|Billing Province|Billing Country|Billing Phone|Shipping Name|Shipping Street|"
    "Shipping Address1|Shipping Address2|Shipping Company|Shipping City|Shipping Zip|Shipping Province|"
    "Shipping Country|Shipping Phone|Notes|Note Attributes|Cancelled at|Payment Method|Payment Reference|"
    "Refunded Amount|Vendor|Outstanding Balance|Employee|Location|Device ID|Id|Tags|Risk Level|Source|"
    "Lineitem discount|Tax 1 Name|Tax 1 Value|Phone"
)

WOOCOMMERCE_HEADER = _names(
    "Order Number|Order Status|Order Date|Customer Note|First Name (Billing)|Last Name (Billing)|Company (Billing)|"
    "Address 1&2 (Billing)|City (Billing)|State Code (Billing)|Postcode (Billing)|Country Code (Billing)|"
    "Email (Billing)|Phone (Billing)|First Name (Shipping)|Last Name (Shipping)|Address 1&2 (Shipping)|"
    "City (Shipping)|State Code (Shipping)|Postcode (Shipping)|Country Code (Shipping)|Payment Method Title|"
    "Cart Discount Amount|Order Subtotal Amount|Shipping Method Title|Order Shipping Amount|Order Refund Amount|"
    "Order Total Amount|Order Total Tax Amount|SKU|Item #|Item Name|Quantity (- Refund)|Item Cost|Coupon Code|"
    "Discount Amount|Discount Amount Tax|Customer User ID|Order Currency"
)


def write_export(
    path: Path, header: Sequence[str], rows: Sequence[Mapping[str, object]], encoding: str = "utf-8"
) -> Path:
    """Write rows below a header; a cell that a row does not name is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(dict(row) for row in rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def shopify_order(name: str, *lines: tuple[object, ...], **fields: object) -> list[dict[str, object]]:
    """Rows of one order as Shopify writes them, a row per ``(sku, name, quantity, price)``."""
    order = {
        "Email": "asha.rao@example.com",
        "Financial Status": "paid",
        "Fulfillment Status": "fulfilled",
        "Fulfilled at": "2026-02-03 09:00:00 +0530",
        "Currency": "INR",
        "Shipping": "0.00",
        "Taxes": "0.00",
        "Discount Amount": "0.00",
        "Refunded Amount": "0.00",
        "Created at": "2026-02-01 03:00:00 +0530",
        "Billing Name": "Asha Rao",
        "Billing City": "Pune",
        "Shipping City": "Pune",
        "Shipping Zip": "'411001",
        "Shipping Province": "MH",
        "Shipping Country": "IN",
        "Payment Method": "UPI",
    } | {key.replace("_", " "): value for key, value in fields.items()}
    rows = []
    for number, (sku, title, quantity, price) in enumerate(lines or [("", "", "", "")]):
        line = {
            "Lineitem sku": sku,
            "Lineitem name": title,
            "Lineitem quantity": quantity,
            "Lineitem price": price,
            "Vendor": "Maker" if title else "",
        }
        first = order if number == 0 else {"Email": order["Email"]}
        rows.append({"Name": name, **first, **line})
    return rows


def woocommerce_row(
    number: object, sku: str, quantity: object, cost: object, **fields: object
) -> dict[str, object]:
    """One row: every order field stands on each of its rows."""
    return {
        "Order Number": number,
        "Order Status": "Completed",
        "Order Date": "2026-02-01 23:30:00",
        "First Name (Billing)": "Ravi",
        "Last Name (Billing)": "Iyer",
        "City (Billing)": "Chennai",
        "Country Code (Billing)": "IN",
        "Email (Billing)": "ravi@example.com",
        "Payment Method Title": "Card",
        "Order Shipping Amount": "0",
        "Order Total Tax Amount": "0",
        "Customer User ID": "17",
        "Order Currency": "inr",
        "SKU": sku,
        "Item Name": f"Article {sku}",
        "Quantity (- Refund)": quantity,
        "Item Cost": cost,
    } | fields
