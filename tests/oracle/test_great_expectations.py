"""Our verdict and our number of failed rows are Great Expectations', rule by rule, wherever both can say the rule."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from glue_conftest import Lake
from pyspark.sql import DataFrame, SparkSession

from benchmarks import quality_rules
from ecommerce_dwh.contracts import Column, Rule, SourceContract
from ecommerce_dwh_glue.quality.evaluation import evaluate
from ecommerce_dwh_glue.quality.verdicts import judge
from ecommerce_dwh_glue.rows.values import spark_type
from ecommerce_dwh_glue.rules.kinds import Count
from tests.oracle.expectations import Unsayable, expectation, validate

DAYS = [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
UNSAYABLE = {
    "quarantine_ratio",
    "history",
    "rejected_files",
    "conflicts",
    "columns",
    "null_words",
    "key_spelling",
    "filled",
}


def compare(frames: Mapping[str, DataFrame], contracts: Mapping[str, SourceContract]) -> Counter[str]:
    """Hold every rule of every table against the oracle.

    Returns:
        What was compared: rules by kind, and under ``broken`` those that some row breaks.
    """
    for name, frame in frames.items():
        frame.createOrReplaceTempView(name)
    figures, _ = evaluate(frames, contracts, 10_000)
    compared: Counter[str] = Counter()
    differing = []
    for name, contract in contracts.items():
        rows = frames[name].count()
        answers = validate(frames[name], contract)
        for rule in contract.rules:
            if rule.kind in UNSAYABLE:
                assert rule.name not in answers
                continue
            theirs = answers[rule.name]
            days = [day.counts[rule.name] for day in figures[name].values() if rule.name in day.counts]
            count = Count(sum(day.checked for day in days), sum(day.failed for day in days))
            if rule.kind == "row_count":
                count = Count(rows, 0)
            passed, _ = judge(rule, count)
            if theirs.failed is not None and theirs.failed != count.failed:
                differing.append(f"{name}.{rule.name}: {count.failed} rows here, {theirs.failed} there")
            # It knows no share of rows for a query: its verdict on one is compared where no row may fail.
            if (
                rule.kind not in ("expression", "referential") or not rule.threshold
            ) and theirs.passed != passed:
                differing.append(f"{name}.{rule.name}: passed is {passed} here, {theirs.passed} there")
            compared[rule.kind] += 1
            compared["broken"] += count.failed > 0
    assert not differing, "\n".join(differing)
    return compared


def value(column: Column, contract: SourceContract, day: dt.date, dice: random.Random) -> Any:
    """A value of the column's type, wrong in one way or another every now and then."""
    if dice.random() < 0.05:
        return None
    base = column.base_type
    if base == "boolean":
        return dice.random() < 0.5
    if base in ("integer", "bigint"):
        return dice.choice([0, -1, 1, 2, 3, 7, 250])
    if base == "decimal":
        return Decimal(dice.choice(["0", "-0.0100", "19.9900", "2.5000", "10.0000", "99999.0000"]))
    moment = dt.datetime.combine(day, dt.time(12)) + dt.timedelta(hours=dice.randrange(-80, 60))
    if base == "timestamp":
        return moment
    if base == "date":
        return dice.choice([moment.date(), dt.date(1880, 5, 5), dt.date(1990, 2, 28)])
    known = [
        text
        for rule in contract.rules
        if rule.kind == "accepted_values" and rule.column == column.name
        for text in rule.arguments["values"]
    ]
    if column.name.endswith("_id"):
        return f"{column.name[:3]}{dice.randrange(1500)}"
    return dice.choice([*known, "a@b.co", "not an address", "Zoë\n", "x", " ", "USD", "<script>"])


def dirty(spark: SparkSession, contract: SourceContract, rows: int = 2500) -> DataFrame:
    """Random rows of a source, with repeated keys, empty values and values that break its rules."""
    dice = random.Random(contract.name)
    columns = contract.accepted_columns
    data = []
    for _ in range(rows):
        day = dice.choice(DAYS)
        data.append(
            tuple(
                day if column.name == "delivery_date" else value(column, contract, day, dice)
                for column in columns
            )
        )
    schema = ", ".join(f"`{column.name}` {spark_type(column)}" for column in columns)
    return spark.createDataFrame(data, schema).cache()


def test_on_dirty_rows_of_every_source(spark: SparkSession, contracts: dict[str, SourceContract]) -> None:
    compared = compare({name: dirty(spark, contract) for name, contract in contracts.items()}, contracts)
    wanted = Counter(
        rule.kind for contract in contracts.values() for rule in contract.rules if rule.kind not in UNSAYABLE
    )
    broken = compared.pop("broken")
    assert compared == wanted
    assert broken > 0.9 * wanted.total()


def test_on_the_forty_rules_of_the_benchmark(spark: SparkSession, tmp_path: Path) -> None:
    quality_rules.seed(tmp_path, 200_000)
    contracts = {"lines": quality_rules.contract(), "orders": quality_rules.ORDERS}
    frames = {name: spark.read.parquet(str(tmp_path / name)) for name in contracts}
    compared = compare(frames, contracts)
    assert compared.pop("broken") >= 15
    assert compared.total() == 40


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.2499, 0.5, 1.0])
def test_at_the_threshold_both_say_the_same(spark: SparkSession, threshold: float) -> None:
    """A quarter of the filled values breaks each rule; empty ones do not count, except where they must be filled."""
    rows = [
        (DAYS[0], f"k{n // 2}", [None, "good", "bad", "good", "good"][n % 5], n % 5 or None) for n in range(40)
    ]
    frame = spark.createDataFrame(rows, "delivery_date date, k string, t string, n integer")

    def rule(name: str, kind: str, *columns: str, **arguments: Any) -> Rule:
        return Rule(name, "validity", "error", kind, columns, arguments, threshold)

    contract = SourceContract(
        "things",
        "1",
        "",
        "k",
        (Column("k", "varchar(9)"), Column("t", "varchar(9)"), Column("n", "integer")),
        rules=(
            rule("filled", "not_null", "t"),
            rule("good", "accepted_values", "t", values=["good"]),
            rule("formed", "pattern", "t", pattern="^g"),
            rule("short", "max_length", "t", length=3),
            rule("low", "range", "n", maximum=3),
            rule("once", "unique", "k"),
            rule("pairs", "unique", "k", "t"),
        ),
    )
    assert compare({"things": frame}, {"things": contract}).pop("broken") == 7


def test_on_an_empty_table(spark: SparkSession, contracts: dict[str, SourceContract]) -> None:
    frames = {name: dirty(spark, contract).limit(0) for name, contract in contracts.items()}
    compared = compare(frames, contracts)
    assert compared["broken"] == 0


def test_what_the_oracle_cannot_say_is_known(contracts: dict[str, SourceContract]) -> None:
    kinds = set()
    for contract in contracts.values():
        for rule in contract.rules:
            try:
                expectation(rule)
            except Unsayable:
                kinds.add(rule.kind)
    assert kinds == UNSAYABLE


# --- the real sets ---

DAY = "2011-12-09"


@pytest.mark.parametrize("name", ["online_retail", "adventureworks"])
def test_on_real_shops(new_lake: Callable[[], Lake], real: Path, name: str) -> None:
    lake = new_lake()
    for path in (real / name / "full").glob("*.csv.gz"):
        lake.put(path.name.split(".")[0], DAY, path.read_bytes(), "full.csv.gz")
    lake.declare_empty(DAY, DAY)
    lake.process(DAY)
    frames = {source: lake.loaded(source).cache() for source in lake.contracts}
    compared = compare(frames, lake.contracts)
    assert compared.total() > 20
