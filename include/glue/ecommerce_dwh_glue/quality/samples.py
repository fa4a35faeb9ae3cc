"""A few of the rows that break a rule, and what a report may show of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.privacy.masking import mask_path, shown_key

# Rows per rule.
SAMPLES = 20


def sample_key(contract: SourceContract) -> Column:
    """The name of a row in a report: its key, or its file and line when the key is personal data."""
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


def shown_sample(contract: SourceContract, sample: str) -> str:
    """The name of a row as a report shows it: its key, or its masked file and its line.

    Args:
        contract: contract of the source.
        sample: what `sample_key` gave.
    """
    if contract.column(contract.key).pii:
        file, _, line = sample.rpartition(":")
        return f"{mask_path(file)}:{line}"
    return shown_key(sample)
