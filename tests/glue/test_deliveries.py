"""Deliveries that shops were seen to send: each is read, refused, or shown; none is lost without a word.

One run covers a day per delivery, and the check results give the verdict of each day.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ITEM_HEADER, Lake

ORDERS = b"order_id,customer_id,order_date,order_status,currency,total_amount,shipped_date,updated_at\n"
FIRST, LAST = "2026-02-20", "2026-03-17"


@dataclass
class Judged:
    """A run over the days of all deliveries, and what was said about each."""

    lake: Lake
    report: dict[str, Any]
    results: dict[tuple[str, str, str], tuple[bool, str]]
    days: dict[str, str]
    quarantined: dict[str, list[tuple[int, str, str]]]

    def broken(self, name: str) -> set[str]:
        """Rules that the day of a delivery breaks."""
        day = self.days[name]
        return {
            f"{source}.{rule}"
            for (each, source, rule), (passed, _) in self.results.items()
            if each == day and not passed
        }

    def said(self, name: str, source: str, rule: str) -> str:
        return self.results[self.days[name], source, rule][1]

    def rows(self, name: str, source: str) -> list[Any]:
        return self.lake.loaded(source).where(f"delivery_date = '{self.days[name]}'").collect()

    def entry(self, name: str, source: str) -> dict[str, Any]:
        day = self.days[name]
        (found,) = (
            entry
            for entry in self.lake.summary()["ledger"]
            if (entry["source"], entry["delivery_date"]) == (source, day)
        )
        return found


def orders(day: str, count: int = 3) -> bytes:
    rows = (
        b"O%d,C%d,%sT10:00:%02dZ,created,INR,10.00,,%sT11:00:00Z\n" % (n, n, day.encode(), n % 60, day.encode())
        for n in range(1, count + 1)
    )
    return ORDERS + b"".join(rows)


def items(count: int = 3) -> bytes:
    return ITEM_HEADER + b"".join(b"I%d,O%d,P1,1,10.00,10.00\n" % (n, n) for n in range(1, count + 1))


def nanos() -> bytes:
    """What pandas wrote before its version 3, beside a column that Spark has no type for."""
    moment = pa.array([dt.datetime(2026, 3, 2, hour, tzinfo=dt.UTC) for hour in (10, 11)]).cast(
        pa.timestamp("ns")
    )
    table = pa.table(
        {
            "order_id": ["O1", "O2"],
            "customer_id": ["C1", "C2"],
            "order_date": moment,
            "order_status": ["created", None],
            "total_amount": [10.0, 12.5],
            "opened_at": pa.array([1, 2], pa.time64("ns")),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def put_all(lake: Lake) -> dict[str, str]:
    """Land every delivery on a day of its own; returns the days by name."""
    first = dt.date.fromisoformat(FIRST)
    days: dict[str, str] = {}

    def day_of(name: str) -> str:
        days[name] = (first + dt.timedelta(days=len(days))).isoformat()
        return days[name]

    day = day_of("good")
    lake.put("orders", day, orders(day))
    lake.put("order_items", day, items())

    day = day_of("parquet-nanos")
    lake.put("orders", day, nanos(), "part.parquet")
    lake.put("order_items", day, items(2))

    day = day_of("nested")
    lake.put("orders", day, orders(day))
    lake.put("order_items", day, items())
    other = ITEM_HEADER + b"I1,O1,P1,2,10.00,20.00\n"
    lake.put("order_items", day, other, "_temporary/0/_temporary/attempt_1/part-0.csv")
    lake.put("order_items", day, other, "archive/old.csv")

    day = day_of("null-words")
    words = (b"\\N", b"NULL", b"nan", b"None", b"")
    rows = (
        b"O%d,%s,%s,created,INR,%s,,\n" % (n, word, day.encode(), b"NULL" if n == 4 else b"10")
        for n, word in enumerate(words, start=1)
    )
    lake.put("orders", day, ORDERS + b"".join(rows))
    lake.put("order_items", day, items(5))
    lake.put("customers", day, b"customer_id,first_name,city,updated_at\nC1,NULL,#N/A,2026-03-01T00:00:00Z\n")

    day = day_of("line-numbers")
    lines = (b"%d,O%d,P%d,1,10.00,10.00\n" % (n % 2 + 1, n // 2 + 1, n % 2 + 1) for n in range(80))
    lake.put("orders", day, orders(day, 40))
    lake.put("order_items", day, ITEM_HEADER + b"".join(lines))

    day = day_of("line-overflow")
    lake.put("orders", day, orders(day, 1))
    # The first cannot be held, the second just can, the third says its amount itself.
    lake.put(
        "order_items",
        day,
        ITEM_HEADER
        + b"I1,O1,P1,25,4006381333931,\nI2,O1,P1,1,99999999999999.9999,\nI3,O1,P1,25,4006381333931,10\n"
        + b"I4,O1,P1,-25,4006381333931,\nI5,O1,P1,2147483647,46566.1287,\nI6,O1,P1,2147483647,46566.2874,\n",
    )

    day = day_of("tiny-exponent")
    lake.put("orders", day, orders(day, 1))
    lake.put("order_items", day, ITEM_HEADER + b"I1,O1,P1,1,1e-300000000,\nI2,O1,P1,1,5,5\n")

    day = day_of("no-price")
    lake.put("orders", day, orders(day, 17))
    lake.put("order_items", day, ITEM_HEADER + b"".join(b"I%d,O%d,P1,1,,\n" % (n, n) for n in range(1, 18)))

    day = day_of("one-file-lost")
    lake.put("orders", day, orders(day, 30))
    lake.put("order_items", day, items(30), "a.csv")
    lake.put("order_items", day, ITEM_HEADER + b"I31,O1,P1,one,1,\n", "b.csv")
    lake.put("order_items", day, ITEM_HEADER + b'"I32","O1\n", P1","1",x,\n', "c.csv")

    day = day_of("spreadsheet-ids")
    rows = (
        b"1.76723E+12,C%d,%sT10:%02d:00Z,created,INR,10.00,,%sT11:%02d:00Z\n"
        % (n, day.encode(), n, day.encode(), n)
        for n in range(20)
    )
    lake.put("orders", day, ORDERS + b"".join(rows))
    lake.put("order_items", day, items(2))

    day = day_of("versions-and-copies")
    one = orders(day, 2)
    newer = b"O1,C1,%sT10:00:01Z,shipped,INR,10.00,,%sT12:00:00Z\n" % (day.encode(), day.encode())
    lake.put("orders", day, one + newer, "a.csv")
    lake.put("orders", day, one, "b.csv")
    lake.put("order_items", day, items(2) + items(2).partition(b"\n")[2])

    day = day_of("one-conflict")
    lake.put("orders", day, orders(day, 50))
    lake.put("order_items", day, items(50) + b"I7,O7,P1,2,10.00,20.00\n")

    day = day_of("renamed-column")
    lake.put("orders", day, orders(day))
    lake.put("order_items", day, items())
    lake.put(
        "web_events",
        day,
        b"event_id,customerId,session_id,event_type,event_timestamp\n1,c,s,view,2026-03-01 10:00:00\n",
    )
    lake.put(
        "web_events",
        day,
        b'{"event_id": 2, "event_type": "view", "event_timestamp": "2026-03-01", "pageURL": "x"}\n',
        "b.json",
    )

    day = day_of("status-was-filled")
    lake.put("orders", day, orders(day, 10))
    lake.put("order_items", day, items(10))
    day = day_of("status-is-empty")
    lake.put("orders", day, orders(day, 10).replace(b",created,", b",,"))
    lake.put("order_items", day, items(10))

    day = day_of("files-put-together")
    lake.put("orders", day, orders(day, 10) + orders(day, 12))
    lake.put("order_items", day, items(12))
    lake.put("customers", day, b'customer_id,first_name\nC1,A\nCUSTOMER_ID,First_Name\nC2,"B\nb"\n')

    day = day_of("unseen-blanks")
    lake.put(
        "orders",
        day,
        orders(day).replace(b"\nO", "\n\u00a0\u200bO".encode()).replace(b",C", ",\ufeff\u2009C".encode()),
    )
    lake.put("order_items", day, items().replace(b",O", ",\u00a0O".encode()))

    day = day_of("point-zero")
    lake.put("orders", day, orders(day).replace(b",C1,", b",123.0,").replace(b",C2,", b",123,"))
    lake.put("order_items", day, items())

    day = day_of("two-boms")
    lake.put("orders", day, b"\xef\xbb\xbf\xef\xbb\xbf" + orders(day))
    lake.put("order_items", day, items())

    day = day_of("future-versions")
    after = (dt.date.fromisoformat(day) + dt.timedelta(days=1)).isoformat().encode()
    future = orders(day).replace(b"," + day.encode() + b"T11", b",9998-12-31T11")
    tomorrow = b"O9,C9,%sT10:00:00Z,created,INR,10.00,,%sT13:00:00+00:00\n" % (day.encode(), after)
    lake.put("orders", day, (future + tomorrow).replace(b"\nO", b"\nF"))
    years = [int(day[:4]) + 1, int(day[:4]) + 2, 9998]
    lake.put(
        "customers",
        day,
        b"customer_id,first_name,updated_at\n"
        + b"".join(b"V1,in %d,%d-01-01T00:00:00Z\n" % (year, year) for year in years),
    )

    lake.put("orders", "2026-02-30", orders("2026-02-28"))
    return days


@pytest.fixture(scope="module")
def judged(volume: str, new_lake: Callable[[], Lake]) -> Judged:
    lake = new_lake()
    days = put_all(lake)
    assert max(days.values()) <= LAST
    lake.declare_empty(FIRST, LAST)
    lake.process(FIRST, LAST)
    report = lake.assess(FIRST, LAST)
    results = {
        (row["delivery_date"].isoformat(), row["source"], row["rule"]): (row["passed"], row["message"])
        for row in lake.loaded("check_result").collect()
    }
    quarantined: dict[str, list[tuple[int, str, str]]] = {name: [] for name in days}
    names = {day: name for name, day in days.items()}
    for row in lake.quarantine():
        quarantined[names[row["delivery_date"].isoformat()]].append(
            (row["source_line"], row["rule"], row["message"])
        )
    return Judged(lake, report, results, days, quarantined)


def test_a_good_day_breaks_no_rule_but_that_on_columns(judged: Judged) -> None:
    assert judged.broken("good") == {"orders.columns_as_agreed"}
    assert judged.said("good", "orders", "columns_as_agreed").startswith(
        "10 of 18 columns differ from the contract: missing and null: delivered_date, discount, "
    )
    assert judged.broken("two-boms") == {"orders.columns_as_agreed"}
    assert len(judged.rows("two-boms", "orders")) == 3


def test_nanoseconds_are_read_and_a_column_that_no_contract_names_condemns_nothing(judged: Judged) -> None:
    moments = sorted(row["order_date"].isoformat() for row in judged.rows("parquet-nanos", "orders"))
    assert moments == ["2026-03-02T10:00:00", "2026-03-02T11:00:00"]
    assert "opened_at is in no contract" in judged.said("parquet-nanos", "orders", "columns_as_agreed")


def test_objects_below_a_day_s_folder_are_named_and_not_loaded(judged: Judged) -> None:
    assert {row["line_total"] for row in judged.rows("nested", "order_items")} == {10}
    named = {entry["key"] for entry in judged.report["not_loaded"]}
    folder = f"order_items/dt={judged.days['nested']}/"
    assert {f"{folder}_temporary/0/_temporary/attempt_1/part-0.csv", f"{folder}archive/old.csv"} < named
    assert "orders/dt=2026-02-30/part.csv" in named


def test_words_for_null_are_null_by_the_contract_and_others_are_counted(judged: Judged) -> None:
    rows = judged.rows("null-words", "orders")
    assert len(rows) == 5
    assert {row["customer_id"] for row in rows} == {None}
    assert sum(row["total_amount"] is None for row in rows) == 1
    (customer,) = judged.rows("null-words", "customers")
    assert (customer["first_name"], customer["city"]) == (None, "#N/A")
    assert judged.said("null-words", "customers", "no_null_words") == (
        "1 of 1 rows have a word where a value is missing: city: a word for a missing value "
        "(such as NULL, nan, None) in 1 row(s)"
    )


def test_rows_under_the_key_of_another_close_the_gate(judged: Judged) -> None:
    assert "order_items.order_item_id_unique" in judged.broken("line-numbers")
    said = judged.said("line-numbers", "order_items", "order_item_id_unique")
    assert said.startswith("78 of 80 rows (97.50%) break the rule; 3.00% are allowed: order_item_id ")
    assert "part.csv line " in said
    assert " lost against line " in said
    # Each has a later version than the one before; they are other orders all the same.
    assert {"orders.order_id_unique", "orders.keys_as_written"} <= judged.broken("spreadsheet-ids")
    assert judged.entry("spreadsheet-ids", "orders")["conflicting_rows"] == 19


def test_copies_and_later_versions_are_no_loss(judged: Judged) -> None:
    assert judged.entry("versions-and-copies", "orders")["superseded_rows"] == 3
    assert judged.entry("versions-and-copies", "orders")["conflicting_rows"] == 0
    assert judged.entry("versions-and-copies", "order_items")["superseded_rows"] == 2
    assert judged.broken("versions-and-copies") == {"orders.columns_as_agreed"}


def test_a_single_conflict_is_listed_and_leaves_the_gate_open(judged: Judged) -> None:
    assert "order_items.keys_without_conflict" in judged.broken("one-conflict")
    assert "order_items.order_item_id_unique" not in judged.broken("one-conflict")
    said = judged.said("one-conflict", "order_items", "keys_without_conflict")
    assert said.startswith("1 of 51 rows lost against other content under the same key: order_item_id I7: ")


def test_no_accepted_amount_is_wider_than_its_column(judged: Judged) -> None:
    assert {row["order_item_id"] for row in judged.rows("line-overflow", "order_items")} == {"I2", "I3", "I5"}
    assert [found[:2] for found in sorted(judged.quarantined["line-overflow"])] == [
        (2, "out_of_range:line_total"),
        (5, "out_of_range:line_total"),
        (7, "out_of_range:line_total"),
    ]
    message = min(judged.quarantined["line-overflow"])[2]
    assert message == (
        "line_total: quantity × unit_price, a text of 18 characters (## * #############) does not fit decimal(18,4)"
    )
    assert [found[:2] for found in judged.quarantined["tiny-exponent"]] == [(2, "out_of_range:unit_price")]


def test_a_delivery_without_a_good_row_closes_the_gate_however_small(judged: Judged) -> None:
    assert {"order_items.files_have_rows", "order_items.quarantine_ratio"} <= judged.broken("no-price")
    assert "lost all of its 17 rows" in judged.said("no-price", "order_items", "files_have_rows")
    assert "order_items.files_have_rows" in judged.broken("one-file-lost")
    assert "order_items.quarantine_ratio" not in judged.broken("one-file-lost")
    said = judged.said("one-file-lost", "order_items", "files_have_rows")
    assert said.startswith("2 of 3 file(s) have rows, and all of them were rejected: ")
    assert "b.csv lost its only row" in said
    assert "c.csv lost " in said


def test_a_renamed_column_is_recognised(judged: Judged) -> None:
    said = judged.said("renamed-column", "web_events", "columns_as_agreed")
    assert "customerid is in no contract and looks like customer_id" in said
    assert "pageurl is in no contract and looks like page_url" in said


def test_a_column_that_was_filled_the_day_before_is_missed(judged: Judged) -> None:
    assert "orders.columns_filled_as_before" in judged.broken("status-is-empty")
    assert judged.said("status-is-empty", "orders", "columns_filled_as_before").endswith(
        f"order_status: empty on all rows, filled in 100% on {judged.days['status-was-filled']}"
    )
    assert judged.said("status-is-empty", "orders", "status_known") == (
        "not judged: no row has a value in order_status"
    )
    assert "orders.columns_filled_as_before" not in judged.broken("status-was-filled")


def test_headers_inside_a_file_are_no_rows(judged: Judged) -> None:
    assert [found[1] for found in judged.quarantined["files-put-together"]] == ["repeated_header"] * 2
    assert judged.entry("files-put-together", "orders")["superseded_rows"] == 10
    assert {row["customer_id"] for row in judged.rows("files-put-together", "customers")} == {"C1", "C2"}


def test_a_version_of_the_future_counts_as_the_end_of_its_delivery(judged: Judged) -> None:
    day = dt.date.fromisoformat(judged.days["future-versions"])
    rows = {row["order_id"]: row for row in judged.rows("future-versions", "orders")}
    assert {rows[f"F{n}"]["version_at"].date() for n in (1, 2, 3)} == {day + dt.timedelta(days=1)}
    assert rows["F1"]["version_at"].time() == dt.time(0)
    assert rows["F9"]["version_at"].isoformat() == f"{day + dt.timedelta(days=1)}T13:00:00"
    assert {rows[f"F{n}"]["updated_at"].year for n in (1, 2, 3)} == {9998}
    assert "orders.versions_not_in_future" in judged.broken("future-versions")
    assert judged.said("future-versions", "orders", "versions_not_in_future").startswith("3 of 4 rows")


def test_a_history_delivered_at_its_first_day_keeps_its_versions(judged: Judged) -> None:
    """A new warehouse is filled so; only a version that lies beyond every shop's life counts as the delivery's."""
    day = dt.date.fromisoformat(judged.days["future-versions"])
    rows = [row for row in judged.rows("future-versions", "customers") if row["customer_id"] == "V1"]
    found = {row["first_name"]: row["version_at"] for row in rows}
    assert len(rows) == 3
    assert found[f"in {day.year + 1}"].isoformat() == f"{day.year + 1}-01-01T00:00:00"
    assert found[f"in {day.year + 2}"].isoformat() == f"{day.year + 2}-01-01T00:00:00"
    assert found["in 9998"].date() == day + dt.timedelta(days=1)


def test_new_orders_without_a_line_are_shown(judged: Judged) -> None:
    assert "orders.order_has_lines" in judged.broken("future-versions")
    assert "orders.order_has_lines" not in judged.broken("one-conflict")


def test_blanks_that_nobody_sees_are_no_part_of_a_key(judged: Judged) -> None:
    assert {row["order_id"] for row in judged.rows("unseen-blanks", "orders")} == {"O1", "O2", "O3"}
    assert {row["customer_id"] for row in judged.rows("unseen-blanks", "orders")} == {"C1", "C2", "C3"}
    assert {row["order_id"] for row in judged.rows("unseen-blanks", "order_items")} == {"O1", "O2", "O3"}


def test_numbers_with_and_without_point_zero_in_one_column_are_shown(judged: Judged) -> None:
    assert "orders.keys_as_written" in judged.broken("point-zero")
    assert "customer_id: a number ends in .0 in 1 row(s)" in judged.said(
        "point-zero", "orders", "keys_as_written"
    )
