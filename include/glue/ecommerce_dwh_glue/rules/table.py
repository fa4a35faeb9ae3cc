"""All kinds of rules, by the names that contracts use."""

from __future__ import annotations

from collections.abc import Mapping

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh_glue.rules import (
    accepted_values,
    columns,
    conflicts,
    expression,
    filled,
    history,
    key_spelling,
    max_length,
    not_null,
    null_words,
    pattern,
    quarantine_ratio,
    referential,
    rejected_files,
    row_count,
    unique,
)
from ecommerce_dwh_glue.rules.kinds import HistoryKind, Kind, LedgerKind, RowKind, TableKind
from ecommerce_dwh_glue.rules.range import KIND as RANGE

KINDS: Mapping[str, Kind] = {
    "not_null": not_null.KIND,
    "unique": unique.KIND,
    "accepted_values": accepted_values.KIND,
    "range": RANGE,
    "pattern": pattern.KIND,
    "max_length": max_length.KIND,
    "expression": expression.KIND,
    "row_count": row_count.KIND,
    "quarantine_ratio": quarantine_ratio.KIND,
    "referential": referential.KIND,
    "history": history.KIND,
    "rejected_files": rejected_files.KIND,
    "conflicts": conflicts.KIND,
    "columns": columns.KIND,
    "null_words": null_words.KIND,
    "key_spelling": key_spelling.KIND,
    "filled": filled.KIND,
}


def row_rules(contract: SourceContract) -> list[tuple[Rule, RowKind]]:
    """The contract's rules that each row keeps or breaks by itself."""
    return [(rule, kind) for rule in contract.rules if isinstance(kind := KINDS[rule.kind], RowKind)]


def table_rules(contract: SourceContract) -> list[tuple[Rule, TableKind]]:
    """The contract's rules that need more than one row at a time."""
    return [(rule, kind) for rule in contract.rules if isinstance(kind := KINDS[rule.kind], TableKind)]


def ledger_rules(contract: SourceContract) -> list[tuple[Rule, LedgerKind]]:
    """The contract's rules about numbers of rows."""
    return [(rule, kind) for rule in contract.rules if isinstance(kind := KINDS[rule.kind], LedgerKind)]


def history_rules(contract: SourceContract) -> list[Rule]:
    """The contract's rules that compare a day with the days before it."""
    return [rule for rule in contract.rules if isinstance(KINDS[rule.kind], HistoryKind)]
