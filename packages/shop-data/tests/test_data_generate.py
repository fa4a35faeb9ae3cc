"""The generator: same bytes for the same day however it is asked for, data that joins, dirt as announced."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from data_room import DAYS, content, day_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop_data.dirt import KINDS, Dirt
from shop_data.generate import Generator, Plan, day_range, generate
from shop_data.records import BOM
from shop_data.render import FORMATS
from shop_data.schema import SOURCES
from shop_data.shop import festivals
from shop_data.truth import count_raw
from shop_data.world import World

Rows = list[dict[str, str]]


def read(folder: Path, source: str, day: date | str = "*") -> Rows:
    rows: Rows = []
    for path in sorted(folder.glob(f"{source}/dt={day}/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    return rows


class TestDeterminism:
    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(days=st.sets(st.sampled_from(DAYS), min_size=1))
    def test_any_choice_of_days_gives_the_same_files(
        self, days: set[date], shop: tuple[Path, Generator], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("subset") / "raw"
        generate(Plan(sorted(days), lines_per_day=5_000, dirt="heavy"), str(folder))
        whole = {key: data for key, data in content(shop[0]).items() if day_of(key) in days}
        assert content(folder) == whole

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_twice_the_same_bytes(self, file_format: str, tmp_path: Path) -> None:
        plan = Plan(day_range("2026-01-02"), lines_per_day=300, file_format=file_format)
        generate(plan, str(tmp_path / "a"))
        generate(plan, str(tmp_path / "b"))
        files = content(tmp_path / "a")
        assert files == content(tmp_path / "b")
        assert len(files) == len(SOURCES)

    def test_another_seed_gives_other_data(self, tmp_path: Path) -> None:
        for seed in (1, 2):
            generate(Plan(day_range("2026-01-01"), lines_per_day=300, seed=seed), str(tmp_path / str(seed)))
        first, second = content(tmp_path / "1"), content(tmp_path / "2")
        assert first.keys() == second.keys()
        assert all(first[key] != second[key] for key in first)

    def test_one_source_alone_is_the_same(self, shop: tuple[Path, Generator], tmp_path: Path) -> None:
        generate(Plan(DAYS[1:2], lines_per_day=5_000, dirt="heavy", sources=["orders"]), str(tmp_path))
        assert list(content(tmp_path)) == ["orders/dt=2026-01-02/part-00000.csv.gz"]
        key = "orders/dt=2026-01-02/part-00000.csv.gz"
        assert content(tmp_path)[key] == content(shop[0])[key]

    def test_big_days_are_cut_into_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shop_data.shop.CHUNK", 500)
        monkeypatch.setattr("shop_data.generate.ROWS_PER_FILE", 2_000)
        generate(Plan(day_range("2026-01-01"), lines_per_day=5_000, file_format="csv"), str(tmp_path / "cut"))
        monkeypatch.undo()
        generate(Plan(day_range("2026-01-01"), lines_per_day=5_000, file_format="csv"), str(tmp_path / "whole"))
        for source in SOURCES:
            parts = [path.read_bytes() for path in sorted((tmp_path / "cut" / source).rglob("*.csv"))]
            header = parts[0].split(b"\n", 1)[0] + b"\n"
            if source == "web_events":  # its kinds of session come one after the other, whatever the chunks
                assert len(parts) > 3
            rows = b"".join(part.removeprefix(header) for part in parts)
            (whole,) = (tmp_path / "whole" / source).rglob("*.csv")
            assert header + rows == whole.read_bytes()


class TestShape:
    @pytest.mark.parametrize("file_format", FORMATS)
    def test_every_format_holds_the_same_clean_rows(self, file_format: str, tmp_path: Path) -> None:
        plan = Plan(day_range("2026-01-02"), lines_per_day=300, dirt="none", file_format=file_format)
        generate(plan, str(tmp_path / "raw"))
        found = count_raw(str(tmp_path / "raw"))
        generate(
            Plan(day_range("2026-01-02"), lines_per_day=300, dirt="none", file_format="csv"),
            str(tmp_path / "csv"),
        )
        expected = count_raw(str(tmp_path / "csv"))
        assert found.as_json() == {
            **expected.as_json(),
            "current_amount": found.as_json()["current_amount"],
        } or (
            file_format == "parquet"  # four decimals there
        )
        assert found.keys == expected.keys
        assert found.current_amount() == expected.current_amount()

    def test_parquet_is_typed(self, tmp_path: Path) -> None:
        generate(Plan(day_range("2026-01-01"), lines_per_day=300, file_format="parquet"), str(tmp_path))
        (path,) = (tmp_path / "orders").rglob("*.parquet")
        types = {field.name: str(field.type) for field in pq.read_schema(path)}
        assert types["order_date"] == "timestamp[us]"
        assert types["total_amount"] == "decimal128(18, 4)"

    def test_leading_zeros_of_keys_are_there_to_survive(self, clean_shop: Path) -> None:
        assert all(row["customer_id"].startswith("0") for row in read(clean_shop, "customers", "2026-01-01"))

    def test_csv_has_no_byte_order_mark(self, clean_shop: Path) -> None:
        assert not any(data.startswith(BOM) for data in content(clean_shop).values())


class TestLife:
    """Every special case of the shop occurs in its files."""

    def test_items_join_orders_products_and_customers(self, clean_shop: Path) -> None:
        found = count_raw(str(clean_shop))
        # Orders that never arrive are part of life; nothing else is left hanging.
        late = {line for line in found.held if not line.startswith("OD260120")}
        assert len(late) <= 0.002 * len(found.line_orders)
        assert found.unknown_products <= {"P" + f"{number:06d}" for number in range(500, 550)}
        assert len(found.unknown_customers) <= 3

    def test_lines_are_held_and_released_a_day_later(self, shop: tuple[Path, Generator]) -> None:
        folder, generator = shop
        for day in DAYS:
            found = count_raw(str(folder), (DAYS[0], day))
            assert len(found.held) == generator.held[day.isoformat()]["lines"], day
            assert (
                len({found.line_orders[line] for line in found.held})
                == generator.held[day.isoformat()]["orders"]
            )
        first = count_raw(str(folder), (DAYS[0], DAYS[0])).held
        assert first - count_raw(str(folder), (DAYS[0], DAYS[1])).held

    def test_orders_move_from_confirmed_to_delivered(self, clean_shop: Path) -> None:
        history: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in read(clean_shop, "orders"):
            history[row["order_id"]].append((row["updated_at"], row["order_status"]))
        rank = {"confirmed": 0, "shipped": 1, "delivered": 2, "cancelled": 3, "returned": 4}
        paths = set()
        for versions in history.values():
            statuses = [rank[status] for _, status in sorted(versions)]
            assert statuses == sorted(statuses)
            paths.add(tuple(status for _, status in sorted(versions)))
        assert {("confirmed", "shipped", "delivered"), ("confirmed", "cancelled"), ("returned",)} <= paths

    def test_header_amounts_are_the_sum_of_their_lines(self, clean_shop: Path) -> None:
        lines: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for row in read(clean_shop, "order_items"):
            assert Decimal(row["line_total"]) == Decimal(row["unit_price"]) * int(row["quantity"])
            lines[row["order_id"]][row["order_item_id"]] = Decimal(row["line_total"])
        latest = {row["order_id"]: row for row in read(clean_shop, "orders")}
        checked = 0
        for order, row in latest.items():
            if order in lines and "OD260101" <= order < "OD260119":
                assert Decimal(row["subtotal"]) == sum(lines[order].values()), order
                checked += 1
            amounts = {name: Decimal(row[name]) for name in ("subtotal", "tax", "shipping_cost", "discount")}
            assert Decimal(row["total_amount"]) == (
                amounts["subtotal"] + amounts["tax"] + amounts["shipping_cost"] - amounts["discount"]
            )
        assert checked > 5_000

    def test_corrected_lines_come_again_with_another_quantity(self, clean_shop: Path) -> None:
        quantities: dict[str, list[str]] = defaultdict(list)
        for row in read(clean_shop, "order_items"):
            quantities[row["order_item_id"]].append(row["quantity"])
        again = [values for values in quantities.values() if len(values) > 1]
        assert len(again) > 20
        assert all(len(values) == 2 and values[0] != values[1] for values in again)

    def test_returns_are_negative_and_name_products_that_were_bought(self, clean_shop: Path) -> None:
        items = read(clean_shop, "order_items")
        bought = {row["order_item_id"]: row for row in items if row["order_id"].startswith("OD")}
        returns = [row for row in items if row["order_id"].startswith("RT")]
        assert len(returns) > 50
        for row in returns:
            original = bought["OD" + row["order_item_id"][2:]]
            assert (row["product_id"], row["unit_price"]) == (original["product_id"], original["unit_price"])
            assert int(row["quantity"]) < 0

    def test_customers_and_products_change(self, clean_shop: Path) -> None:
        def versions(source: str, key: str, column: str) -> int:
            values: dict[str, set[str]] = defaultdict(set)
            for row in read(clean_shop, source):
                values[row[key]].add(row[column])
            return sum(len(found) > 1 for found in values.values())

        for column in ("city", "customer_segment", "email"):
            assert versions("customers", "customer_id", column) > 5, column
        for column in ("price", "cost", "stock_quantity", "is_active"):
            assert versions("products", "product_id", column) >= 1, column

    def test_later_days_bring_changes_alone(self, clean_shop: Path) -> None:
        world = World(7, 2_000)
        assert len(read(clean_shop, "customers", "2026-01-01")) == world.shop.customers
        assert len(read(clean_shop, "customers", "2026-01-05")) < world.shop.customers / 20
        lags = set()
        for day in day_range("2026-01-02:2026-01-20"):
            for row in read(clean_shop, "customers", day):
                lags.add((day - date.fromisoformat(row["updated_at"][:10])).days)
        assert lags == {0, 1}

    def test_products_sell_unevenly_and_customers_come_back(self, clean_shop: Path) -> None:
        sold: dict[str, int] = defaultdict(int)
        for row in read(clean_shop, "order_items"):
            sold[row["product_id"]] += 1
        counts = sorted(sold.values(), reverse=True)
        assert sum(counts[: len(counts) // 10]) > 0.35 * sum(counts)
        orders: dict[str, set[str]] = defaultdict(set)
        rows = read(clean_shop, "orders")
        for row in rows:
            orders[row["customer_id"]].add(row["order_id"])
        assert 0.03 < len(orders.pop("")) / len({row["order_id"] for row in rows}) < 0.09
        assert max(map(len, orders.values())) >= 20
        assert sum(len(found) > 1 for found in orders.values()) > 0.4 * len(orders)

    def test_sessions_walk_down_the_funnel(self, clean_shop: Path) -> None:
        sessions: dict[str, list[tuple[str, str]]] = defaultdict(list)
        rows = read(clean_shop, "web_events", "2026-01-03")
        for row in rows:
            sessions[row["event_id"].split("E")[0]].append((row["event_id"], row["event_type"]))
        rank = {"page_view": 0, "product_view": 0, "add_to_cart": 1, "checkout": 2, "purchase": 3}
        reached = defaultdict(int)
        for events in sessions.values():
            steps = [rank[kind] for _, kind in sorted(events)]
            assert steps == sorted(steps)
            reached[max(steps)] += 1
        assert all(reached[step] for step in range(4))
        assert 0.01 < sum(not row["session_id"] for row in rows) / len(rows) < 0.08
        assert any("bot" in row["user_agent"].lower() for row in rows)
        assert all(row["event_timestamp"][:10] in ("2026-01-02", "2026-01-03") for row in rows)

    def test_evenings_in_india_are_busy(self, clean_shop: Path) -> None:
        hours: dict[int, int] = defaultdict(int)
        placed = [row for row in read(clean_shop, "orders") if row["order_status"] == "confirmed"]
        for row in placed:
            local = datetime.fromisoformat(row["order_date"]) + timedelta(hours=5, minutes=30)
            hours[local.hour] += 1
        assert hours[20] + hours[21] > 8 * (hours[3] + hours[4])

    def test_feasts_sell(self) -> None:
        world = World(7, 10_000)
        # Diwali: 8 November 2026, 29 October 2027.
        assert [start + timedelta(days=14) for start, _, _ in festivals(2026)][-1] in (
            date(2026, 11, 8),
            date(2026, 11, 9),
        )
        assert world.shop.season(world.shop.day_number(date(2026, 10, 31))) > 1.7 * world.shop.season(
            world.shop.day_number(date(2026, 9, 12))
        )


class TestDirt:
    def test_every_kind_appears_about_as_often_as_announced(self) -> None:
        world, dirt = World(7, 100_000), Dirt(7, "default", "csv")
        for source in SOURCES:
            seen: dict[str, int] = defaultdict(int)
            rows = 0
            for batch in world.files(source, 0):
                rows += len(batch)
                for number in dirt.choose(source, 0, batch.identity):
                    seen[dirt.kinds[source][number].name if number >= 0 else ""] += 1
            for kind in dirt.kinds[source]:
                expected = kind.rate * rows
                # Five standard deviations of a Poisson count, and a little for the rare ones.
                assert abs(seen[kind.name] - expected) <= 5 * expected**0.5 + 2, (source, kind.name)

    @pytest.mark.parametrize("file_format", ["csv.gz", "json.gz", "parquet"])
    def test_the_sidecar_says_what_a_reader_finds(self, file_format: str, tmp_path: Path) -> None:
        generate(
            Plan(DAYS[:2], lines_per_day=4_000, dirt="heavy", file_format=file_format), str(tmp_path / "raw")
        )
        sidecar = json.loads((tmp_path / "raw.truth.json").read_text())
        found = count_raw(str(tmp_path / "raw"))
        for source, days in sidecar["sources"].items():
            for day, expected in days.items():
                tally = found.days[source, day].as_json()
                for name in (
                    "files",
                    "raw_rows",
                    "accepted_rows",
                    "superseded_rows",
                    "quarantined_rows",
                    "quarantined",
                ):
                    assert tally[name] == expected[name], (source, day, name)
                for name in ("raw_amount", "quarantined_amount"):
                    assert Decimal(str(tally[name])) == Decimal(expected[name]), (source, day, name)
        assert sidecar["held_after"][DAYS[1].isoformat()]["lines"] == len(found.held)

    def test_every_hard_rule_is_broken_by_some_kind(self) -> None:
        rules = {kind.rule for kind in KINDS if kind.outcome == "quarantined"}
        assert rules == {
            "not_null",
            "too_long",
            "invalid_utf8",
            "wrong_field_count",
            "unparseable",
            "non_finite",
            "below_minimum",
        }

    def test_no_dirt_is_clean(self, clean_shop: Path) -> None:
        found = count_raw(str(clean_shop))
        for source in SOURCES:
            assert found.total(source).quarantined_rows == 0
            assert found.total(source).superseded_rows == 0

    def test_the_gate_would_stay_open(self) -> None:
        """Even heavy dirt stays under the 5 % of rejected rows that the contracts allow."""
        for source in SOURCES:
            kinds = [kind for kind in KINDS if kind.source == source and kind.outcome == "quarantined"]
            assert sum(kind.rate for kind in kinds) * 10 < 0.05


class TestCommand:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "shop_data", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_says_what_it_wrote_without_a_terminal(self, tmp_path: Path) -> None:
        done = self.run(
            "generate", "--days", "2026-01-01", "--lines-per-day", "200", "--to", str(tmp_path / "raw")
        )
        assert done.returncode == 0, done.stderr
        assert "2026-01-01 …" in done.stdout
        assert "order_items" in done.stdout
        assert "\x1b" not in done.stdout
        assert (tmp_path / "raw.truth.json").exists()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--days", "tomorrow"), "write them as 2026-01-01:2026-01-03"),
            (("--days", "2026-01-03:2026-01-01"), "the end lies before the start"),
            (("--days", "2026-01-01", "--lines-per-day", "0"), "no whole number"),
            (("--days", "2026-01-01", "--sources", "order"), "no source is called 'order'"),
        ],
    )
    def test_refuses_what_it_cannot_do(self, arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
        done = self.run("generate", *arguments, "--to", str(tmp_path))
        assert done.returncode == 2
        assert message in done.stderr

    def test_says_what_to_do_when_no_endpoint_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        done = self.run("generate", "--days", "2026-01-01", "--to", "s3://raw")
        assert done.returncode == 1
        assert "set AWS_ENDPOINT_URL, or write to a folder" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_target_must_be_named(self) -> None:
        done = self.run("generate", "--days", "2026-01-01")
        assert done.returncode == 2
        assert "--to" in done.stderr

    def test_days_before_the_opening_move_it(self, tmp_path: Path) -> None:
        done = self.run(
            "generate", "--days", "2025-06-01", "--lines-per-day", "200", "--to", str(tmp_path / "raw")
        )
        assert "The shop opens on 2025-06-01" in done.stdout
        assert done.returncode == 0

    def test_other_files_of_the_day_are_told_and_replaced(self, tmp_path: Path) -> None:
        common = ("generate", "--days", "2026-01-01", "--lines-per-day", "200", "--to", str(tmp_path / "raw"))
        assert self.run(*common).returncode == 0
        told = self.run(*common, "--format", "csv")
        assert "--replace deletes them" in told.stdout
        assert self.run(*common, "--format", "csv", "--replace").returncode == 0
        assert {path.suffix for path in (tmp_path / "raw").rglob("part*")} == {".csv"}

    def test_memory_stays_flat_for_a_million_lines(self, tmp_path: Path) -> None:
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from shop_data.cli import main\n"
            "code = main(sys.argv[1:])\n"
            # Of this program alone: ru_maxrss keeps what the test process held when it forked.
            "status = Path('/proc/self/status').read_text()\n"
            "print('peak', int(status.split('VmHWM:')[1].split()[0]) // 1024)\n"
            "sys.exit(code)\n"
        )

        def peak(lines: str) -> int:
            done = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    script,
                    "generate",
                    "--days",
                    "2026-01-02",
                    "--lines-per-day",
                    lines,
                    "--sources",
                    "orders,order_items",
                    "--to",
                    str(tmp_path / lines),
                ],
                capture_output=True,
                text=True,
                check=True,
            )
            return int(done.stdout.rsplit("peak", 1)[1])

        small, large = peak("2e5"), peak("1e6")
        assert large < small * 1.6 + 40, f"{small} MB for 200,000 lines, {large} MB for a million"
        assert large < 600
