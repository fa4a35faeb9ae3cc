"""The raw bucket's layout and inventory."""

from __future__ import annotations

import pytest

from ecommerce_dwh.raw_files import (
    Inventory,
    describe_missing,
    listing_request,
    parse_key,
    take_inventory,
)


@pytest.mark.parametrize(
    "name", ["a.csv", "a.csv.gz", "a.json", "b.json.gz", "part-0.parquet", "A.CSV", "_EMPTY"]
)
def test_files_and_the_empty_marker_count(name):
    file = parse_key(f"orders/dt=2026-01-01/{name}")

    assert (file.source, file.day, file.name) == ("orders", "2026-01-01", name)
    assert file.is_empty_marker == (name == "_EMPTY")


@pytest.mark.parametrize(
    "key",
    [
        "orders/dt=2026-01-01/_SUCCESS",
        "orders/dt=2026-01-01/.a.csv.crc",
        "orders/dt=2026-01-01/_tmp.csv",
        "orders/dt=2026-01-01/readme.txt",
        "orders/dt=2026-01-01/",
        "orders/dt=2026-01-01/sub/a.csv",
        "orders/a.csv",
        "orders/dt=latest/a.csv",
        "x/orders/dt=2026-01-01/a.csv",
        "orders/dt=2026-01-01/_empty",
    ],
)
def test_everything_else_is_ignored(key):
    assert parse_key(key) is None


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


def test_a_day_is_one_listing_of_its_folder():
    assert listing_request("b", "orders", "2026-01-01", "2026-01-01") == {
        "Bucket": "b",
        "Prefix": "orders/dt=2026-01-01/",
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
