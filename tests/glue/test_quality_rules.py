"""Rules on a table in Spark against the same rules in plain Python, and history rules over several runs."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from conftest import ITEM_HEADER, REPO, Lake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Column, Rule, SourceContract
from ecommerce_dwh_glue.quality import one_pass as passes
from ecommerce_dwh_glue.quality.evaluation import evaluate
from ecommerce_dwh_glue.quality.one_pass import one_pass
from ecommerce_dwh_glue.quality.samples import sampled_keys
from ecommerce_dwh_glue.rules import unique

Row = dict[str, Any]
DAYS = (dt.date(2026, 1, 1), dt.date(2026, 1, 2))


def rule(name: str, kind: str, *columns: str, **arguments: Any) -> Rule:
    return Rule(name, "validity", "error", kind, columns, arguments)


Test = Callable[[Row], Any]
ROW_RULES: list[tuple[Rule, Test]] = [
    (rule("name_filled", "not_null", "name"), lambda row: row["name"] is None),
    (
        rule("colour_known", "accepted_values", "colour", values=["red", "blue"]),
        lambda row: row["colour"] not in (None, "red", "blue"),
    ),
    (
        rule("name_pattern", "pattern", "name", pattern=r"^[a-z]+\d?$"),
        lambda row: row["name"] and not re.search(r"^[a-z]+\d?$", row["name"]),
    ),
    (rule("name_short", "max_length", "name", length=4), lambda row: row["name"] and len(row["name"]) > 4),
    (rule("price_low", "range", "price", minimum=0), lambda row: (row["price"] or 0) < 0),
    (
        rule("price_between", "range", "price", minimum=0, maximum=50),
        lambda row: not 0 <= (row["price"] or 0) <= 50,
    ),
    (
        # Unknown (null) is not broken, as in SQL's three values.
        rule("cheap_or_red", "expression", expression="price < 40 or colour = 'red'"),
        lambda row: (row["price"] or 0) >= 40 and row["colour"] not in ("red", None),
    ),
]
# More rules than a word has bits: the second word must be read as the first.
MANY: list[tuple[Rule, Test]] = [
    (
        rule(f"price_under_{limit}", "range", "price", maximum=limit),
        lambda row, limit=limit: row["price"] is not None and row["price"] > limit,
    )
    for limit in range(70)
]
HISTORY = [
    rule("rows", "history", metric="rows", days=28),
    rule("price", "history", "price", metric="mean", days=28),
    rule("turnover", "history", "price", metric="sum", days=28),
    rule("unnamed", "history", "name", metric="null_ratio", days=28),
]
CONTRACT = SourceContract(
    name="things",
    version="1",
    description="",
    key="id",
    columns=(
        *(Column(name, "varchar(64)") for name in ("id", "name", "colour")),
        Column("price", "bigint"),
    ),
    rules=(*(each for each, _ in ROW_RULES + MANY), *HISTORY),
)


@pytest.fixture(scope="module")
def things() -> list[Row]:
    dice = random.Random(5)
    return [
        {
            "delivery_date": DAYS[number % 7 == 0],
            "id": f"t{dice.randrange(4000):05}",
            "name": dice.choice([None, "ann", "bo7", "Carlotta", "dümmer", "x" * 5, "e\n"]),
            "colour": dice.choice([None, "red", "blue", "green"]),
            "price": dice.choice([None, *range(-3, 80)]),
        }
        for number in range(5000)
    ]


@pytest.fixture(scope="module")
def frame(spark: SparkSession, things: list[Row]) -> DataFrame:
    schema = "delivery_date date, id string, name string, colour string, price bigint"
    return spark.createDataFrame([tuple(row.values()) for row in things], schema).cache()


def expected(things: Iterable[Row]) -> dict[str, tuple[int, int]]:
    """Checked and failed rows of each rule, counted in Python."""
    things = list(things)
    result = {}
    for each, test in ROW_RULES + MANY:
        looks = [
            row for row in things if each.kind in ("not_null", "expression") or row[each.column] is not None
        ]
        result[each.name] = len(looks), sum(bool(test(row)) for row in looks)
    return result


@pytest.mark.parametrize("patterns", [200_000, 3])
def test_one_pass_counts_as_python_does(
    frame: DataFrame, things: list[Row], patterns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "_MAX_PATTERNS", patterns)
    found = one_pass(frame, CONTRACT).days
    assert sorted(found) == [day.isoformat() for day in DAYS]
    for day in DAYS:
        own = [row for row in things if row["delivery_date"] == day]
        figures = found[day.isoformat()]
        assert figures.rows == len(own)
        counts = {name: (count.checked, count.failed) for name, count in figures.counts.items()}
        assert counts == expected(own)
        assert all(count[1] for name, count in counts.items())
        prices = [row["price"] for row in own if row["price"] is not None]
        assert figures.metrics == {
            "rows": len(own),
            "mean:price": sum(prices) / len(prices),
            "sum:price": sum(prices),
            "null_ratio:name": sum(row["name"] is None for row in own) / len(own),
        }


@pytest.mark.parametrize(("patterns", "least"), [(200_000, 20), (3, 2)])
def test_samples_are_broken_rows_and_the_same_each_time(
    frame: DataFrame, things: list[Row], patterns: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "_MAX_PATTERNS", patterns)
    hashes = one_pass(frame, CONTRACT).samples
    found = sampled_keys(frame, CONTRACT, hashes)
    assert set(found) == {each.name for each, _ in ROW_RULES + MANY}
    for each, test in ROW_RULES:
        assert least <= len(found[each.name]) <= 20
        assert set(found[each.name]) <= {row["id"] for row in things if test(row)}
    assert one_pass(frame.repartition(7), CONTRACT).samples == hashes


def test_nothing_is_sampled_where_nothing_is_broken(frame: DataFrame) -> None:
    good = frame.where("name = 'ann' and colour = 'red' and price = 0")
    found = one_pass(good, replace(CONTRACT, rules=tuple(each for each, _ in ROW_RULES)))
    assert found.samples == {}
    assert sampled_keys(good, CONTRACT, found.samples) == {}


def table(
    frame: DataFrame, *own: Rule, **others: DataFrame
) -> tuple[dict[str, dict[str, int]], dict[str, list[str]]]:
    """Failed rows by rule and day, and samples by rule, of rules that need more than one row at a time."""
    contract = replace(CONTRACT, rules=own)
    parents = {name: replace(CONTRACT, name=name, rules=()) for name in others}
    figures, keys = evaluate({"things": frame, **others}, {"things": contract, **parents}, 5000)
    failed = {
        each.name: {day: found.counts[each.name].failed for day, found in figures["things"].items()}
        for each in own
    }
    return failed, {name: some for (_, name), some in keys.items()}


@pytest.mark.parametrize(
    ("columns", "hashes", "collide"),
    [(("delivery_date", "id"), 50_000, False), (("id",), 50_000, True), (("name", "colour"), 2, False)],
)
def test_duplicates_are_rows_whose_values_repeat(
    frame: DataFrame,
    things: list[Row],
    columns: tuple[str, ...],
    hashes: int,
    collide: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if collide:  # any two keys may share a hash: then the values decide
        hashed = F.xxhash64
        monkeypatch.setattr(unique.F, "xxhash64", lambda *names: F.pmod(hashed(*names), F.lit(50)))
    monkeypatch.setattr(unique, "_MAX_HASHES", hashes)
    counts = Counter(tuple(row[name] for name in columns) for row in things)
    bad = [row for row in things if counts[tuple(row[name] for name in columns)] > 1]
    failed, keys = table(frame, rule("unique", "unique", *columns))
    assert failed["unique"] == Counter(row["delivery_date"].isoformat() for row in bad)
    assert keys["unique"] == sorted({row["id"] for row in bad})[:20]


def test_no_duplicates_at_all(frame: DataFrame) -> None:
    failed, keys = table(frame.dropDuplicates(["id"]), rule("unique", "unique", "id"))
    assert set(failed["unique"].values()) == {0}
    assert keys == {}


def test_references_that_lead_nowhere(spark: SparkSession, frame: DataFrame, things: list[Row]) -> None:
    parents = spark.createDataFrame([("red",), ("red",), ("green",), (None,)], "colour string")
    failed, keys = table(
        frame,
        rule("known", "referential", "colour", to_source="colours", to_column="colour"),
        colours=parents.withColumn("delivery_date", F.lit(DAYS[0])).withColumn("id", F.lit("x")),
    )
    lost = [row for row in things if row["colour"] == "blue"]
    assert failed["known"] == Counter(row["delivery_date"].isoformat() for row in lost)
    assert keys["known"] == sorted({row["id"] for row in lost})[:20]


# --- history over several runs ---

FIRST = dt.date(2026, 1, 5)


def deliver(lake: Lake, day: dt.date, rows: int) -> None:
    lines = b"".join(b"%d-%d,o%d,p,1,9.%d,\n" % (day.toordinal(), n, n, day.day % 10) for n in range(rows))
    lake.put("order_items", day.isoformat(), ITEM_HEADER + lines)


def volume(report: dict[str, Any]) -> dict[str, Any]:
    (items,) = (table for table in report["tables"] if table["source"] == "order_items")
    return next(entry for entry in items["rules"] if entry["rule"] == "rows_as_usual")


def run(lake: Lake, first: dt.date, last: dt.date) -> dict[str, Any]:
    key = f"run-{first}-{last}"
    lake.declare_empty(first.isoformat(), last.isoformat())
    lake.process(first.isoformat(), last.isoformat(), key)
    report = lake.assess(first.isoformat(), last.isoformat(), key)
    jsonschema.validate(report, json.loads((REPO / "docs" / "quality-report.schema.json").read_text("utf-8")))
    return report


def test_history_reaches_over_runs_and_an_old_day_keeps_its_verdict(lake: Lake) -> None:
    month = [FIRST + dt.timedelta(days=n) for n in range(28)]
    for day in month:
        deliver(lake, day, {5: 0, 6: 12}.get(day.weekday(), 40 + day.day % 3))
    loaded = volume(run(lake, month[0], month[-1]))
    # The first three weeks have too little behind them; the fourth is judged by them, without the closed Saturday.
    assert (loaded["unit"], loaded["rows_checked"], loaded["rows_failed"]) == ("days", 6, 0)
    assert loaded["passed"]
    results = lake.loaded("check_result", f"run-{month[0]}-{month[-1]}").where("rule = 'rows_as_usual'")
    said = {row["delivery_date"]: row for row in results.where("source = 'order_items'").collect()}
    assert said[month[3]]["message"].startswith("not judged: 3 of the 28 days before")
    assert said[month[3]]["passed"]
    assert said[month[24]]["message"] == ""

    monday = month[-1] + dt.timedelta(days=1)
    deliver(lake, monday, 4)
    report = run(lake, monday, monday)
    odd = volume(report)
    assert report["status"] == "warned"
    assert not odd["passed"]
    assert odd["judged"]
    assert odd["message"].startswith(f"4 rows on Monday {monday}; a Monday usually has ")
    assert odd["history"]["value"] == 4
    assert odd["history"]["days"] == 28
    assert 40 <= odd["history"]["median"] <= 42

    # An old day, judged again after later days: only what was before it counts.
    again = lake.assess(monday.isoformat(), monday.isoformat(), f"run-{monday}-{monday}")
    assert volume(again) == odd
    alone = run(lake, month[-1], month[-1])
    assert volume(alone)["rows_checked"] == 1
    assert volume(alone)["passed"]
    early = volume(run(lake, month[2], month[2]))
    assert not early["judged"]
    assert early["passed"]
    assert early["message"].startswith("not judged: 2 of the 28 days before")


def test_the_functions_that_contracts_may_call_are_spark_s(spark: SparkSession) -> None:
    known = {row[0] for row in spark.sql("show system functions").collect()}
    written = (REPO / "plugins" / "ecommerce_dwh" / "rules" / "spark_functions.txt").read_text("utf-8").split()
    assert written == sorted(name for name in known if name.isidentifier())
