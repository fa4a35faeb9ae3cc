"""Rows of text into typed rows, and the verdict on each, without silent nulls.

A value that is there but cannot be read, or breaks a hard rule, makes its row quarantined under the rule that
`verdicts` names. Rows that are broken as a whole carry their defect as the rule (``wrong_field_count``,
``invalid_utf8``, ``nul_byte``, ``row_too_long``, ``unclosed_quote``, ``malformed_quotes``, ``malformed_json``,
``json_too_deep``, ``repeated_header``).
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.rows.identity import good_columns, identity
from ecommerce_dwh_glue.rows.messages import message_sql, rejected_sql, shown_sql
from ecommerce_dwh_glue.rows.values import rounded_sql, value_sql
from ecommerce_dwh_glue.rows.verdicts import bad_sql, product_bad_sql, product_rule_sql, rule_sql

# Days, about 30 years: shops' systems keep no older versions, and wrong centuries and ends of time lie beyond.
_LONGEST_HISTORY = 11_000


def type_rows(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """Type the rows of text that `reading.read_source` gave.

    Args:
        rows: rows of text.
        contract: the source's contract.

    Returns:
        `good_columns`, typed, null where unreadable; ``key_hash``, a 64-bit hash of the row's identity (`identity`);
        ``rounded`` (a value lost digits); ``suspect``, for every row that breaks a rule what `judge_rows` must know
        of it (``raw_text``, ``defect``, trimmed texts as ``x_<column>``), null for others.
    """
    names = [column.name for column in contract.columns]
    dated = rows.select(
        "*",
        # By bytes, which is faster: up to here a key is ASCII.
        F.expr(
            f"cast(cast(substring(cast(source_file as binary), {len(contract.name) + 5}, 10) as string) as date)"
        ).alias("delivery_date"),
    )
    typed = dated.select("*", *(F.expr(value_sql(column)).alias(column.name) for column in contract.columns))
    derived = [
        # Long spellings are quarantined by the column itself, so the delivered text always fits.
        F.col(f"x_{column.derivation[4:]}").alias(column.name)
        for column in contract.derived_columns
        if column.derivation.startswith("raw:")
    ]
    version = _version_sql(contract.version_column, keeps_versions=contract.history == "scd2")
    tests = [*map(bad_sql, contract.columns), product_bad_sql(contract)]
    bad = " or ".join(["defect is not null", *filter(None, tests)])
    # One column for all texts: where it is null, caching it costs nothing.
    texts = F.struct("raw_text", "defect", *(f"x_{name}" for name in names))
    return typed.select("*", *derived, F.expr(version).alias("version_at")).select(
        *good_columns(contract),
        F.xxhash64(*identity(contract)).alias("key_hash"),
        F.expr(rounded_sql(contract)).alias("rounded"),
        F.when(F.expr(bad), texts).alias("suspect"),
    )


def _version_sql(column: str, *, keeps_versions: bool) -> str:
    """SQL of when a row became true: the contract's version column, or the beginning of the delivery's day.

    A time after the delivery, and so not true yet, counts as the end of the delivery's day: a clock that is wrong once,
    or a date of 9999, would win over all that is delivered later. A day is left for clocks of other time zones.

    Args:
        column: the contract's version column; empty when it has none.
        keeps_versions: the source keeps every version (``scd2``). The first delivery of such a source may hold the
            versions of many years, which would become one if all counted as the delivery's time; only times that no
            history reaches (`_LONGEST_HISTORY`) do.
    """
    # Casts, where a sum would do, keep the code of a row within what Java compiles (8,000 bytes for customers).
    # Where every row needs it, the sum is quicker than a cast.
    if not column:
        return "timestamp_micros(unix_date(delivery_date) * 86400000000L)"
    late = f"timestamp(date_add(delivery_date, {_LONGEST_HISTORY if keeps_versions else 2}))"
    return (
        f"if(`{column}` < {late}, `{column}`, timestamp(date_add(delivery_date, int(`{column}` is not null))))"
    )


def judge_rows(typed: DataFrame, contract: SourceContract) -> DataFrame:
    """Name the rule that each row breaks.

    Args:
        typed: rows that `type_rows` gave.
        contract: the source's contract.

    Returns:
        `good_columns`, ``rule``, ``message`` and ``raw_text`` (null for good rows), ``rounded``.
    """
    rules = ", ".join(filter(None, [*map(rule_sql, contract.columns), product_rule_sql(contract)]))
    judged = typed.select("*", "suspect.*").withColumn(
        "rule", F.expr(f"case when suspect is not null then coalesce(defect, {rules}) end")
    )
    shown = judged.withColumn("rejected", F.expr(rejected_sql(contract))).withColumn(
        "shown", F.expr(f"case when rejected is not null then {shown_sql('rejected')} end")
    )
    return shown.select(
        *good_columns(contract),
        "rule",
        F.expr(f"case when rule is not null then {message_sql(contract)} end").alias("message"),
        F.expr("case when rule is not null then left(raw_text, 65536) end").alias("raw_text"),
        "rounded",
    )
