"""The raw bucket's layout and inventory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecommerce_dwh.lake.inventory import (
    Inventory,
    add_strays,
    describe_missing,
    describe_unloaded,
    listing_request,
    take_inventory,
)
from ecommerce_dwh.lake.layout import DATA_SUFFIXES, read_key, shown


@pytest.mark.parametrize(
    "name",
    [
        *("a.csv", "a.csv.gz", "a.json", "b.json.gz", "a.jsonl", "a.ndjson", "a.JSONL.GZ", "A.CSV", "_EMPTY"),
        *("part-0.parquet", "0000_part_00.parquet", "0000_part_00.csv"),
    ],
)
def test_files_and_the_empty_marker_count(name):
    file = read_key(f"orders/dt=2026-01-01/{name}")

    assert (file.source, file.day, file.name) == ("orders", "2026-01-01", name)
    assert file.is_empty_marker == (name == "_EMPTY")
    assert file.is_data == (name != "_EMPTY")
    assert not file.is_named


DAY = "orders/dt=2026-01-01/"
# Key → kind, and what its reason begins with.
KEYS = {
    f"{DAY}_SUCCESS": ("hidden", ""),
    f"{DAY}.a.csv.crc": ("hidden", ""),
    f"{DAY}_tmp.csv": ("hidden", ""),
    f"{DAY}_empty": ("hidden", ""),
    DAY: ("hidden", ""),
    "orders/dt=2026-01-01_$folder$": ("hidden", ""),
    f"{DAY}readme.txt": ("refused", "is no kind of file"),
    f"{DAY}a.csv ": ("refused", "is no kind of file"),
    f"{DAY}a.parquet.gz": ("refused", "is no kind of file"),
    f"{DAY}0000_part_00": ("refused", "has the name that UNLOAD gives"),
    f"{DAY}orders_0003_part_12.gz": ("refused", "has the name that UNLOAD gives"),
    f"{DAY}000_part_00": ("refused", "has the name that UNLOAD gives"),
    f"{DAY}part_00": ("refused", "is no kind of file"),
    f"{DAY}a\nb.csv": ("refused", "has the control character U+000A"),
    f"{DAY}a.csv\n": ("refused", "has the control character U+000A"),
    f"{DAY}a\x7f.csv": ("refused", "has the control character U+007F"),
    f"{DAY}a\u2028.csv": ("refused", "has the control character U+2028"),
    f"{DAY}sub/a.csv": ("unfit", "lies in a sub-folder"),
    f"{DAY}/a.csv": ("unfit", "lies in a sub-folder"),
    f"{DAY}../dt=2026-01-02/a.csv": ("unfit", "lies in a sub-folder"),
    f"{DAY}_temporary/0/a.csv": ("unfit", "lies in a sub-folder"),
    f"{DAY}sub/_EMPTY": ("unfit", "lies in a sub-folder"),
    "orders/dt=2026-02-30/a.csv": ("unfit", "lies in the folder of 2026-02-30"),
    "orders/dt=0000-01-01/a.csv": ("unfit", "lies in the folder of 0000-01-01"),
    "orders/dt=2026-01-01 /a.csv": ("unfit", "lies in no folder"),
    "orders/dt=2026-01-01\n/a.csv": ("unfit", "lies in no folder"),
    "orders/dt=２０２６-01-01/a.csv": ("unfit", "lies in no folder"),
    "orders/DT=2026-01-01/a.csv": ("unfit", "lies in no folder"),
    "orders//dt=2026-01-01/a.csv": ("unfit", "lies in no folder"),
    "orders/a.csv": ("unfit", "lies in no folder"),
    "orders/dt=latest/a.csv": ("unfit", "lies in no folder"),
    "x/orders/dt=2026-01-01/a.csv": ("unfit", "lies in no folder"),
    "/orders/dt=2026-01-01/a.csv": ("unfit", "lies in no folder"),
    "a.csv": ("unfit", "lies in no folder"),
    **{
        f"{DAY}{name}": ("data", "")
        for name in (
            "orders[1].csv",
            "{a,b}.csv",
            "*.csv",
            "?.csv",
            "a\\b.csv",
            "a%2Fb.csv",
            "a b.csv",
            "a:b.csv",
            "a#b.csv",
            "zażółć.csv",
            "注文.csv",
            "🛒.csv",
            " a.csv",
            "a+b.csv",
            "a=b.csv",
            "x" * 900 + ".csv",
            "A.CSV.GZ",
        )
    },
}


@pytest.mark.parametrize("key", KEYS)
def test_every_other_key_has_one_kind_and_a_reason(key):
    found = read_key(key)

    kind, reason = KEYS[key]
    assert (found.kind, found.reason[: len(reason)]) == (kind, reason)
    assert found.is_named == bool(found.reason) == (kind in ("refused", "unfit"))
    assert found.remark.isprintable()


@given(st.text(), st.text())
def test_no_key_is_without_a_kind(folder, name):
    for key in (folder + name, f"orders/{folder}/{name}", f"orders/dt=2026-01-01/{name}.csv"):
        found = read_key(key)
        assert found.kind in ("data", "empty", "hidden", "refused", "unfit")
        assert shown(key).isprintable()
        assert found.key == key
        if found.is_data:
            assert found.key == f"{found.source}/dt={found.day}/{found.name}"
            assert found.name.lower().endswith(DATA_SUFFIXES)
            assert not {"/", "\n", "\r", "\0"} & set(found.name)


def test_what_is_not_loaded_is_named():
    s3 = FakeS3(
        [
            "orders/dt=2026-01-01/a.csv",
            "orders/dt=2026-01-01/a\nb.csv",
            "orders/dt=2026-01-01 copy/a.csv",
            "orders/dt=2026-01-01/_log",
            "orders/dt=2025-02-30/a.csv",
            "orders/old/a.csv",
            "orders/b.csv",
            "order/dt=2026-01-01/a.csv",
            "Orders /dt=2026-01-01/a.csv",
            "orders/dt=2026-1-1/a.csv",
            "orders/DT=20260101/a.csv",
            "_trash/a",
            "readme.txt",
        ]
    )

    inventory = take_inventory(s3, "b", ["orders"], "2026-01-01", "2026-01-01")
    add_strays(s3, "b", ["orders"], inventory)

    assert [file.key for file in inventory.files["orders"]["2026-01-01"]] == ["orders/dt=2026-01-01/a.csv"]
    assert inventory.hidden == 1
    text = describe_unloaded("b", inventory.unloaded)
    for name in (
        "a\\nb.csv",
        "dt=2026-01-01 copy/a.csv",
        "orders/b.csv",
        "orders/old/",
        "order/",
        "readme.txt",
    ):
        assert f"{name} " in text
    assert "dt=2025-02-30/ is the folder of 2025-02-30, a day that no calendar has" in text
    assert "orders/dt=2026-1-1/ is no day's folder and is not loaded; name it dt=2026-01-01" in text
    assert "orders/DT=20260101/ is no day's folder and is not loaded; name it dt=2026-01-01" in text
    assert "Orders / is the folder of no source and is not loaded; name it orders" in text
    assert text.count("\n") == 9


class FakeS3:
    """Answers listings like S3: in order, in pages."""

    def __init__(self, keys, page=2):
        self.keys, self.page, self.calls = sorted(keys), page, []

    def list_objects_v2(self, *, Bucket, Prefix, StartAfter="", ContinuationToken=""):  # noqa: N803
        self.calls.append((Prefix, StartAfter))
        after = ContinuationToken or StartAfter
        found = [key for key in self.keys if key.startswith(Prefix) and key > after]
        page = found[: self.page]
        answer = {"Contents": [{"Key": key, "Size": 10} for key in page], "IsTruncated": len(found) > len(page)}
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = page[-1]
        return answer

    def get_paginator(self, _name):
        return self

    def paginate(self, *, Bucket, Prefix, Delimiter):  # noqa: N803
        below = [key[len(Prefix) :] for key in self.keys if key.startswith(Prefix)]
        folders = sorted({key.partition("/")[0] for key in below if "/" in key})
        yield {
            "Contents": [{"Key": Prefix + key, "Size": 10} for key in below if Delimiter not in key],
            "CommonPrefixes": [{"Prefix": f"{Prefix}{name}/"} for name in folders],
        }


def test_a_day_is_one_listing_of_its_folder():
    assert listing_request("b", "orders", "2026-01-01", "2026-01-01") == {
        "Bucket": "b",
        "Prefix": "orders/dt=2026-01-01",  # neighbours that only begin like the day are named
    }


def test_a_range_is_one_scan_that_stops_behind_its_last_day():
    days = [f"2026-01-{day:02}" for day in range(1, 29)]
    s3 = FakeS3([f"orders/dt={day}/{name}.csv" for day in days for name in "ab"], page=4)

    inventory = take_inventory(s3, "b", ["orders"], "2026-01-10", "2026-01-12")

    assert sorted(inventory.files["orders"]) == ["2026-01-10", "2026-01-11", "2026-01-12"]
    assert len(s3.calls) == 2  # 6 files of the range and the first one behind it: two pages of four


def test_missing_days_are_named_day_by_day():
    s3 = FakeS3(
        ["orders/dt=2026-01-01/a.csv", "orders/dt=2026-01-02/_EMPTY", "order_items/dt=2026-01-01/a.json"]
    )

    inventory = take_inventory(s3, "b", ["orders", "order_items"], "2026-01-01", "2026-01-03")

    assert inventory.missing(["orders", "order_items"], "2026-01-01", "2026-01-03") == [
        "order_items/dt=2026-01-02/",
        "orders/dt=2026-01-03/",
        "order_items/dt=2026-01-03/",
    ]
    assert inventory.counts()["orders"] == {"files": 1, "days": 1, "empty_days": 1, "bytes": 10}


def test_an_empty_bucket_misses_everything():
    assert Inventory().missing(["orders"], "2026-01-01", "2026-01-02") == [
        "orders/dt=2026-01-01/",
        "orders/dt=2026-01-02/",
    ]


def test_at_most_ten_missing_folders_are_shown():
    text = describe_missing("b", [f"orders/dt=2026-01-{day:02}/" for day in range(1, 13)])

    assert text.count("s3://b/orders") == 10
    assert text.endswith("… and 2 more")
