"""The job as a whole: manifests, layout, large files, order of files, repeated attempts, sessions, Parquet input."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType

import pytest
from conftest import ITEM_HEADER, SOURCES, Lake

from ecommerce_dwh_glue.job import JobError, Options, read_options
from ecommerce_dwh_glue.reading import csv_rows, files, survey, text
from ecommerce_dwh_glue.rows.values import spark_type

DAY = "2026-03-01"
EVENTS = b"event_id,customer_id,session_id,event_type,event_timestamp,device_type,user_agent\n"


def item(index: int, text: str = "") -> bytes:
    return f"i{index},o{index % 7},p{text},{index % 9 + 1},{index}.25,\n".encode()


def content(rows: list[object]) -> list[tuple[object, ...]]:
    """Rows without the columns in which runs and files differ."""
    skip = {"run_id", "source_file", "source_line"}
    return sorted(
        tuple(str(value) for name, value in row.asDict().items() if name not in skip)  # type: ignore[attr-defined]
        for row in rows
    )


@pytest.fixture(scope="module")
def done(volume: str, new_lake: Callable[[], Lake]) -> Lake:
    lake = new_lake()
    lake.put("order_items", DAY, ITEM_HEADER + b"".join(item(index) for index in range(50)) + b"x,,,,,\n")
    lake.put("orders", DAY, b"order_id,order_date\no1,2026-03-01\n", "one.csv.gz")
    lake.put(
        "web_events",
        DAY,
        EVENTS
        + b"".join(
            (
                b"1,c,,view,2026-03-01 10:00:00,,\n",
                b"2,c,,view,2026-03-01 10:29:59,,\n",
                b"3,c,,view,2026-03-01 11:00:00,,\n",
                b"4,,,view,2026-03-01 10:00:00,m,ua\n",
                b"5,,,view,2026-03-01 10:01:00,m,ua\n",
                b"6,,,view,2026-03-01 10:01:00,m,ub\n",
                b"7,c,own,view,2026-03-01 10:05:00,,\n",
                b"8,,,view,2026-03-01 10:00:00,,\n",
                b"9,,,view,2026-03-01 10:00:00,,\n",
            )
        ),
    )
    lake.declare_empty(DAY, DAY)
    lake.process(DAY)
    return lake


def test_manifests_name_every_file_with_its_length(done: Lake) -> None:
    for name in (*SOURCES, "ledger"):
        entries = done.manifest(name)
        assert entries, name
        for entry in entries:
            path = done.root / "processed" / entry["url"].removeprefix("s3://processed/")
            assert path.stat().st_size == entry["meta"]["content_length"]
            assert entry["mandatory"] is True


def test_files_have_the_contract_s_columns_in_order_and_type(done: Lake) -> None:
    for name, contract in done.contracts.items():
        expected = [(column.name, spark_type(column)) for column in contract.accepted_columns]
        assert done.loaded(name).dtypes == expected


def test_a_source_without_rows_has_a_file_without_rows(done: Lake) -> None:
    assert "/empty/" in done.manifest("customers")[0]["url"]
    assert done.loaded("customers").count() == 0


def test_the_ledger_has_a_row_per_source_and_day(done: Lake) -> None:
    rows = {row["source"]: row for row in done.loaded("ledger").collect()}
    assert set(rows) == set(SOURCES)
    assert (rows["order_items"]["raw_rows"], rows["order_items"]["quarantined_rows"]) == (51, 1)
    assert rows["customers"]["files"] == 0


def test_the_client_stands_for_a_session_that_is_missing(done: Lake) -> None:
    rows = {row["event_id"]: row for row in done.loaded("web_events").collect()}
    session = {key: row["session_id"] for key, row in rows.items()}
    assert session["4"] == session["5"] != session["6"]
    assert session["7"] == "own"
    assert len({session[key] for key in "12389"}) == 5, "nothing is known of these clients"
    assert [key for key, row in sorted(rows.items()) if not row["is_session_derived"]] == ["7"]


def test_a_second_attempt_replaces_the_first(done: Lake) -> None:
    first = {entry["url"] for entry in done.manifest("order_items")}
    before = content(done.loaded("order_items").collect())
    done.process(DAY)
    second = {entry["url"] for entry in done.manifest("order_items")}
    assert not first & second
    assert content(done.loaded("order_items").collect()) == before


def test_the_quality_job_judges_the_run(done: Lake) -> None:
    report = done.assess(DAY)
    assert report["status"] == "warned"
    broken = {f"{t['source']}.{r['rule']}" for t in report["tables"] for r in t["rules"] if not r["passed"]}
    assert broken == {
        "order_items.order_in_window",
        "web_events.event_type_known",
        "orders.columns_as_agreed",
        "web_events.columns_as_agreed",
    }
    orphan = next(r for t in report["tables"] for r in t["rules"] if r["rule"] == "order_in_window")
    assert orphan["rows_failed"] == sum(index % 7 != 1 for index in range(50))
    assert len(orphan["samples"]) == 20
    rules = sum(len(contract.rules) for contract in done.contracts.values())
    assert done.loaded("check_result").count() == rules
    sent = {
        (d["MetricName"], d["Dimensions"][1]["Value"]): d["Value"] for d in done.metrics.sent[-1]["MetricData"]
    }
    assert sent[("RowsQuarantined", "order_items")] == 1
    assert sent[("RulesFailed", "order_items")] == 1
    page = done.storage.read("processed", f"quality/dt={DAY}/report.html").decode()
    assert "Quality passed with warnings" in page
    assert "<script" not in page


def test_the_order_and_cut_of_files_do_not_matter(new_lake: Callable[[], Lake]) -> None:
    rows = [item(index % 60, str(index)) for index in range(200)]
    results = []
    for seed in range(2):
        lake = new_lake()
        shuffled = random.Random(seed).sample(rows, len(rows))
        for part in range(seed + 1):
            lake.put("order_items", DAY, ITEM_HEADER + b"".join(shuffled[part :: seed + 1]), f"{part}.csv")
        lake.declare_empty(DAY, DAY)
        lake.process(DAY)
        results.append(content(lake.loaded("order_items").collect()))
    assert len(results[0]) == 60
    assert results[0] == results[1]


def test_large_files_are_cut_into_slices_with_exact_lines(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SMALL_FILE", 0)
    for module in (survey, csv_rows):
        monkeypatch.setattr(module, "SLICE", 4096)
    # In pieces smaller than a slice, as a stream gives them.
    monkeypatch.setattr(text, "CHUNK", 1000)
    rows = [item(index) for index in range(1500)]
    rows[700] = b"\xff,o,p,1,1,\n"
    rows[701] = b"n\0,o,p,1,1,\n"
    lake.put("order_items", DAY, ITEM_HEADER + b"".join(rows), "plain.csv")
    lake.put(
        "orders",
        DAY,
        b"order_id,order_date\n" + b"".join(b"o%d,2026-03-01\n" % i for i in range(900)),
        "p.csv.gz",
    )
    lake.declare_empty(DAY, DAY)
    lake.process(DAY)
    lines = {row["order_item_id"]: row["source_line"] for row in lake.loaded("order_items").collect()}
    assert lines == {f"i{index}": index + 2 for index in range(1500) if index not in (700, 701)}
    assert {(row["source_line"], row["rule"]) for row in lake.quarantine()} == {
        (702, "invalid_utf8"),
        (703, "nul_byte"),
    }
    assert {row["source_line"] for row in lake.loaded("orders").collect()} == set(range(2, 902))


def test_parquet_is_read_by_name_with_native_types(lake: Lake) -> None:
    frame = lake.spark.sql(
        "select 'o1' Order_ID, timestamp'2026-03-01 10:00:00' order_date, 12.5D total_amount, 'x' extra "
        "union all select null, timestamp'2026-03-01 10:00:00', double('NaN'), 'y'"
    )
    frame.coalesce(1).write.parquet(str(lake.root / "raw" / "orders" / f"dt={DAY}"))
    lake.declare_empty(DAY, DAY)
    lake.process(DAY)
    (row,) = lake.loaded("orders").collect()
    assert (row["order_id"], row["total_amount"], row["source_line"]) == ("o1", Decimal("12.5"), 1)
    assert row["order_date"].isoformat() == "2026-03-01T10:00:00"
    (bad,) = lake.quarantine()
    assert (bad["rule"], bad["source_line"]) == ("not_null:order_id", 2)
    assert '"extra":"y"' in bad["raw_text"]


def test_latest_is_the_newest_day_of_the_bucket(lake: Lake) -> None:
    lake.declare_empty("2026-02-27", DAY)
    lake.process("latest", "latest")
    assert (lake.summary()["start_date"], lake.summary()["end_date"]) == (DAY, DAY)


def test_quality_without_processing_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(JobError, match="run the processing job of this run first"):
        lake.assess(DAY)


ARGUMENTS = [
    "job",
    "--env",
    "dev",
    "--region",
    "r",
    "--raw_bucket",
    "a",
    "--processed_bucket",
    "b",
    "--start_date",
    DAY,
    "--end_date",
    DAY,
    "--run_id",
    "k",
    "--JOB_NAME",
    "ignored",
]


def test_arguments_are_those_of_glue() -> None:
    assert read_options(ARGUMENTS) == Options("dev", "r", "a", "b", DAY, DAY, "k")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("--start_date", "2026-3-1", "give a day as YYYY-MM-DD"),
        ("--start_date", "2026-03-02", "is after --end_date"),
        ("--run_id", "a/b", "a run key has"),
    ],
)
def test_impossible_arguments_are_refused(name: str, value: str, what: str) -> None:
    arguments = list(ARGUMENTS)
    arguments[arguments.index(name) + 1] = value
    with pytest.raises(JobError, match=what):
        read_options(arguments)


def test_glue_s_own_reader_of_arguments_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def resolved(argv: list[str], names: list[str]) -> dict[str, str]:
        asked.append(names)
        return dict.fromkeys(names, "2026-03-01")

    package, utils = ModuleType("awsglue"), ModuleType("awsglue.utils")
    utils.getResolvedOptions = resolved  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "awsglue", package)
    monkeypatch.setitem(sys.modules, "awsglue.utils", utils)
    assert read_options(["job"]).env == "2026-03-01"
    assert asked == [["env", "region", "raw_bucket", "processed_bucket", "start_date", "end_date", "run_id"]]


def test_abbreviated_arguments_are_not_taken() -> None:
    """Glue 6.0 no longer matches them; what works today must not stop working then."""
    with pytest.raises(JobError, match="--start_date"):
        read_options(["--start" if word == "--start_date" else word for word in ARGUMENTS])


def test_all_of_this_runs_in_ansi_mode_as_on_glue_6(lake: Lake) -> None:
    with pytest.raises(Exception, match="CAST_INVALID_INPUT"):
        lake.spark.sql("select cast('x' as int)").collect()


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(JobError, match="--run_id"):
        read_options([word for word in ARGUMENTS if word not in ("--run_id", "k")])
