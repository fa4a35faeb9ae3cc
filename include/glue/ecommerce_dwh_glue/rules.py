"""Quality rules as Spark expressions: each row-level rule is a test, and all tests of a table go into one pass."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule, SourceContract

ROW_KINDS = frozenset({"not_null", "accepted_values", "range", "pattern", "max_length", "expression"})


@dataclass(frozen=True)
class Count:
    """Rows a rule looked at and rows that broke it, on one day."""

    checked: int
    failed: int


def tests(rule: Rule) -> tuple[Column, Column]:
    """A row-level rule as two conditions: whether it looks at a row, and whether the row breaks it.

    Rules on values pass over nulls, as `not_null` is a rule of its own; an expression that is null is not broken.
    """
    arguments = rule.arguments
    if rule.kind == "expression":
        return F.lit(True), ~F.coalesce(F.expr(arguments["expression"]), F.lit(True))
    column = F.col(rule.column)
    if rule.kind == "not_null":
        return F.lit(True), column.isNull()
    present = column.isNotNull()
    if rule.kind == "accepted_values":
        broken = ~column.isin(*arguments["values"])
    elif rule.kind == "pattern":
        broken = ~column.rlike(arguments["pattern"])
    elif rule.kind == "max_length":
        broken = F.length(column) > int(arguments["length"])
    elif rule.kind == "range":
        broken = F.lit(False)
        if arguments.get("minimum") is not None:
            broken = broken | (column < F.lit(arguments["minimum"]))
        if arguments.get("maximum") is not None:
            broken = broken | (column > F.lit(arguments["maximum"]))
    else:
        raise ValueError(f"{rule.kind} is no row-level rule")
    return present, present & broken


def row_rules(contract: SourceContract) -> list[Rule]:
    """The contract's rules that `one_pass` evaluates."""
    return [rule for rule in contract.rules if rule.kind in ROW_KINDS]


def one_pass(rows: DataFrame, contract: SourceContract) -> dict[str, dict[str, Count]]:
    """Evaluate all row-level rules of a table in one aggregate.

    Args:
        rows: accepted rows of one source.
        contract: its contract.

    Returns:
        By day (``YYYY-MM-DD``): counts by rule name; the name ``""`` counts all rows.
    """
    rules = row_rules(contract)
    sums = [F.count("*").alias("rows")]
    for index, rule in enumerate(rules):
        looks, broken = tests(rule)
        sums += [F.count_if(looks).alias(f"c{index}"), F.count_if(broken).alias(f"f{index}")]
    result = {}
    for row in rows.groupBy("delivery_date").agg(*sums).collect():
        counts = {rule.name: Count(row[f"c{index}"], row[f"f{index}"]) for index, rule in enumerate(rules)}
        counts[""] = Count(row["rows"], 0)
        result[row["delivery_date"].isoformat()] = counts
    return result


def duplicates(rows: DataFrame, rule: Rule) -> dict[str, Count]:
    """Rows by day that share the rule's columns with another row.

    Counted by a 64-bit hash first, which needs no sorting of wide keys; only rows whose hash repeats are compared.
    """
    hashed = rows.select("delivery_date", *(F.col(name) for name in rule.columns if name != "delivery_date"))
    hashed = hashed.withColumn("key_hash", F.xxhash64(*rule.columns))
    repeated = hashed.groupBy("key_hash").count().where("count > 1").select("key_hash")
    if not repeated.take(1):
        return {}
    groups = hashed.join(repeated, "key_hash", "left_semi").groupBy("delivery_date", *_others(rule)).count()
    if "delivery_date" not in rule.columns:
        total = groups.groupBy(*rule.columns).agg(F.sum("count").alias("all")).where("all > 1")
        groups = groups.join(total.select(*rule.columns), list(rule.columns), "left_semi")
    else:
        groups = groups.where("count > 1")
    return {
        row["delivery_date"].isoformat(): Count(0, row["n"])
        for row in groups.groupBy("delivery_date").agg(F.sum("count").alias("n")).collect()
    }


def _others(rule: Rule) -> list[str]:
    return [name for name in rule.columns if name != "delivery_date"]


def orphans(rows: DataFrame, parents: DataFrame, rule: Rule) -> DataFrame:
    """Rows whose reference finds no parent row."""
    keys = parents.select(F.col(rule.arguments["to_column"]).alias(rule.column)).distinct()
    return rows.where(F.col(rule.column).isNotNull()).join(keys, rule.column, "left_anti")
