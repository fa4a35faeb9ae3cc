"""All row-level rules of a table in one pass over its rows.

The pass turns each row into bits, one per broken rule and one per empty column, and counts rows by pattern of bits.
Rows differ in few patterns, so the aggregate has a handful of groups and a single counter, however many rules there
are; an aggregate with two counters per rule takes several times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh_glue.quality.samples import SAMPLES, sample_key
from ecommerce_dwh_glue.rules.history import metric_name
from ecommerce_dwh_glue.rules.kinds import Count, Day
from ecommerce_dwh_glue.rules.table import history_rules, row_rules

_WORD = 62  # bits to a bigint; the sign stays out of it
# Patterns that the driver adds up; Spark adds up more of them.
_MAX_PATTERNS = 200_000
_BUCKETS = 64


def _words(bits: Sequence[Column]) -> list[Column]:
    """Conditions as the bits of as few bigints as hold them."""
    words = []
    for start in range(0, len(bits), _WORD):
        flags = [
            F.when(condition, F.lit(1 << place).cast("bigint")).otherwise(F.lit(0).cast("bigint"))
            for place, condition in enumerate(bits[start : start + _WORD])
        ]
        words.append(reduce(lambda one, other: one.bitwiseOR(other), flags))
    return words


@dataclass
class Pass:
    """The result of the pass over a table.

    Attributes:
        days: figures by day (``YYYY-MM-DD``); days without rows are missing.
        samples: hashes (of `sample_key`) of some rows that break each rule, the same at each pass.
    """

    days: dict[str, Day]
    samples: dict[str, list[int]]


def one_pass(rows: DataFrame, contract: SourceContract) -> Pass:
    """Evaluate all row-level rules of a table, and measure what its history rules compare, in one aggregate.

    Args:
        rows: accepted rows of one source.
        contract: its contract.
    """
    rules, histories = row_rules(contract), history_rules(contract)
    # Rules on values look at filled ones only; the bit of each such column says which these are.
    columns = sorted(
        {rule.column for rule, kind in rules if kind.is_about_values}
        | {rule.column for rule in histories if rule.column}
    )
    conditions = [kind.broken(rule) for rule, kind in rules] + [F.col(name).isNull() for name in columns]
    names = [f"w{index}" for index in range(-(-len(conditions) // _WORD))]
    summed = sorted({rule.column for rule in histories if rule.arguments["metric"] in ("mean", "sum")})
    words = [word.alias(name) for word, name in zip(_words(conditions), names, strict=True)]
    # Broken rows of a pattern are spread over buckets, each of which gives its least and greatest hash as samples: an
    # aggregate on numbers, where a list of keys would have no bound and a least key would have to be sorted for.
    is_broken = reduce(
        lambda one, other: one | other,
        (
            F.col(name).bitwiseAND(F.lit((1 << min(max(len(rules) - index * _WORD, 0), _WORD)) - 1)) != 0
            for index, name in enumerate(names)
        ),
        F.lit(False),
    )
    key_hash = F.when(is_broken, F.xxhash64(sample_key(contract)))
    needed = [contract.key] if not contract.column(contract.key).pii else ["source_file", "source_line"]
    patterns = (
        rows.select("delivery_date", *dict.fromkeys((*needed, *summed)), *words)
        .select("delivery_date", *names, *summed, key_hash.alias("h"))
        .groupBy("delivery_date", *names, F.pmod("h", F.lit(_BUCKETS)).alias("bucket"))
        .agg(
            F.count("*").alias("n"),
            F.min("h").alias("low"),
            F.max("h").alias("high"),
            *(F.sum(name).alias(f"s_{name}") for name in summed),
        )
    )
    tallies, hashes = _tallies(patterns, names, len(conditions), summed)
    days: dict[str, Day] = {}
    for day, tally in tallies.items():
        figures = days[day] = Day(tally.rows)
        empty = dict(zip(columns, tally.bits[len(rules) :], strict=True))
        for place, (rule, kind) in enumerate(rules):
            looked_at = figures.rows - (empty[rule.column] if kind.is_about_values else 0)
            figures.counts[rule.name] = Count(looked_at, tally.bits[place])
        for rule in histories:
            figures.metrics[metric_name(rule)] = _metric(rule, figures.rows, empty, tally.sums)
    samples = {
        rule.name: sorted(hashes[place])[:SAMPLES] for place, (rule, _) in enumerate(rules) if hashes[place]
    }
    return Pass(days, samples)


@dataclass
class _Tally:
    """Rows of a day, rows with each bit set, and sums of columns."""

    bits: list[int]
    rows: int = 0
    sums: dict[str, Any] = field(default_factory=dict)


def _tallies(
    patterns: DataFrame, names: Sequence[str], bits: int, summed: Sequence[str]
) -> tuple[dict[str, _Tally], list[set[int]]]:
    """Add up the counts of patterns by day and bit, and gather hashes of rows by bit."""
    result: dict[str, _Tally] = {}
    hashes: list[set[int]] = [set() for _ in range(bits)]
    found = patterns.limit(_MAX_PATTERNS + 1).collect()
    if len(found) > _MAX_PATTERNS:  # more than the driver should hold: Spark adds them up
        for row in _added_up(patterns, names, bits, summed):
            result[row["delivery_date"].isoformat()] = _Tally(
                [row[f"b{place}"] for place in range(bits)],
                row["n"],
                {name: row[f"s_{name}"] for name in summed if row[f"s_{name}"] is not None},
            )
            for place in range(bits):
                hashes[place] |= {row[f"{end}{place}"] for end in ("low", "high")} - {None}
        return result, hashes
    for row in found:
        tally = result.setdefault(row["delivery_date"].isoformat(), _Tally([0] * bits))
        tally.rows += row["n"]
        for place in _places([row[name] for name in names]):
            tally.bits[place] += row["n"]
            if row["low"] is not None:
                hashes[place] |= {row["low"], row["high"]}
        for name in summed:
            if row[f"s_{name}"] is not None:
                tally.sums[name] = tally.sums.get(name, 0) + row[f"s_{name}"]
    return result, hashes


def _added_up(patterns: DataFrame, names: Sequence[str], bits: int, summed: Sequence[str]) -> list[Row]:
    """The patterns of each day in one line: rows, least and greatest hash of every bit."""
    columns = [F.sum("n").alias("n"), *(F.sum(f"s_{name}").alias(f"s_{name}") for name in summed)]
    for place in range(bits):
        is_set = _bit(names, place)
        columns += [
            F.sum(F.when(is_set, F.col("n")).otherwise(0)).alias(f"b{place}"),
            F.min(F.when(is_set, F.col("low"))).alias(f"low{place}"),
            F.max(F.when(is_set, F.col("high"))).alias(f"high{place}"),
        ]
    return patterns.groupBy("delivery_date").agg(*columns).collect()


def _bit(names: Sequence[str], place: int) -> Column:
    return F.col(names[place // _WORD]).bitwiseAND(F.lit(1 << (place % _WORD)).cast("bigint")) != 0


def _places(words: Sequence[int]) -> Iterator[int]:
    """Places of the bits that are set."""
    for index, word in enumerate(words):
        for place in range(word.bit_length()):
            if word >> place & 1:
                yield index * _WORD + place


def _metric(rule: Rule, rows: int, empty: Mapping[str, int], sums: Mapping[str, Any]) -> float | None:
    """The figure that a history rule compares; None where there is nothing to measure."""
    metric = rule.arguments["metric"]
    if metric == "rows":
        return float(rows)
    if metric == "null_ratio":
        return empty[rule.column] / rows if rows else None
    filled = rows - empty[rule.column]
    if metric == "sum":
        return float(sums.get(rule.column, 0))
    return float(sums[rule.column] / filled) if filled else None
