"""Finds what is odd about rows that were read without a defect, or lost all together; the quality job judges it.

Each look costs a pass over the kept rows, and is taken only where the survey or the ledger give a reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.layout import shown
from ecommerce_dwh.privacy.masking import mask_path, shown_key
from ecommerce_dwh_glue.processing.context import MOST_REMARKS, Outcome, Run, Source
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.missing import suspected_words
from ecommerce_dwh_glue.rows import dedup

# A number as a spreadsheet writes it that has no room for its digits: many numbers become one.
_ROUNDED = r"^[+-]?[0-9]([.][0-9]+)?[eE][+][0-9]+$"


def note_oddities(run: Run, sources: Sequence[Source], outcome: Outcome) -> None:
    """Add to the outcome: files without an accepted row, rows in conflict, words for null, damaged keys."""
    filled = [source for source in sources if source.is_filled]
    for source in filled:
        _note_rejected_files(run, source, outcome)
        _note_conflicts(source, outcome)
        if any(file.null_words or file.format == "parquet" for file in source.files):
            _note_null_words(source, outcome)
        if any(file.rounded_keys for file in source.files):
            _note_rounded_keys(source, outcome)
    if any(file.point_zero for source in filled for file in source.files):
        _note_mixed_keys(filled, outcome)


def key_columns(contract: SourceContract) -> list[str]:
    """Columns that hold a key of some source: the own key, and whatever is called an id."""
    return [
        column.name
        for column in contract.columns
        if column.base_type == "varchar" and (column.name == contract.key or column.name.endswith("_id"))
    ]


def _good(source: Source) -> DataFrame:
    """The rows of a source without a defect, superseded ones included."""
    if source.rows is not None:
        return source.rows.where("suspect is null")
    assert source.ranked is not None  # noqa: S101 - for the type checker: the source is filled
    return source.ranked.where("rule is null")


def _note_rejected_files(run: Run, source: Source, outcome: Outcome) -> None:
    """Files with rows of which not one was good."""
    name, ranked = source.contract.name, source.ranked
    candidates: dict[str, SourceFile] = {}
    for file in source.files:
        lost = outcome.ledger[(name, file.day)].quarantined_rows
        if lost and (not file.has_exact_rows or 0 < file.rows <= lost):
            candidates[file.key] = file
    if not candidates or ranked is None:
        return
    wanted = F.col("source_file").isin(*candidates) if len(candidates) <= 100 else F.lit(True)
    counted = dedup.rejected(ranked).where(wanted).groupBy("source_file").count().collect()
    rejected = {row["source_file"]: row["count"] for row in counted}
    inexact = [key for key in rejected if key in candidates and not candidates[key].has_exact_rows]
    totals = {key: file.rows for key, file in candidates.items()}
    if inexact:
        rows = ranked if run.is_small or source.rows is None else source.rows
        found = rows.where(F.col("source_file").isin(*inexact)).groupBy("source_file").count().collect()
        totals |= {row["source_file"]: row["count"] for row in found}
    for key, file in sorted(candidates.items()):
        if rejected.get(key, 0) == totals[key] > 0:
            outcome.ledger[(name, file.day)].rejected_files += 1
            rows_text = "its only row" if totals[key] == 1 else f"all of its {totals[key]:,} rows"
            outcome.remark(name, file.day, "rejected_files", f"{shown(mask_path(key))} lost {rows_text}")


def _note_conflicts(source: Source, outcome: Outcome) -> None:
    """Rows that lost against a row of the same key that is something else."""
    contract = source.contract
    entries = [entry for entry in outcome.ledger.values() if entry.source == contract.name]
    if source.ranked is None or not any(entry.conflicting_rows for entry in entries):
        return
    in_order = Window.partitionBy("delivery_date").orderBy("source_file", "source_line")
    examples = (
        source.ranked.where("conflict")
        .select("delivery_date", contract.key, "source_file", "source_line", "winner")
        .withColumn("number", F.row_number().over(in_order))
        .where(F.col("number") <= MOST_REMARKS)
        .orderBy("delivery_date", "number")
    )
    is_personal = contract.key == contract.person_key or contract.column(contract.key).pii
    for row in examples.collect():
        key = "a key" if is_personal else shown_key(row[contract.key])
        winner = row["winner"]
        where = (
            "" if winner["source_file"] == row["source_file"] else f"{shown(mask_path(winner['source_file']))} "
        )
        outcome.remark(
            contract.name,
            row["delivery_date"].isoformat(),
            "unique",
            f"{contract.key} {key}: {shown(mask_path(row['source_file']))} line {row['source_line']} lost against "
            f"{where}line {winner['source_line']}",
        )


def _counts(source: Source, tests: dict[str, Column]) -> dict[str, dict[str, int]]:
    """Good rows that meet each test, by day."""
    counts = (F.count_if(test).alias(f"n{place}") for place, test in enumerate(tests.values()))
    return {
        row["delivery_date"].isoformat(): {name: row[f"n{place}"] for place, name in enumerate(tests)}
        for row in _good(source).groupBy("delivery_date").agg(*counts).collect()
    }


def _any(tests: dict[str, Column]) -> Column:
    return reduce(lambda one, other: one | other, tests.values(), F.lit(False))


def _note_columns(
    source: Source, outcome: Outcome, kind: str, field: str, tests: dict[str, Column], words: str
) -> None:
    """Count the good rows that meet any of the tests, one per column, and remark on each column."""
    if not tests:
        return
    filled = {name: F.coalesce(test, F.lit(False)) for name, test in tests.items()}
    for day, counts in _counts(source, {"": _any(filled), **filled}).items():
        entry = outcome.ledger[(source.contract.name, day)]
        setattr(entry, field, counts.pop(""))
        for column, rows in counts.items():
            if rows:
                outcome.remark(entry.source, day, kind, f"{column}: {words} in {rows:,} row(s)")


def _note_null_words(source: Source, outcome: Outcome) -> None:
    words = suspected_words(source.contract)
    columns = [column for column in source.contract.columns if column.base_type == "varchar"]
    spelt = {
        column.name: F.col(column.name).isin(*(word.lower() if column.lower else word for word in words))
        for column in columns
    }
    text = "a word for a missing value (such as NULL, nan, None)"
    _note_columns(source, outcome, "null_words", "null_word_rows", spelt, text)


def _note_rounded_keys(source: Source, outcome: Outcome) -> None:
    tests = {
        name: F.col(name).contains("+") & F.col(name).rlike(_ROUNDED) for name in key_columns(source.contract)
    }
    text = "a number that a spreadsheet rounded (such as 1.76723E+12)"
    _note_columns(source, outcome, "key_spelling", "rounded_key_rows", tests, text)


def _note_mixed_keys(sources: Sequence[Source], outcome: Outcome) -> None:
    """Keys that are written with and without ``.0``, in one column or in columns of one name."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for source in sources:
        tests: dict[str, Column] = {}
        for name in key_columns(source.contract):
            tests[f"{name}|.0"] = F.col(name).endswith(".0") & F.col(name).rlike("^[0-9]+[.]0$")
            tests[f"{name}|"] = F.col(name).rlike("^[0-9]+$")
        for day, counts in _counts(
            source, {k: F.coalesce(test, F.lit(False)) for k, test in tests.items()}
        ).items():
            for test, rows in counts.items():
                column, _, ending = test.partition("|")
                found[(day, column)][f"{source.contract.name}|{ending}"] += rows
    for (day, column), counts in sorted(found.items()):
        endings = {place.rpartition("|")[2] for place, rows in counts.items() if rows}
        if endings != {"", ".0"}:
            continue
        for place, rows in counts.items():
            name, _, ending = place.rpartition("|")
            if ending and rows:
                outcome.ledger[(name, day)].mixed_key_rows += rows
                text = f"{column}: a number ends in .0 in {rows:,} row(s), elsewhere the same column has none"
                outcome.remark(name, day, "key_spelling", text)
