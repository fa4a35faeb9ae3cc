"""Evaluates the rules that look at rows: which rows of which day break them, and a few of these rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh_glue.quality.one_pass import one_pass
from ecommerce_dwh_glue.quality.samples import SAMPLES, sample_key, sampled_keys
from ecommerce_dwh_glue.rules.history import metric_name
from ecommerce_dwh_glue.rules.kinds import Count, Day, TableKind
from ecommerce_dwh_glue.rules.table import history_rules, row_rules, table_rules

# Accepted rows per shuffle partition.
_ROWS_PER_PART = 1_250_000


def empty_day(contract: SourceContract) -> Day:
    """A day without rows: nothing to break a rule, and no rows is a figure too."""
    names = {metric_name(rule) for rule in history_rules(contract)}
    looking_at_rows = (*row_rules(contract), *table_rules(contract))
    return Day(
        0,
        {rule.name: Count(0, 0) for rule, _ in looking_at_rows},
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
            (name, rule.name): start(_table_level, frames, contract, rule, kind)
            for name, contract in contracts.items()
            for rule, kind in table_rules(contract)
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
    frames: Mapping[str, DataFrame], contract: SourceContract, rule: Rule, kind: TableKind
) -> tuple[dict[str, int], list[str]]:
    """Failed rows by day and sample keys of a rule that needs more than one row at a time."""
    bad = kind.offenders(contract.name, frames, rule)
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
