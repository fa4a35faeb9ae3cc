"""Files with odd names and odd contents that can be read: input → which rows come out, each exactly once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hostile import item_columns, long_value, parquet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lake_for_tests import Lake

from ecommerce_dwh.lake.layout import read_key
from ecommerce_dwh_glue.reading.listing import list_window
from ecommerce_dwh_glue.reading.source import read_source
from ecommerce_dwh_glue.reading.survey import survey_file
from tests.security.object_names import NAMES, STYLES, contents

DAY = "2026-03-01"
FOLDER = f"order_items/dt={DAY}/"


@pytest.mark.parametrize("style", STYLES)
def test_every_name_is_the_file_of_this_name(lake: Lake, style: str) -> None:
    """Through the whole processing job: each file's row once, under the file's own name."""
    names = NAMES[::6] if style == "parquet" else NAMES  # a pattern in Parquet is a scan of its own
    expected = {}
    for number, name in enumerate(names):
        actual, content = contents(number, name, style)
        expected[lake.put("order_items", DAY, content, actual)] = f"i{number}"
    lake.declare_empty(DAY, DAY)

    lake.process(DAY)

    found = [(row["source_file"], row["order_item_id"]) for row in lake.loaded("order_items").collect()]
    assert Counter(found) == Counter(expected.items())


# Any text that S3 takes as a name and a folder can hold, rich in what shells, globs and URLs give a meaning to.
pieces = st.one_of(
    st.sampled_from(
        [
            *"[]{}*?\\,!-^ %+:;#&='\"`$|~.<>()@",
            "%2F",
            "%00",
            "..",
            "a",
            "b",
            "1",
            "\n",
            "\r",
            "\t",
            "\x1b",
            "\u2028",
            "_",
        ]
    ),
    st.characters(codec="utf-8", exclude_characters="/\0"),
)
names = st.lists(pieces, min_size=1, max_size=12).map("".join).filter(lambda name: len(name.encode()) < 200)


@given(
    st.lists(names, min_size=12, max_size=24, unique=True), st.sampled_from([".csv", ".csv", ".CSV", ".json"])
)
@settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
def test_each_row_is_read_once_or_its_file_refused_by_name(
    new_lake: Callable[[], Lake], stems: list[str], suffix: str
) -> None:
    lake = new_lake()
    contract = lake.contracts["order_items"]
    kinds: dict[str, str] = {}
    for number, stem in enumerate(stems):
        content = contents(number, f"{stem}.csv", "json" if suffix == ".json" else "plain")[1]
        kinds[lake.put("order_items", DAY, content, stem + suffix)] = f"i{number}"

    listing = list_window(lake.storage, "raw", "order_items", DAY, DAY)
    surveyed = [survey_file(lake.storage, "raw", file, contract) for file in listing.files]
    good = [file for file in surveyed if not file.problem]
    rows = read_source(lake.spark, lake.storage, "raw", good, contract)

    read = (
        Counter((row["source_file"], row["x_order_item_id"]) for row in rows.collect()) if rows else Counter()
    )
    assert read == Counter((file.key, kinds[file.key]) for file in good)
    for key in kinds:
        judged = read_key(key)
        named = [file.key for file in surveyed if file.problem] + [found.key for found in listing.unfit]
        assert (key in {file.key for file in good}) + (key in named) + (judged.kind == "hidden") == 1


FAR = (1 << 63) - 1
# Column type and value → what is loaded as a timestamp, or what kind of rule the row breaks.
DATES: dict[str, tuple[Any, str]] = {
    "nanoseconds": (pa.array([1772359200123456789], pa.timestamp("ns")), "2026-03-01T10:00:00.123456"),
    "nanoseconds with a zone": (
        pa.array([1772359200123456789], pa.timestamp("ns", "Asia/Kolkata")),
        "2026-03-01T10:00:00.123456",
    ),
    "nanoseconds before 1970": (pa.array([-1], pa.timestamp("ns")), "1969-12-31T23:59:59.999999"),
    "microseconds": (pa.array([1772359200123456], pa.timestamp("us")), "2026-03-01T10:00:00.123456"),
    "milliseconds": (pa.array([1772359200123], pa.timestamp("ms")), "2026-03-01T10:00:00.123000"),
    "seconds": (pa.array([1772359200], pa.timestamp("s")), "2026-03-01T10:00:00"),
    "the last nanosecond": (pa.array([FAR], pa.timestamp("ns")), "2262-04-11T23:47:16.854775"),
    "the last microsecond": (pa.array([FAR], pa.timestamp("us")), "unparseable"),
    "the last millisecond": (pa.array([FAR], pa.timestamp("ms")), "unparseable"),
    "the first microsecond": (pa.array([-FAR], pa.timestamp("us")), "unparseable"),
    "a day": (pa.array([dt.date(2026, 3, 1)]), "2026-03-01T00:00:00"),
    "the last day": (pa.array([(1 << 31) - 1], pa.date32()), "unparseable"),
    "text": (pa.array(["2026-03-01T10:00:00Z"]), "2026-03-01T10:00:00"),
    "bytes": (pa.array([b"2026-03-01"]), "2026-03-01T00:00:00"),
    "bytes that are no UTF-8": (pa.array([b"\xff\xfe"]), "invalid_utf8"),
    "a NUL byte": (pa.array(["2026-03-01\0"]), "nul_byte"),
    "a whole number": (pa.array([20260301]), "unparseable"),
    "a boolean": (pa.array([True]), "unparseable"),
    "nothing": (pa.nulls(1), None),
    "a dictionary": (pa.array(["2026-03-01"]).dictionary_encode(), "2026-03-01T00:00:00"),
}
AMOUNTS: dict[str, tuple[Any, Any]] = {
    "double": (pa.array([12.5]), Decimal("12.5")),
    "float": (pa.array([12.5], pa.float32()), Decimal("12.5")),
    "not a number": (pa.array([float("nan")]), "non_finite"),
    "infinity": (pa.array([float("inf")]), "non_finite"),
    "the smallest double": (pa.array([5e-324]), Decimal(0)),
    "the largest double": (pa.array([1.7e308]), "out_of_range"),
    "decimal": (pa.array([Decimal("12.3456")]), Decimal("12.3456")),
    "decimal of 38 digits": (pa.array([Decimal("9" * 38)]), "out_of_range"),
    "decimal as a whole number": (pa.array([Decimal("1.25")], pa.decimal128(9, 2)), Decimal("1.25")),
    "unsigned, 64 bits": (pa.array([(1 << 64) - 1], pa.uint64()), "out_of_range"),
    "unsigned, 32 bits": (pa.array([(1 << 32) - 1], pa.uint32()), Decimal(4294967295)),
    "unsigned, 8 bits": (pa.array([255], pa.uint8()), Decimal(255)),
    "eight bits": (pa.array([-128], pa.int8()), Decimal(-128)),
    "text": (pa.array(["12.5"]), Decimal("12.5")),
    "large text": (pa.array(["12.5"], pa.large_string()), Decimal("12.5")),
    "a tiny exponent": (pa.array(["1e-300000000"]), "out_of_range"),
    "a million digits": (pa.array(["9" * 1_000_000]), "out_of_range"),
    "nothing": (pa.nulls(1), None),
}
# Columns that no contract names never condemn a file.
EXTRAS: dict[str, tuple[str, Any]] = {
    "time of day": ("x", pa.array([1], pa.time64("us"))),
    "list": ("x", pa.array([[1]])),
    "map": ("x", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))),
    "group": ("x", pa.array([{"y": [1]}])),
    "a name of Spark's": ("_metadata", pa.array([1])),
    "a backtick": ("a`b", pa.array([1])),
    "a dot": ("a.b", pa.array([1])),
    "SQL": ("x`; drop table orders; --", pa.array([1])),
    "no name": ("", pa.array([1])),
    "blanks and commas": (" ,;{}()\n\t=", pa.array([1])),
    "a name of 10,000 characters": ("x" * 10_000, pa.array([1])),
    "a long value": ("x", long_value(1, 1 << 20)),
    "a decimal of 76 digits": ("x", pa.array([Decimal(1)], pa.decimal256(76, 0))),
}


# Columns of orders that take each kind, as many of them to a file as there are.
PLACES = {"date": ("shipped_date", "delivered_date"), "amount": ("subtotal", "tax", "discount", "total_amount")}


def test_columns_of_any_type_are_read_as_the_contract_s(lake: Lake) -> None:
    """Every value is in a row and column of its own, so that a rejected one hides no other."""
    expected: dict[tuple[str, str], tuple[str, str, Any]] = {}
    waiting = {
        kind: [(column, *case) for case, column in zip(table.items(), PLACES[kind] * len(table), strict=False)]
        for kind, table in (("date", DATES), ("amount", AMOUNTS))
    }
    number = 0
    while any(waiting.values()):
        cases = [case for kind, row in waiting.items() for case in row[: len(PLACES[kind])]]
        waiting = {kind: row[len(PLACES[kind]) :] for kind, row in waiting.items()}
        columns: dict[str, Any] = {"order_date": pa.array(["2026-03-01"] * len(cases))}
        columns["order_id"] = pa.array([f"o{number}-{index}" for index in range(len(cases))])
        for index, (column, what, (array, outcome)) in enumerate(cases):
            gap = pa.nulls(1, array.type)
            columns[column] = pa.concat_arrays([array if row == index else gap for row in range(len(cases))])
            expected[f"o{number}-{index}", column] = (what, column, outcome)
        lake.put("orders", DAY, parquet(columns), f"{number}.parquet")
        number += 1
    lake.declare_empty(DAY, DAY)

    lake.process(DAY)

    found: dict[tuple[str, str], Any] = {}
    for row in lake.quarantine():
        kind, _, column = row["rule"].partition(":")
        number = row["source_file"].rpartition("/")[2].removesuffix(".parquet")
        order = f"o{number}-{row['source_line'] - 1}"
        found |= {place: kind for place in expected if place[0] == order and column in ("", place[1])}
    for row in lake.loaded("orders").collect():
        for place in expected:
            if place[0] == row["order_id"]:
                value = row[place[1]]
                found[place] = value.isoformat() if isinstance(value, dt.datetime) else value
    wrong = {
        f"{what} ({column})": (found.get(place, "lost"), outcome)
        for place, (what, column, outcome) in expected.items()
        if found.get(place, "lost") != outcome
    }
    assert not wrong
    assert len(expected) == len(DATES) + len(AMOUNTS)


def test_a_column_that_no_contract_names_condemns_no_file(lake: Lake) -> None:
    contract = lake.contracts["orders"]
    base = {"order_id": pa.array(["o"]), "order_date": pa.array(["2026-03-01"])}
    extras = {**EXTRAS, "columns that differ in case": ("a", pa.array([1]))}
    keys = []
    for number, (what, (name, array)) in enumerate(extras.items()):
        more = {name: array, **({"A": array} if what == "columns that differ in case" else {})}
        keys.append(lake.put("orders", DAY, parquet({**base, **more}), f"{number}.parquet"))
    listing = list_window(lake.storage, "raw", "orders", DAY, DAY)
    surveyed = [survey_file(lake.storage, "raw", file, contract) for file in listing.files]
    assert [file.problem for file in surveyed] == [""] * len(extras)
    rows = read_source(lake.spark, lake.storage, "raw", surveyed, contract)
    assert rows is not None
    found = [(row["source_file"], row["x_order_id"], row["defect"]) for row in rows.collect()]
    assert sorted(found) == sorted((key, "o", None) for key in keys)


def test_row_groups_pages_and_rows_keep_their_numbers(lake: Lake) -> None:
    columns = item_columns(1000)
    lake.put("order_items", DAY, parquet(columns, row_group_size=7, data_page_size=64), "a.parquet")
    lake.declare_empty(DAY, DAY)
    lake.process(DAY)
    lines = {row["order_item_id"]: row["source_line"] for row in lake.loaded("order_items").collect()}
    assert lines == {f"i{number}": number + 1 for number in range(1000)}
