"""Orders exports of Shopify and WooCommerce, and Olist's files, become the four tables with the shop's own totals."""

from __future__ import annotations

import csv
import gzip
import random
from decimal import Decimal
from pathlib import Path

import pytest
from exports import SHOPIFY_HEADER, WOOCOMMERCE_HEADER, shopify_order, woocommerce_row, write_export
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop_import.convert import convert
from shop_import.notes import ImportFileError
from shop_import.tables import Imported, write
from shop_import.values import Spelling


def shopify(tmp_path: Path, *orders: list[dict[str, object]], **options: object) -> Imported:
    path = write_export(
        tmp_path / "orders_export.csv", SHOPIFY_HEADER, [row for order in orders for row in order]
    )
    title, imported = convert([path], **options)  # type: ignore[arg-type]
    assert title == "Shopify orders export"
    return imported


def woocommerce(tmp_path: Path, *rows: dict[str, object], **options: object) -> Imported:
    path = write_export(tmp_path / "orders.csv", WOOCOMMERCE_HEADER, rows)
    title, imported = convert([path], **options)  # type: ignore[arg-type]
    assert title == "WooCommerce orders export"
    return imported


def order_of(imported: Imported) -> dict[str, str]:
    (order,) = imported.tables["orders"]
    return order


def line_amounts(imported: Imported) -> list[tuple[str, str, Decimal]]:
    return [
        (row["product_id"], row["quantity"], Decimal(row["line_total"]))
        for row in imported.tables["order_items"]
    ]


def test_an_order_of_several_lines_has_its_fields_once_and_its_total(tmp_path: Path) -> None:
    imported = shopify(
        tmp_path,
        shopify_order(
            "#1001",
            ("TEA-1", "Tea", 2, "100.00"),
            ("CUP-1", "Cup", 1, "50.00"),
            Subtotal="250.00",
            Taxes="12.50",
            Shipping="40.00",
            Total="302.50",
        ),
    )

    order = order_of(imported)
    assert order["order_id"] == "1001"
    assert order["order_date"] == "2026-01-31 21:30:00", "03:00 in India is the evening before in UTC"
    assert (order["order_status"], order["shipped_date"]) == ("shipped", "2026-02-03 03:30:00")
    assert (order["subtotal"], order["tax"], order["shipping_cost"]) == ("250.00", "12.50", "40.00")
    assert order["shipping_postal_code"] == "411001", "without the spreadsheet's apostrophe"
    assert line_amounts(imported) == [("CUP-1", "1", Decimal(50)), ("TEA-1", "2", Decimal(200))]
    assert imported.complete
    assert (imported.totals.total, imported.totals.open_difference) == (Decimal("302.50"), 0)
    assert imported.notes.found == {}
    (customer,) = imported.tables["customers"]
    assert (customer["first_name"], customer["last_name"]) == ("Asha", "Rao")
    assert customer["customer_id"] == order["customer_id"]
    assert "asha" not in order["customer_id"], "the key names nobody"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Financial_Status": "paid", "Fulfillment_Status": "unfulfilled"}, "confirmed"),
        ({"Financial_Status": "paid", "Fulfillment_Status": "partial"}, "processing"),
        ({"Financial_Status": "pending", "Fulfillment_Status": ""}, "pending"),
        ({"Financial_Status": "voided"}, "cancelled"),
        ({"Financial_Status": "refunded"}, "refunded"),
        ({"Financial_Status": "partially_refunded"}, "shipped"),
        ({"Cancelled_at": "2026-02-02 10:00:00 +0530"}, "cancelled"),
    ],
)
def test_statuses_are_the_warehouse_s(tmp_path: Path, fields: dict[str, str], status: str) -> None:
    imported = shopify(tmp_path, shopify_order("#1", ("A", "A", 1, "10.00"), Total="10.00", **fields))
    assert order_of(imported)["order_status"] == status


def test_an_unknown_status_is_kept_and_named(tmp_path: Path) -> None:
    imported = shopify(
        tmp_path, shopify_order("#1", ("A", "A", 1, "10"), Total="10", Financial_Status="in dispute")
    )
    assert order_of(imported)["order_status"] == "in_dispute"
    assert [text for text in imported.notes.found if "'in dispute' is unknown" in text]


def test_a_refunded_order_takes_all_lines_back_and_a_part_becomes_an_amount(tmp_path: Path) -> None:
    imported = shopify(
        tmp_path,
        shopify_order(
            "#1", ("A", "A", 2, "10.00"), Total="20.00", Financial_Status="refunded", Refunded_Amount="20.00"
        ),
        shopify_order(
            "#2",
            ("A", "A", 3, "10.00"),
            Total="30.00",
            Financial_Status="partially_refunded",
            Refunded_Amount="7.50",
        ),
    )

    assert line_amounts(imported) == [
        ("A", "2", Decimal(20)),
        ("A", "-2", Decimal(-20)),
        ("A", "3", Decimal(30)),
        ("refund", "-1", Decimal("-7.50")),
    ]
    assert imported.totals.refunded == Decimal("27.50")
    assert imported.totals.lines_total == Decimal(50)
    assert imported.complete


@pytest.mark.parametrize(
    ("fields", "discount", "difference"),
    [
        ({"Discount_Amount": "15.00", "Total": "85.00"}, "15.00", 0),
        ({"Subtotal": "85.00", "Total": "85.00"}, "15.00", 0),
        ({"Lineitem_discount": "15.00", "Total": "85.00"}, "15.00", 0),
        ({"Taxes": "18.00", "Total": "118.00"}, "0.00", 0),
        ({"Taxes": "18.00", "Total": "100.00"}, "0.00", -18),
        ({"Discount_Amount": "15.00", "Total": "90.00"}, "15.00", 5),
    ],
    ids=["of-the-order", "in-the-subtotal", "on-the-lines", "tax-added", "tax-included", "does-not-add-up"],
)
def test_the_discount_is_the_one_with_which_the_order_adds_up(
    tmp_path: Path, fields: dict[str, str], discount: str, difference: int
) -> None:
    imported = shopify(tmp_path, shopify_order("#1", ("A", "A", 1, "100.00"), **fields))
    assert Decimal(order_of(imported)["discount"]) == Decimal(discount)
    assert imported.totals.open_difference == difference
    assert bool(imported.notes.found) == bool(difference)


def test_a_missing_sku_is_replaced_by_the_name_and_names_are_stable(tmp_path: Path) -> None:
    imported = shopify(tmp_path, shopify_order("#1", ("", "Blue Cup – large", 1, "10"), Total="10"))
    assert imported.tables["order_items"][0]["product_id"] == "name-blue-cup-large"
    assert [note.count for note in imported.notes.found.values()] == [1]


def test_lines_keep_their_ids_in_whatever_order_an_export_lists_them(tmp_path: Path) -> None:
    lines = [("A", "A", 1, "10"), ("B", "B", 1, "20"), ("A", "A", 2, "9"), ("C", "C", 5, "1")]
    rows = {}
    for seed in range(4):
        random.Random(seed).shuffle(lines)
        found = shopify(tmp_path, shopify_order("#1", *lines, Total="53"))
        rows[seed] = sorted(tuple(row.items()) for row in found.tables["order_items"])
    assert all(each == rows[0] for each in rows.values())
    assert len({row[0] for row in rows[0]}) == 4


def test_guests_have_no_customer_and_dates_are_read_in_the_shop_s_zone(tmp_path: Path) -> None:
    imported = woocommerce(
        tmp_path,
        woocommerce_row(7, "A", 2, "12.50", **{"Order Total Amount": "25", "Customer User ID": "0"}),
        woocommerce_row(8, "A", 1, "12.50", **{"Order Total Amount": "12.5"}),
        spelling=Spelling("Asia/Kolkata"),
    )
    guest, known = imported.tables["orders"]
    assert (guest["customer_id"], known["customer_id"]) == ("", "17")
    assert guest["order_date"] == "2026-02-01 18:00:00"
    assert guest["currency"] == "INR"
    assert [row["customer_id"] for row in imported.tables["customers"]] == ["17"]
    assert imported.complete


def test_without_a_zone_it_is_said_that_utc_was_taken(tmp_path: Path) -> None:
    imported = woocommerce(tmp_path, woocommerce_row(7, "A", 1, "1", **{"Order Total Amount": "1"}))
    assert [text for text in imported.notes.found if "--timezone" in text]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Completed", "completed"),
        ("wc-on-hold", "on_hold"),
        ("Failed", "cancelled"),
        ("Pending payment", "pending"),
    ],
)
def test_woocommerce_s_statuses(tmp_path: Path, word: str, status: str) -> None:
    row = woocommerce_row(7, "A", 1, "1", **{"Order Total Amount": "1", "Order Status": word})
    assert order_of(woocommerce(tmp_path, row))["order_status"] == status


def test_drafts_are_no_orders(tmp_path: Path) -> None:
    rows = [
        woocommerce_row(7, "A", 1, "1", **{"Order Total Amount": "1", "Order Status": "wc-checkout-draft"}),
        woocommerce_row(8, "A", 1, "1", **{"Order Total Amount": "1"}),
    ]
    imported = woocommerce(tmp_path, *rows)
    assert order_of(imported)["order_id"] == "8"
    assert imported.totals.shop_orders == 1


def test_a_prefix_stands_before_every_id(tmp_path: Path) -> None:
    imported = shopify(tmp_path, shopify_order("#1", ("A", "A", 1, "10"), Total="10"), prefix="north-")
    ids = [
        value
        for rows in imported.tables.values()
        for row in rows
        for name, value in row.items()
        if name.endswith("_id")
    ]
    assert ids
    assert [value for value in ids if not value.startswith("north-")] == []


# --- what cannot be read ----------------------------------------------------------------------------------------


def test_an_order_that_cannot_be_read_is_refused_whole_with_line_and_reason(tmp_path: Path) -> None:
    imported = shopify(
        tmp_path,
        shopify_order("#1", ("A", "A", 1, "10"), ("B", "B", 1, "ten"), Total="20"),
        shopify_order("#2", ("A", "A", 1, "10"), Total="10"),
    )
    assert [(each.row.line, each.reason) for each in imported.refused] == [
        (2, "'ten' is no amount"),
        (3, "'ten' is no amount"),
    ]
    assert order_of(imported)["order_id"] == "2"
    assert not imported.complete
    assert (imported.totals.shop_orders, imported.totals.shop_total) == (2, Decimal(30))
    write(imported, tmp_path / "out")
    refused = list(csv.DictReader((tmp_path / "out" / "not_imported.csv").open()))
    assert [row["line"] for row in refused] == ["2", "3"]


@pytest.mark.parametrize(
    ("value", "words"),
    [("1,5", "--decimal"), ("9/4/26 11:21", "--date-format"), ("", "no date")],
)
def test_what_may_be_read_in_two_ways_is_refused_with_the_option_that_decides(
    tmp_path: Path, value: str, words: str
) -> None:
    fields = {"Total": value} if "," in value else {"Total": "10", "Created_at": value, "Fulfilled_at": ""}
    imported = shopify(tmp_path, shopify_order("#1", ("A", "A", 1, "10"), **fields))
    assert len(imported.refused) == 1
    assert words in imported.refused[0].reason


def test_two_files_with_one_order_are_one_where_they_agree_and_refused_where_not(tmp_path: Path) -> None:
    first = write_export(
        tmp_path / "a.csv", SHOPIFY_HEADER, shopify_order("#1", ("A", "A", 1, "10"), Total="10")
    )
    same = write_export(
        tmp_path / "b.csv", SHOPIFY_HEADER, shopify_order("#1", ("A", "A", 1, "10"), Total="10")
    )
    other = write_export(
        tmp_path / "c.csv", SHOPIFY_HEADER, shopify_order("#1", ("A", "A", 1, "11"), Total="11")
    )
    _, imported = convert([first, same])
    assert imported.totals.orders == 1
    assert [text for text in imported.notes.found if "two files" in text]
    with pytest.raises(ImportFileError, match=r"#1 stands in a\.csv line 2 and in c\.csv line 2"):
        convert([first, other])


def test_an_unknown_column_is_named_with_the_likely_one(tmp_path: Path) -> None:
    header = [*(name for name in SHOPIFY_HEADER if name != "Vendor"), "Vendors", "Loyalty points"]
    rows = shopify_order("#1", ("A", "A", 1, "10"), Total="10")
    for row in rows:
        row["Vendors"] = row.pop("Vendor")
        row["Loyalty points"] = 5
    _, imported = convert([write_export(tmp_path / "a.csv", header, rows)])
    texts = list(imported.notes.found)
    assert [text for text in texts if "'Vendors'" in text and "did the shop rename 'vendor'" in text]
    assert [text for text in texts if "'Loyalty points' has no place" in text]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Name,Total\n", "no row"),
        (b"PK\x03\x04...", "spreadsheet"),
        (b"a,b\n1,2\n", "is no orders export"),
        (b"Name,Name,Financial Status\n1,2,3\n", "twice"),
        (
            b"Name,Financial Status,Lineitem quantity,Lineitem price\n#1,paid,1,2\n",
            "no column with the order's date",
        ),
        (b'Name,Total\n"#1,5\n', "is no orders export"),
        (b"a,b\n1,2,3,4\n", "has 4 fields"),
    ],
    ids=["empty", "no-row", "xlsx", "unknown", "twice", "no-date", "open-quote", "too-many-fields"],
)
def test_a_file_that_is_no_export_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(ImportFileError, match=words):
        convert([path])
    with pytest.raises(ImportFileError, match="does not exist"):
        convert([tmp_path / "absent.csv"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "orders.csv"
    rows = shopify_order("#1", ("A", "Café crème", 1, "10"), Total="10")
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, SHOPIFY_HEADER, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    _, imported = convert([path])
    assert imported.tables["products"][0]["product_name"] == "Café crème"


def test_the_same_export_gives_the_same_bytes(tmp_path: Path) -> None:
    orders = [
        shopify_order(f"#{number}", ("A", "A", 1, "10"), ("B", "B", 2, "5"), Total="20") for number in range(20)
    ]
    files = [write(shopify(tmp_path, *orders), tmp_path / name) for name in ("one", "two")]
    assert [path.name for path in files[0]] == [
        "customers.csv.gz",
        "products.csv.gz",
        "orders.csv.gz",
        "order_items.csv.gz",
    ]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    assert gzip.decompress(files[0][3].read_bytes()).startswith(b"order_item_id,order_id,product_id")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.sampled_from("ABC"), st.integers(1, 9), st.decimals("0.01", "999.99", places=2)),
                min_size=1,
                max_size=4,
            ),
            st.decimals("0", "50", places=2),
            st.decimals("0", "0.01", places=2),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_the_orders_lines_less_discount_with_tax_and_shipping_are_the_total(
    tmp_path: Path, orders: list[tuple[list[tuple[str, int, Decimal]], Decimal, Decimal]]
) -> None:
    rows, expected = [], Decimal(0)
    for number, (lines, shipping, discount) in enumerate(orders):
        sold = sum((quantity * price for _, quantity, price in lines), Decimal(0))
        total = sold - discount + shipping
        expected += total
        rows.append(
            shopify_order(
                f"#{number}",
                *((sku, sku, quantity, price) for sku, quantity, price in lines),
                Shipping=shipping,
                Discount_Amount=discount,
                Total=total,
            )
        )
    imported = shopify(tmp_path, *rows)
    assert imported.complete
    assert imported.totals.total == expected
    assert imported.totals.open_difference == 0
    assert sum(Decimal(row["total_amount"]) for row in imported.tables["orders"]) == expected
    ids = [row["order_item_id"] for row in imported.tables["order_items"]]
    assert len(set(ids)) == len(ids) == sum(len(lines) for lines, _, _ in orders)


# --- Olist ------------------------------------------------------------------------------------------------------

OLIST = {
    "olist_orders_dataset.csv": (
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
        "order_delivered_customer_date,order_estimated_delivery_date\n"
        "o1,c1,delivered,2018-01-02 10:00:00,2018-01-02 10:10:00,2018-01-03 09:00:00,2018-01-05 12:00:00,2018-01-20\n"
        "o2,c2,canceled,2018-02-02 10:00:00,,,,2018-02-20\n"
    ),
    "olist_order_items_dataset.csv": (
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n"
        "o1,1,p1,s,2018-01-04,100.00,10.00\no1,2,p1,s,2018-01-04,100.00,10.00\no2,1,p2,s,2018-02-04,50.00,5.00\n"
    ),
    "olist_customers_dataset.csv": (
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n"
        "c1,u1,01001,sao paulo,SP\nc2,u1,20000,rio de janeiro,RJ\n"
    ),
    "olist_products_dataset.csv": "product_id,product_category_name\np1,beleza_saude\np2,unknown_thing\n",
    "olist_order_payments_dataset.csv": (
        "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
        "o1,1,voucher,1,20.00\no1,2,credit_card,3,200.00\no2,1,boleto,1,55.00\n"
    ),
    "product_category_name_translation.csv": (
        "product_category_name,product_category_name_english\nbeleza_saude,health_beauty\n"
    ),
}


def test_olist_s_files_are_joined_and_lines_numbered_within_orders_get_keys_of_their_own(
    tmp_path: Path,
) -> None:
    for name, text in OLIST.items():
        (tmp_path / name).write_text(text)
    title, imported = convert([tmp_path])
    assert title == "Olist data set"
    first, second = imported.tables["orders"]
    assert (first["total_amount"], first["shipping_cost"], first["customer_id"]) == ("220.00", "20.00", "u1")
    assert second["order_status"] == "cancelled"
    assert [row["order_item_id"] for row in imported.tables["order_items"]] == ["o1:1", "o1:2", "o2:1"]
    assert imported.tables["customers"] == [
        {
            "customer_id": "u1",
            "city": "rio de janeiro",
            "state": "RJ",
            "postal_code": "20000",
            "country": "Brazil",
            "registration_date": "2018-01-02",
            "updated_at": "2018-02-02 10:00:00",
        }
    ]
    assert [row["category_name"] for row in imported.tables["products"]] == ["health_beauty", "unknown_thing"]
    assert imported.complete
    assert imported.totals.total == Decimal(275)


def test_an_olist_folder_without_one_of_its_files_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "olist_orders_dataset.csv").write_text(OLIST["olist_orders_dataset.csv"])
    with pytest.raises(ImportFileError, match="olist_order_items_dataset"):
        convert([tmp_path])


def test_an_olist_payment_that_cannot_be_read_is_refused_with_its_order(tmp_path: Path) -> None:
    for name, text in OLIST.items():
        (tmp_path / name).write_text(
            text.replace("boleto,1,55.00", "boleto,1,much")
            + ("o9,1,boleto,1,x\n" if "payments" in name else "")
        )
    _, imported = convert([tmp_path])
    assert [(each.row.file, each.row.line, each.reason) for each in imported.refused] == [
        ("olist_orders_dataset.csv", 3, "'much' is no amount"),
        ("olist_order_payments_dataset.csv", 5, "'x' is no amount"),
    ]
    assert [row["order_id"] for row in imported.tables["orders"]] == ["o1"]
    assert not imported.complete


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda data: b"\xff\xfe" + data),
        st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08" + data),
        st.text(alphabet=st.sampled_from("Name,Total;\"'=\n\r\t 1.5\u20ac\ufeff"), max_size=80).map(str.encode),
    ),
    name=st.sampled_from(["orders.csv", "orders.csv.gz", "orders.tsv"]),
    shop=st.sampled_from(["shopify", "woocommerce", None]),
)
def test_any_bytes_are_an_export_or_refused_in_words(
    tmp_path: Path, content: bytes, name: str, shop: str | None
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    try:
        _, imported = convert([path], shop)
    except ImportFileError as error:
        assert str(error)
    else:
        assert imported.totals.rows > 0
