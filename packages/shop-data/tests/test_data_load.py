"""The loader: every delivered row arrives, byte for byte, on the day it belongs to."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from data_room import content
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from shop_data.cli import main, show_loaded
from shop_data.generate import Plan, day_range, generate
from shop_data.load import LoadError, find_files, load_folder, row_day
from shop_data.raw_rules import Rules
from shop_data.records import UnreadableFileError, fields, read_records, split_records
from shop_data.target import TargetError
from shop_data.truth import count_raw

ORDERS = "order_id,customer_id,order_date\n"
ITEMS = "order_item_id,order_id,product_id,quantity,unit_price,line_total\n"


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def landed(folder: Path) -> dict[str, bytes]:
    return {
        key: gzip.decompress(data) if key.endswith(".gz") else data for key, data in content(folder).items()
    }


class TestRecords:
    text = st.text(st.sampled_from('ab,"\n\r é'), max_size=12)

    @given(
        rows=st.lists(st.lists(text, min_size=1, max_size=4), max_size=12),
        ending=st.sampled_from(["\n", "\r\n"]),
    )
    @settings(max_examples=200, deadline=None)
    def test_written_rows_are_cut_as_written(self, rows: list[list[str]], ending: str) -> None:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator=ending, quoting=csv.QUOTE_ALL)
        writer.writerows(rows)
        data = out.getvalue().encode()
        cut = list(split_records(io.BytesIO(data)))
        assert [[value.decode() for value in values] for _, values in cut] == rows
        assert b"".join(record for record, _ in cut) == data

    @given(data=st.binary(max_size=200) | st.text('a,"\n', max_size=200).map(str.encode))
    @settings(max_examples=300, deadline=None)
    def test_no_byte_is_lost_whatever_the_text(self, data: bytes) -> None:
        assert b"".join(record for record, _ in split_records(io.BytesIO(data))) == data

    def test_an_open_quote_does_not_swallow_the_file(self) -> None:
        lines = [b'1,"open\n', *[b"%d,x\n" % number for number in range(2, 500)]]
        cut = [record for record, _ in split_records(lines)]
        assert cut == lines

    def test_a_quote_inside_a_field_is_text(self) -> None:
        assert fields(b'a,12" shelf,c\n') == [b"a", b'12" shelf', b"c"]

    def test_a_truncated_gzip_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv.gz"
        path.write_bytes(gzip.compress(b"a,b\n" * 50_000)[:-20])
        with pytest.raises(UnreadableFileError, match=r"orders\.csv\.gz cannot be read to its end"):
            list(read_records(path))


class TestSplit:
    def test_rows_land_on_their_days_with_their_bytes(self, tmp_path: Path) -> None:
        folder = write(
            tmp_path / "in",
            {
                "full/orders.csv.gz": ORDERS
                + 'a,"x\ny",2020-01-01 10:00:00\r\nb,,2020-01-03T01:00:00+05:30\nc,1,2020-01-03',
                "full/order_items.csv": ITEMS + "1,b,p,1,2.50,\n2,a,p,1,2,2\n3,zzz,p,1,2,2\n",
                "full/products.csv": "product_id,updated_at\np,2020-01-03 00:00:00\nq,\n",
            },
        )
        loaded = load_folder(folder, str(tmp_path / "out"))
        assert (loaded.start, loaded.end) == (date(2020, 1, 1), date(2020, 1, 3))
        assert landed(tmp_path / "out") == {
            "orders/dt=2020-01-01/orders.csv.gz": (ORDERS + 'a,"x\ny",2020-01-01 10:00:00\r\n').encode(),
            "orders/dt=2020-01-02/orders.csv.gz": (ORDERS + "b,,2020-01-03T01:00:00+05:30\n").encode(),
            "orders/dt=2020-01-03/orders.csv.gz": (ORDERS + "c,1,2020-01-03\n").encode(),
            "order_items/dt=2020-01-01/order_items.csv.gz": (ITEMS + "2,a,p,1,2,2\n3,zzz,p,1,2,2\n").encode(),
            "order_items/dt=2020-01-02/order_items.csv.gz": (ITEMS + "1,b,p,1,2.50,\n").encode(),
            "order_items/dt=2020-01-03/_EMPTY": b"",
            "products/dt=2020-01-01/products.csv.gz": b"product_id,updated_at\np,2020-01-03 00:00:00\nq,\n",
        }
        assert loaded.rows == {"orders": 3, "order_items": 3, "products": 2}
        assert loaded.undated == {"order_items": 1}
        assert loaded.declared_empty == {"order_items": 1}

    cell = st.text(st.sampled_from('ab,"\n\r é'), max_size=6)
    stamp = st.sampled_from(
        ["2020-01-01", "2020-01-02 10:00:00", "2020-01-04T00:00:00Z", "01/02/2020", "", "soon"]
    )

    @given(rows=st.lists(st.tuples(st.integers(0, 20), cell, stamp), min_size=1, max_size=15))
    @settings(max_examples=60, deadline=None)
    def test_every_row_arrives_exactly_once(
        self, rows: list[tuple[int, str, str]], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        rows = [*rows, (99, "dated", "2020-01-03")]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        folder = write(tmp_path_factory.mktemp("in"), {"full/orders.csv": ORDERS + out.getvalue()})
        target = tmp_path_factory.mktemp("out")
        loaded = load_folder(folder, str(target))
        cut = Counter(record for record, _ in split_records(io.BytesIO(out.getvalue().encode())))
        arrived: Counter[bytes] = Counter()
        for key, data in landed(target).items():
            if key.startswith("orders/") and data:
                arrived.update(
                    record for record, _ in split_records(io.BytesIO(data.removeprefix(ORDERS.encode())))
                )
        assert arrived == cut
        assert loaded.rows["orders"] == len(rows)

    def test_an_order_that_comes_twice_keeps_both_days(self, tmp_path: Path) -> None:
        folder = write(
            tmp_path / "in",
            {
                "full/orders.csv": ORDERS + "a,,2020-01-01\na,,2020-01-02\nb,,2020-01-03\n",
                "full/order_items.csv": ITEMS + "1,a,p,1,2,2\n",
            },
        )
        loaded = load_folder(folder, str(tmp_path / "out"))
        assert loaded.start == date(2020, 1, 1)
        assert loaded.rows == {"orders": 3, "order_items": 1}
        assert "order_items/dt=2020-01-01/order_items.csv.gz" in landed(tmp_path / "out")

    def test_records_may_land_by_their_own_date(self, tmp_path: Path) -> None:
        folder = write(
            tmp_path / "in",
            {
                "full/orders.csv": ORDERS + "a,,2020-01-01\nb,,2020-01-03\n",
                "full/customers.csv": "customer_id,updated_at\n"
                "1,2020-01-02 05:00:00\n2,2019-01-01\n3,\n4,2021-01-01\n",
            },
        )
        loaded = load_folder(folder, str(tmp_path / "out"), by_updated_at=True)
        found = landed(tmp_path / "out")
        assert b"1,2020" in found["customers/dt=2020-01-02/customers.csv.gz"]
        # What was true before, and what has no date.
        assert found["customers/dt=2020-01-01/customers.csv.gz"].count(b"\n") == 3
        assert loaded.outside == {"customers": 1}

    def test_lines_in_one_file_follow_orders_that_come_by_day(self, tmp_path: Path) -> None:
        folder = write(
            tmp_path / "in",
            {
                "daily/dt=2020-01-01/orders.csv": ORDERS + "a,,2020-01-01\n",
                "daily/dt=2020-01-02/orders.csv": ORDERS + "b,,2020-01-02\n",
                "full/order_items.csv": ITEMS + "1,b,p,1,2,2\n2,a,p,1,2,2\n",
            },
        )
        load_folder(folder, str(tmp_path / "out"))
        assert b"1,b" in landed(tmp_path / "out")["order_items/dt=2020-01-02/order_items.csv.gz"]

    def test_a_window_leaves_the_rest_out_and_says_so(self, tmp_path: Path) -> None:
        folder = write(
            tmp_path / "in", {"full/orders.csv": ORDERS + "a,,2020-01-01\nb,,2020-01-02\nc,,2020-01-09\n"}
        )
        loaded = load_folder(folder, str(tmp_path / "out"), days=day_range("2020-01-02:2020-01-03"))
        assert loaded.rows == {"orders": 1}
        assert loaded.outside == {"orders": 2}
        assert loaded.declared_empty == {"orders": 1, "order_items": 2}

    def test_dates_are_never_guessed(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "in", {"full/orders.csv": ORDERS + "a,,03/04/2020\n"})
        with pytest.raises(LoadError, match=r"'03/04/2020'.*--order-date-format"):
            load_folder(folder, str(tmp_path / "out"))
        loaded = load_folder(folder, str(tmp_path / "out"), order_date_format="%m/%d/%Y")
        assert loaded.start == date(2020, 3, 4)
        assert landed(tmp_path / "out")["orders/dt=2020-03-04/orders.csv.gz"].endswith(b"a,,03/04/2020\n")

    @pytest.mark.parametrize(
        ("text", "day"),
        [
            (b"2020-02-29", date(2020, 2, 29)),
            (b" 2020-02-29 23:59:59 ", date(2020, 2, 29)),
            (b"2020-02-29T23:59:59-05:00", date(2020, 3, 1)),
            (b"2020-02-30", None),
            (b"20200229", None),
            (b"", None),
            (b"\xff", None),
        ],
    )
    def test_days_are_utc(self, text: bytes, day: date | None) -> None:
        assert row_day(text) == day

    def test_a_folder_without_sources_says_what_is_expected(self, tmp_path: Path) -> None:
        write(tmp_path, {"sales.csv": "a\n"})
        with pytest.raises(LoadError, match=r"full/<source>\.csv\.gz"):
            find_files(tmp_path)

    def test_files_that_are_not_landed_are_named_with_the_reason(self, tmp_path: Path) -> None:
        orders = "order_id,order_date\n1,2026-01-01\n"
        folder = write(
            tmp_path / "in",
            {
                "daily/dt=2026-01-01/orders.csv": orders,
                "daily/dt=2026-02-30/orders.csv": orders,
                "daily/dt=2026-01-01/notes.csv": "a\n",
                "daily/snapshot/customers.csv": "customer_id\nc\n",
                "full/orders.csv": orders,
                "full/customers.csv": "customer_id\nc\n",
                "readme.md": "",
            },
        )
        loaded = load_folder(folder, str(tmp_path / "out"))
        assert loaded.ignored == {
            "daily/dt=2026-02-30/orders.csv": "2026-02-30 is a day that no calendar has",
            "daily/dt=2026-01-01/notes.csv": "is no file of a source",
            "daily/snapshot/customers.csv": "is in no folder full/ or dt=YYYY-MM-DD",
            "full/orders.csv": "orders is taken from the folders of days",
            "readme.md": "is no file of a source",
        }
        shown = Console(record=True, width=200)
        show_loaded(loaded, shown)
        assert (
            "Not landed: daily/dt=2026-01-01/notes.csv (is no file of a source); and 4 more"
            in shown.export_text()
        )

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(LoadError, match="is no folder"):
            load_folder(tmp_path / "nowhere", str(tmp_path / "out"))

    def test_orders_without_their_columns(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "in", {"full/orders.csv": "id,when\n1,2020-01-01\n"})
        with pytest.raises(LoadError, match="has no column order_id"):
            load_folder(folder, str(tmp_path / "out"))


class TestBucket:
    def test_generated_days_arrive_and_are_counted(self, bucket: str, tmp_path: Path) -> None:
        plan = Plan(day_range("2026-01-01:2026-01-02"), lines_per_day=500)
        generate(plan, bucket)
        generate(plan, str(tmp_path / "raw"))
        assert count_raw(bucket).as_json() == count_raw(str(tmp_path / "raw")).as_json()

    def test_a_generated_folder_can_be_loaded(self, bucket: str, tmp_path: Path) -> None:
        generate(
            Plan(day_range("2026-01-01:2026-01-02"), lines_per_day=500, file_format="json.gz"), str(tmp_path)
        )
        loaded = load_folder(tmp_path, bucket)
        assert (loaded.start, loaded.end) == (date(2026, 1, 1), date(2026, 1, 2))
        assert count_raw(bucket).as_json() == count_raw(str(tmp_path)).as_json()

    def test_marks_of_filled_days_go_and_other_files_are_told(self, bucket: str, tmp_path: Path) -> None:
        first = write(tmp_path / "a", {"full/orders.csv": ORDERS + "a,,2020-01-01\nb,,2020-01-03\n"})
        load_folder(first, bucket)
        second = write(tmp_path / "b", {"daily/dt=2020-01-02/orders.csv": ORDERS + "c,,2020-01-02\n"})
        loaded = load_folder(second, bucket, days=day_range("2020-01-01:2020-01-03"))
        assert sorted(loaded.foreign) == [
            "orders/dt=2020-01-01/orders.csv.gz",
            "orders/dt=2020-01-03/orders.csv.gz",
        ]
        assert "2020-01-02" not in count_raw(bucket).empty["orders"]
        load_folder(second, bucket, days=day_range("2020-01-01:2020-01-03"), replace=True)
        assert count_raw(bucket).keys["orders"] == {"c"}

    def test_a_missing_bucket_names_the_mend(self, bucket: str, tmp_path: Path) -> None:
        folder = write(tmp_path, {"full/orders.csv": ORDERS + "a,,2020-01-01\n"})
        with pytest.raises(TargetError, match="bucket no-such-bucket cannot be used"):
            load_folder(folder, "s3://no-such-bucket")

    def test_the_command_prints_the_days_and_what_has_no_date(
        self, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = write(tmp_path, {"full/orders.csv": ORDERS + "a,,2020-01-01\nb,,bad\n"})
        assert main(["load", str(folder), "--to", bucket]) == 0
        shown = capsys.readouterr().out
        assert "2020-01-01 … 2020-01-01 (1 days)" in " ".join(shown.split())
        assert "1 rows have no readable date" in " ".join(shown.split())


class TestRealData:
    def test_online_retail_adds_up_to_the_published_totals(self, real_data: Path, bucket: str) -> None:
        expected = {
            name: entry["value"]
            for name, entry in json.loads((real_data / "online_retail" / "expected.json").read_text())[
                "results"
            ].items()
        }
        loaded = load_folder(real_data / "online_retail", bucket)
        assert (loaded.start.isoformat(), loaded.end.isoformat()) == (
            expected["first_last"]["first"][:10],
            expected["first_last"]["last"][:10],
        )
        assert loaded.days_with_files["orders"] == expected["days"]
        assert loaded.declared_empty["orders"] == len(loaded.days) - expected["days"]

        found = count_raw(bucket)
        items = found.total("order_items")
        assert items.raw_rows == expected["lines"]
        assert items.raw_amount == Decimal(expected["revenue_net_all_lines"])
        assert items.quarantined == {"below_minimum": expected["neg_price"]}
        assert len(found.keys["orders"]) == expected["invoices"]
        assert len(found.keys["customers"]) == expected["customers"]
        assert len(found.keys["products"]) == expected["stock_codes"]
        assert found.guest_orders == expected["null_customer_invoices"]
        assert found.returns == expected["neg_qty"]
        assert not found.held
        assert not found.unknown_products
        assert not found.unknown_customers
        for day in expected["lines_by_day"]:
            tally = found.days["order_items", day["dt"]]
            assert (tally.raw_rows, tally.raw_amount) == (day["n_lines"], Decimal(day["net"]))

    def test_split_by_date_equals_the_daily_files(self, real_data: Path, tmp_path: Path) -> None:
        load_folder(
            real_data / "online_retail", str(tmp_path / "daily"), days=day_range("2011-04-18:2011-04-24")
        )
        load_folder(
            real_data / "online_retail" / "full",
            str(tmp_path / "full"),
            days=day_range("2011-04-18:2011-04-24"),
        )
        daily, full = landed(tmp_path / "daily"), landed(tmp_path / "full")
        assert daily.keys() == full.keys()
        for key, data in daily.items():
            assert sorted(data.splitlines()) == sorted(full[key].splitlines()), key

    def test_adventureworks_lands_as_one_day_untouched(self, real_data: Path, bucket: str) -> None:
        loaded = load_folder(real_data / "adventureworks", bucket, as_one_day=date(2026, 1, 1))
        assert loaded.rows == {"customers": 18_148, "products": 293, "orders": 25_162, "order_items": 56_046}
        dates = ["%m/%d/%Y"]
        rules = Rules(date_patterns={"orders": {"order_date": dates}, "customers": {"date_of_birth": dates}})
        found = count_raw(bucket, rules=rules)
        assert found.total("order_items").superseded_rows == 4
        assert not found.held
        assert sum(found.total(source).quarantined_rows for source in loaded.rows) == 0
        # Without a declared format its dates are nothing that may be read.
        strict = count_raw(bucket)
        assert strict.total("orders").quarantined == {"unparseable": 25_162}
        assert len(strict.held) == 56_042
