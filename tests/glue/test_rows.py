"""Each kind of row, good or bad: what is loaded, what is quarantined, with file, line and rule.

All cases run in one job, each as a file of its own day, so that one broken file cannot hide another's result.
"""

# ruff: noqa: E501 - a case per line reads as a table

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from conftest import ITEM_HEADER, Lake

ORDER_HEADER = (
    b"order_id,customer_id,order_date,order_status,shipping_city,total_amount,shipped_date,updated_at\n"
)
FIRST = dt.date(2026, 1, 1)


@dataclass
class Case:
    """A file and what must become of its rows.

    Attributes:
        content: the file.
        good: expected values of accepted rows, by key.
        bad: expected (line, rule) of quarantined rows.
        superseded: expected number of superseded rows.
    """

    content: bytes
    good: dict[str, dict[str, Any]] = field(default_factory=dict)
    bad: tuple[tuple[int, str], ...] = ()
    superseded: int = 0
    source: str = "order_items"
    name: str = "part.csv"


def items(*rows: bytes) -> bytes:
    return ITEM_HEADER + b"".join(row + b"\n" for row in rows)


def orders(*rows: bytes) -> bytes:
    return ORDER_HEADER + b"".join(row + b"\n" for row in rows)


OK = b"a,o,p,2,1.50,3.00"
UTC = dt.datetime
WIDE = b"x" * (10 << 20)

CASES = {
    # First, since its times are those of its day of delivery: a later one would count as the day's end.
    "newest version of an order counts": Case(
        orders(
            f"a,,2026-01-01,new,,1,,{FIRST} 10:00:00".encode(),
            f"a,,2026-01-01,paid,,2,,{FIRST} 11:00:00".encode(),
            b"a,,2026-01-01,none,,3,,",
        ),
        {"a": {"total_amount": Decimal(2), "version_at": UTC(FIRST.year, FIRST.month, FIRST.day, 11)}},
        superseded=2,
        source="orders",
    ),
    "plain": Case(items(OK), {"a": {"quantity": 2, "unit_price": Decimal("1.5000"), "source_line": 2}}),
    "gz": Case(items(OK), {"a": {"source_line": 2}}, name="part.csv.gz"),
    "spaces and percent in the file's name": Case(
        items(OK), {"a": {"source_line": 2}}, name="my part 100%25.csv"
    ),
    "header only": Case(ITEM_HEADER),
    "header only without line end": Case(ITEM_HEADER.rstrip()),
    "BOM": Case(b"\xef\xbb\xbf" + items(OK), {"a": {}}),
    "CRLF": Case(items(OK).replace(b"\n", b"\r\n"), {"a": {"line_total": Decimal(3)}}),
    "no last line end": Case(items(OK).rstrip(), {"a": {}}),
    "blank lines are no rows": Case(
        items(b"", OK, b"  ", b"b,o,p,1,1,"), {"a": {"source_line": 3}, "b": {"source_line": 5}}
    ),
    "columns in any order, any case, one unknown": Case(
        b" QUANTITY,unit_price,Order_Item_Id,surprise,product_id,order_id\n5,2,k,x,p,o\n",
        {"k": {"quantity": 5, "line_total": None, "product_id": "p"}},
    ),
    "quoted comma and doubled quote": Case(items(b'"a,""1""",o,p,1,1,1'), {'a,"1"': {}}),
    "quoted newline": Case(
        items(b'"a\nb",o,p,1,1,1', b"c,o,p,1,1,1"), {"a\nb": {"source_line": 2}, "c": {"source_line": 4}}
    ),
    "quoted CRLF newline": Case(
        items(b'"a\nb",o,p,1,1,1').replace(b"\n", b"\r\n"), {"a\r\nb": {"source_line": 2}}
    ),
    "quote inside an unquoted field": Case(items(b'5" pipe,o,p,1,1,1', OK), {'5" pipe': {}, "a": {}}),
    "quote never closed": Case(
        items(b'"a,o,p,1,1,1', b"b,o,p,1,1,1"), {"b": {"source_line": 3}}, ((2, "unclosed_quote"),)
    ),
    "text behind a closing quote": Case(items(b'"a"x,o,p,1,1,1', OK), {"a": {}}, ((2, "malformed_quotes"),)),
    "too few and too many fields": Case(
        items(b"a,o,p,1,1", b"b,o,p,1,1,1,1", OK),
        {"a": {"source_line": 4}},
        ((2, "wrong_field_count"), (3, "wrong_field_count")),
    ),
    "invalid UTF-8": Case(
        items(b"\xff\xfe,o,p,1,1,1", "ü,o,p,1,1,1".encode()), {"ü": {}}, ((2, "invalid_utf8"),)
    ),
    "NUL byte": Case(items(b"a\0,o,p,1,1,1", b"b,o,p,1,1,1"), {"b": {}}, ((2, "nul_byte"),)),
    "10 MB line": Case(items(WIDE, OK), {"a": {"source_line": 3}}, ((2, "row_too_long"),)),
    "10 MB line in gzip": Case(
        items(b'"' + WIDE, OK), {"a": {"source_line": 3}}, ((2, "row_too_long"),), name="p.csv.gz"
    ),
    "null keys": Case(
        items(b",o,p,1,1,1", b"  ,o,p,1,1,1", b"a,,p,1,1,1"),
        {},
        ((2, "not_null:order_item_id"), (3, "not_null:order_item_id"), (4, "not_null:order_id")),
    ),
    "text is measured in bytes": Case(
        items("é".encode() * 32 + b",o,p,1,1,1", "é".encode() * 33 + b",o,p,1,1,1"),
        {"é" * 32: {}},
        ((3, "too_long:order_item_id"),),
    ),
    "keys stay as delivered": Case(
        items(b" 007 ,1e3,17850.0,1,1,", b"1E5,o,p,1,1,"),
        {"007": {"order_id": "1e3", "product_id": "17850.0"}, "1E5": {}},
    ),
    "whole numbers": Case(
        items(b"a,o,p,+6,1,", b"b,o,p,-6,1,", b"c,o,p, 6.0 ,1,", b"d,o,p,2147483647,1,"),
        {"a": {"quantity": 6}, "b": {"quantity": -6}, "c": {"quantity": 6}, "d": {"quantity": 2147483647}},
    ),
    "not whole numbers": Case(
        items(
            b"a,o,p,6.5,1,",
            b"b,o,p,x,1,",
            b"c,o,p,1e3,1,",
            b"d,o,p,0x1A,1,",
            "e,o,p,٣,1,".encode(),
            b"f,o,p,,1,",
        ),
        {},
        (*((line, "unparseable:quantity") for line in range(2, 7)), (7, "not_null:quantity")),
    ),
    "integer overflow": Case(
        items(b"a,o,p,2147483648,1,", b"b,o,p,-99999999999999999999,1,"),
        {},
        ((2, "out_of_range:quantity"), (3, "out_of_range:quantity")),
    ),
    "money": Case(
        items(
            b"a,o,p,1,1e2,", b"b,o,p,1,.5,", b"c,o,p,1,5.,", b"d,o,p,1,99999999999999.9999,", b"e,o,p,1,0,-3.10"
        ),
        {
            "a": {"unit_price": Decimal(100)},
            "b": {"unit_price": Decimal("0.5")},
            "c": {"unit_price": Decimal(5)},
            "d": {"unit_price": Decimal("99999999999999.9999")},
            "e": {"line_total": Decimal("-3.1")},
        },
    ),
    "money that is none": Case(
        items(b'a,o,p,1,"1,50",', b"b,o,p,1,$5,", b"c,o,p,1,5d,", "d,o,p,1,٥,".encode(), b"e,o,p,1,1 000,"),
        {},
        tuple((line, "unparseable:unit_price") for line in range(2, 7)),
    ),
    "non-finite": Case(
        items(b"a,o,p,1,NaN,", b"b,o,p,1,Infinity,", b"c,o,p,1,1,-inf"),
        {},
        ((2, "not_null:unit_price"), (3, "non_finite:unit_price"), (4, "non_finite:line_total")),
    ),
    "decimal overflow": Case(
        items(b"a,o,p,1,100000000000000,", b"b,o,p,1,1e300,"),
        {},
        ((2, "out_of_range:unit_price"), (3, "out_of_range:unit_price")),
    ),
    "rounding is half up": Case(
        items(b"a,o,p,1,0.00005,", b"b,o,p,1,1.23454,"),
        {"a": {"unit_price": Decimal("0.0001")}, "b": {"unit_price": Decimal("1.2345")}},
    ),
    "negative price": Case(
        items(b"a,o,p,1,-0.01,", b"b,o,p,1,0,"), {"b": {}}, ((2, "below_minimum:unit_price"),)
    ),
    "unparseable optional value is no silent null": Case(
        items(b"a,o,p,1,1,abc"), {}, ((2, "unparseable:line_total"),)
    ),
    "exact copies": Case(items(OK, OK, OK), {"a": {"source_line": 2}}, superseded=2),
    "json": Case(
        b'{"Order_Item_ID":"a","order_id":1.10,"product_id":12345678901234567890,"quantity":2,"unit_price":12345678901234.1234,"x":{}}\n\n'
        b'{"order_item_id":"b"\n[]\n{"order_item_id":"c","order_item_id":"d"}\n{"order_item_id":"\\ud800"}\n'
        b'{"order_item_id":"e","order_id":"o","product_id":"p","quantity":null,"unit_price":NaN}\n',
        {
            "a": {
                "order_id": "1.10",
                "product_id": "12345678901234567890",
                "unit_price": Decimal("12345678901234.1234"),
                "source_line": 1,
            }
        },
        (
            (3, "malformed_json"),
            (4, "malformed_json"),
            (5, "malformed_json"),
            (6, "invalid_utf8"),
            (7, "not_null:quantity"),
        ),
        name="part.json",
    ),
    "status": Case(
        orders(b"a,c,2026-01-01, Canceled ,,,,", b"b,,2026-01-01,SHIPPED,,,,", b"c,,2026-01-01,,,,,"),
        {
            "a": {"order_status": "cancelled", "order_status_raw": "Canceled"},
            "b": {"order_status": "shipped", "customer_id": None},
            "c": {"order_status": None},
        },
        source="orders",
    ),
    "timestamps": Case(
        orders(
            b"a,,2026-01-02T03:04:05Z,,,,,",
            b"b,,2026-01-02T03:04:05.123456+05:30,,,,,",
            b"c,,2026-01-02 03:04:05.5,,,,,",
            b"d,,2026-01-02,,,,,",
            b"e,,2026-01-02T03:04,,,,,",
            b"f,,2026-01-02 03:04:05 +0530,,,,,",
            b"g,,2024-02-29,,,,,",
            b"h,,1899-12-31 23:59:59,,,,,",
            b"i,,9999-12-31 23:59:59,,,,,",
        ),
        {
            "a": {"order_date": UTC(2026, 1, 2, 3, 4, 5)},
            "b": {"order_date": UTC(2026, 1, 1, 21, 34, 5, 123456)},
            "c": {"order_date": UTC(2026, 1, 2, 3, 4, 5, 500000)},
            "d": {"order_date": UTC(2026, 1, 2)},
            "e": {"order_date": UTC(2026, 1, 2, 3, 4)},
            "f": {"order_date": UTC(2026, 1, 1, 21, 34, 5)},
            "g": {"order_date": UTC(2024, 2, 29)},
            "h": {"order_date": UTC(1899, 12, 31, 23, 59, 59)},
            "i": {"order_date": UTC(9999, 12, 31, 23, 59, 59)},
        },
        source="orders",
    ),
    "no timestamps": Case(
        orders(
            b"a,,01/02/2026,,,,,",
            b"b,,2026-02-30,,,,,",
            b"c,,2026,,,,,",
            b"d,,12:30,,,,,",
            b"e,,2026-1-2,,,,,",
            b"f,,2026-01-02T25:00,,,,,",
            b"g,,1767225600,,,,,",
            b"h,,2026-01-01,,,,soon,",
            b"i,,0000-01-01,,,,,",
            b"j,,9999-12-31T23:59:59-05:00,,,,,",
        ),
        {},
        (
            *((line, "unparseable:order_date") for line in range(2, 9)),
            (9, "unparseable:shipped_date"),
            (10, "unparseable:order_date"),
            (11, "unparseable:order_date"),
        ),
        source="orders",
    ),
    "two versions of a customer in one day": Case(
        b"customer_id,city,updated_at\na,Pune,2026-01-01 10:00:00\nb,Agra,\na,Goa,2026-01-01 11:00:00\na,Pune,2026-01-01 10:00:00\n",
        {"a": {}, "b": {"city": "Agra"}},
        superseded=1,
        source="customers",
    ),
}


@dataclass
class Ran:
    lake: Lake
    days: dict[str, str]
    outcome: Any
    accepted: dict[tuple[str, str], list[Any]]
    quarantined: list[Any]


@pytest.fixture(scope="module")
def ran(volume: str, new_lake: Callable[[], Lake]) -> Ran:
    lake = new_lake()
    days = {name: (FIRST + dt.timedelta(days=index)).isoformat() for index, name in enumerate(CASES)}
    for name, case in CASES.items():
        lake.put(case.source, days[name], case.content, case.name)
    first, last = FIRST.isoformat(), max(days.values())
    lake.declare_empty(first, last)
    outcome = lake.process(first, last)
    accepted: dict[tuple[str, str], list[Any]] = {}
    for source in ("orders", "order_items", "customers"):
        for row in lake.loaded(source).collect():
            accepted.setdefault((source, row["delivery_date"].isoformat()), []).append(row)
    return Ran(lake, days, outcome, accepted, lake.quarantine())


@pytest.mark.parametrize("name", CASES)
def test_rows(ran: Ran, name: str) -> None:
    case, day = CASES[name], ran.days[name]
    key = (
        f"{case.source}_id".replace("orders_", "order_")
        .replace("items_", "item_")
        .replace("customers_", "customer_")
    )
    rows = ran.accepted.get((case.source, day), [])
    bad = {(row["source_line"], row["rule"]) for row in ran.quarantined if row["dt"] == day}
    assert bad == set(case.bad)
    assert {row[key] for row in rows} == set(case.good)
    for row in rows:
        for column, value in case.good[row[key]].items():
            assert row[column] == value, (row[key], column)
        assert row["source_file"] == f"{case.source}/dt={day}/{case.name}"
    entry = ran.outcome.ledger[(case.source, day)]
    assert entry.superseded_rows == case.superseded
    assert entry.quarantined_rows == len(case.bad)
    assert entry.raw_rows == len(rows) + case.superseded + len(case.bad)
    assert entry.adds_up()


def test_every_version_of_a_customer_is_kept(ran: Ran) -> None:
    rows = ran.accepted[("customers", ran.days["two versions of a customer in one day"])]
    assert sorted(row["city"] for row in rows) == ["Agra", "Goa", "Pune"]


def test_quarantined_rows_can_be_replayed(ran: Ran) -> None:
    day = ran.days["too few and too many fields"]
    row = next(row for row in ran.quarantined if row["dt"] == day and row["source_line"] == 2)
    assert row["raw_text"] == "a,o,p,1,1"
    assert (row["source"], row["run_id"], row["delivery_date"].isoformat()) == ("order_items", "manual-1", day)
    assert row["message"] == "the number of fields differs from the header"
    long = next(row for row in ran.quarantined if row["rule"] == "row_too_long")
    assert len(long["raw_text"]) == 1 << 16


def test_messages_name_column_and_value(ran: Ran) -> None:
    messages = {row["message"] for row in ran.quarantined}
    assert "quantity: '6.5' is not a whole number" in messages
    assert "unit_price: '-0.01' is below 0" in messages
    assert "order_item_id has 66 bytes, varchar(64) allows fewer" in messages


def test_drift_is_reported(ran: Ran) -> None:
    found = {
        (item["column"], item["kind"])
        for item in ran.lake.summary()["drift"]
        if item["source"] == "order_items"
    }
    assert ("surprise", "unknown column, ignored") in found
    assert ("line_total", "optional column missing, null") in found


def test_rounded_rows_are_counted(ran: Ran) -> None:
    assert ran.outcome.rounded == {"order_items": 2}
