"""A mapping is proposed for files of any other system, says what is missing, and makes the tables once it is edited."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shop_import.cli import main
from shop_import.convert import convert
from shop_import.guess import date_format, match, propose
from shop_import.notes import ImportFileError
from shop_import.values import Spelling, UnreadableError, key, person_key

INVOICES = (
    "InvoiceNo;StockCode;Description;Quantity;InvoiceDate;UnitPrice;CustomerID;Country\n"
    "536365;85123A;LANTERN;6;13.12.2025 08:26;2,55;17850;United Kingdom\n"
    "536365;71053;CUP;2;13.12.2025 08:26;3,39;17850;United Kingdom\n"
    "536366;71053;CUP;1;14.12.2025 09:00;3,39;;France\n"
)


@pytest.fixture
def invoices(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "invoices.csv").write_text(INVOICES)
    return folder


def edited(tmp_path: Path, folder: Path, **changes: object) -> Path:
    content = yaml.safe_load(propose(folder).text)
    for path, value in changes.items():
        *where, last = path.split("__")
        target = content
        for name in where:
            target = target[name]
        target[last] = value
    file = tmp_path / "mapping.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_one_flat_file_is_recognised_as_orders_lines_customers_and_products(invoices: Path) -> None:
    proposal = propose(invoices)
    mapping = yaml.safe_load(proposal.text)

    assert mapping["decimal"] == ","
    assert set(mapping["sources"]) == {"customers", "products", "orders", "order_items"}
    columns = mapping["sources"]["orders"]["columns"]
    assert [columns[name] for name in ("order_id", "customer_id", "order_date")] == [
        "InvoiceNo",
        "CustomerID",
        "InvoiceDate",
    ]
    assert mapping["sources"]["orders"]["formats"] == {"order_date": "%d.%m.%Y %H:%M"}
    assert mapping["sources"]["order_items"]["columns"]["unit_price"] == "UnitPrice"
    assert proposal.missing == {}
    assert "currency" in proposal.optional["orders"]


def test_the_proposal_makes_the_tables(tmp_path: Path, invoices: Path) -> None:
    mapping = edited(
        tmp_path, invoices, sources__orders__constants={"currency": "GBP"}, timezone="Europe/London"
    )
    _, imported = convert([invoices], mapping_file=mapping)

    assert [(row["order_id"], row["order_date"], row["currency"]) for row in imported.tables["orders"]] == [
        ("536365", "2025-12-13 08:26:00", "GBP"),
        ("536366", "2025-12-14 09:00:00", "GBP"),
    ]
    assert [row["order_item_id"] for row in imported.tables["order_items"]] == [
        "536365:85123A:1",
        "536365:71053:1",
        "536366:71053:1",
    ]
    assert [row["unit_price"] for row in imported.tables["order_items"]] == ["2.55", "3.39", "3.39"]
    assert [row["customer_id"] for row in imported.tables["customers"]] == ["17850"], "a guest is no customer"
    assert imported.refused == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"sources__orders__columns": {"order_id": "InvoiceNo"}},
            r"sources\.orders\.columns: order_date is missing",
        ),
        ({"sources__orders__constants": {"order_id": "1"}}, "given twice"),
        ({"sources__orders__columns": {"order_id": "InvoiceNo", "order_date": "Date"}}, "no column 'Date'"),
        ({"sources__orders__columns": {"order_id": "InvoiceNo", "order_dat": "x"}}, "no such column"),
        ({"sources__orders__file": "absent.csv"}, "does not exist"),
        ({"sources__orders__formats": {"order_date": "?"}}, "day or month comes first"),
        ({"timezone": "Mars/Olympus"}, "no timezone"),
        ({"decimal": "'"}, "decimal"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_mapping_that_contradicts_itself_or_the_files_is_refused_by_entry(
    tmp_path: Path, invoices: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ImportFileError, match=words):
        convert([invoices], mapping_file=edited(tmp_path, invoices, **changes))


def test_a_file_without_what_a_table_needs_says_so(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("order_id,status\n1,paid\n")
    proposal = propose(tmp_path)
    assert proposal.missing == {"orders": ["order_date"]}


def test_rows_that_cannot_be_read_are_refused_with_column_and_value(tmp_path: Path, invoices: Path) -> None:
    (invoices / "invoices.csv").write_text(INVOICES.replace("3,39;;", "free;;"))
    _, imported = convert([invoices], mapping_file=edited(tmp_path, invoices))
    assert [each.row.line for each in imported.refused if each.reason.startswith("order_items:")] == [4]
    assert all("UnitPrice: 'free' is no amount" in each.reason for each in imported.refused)


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        (["2026-01-31", "2026-02-01 10:00:00"], None),
        (["31/01/2026", "01/02/2026"], "%d/%m/%Y"),
        (["01/31/2026", "02/01/2026"], "%m/%d/%Y"),
        (["01/02/2026", "03/04/2026"], "?"),
        (["31.01.2026 10:00"], "%d.%m.%Y %H:%M"),
        (["20260131"], "%Y%m%d"),
        ([], None),
    ],
)
def test_the_date_format_is_the_one_that_reads_every_value(values: list[str], pattern: str | None) -> None:
    assert date_format(values) == pattern


def test_columns_are_matched_by_their_own_name_then_by_others() -> None:
    shared = {"product_name": "Title", "brand": "Vendor", "price": "Price"}
    assert match("products", ["SKU", "Title", "Price", "Vendor"]) == {
        "product_id": "SKU",
        "sku": "SKU",
        **shared,
    }
    assert match("products", ["StockCode", "Title", "Price", "Vendor"]) == {"product_id": "StockCode", **shared}


@given(st.decimals("-99999999", "99999999", places=2), st.sampled_from([".", ","]), st.booleans())
def test_an_amount_is_read_as_it_was_written(amount, decimal: str, grouped: bool) -> None:
    text = f"{amount:,.2f}" if grouped else f"{amount:.2f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert Spelling(decimal=decimal).amount(text) == amount


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        found = Spelling().amount(text)
    except UnreadableError as error:
        assert "amount" in str(error)
    else:
        assert found.is_finite()


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1900 < moment.year < 2100),
    st.sampled_from(["Asia/Kolkata", "UTC", "America/New_York"]),
)
def test_a_moment_with_a_zone_is_the_same_in_whatever_zone_the_shop_is(moment: datetime, zone: str) -> None:
    text = f"{moment:%Y-%m-%d %H:%M:%S} +0530"
    assert Spelling(zone).moment(text) == Spelling("UTC").moment(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_keys_fit_and_differ_as_their_parts_do(one: str, other: str) -> None:
    assert len(key(one, "x" * 60).encode()) <= 64
    if one != other:
        assert key(one, "y" * 80) != key(other, "y" * 80)
    assert person_key("A@Example.com ") == person_key("a@example.com") != ""


def test_the_command_proposes_converts_and_refuses(
    tmp_path: Path, invoices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = tmp_path / "mapping.yaml"
    assert main(["map", str(invoices), "--to", str(mapping)]) == 0
    assert "orders: without" in capsys.readouterr().out
    assert main(["convert", str(invoices), "--mapping", str(mapping), "--to", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "2 orders, 3 lines" in shown
    assert "equal" in shown
    assert (tmp_path / "out" / "full" / "orders.csv.gz").is_file()
    (invoices / "invoices.csv").write_text(INVOICES.replace("3,39;;", "free;;"))
    arguments = ["convert", str(invoices), "--mapping", str(mapping), "--to", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "--skip-unreadable" in capsys.readouterr().out.replace("\n", " ")
    assert main([*arguments, "--skip-unreadable"]) == 0
