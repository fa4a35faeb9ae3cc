"""Quality rules as Spark expressions: each row-level rule is a test, and all tests of a table go into one pass.

The pass turns each row into bits, one per broken rule and one per empty column, and counts rows by pattern of bits.
Rows differ in few patterns, so the aggregate has a handful of groups and a single counter, however many rules there
are; an aggregate with two counters per rule takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

from pyspark import inheritable_thread_target
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh_glue.quality.history import metric_name

TABLE_KINDS = frozenset({"unique", "referential"})
ROW_KINDS = frozenset({"not_null", "accepted_values", "range", "pattern", "max_length", "expression"})
SAMPLES = 20
_WORD = 62  # bits to a bigint; the sign stays out of it
_MAX_PATTERNS = 200_000
_MAX_HASHES = 50_000
_BUCKETS = 64
_ROWS_PER_PART = 1_250_000


@dataclass(frozen=True)
class Count:
    """Rows a rule looked at and rows that broke it, on one day."""

    checked: int
    failed: int


@dataclass
class Day:
    """A table's figures of one day.

    Attributes:
        rows: all rows.
        counts: by rule name.
        metrics: what the history rules compare, by name; None where nothing can be measured.
    """

    rows: int = 0
    counts: dict[str, Count] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)


def broken(rule: Rule) -> Column:
    """When a row breaks a row-level rule; null counts as unbroken.

    Rules on values pass over nulls, as `not_null` is a rule of its own; an expression that is null is not broken.
    """
    arguments = rule.arguments
    if rule.kind == "expression":
        return ~F.expr(arguments["expression"])
    column = F.col(rule.column)
    if rule.kind == "not_null":
        return column.isNull()
    if rule.kind == "accepted_values":
        return ~column.isin(*arguments["values"])
    if rule.kind == "pattern":
        return ~column.rlike(arguments["pattern"])
    if rule.kind == "max_length":
        return F.length(column) > int(arguments["length"])
    if rule.kind == "range":
        bounds = []
        if arguments.get("minimum") is not None:
            bounds.append(column < F.lit(arguments["minimum"]))
        if arguments.get("maximum") is not None:
            bounds.append(column > F.lit(arguments["maximum"]))
        return reduce(lambda one, other: one | other, bounds)
    raise ValueError(f"{rule.kind} is no row-level rule")


def row_rules(contract: SourceContract) -> list[Rule]:
    """The contract's rules that `one_pass` evaluates."""
    return [rule for rule in contract.rules if rule.kind in ROW_KINDS]


def _looks_at_values(rule: Rule) -> bool:
    return rule.kind not in ("not_null", "expression")


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
    """What the pass over a table found.

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
    rules = row_rules(contract)
    histories = [rule for rule in contract.rules if rule.kind == "history"]
    # Rules on values look at filled ones only; the bit of each such column says which these are.
    columns = sorted(
        {rule.column for rule in rules if _looks_at_values(rule)}
        | {rule.column for rule in histories if rule.column}
    )
    conditions = [broken(rule) for rule in rules] + [F.col(name).isNull() for name in columns]
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
        for place, rule in enumerate(rules):
            looked_at = figures.rows - (empty[rule.column] if _looks_at_values(rule) else 0)
            figures.counts[rule.name] = Count(looked_at, tally.bits[place])
        for rule in histories:
            figures.metrics[metric_name(rule)] = _metric(rule, figures.rows, empty, tally.sums)
    samples = {rule.name: sorted(hashes[place])[:SAMPLES] for place, rule in enumerate(rules) if hashes[place]}
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
    """Which bits are set."""
    for index, word in enumerate(words):
        for place in range(word.bit_length()):
            if word >> place & 1:
                yield index * _WORD + place


def _metric(rule: Rule, rows: int, empty: Mapping[str, int], sums: Mapping[str, Any]) -> float | None:
    """What a history rule compares; None where there is nothing to measure."""
    metric = rule.arguments["metric"]
    if metric == "rows":
        return float(rows)
    if metric == "null_ratio":
        return empty[rule.column] / rows if rows else None
    filled = rows - empty[rule.column]
    if metric == "sum":
        return float(sums.get(rule.column, 0))
    return float(sums[rule.column] / filled) if filled else None


def sample_key(contract: SourceContract) -> Column:
    """What names a row in a report: its key, or where it stands when the key is personal data."""
    if contract.column(contract.key).pii:
        return F.concat_ws(":", "source_file", "source_line")
    return F.col(contract.key)


def sampled_keys(
    rows: DataFrame, contract: SourceContract, hashes: Mapping[str, Sequence[int]]
) -> dict[str, list[str]]:
    """The keys behind hashes, by rule; reads nothing but the keys.

    Args:
        rows: accepted rows of one source.
        contract: its contract.
        hashes: hashes of `sample_key`, by rule.
    """
    wanted = sorted({value for some in hashes.values() for value in some})
    if not wanted:
        return {}
    key = sample_key(contract)
    known = rows.sparkSession.createDataFrame([(value,) for value in wanted], "h bigint")
    pairs = rows.select(key.alias("key"), F.xxhash64(key).alias("h")).join(F.broadcast(known), "h", "left_semi")
    keys = {row["h"]: row["key"] for row in pairs.distinct().collect()}
    return {rule: sorted(keys[value] for value in some) for rule, some in hashes.items()}


def repeated(rows: DataFrame, rule: Rule) -> DataFrame | None:
    """Rows that share the rule's columns with another row; None when there is none.

    Looked for by a 64-bit hash first, which needs no shuffle or sort of wide keys; where a hash repeats, the values
    themselves are compared, so that two keys with one hash are not taken for duplicates.
    """
    key_hash = F.xxhash64(*rule.columns)
    doubled = (
        rows.select(key_hash.alias("key_hash")).groupBy("key_hash").agg(F.count("*").alias("n")).where("n > 1")
    )
    # The limit before the aggregate lets all partitions work at once; collect() alone would take them in turn.
    found = doubled.limit(_MAX_HASHES).agg(F.collect_list("key_hash").alias("all")).collect()
    few = found[0]["all"]
    if not few:
        return None
    suspects = rows
    if len(few) < _MAX_HASHES:  # beyond, the values of all rows are compared
        known = rows.sparkSession.createDataFrame([(value,) for value in few], "key_hash bigint")
        suspects = (
            rows.withColumn("key_hash", key_hash)
            .join(F.broadcast(known), "key_hash", "left_semi")
            .drop("key_hash")
        )
    alike = F.count("*").over(Window.partitionBy(*rule.columns))
    return suspects.withColumn("alike", alike).where("alike > 1").drop("alike")


def orphans(rows: DataFrame, parents: DataFrame, rule: Rule) -> DataFrame:
    """Rows whose reference finds no parent row."""
    keys = parents.select(F.col(rule.arguments["to_column"]).alias(rule.column))
    return rows.where(F.col(rule.column).isNotNull()).join(keys, rule.column, "left_anti")


def empty_day(contract: SourceContract) -> Day:
    """A day without rows: nothing to break a rule, and no rows is a figure too."""
    names = {metric_name(rule) for rule in contract.rules if rule.kind == "history"}
    singles = [rule for rule in contract.rules if rule.kind in TABLE_KINDS]
    return Day(
        0,
        {rule.name: Count(0, 0) for rule in (*row_rules(contract), *singles)},
        {name: 0.0 if name.partition(":")[0] in ("rows", "sum") else None for name in names},
    )


def evaluate(
    frames: Mapping[str, DataFrame], contracts: Mapping[str, SourceContract], largest: int
) -> tuple[dict[str, dict[str, Day]], dict[tuple[str, str], list[str]]]:
    """Evaluate every rule that looks at rows, of all tables, as many at once as there is work for.

    Args:
        frames: accepted rows by source.
        contracts: their contracts.
        largest: rows of the largest table; into how many parts keys are shuffled follows from it.

    Returns:
        Figures by source and day (days without rows are missing), and sample keys by source and rule.
    """
    spark = next(iter(frames.values())).sparkSession
    parts = max(spark.sparkContext.defaultParallelism, min(2000, largest // _ROWS_PER_PART))
    spark.conf.set("spark.sql.shuffle.partitions", str(parts))
    # On a small day, planning a job takes longer than running it: the jobs go side by side.
    with ThreadPoolExecutor(max_workers=4) as pool:

        def start(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
            return pool.submit(inheritable_thread_target(partial(work, *arguments)))

        passes = {name: start(_row_level, frames[name], contract) for name, contract in contracts.items()}
        singles = {
            (name, rule.name): start(_table_level, frames, contract, rule)
            for name, contract in contracts.items()
            for rule in contract.rules
            if rule.kind in TABLE_KINDS
        }
        figures: dict[str, dict[str, Day]] = {}
        keys: dict[tuple[str, str], list[str]] = {}
        for name, single_pass in passes.items():
            figures[name], found = single_pass.result()
            keys |= {(name, rule): some for rule, some in found.items()}
        for (name, rule_name), single in singles.items():
            failed, some = single.result()
            if some:
                keys[name, rule_name] = some
            for day, counted in figures[name].items():
                counted.counts[rule_name] = Count(counted.rows, failed.get(day, 0))
    return figures, keys


def _row_level(rows: DataFrame, contract: SourceContract) -> tuple[dict[str, Day], dict[str, list[str]]]:
    found = one_pass(rows, contract)
    return found.days, sampled_keys(rows, contract, found.samples)


def _table_level(
    frames: Mapping[str, DataFrame], contract: SourceContract, rule: Rule
) -> tuple[dict[str, int], list[str]]:
    """Failed rows by day and sample keys of a rule that needs more than one row at a time."""
    rows = frames[contract.name]
    unique = rule.kind == "unique"
    bad = repeated(rows, rule) if unique else orphans(rows, frames[rule.arguments["to_source"]], rule)
    if bad is None:
        return {}, []
    # Few as a rule; kept, so that what was compared is not compared again for the samples.
    kept = bad.select("delivery_date", sample_key(contract).alias("key")).persist()
    try:
        days = kept.groupBy("delivery_date").count().collect()
        keys = kept.select("key").distinct().orderBy("key").limit(SAMPLES).collect() if days else []
    finally:
        kept.unpersist()
    return {row["delivery_date"].isoformat(): row["count"] for row in days}, [row["key"] for row in keys]
