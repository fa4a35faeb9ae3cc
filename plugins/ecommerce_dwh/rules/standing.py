"""Rules that hold for every source without being written into its contract: nothing delivered is lost unseen.

A contract that has a rule of the same kind replaces the standing one, with its own severity and threshold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule

# Kind → name, dimension in the words of reports, severity, threshold, arguments.
_STANDING: Mapping[str, tuple[str, str, str, float, Mapping[str, Any]]] = {
    "quarantine_ratio": ("quarantine_ratio", "validity", "error", 0.05, {"minimum_rows": 20}),
    "rejected_files": ("files_have_rows", "completeness", "error", 0.0, {}),
    "conflicts": ("keys_without_conflict", "uniqueness", "warning", 0.0, {}),
    "columns": ("columns_as_agreed", "drift", "warning", 0.0, {}),
    "filled": ("columns_filled_as_before", "drift", "warning", 0.0, {}),
    "null_words": ("no_null_words", "validity", "warning", 0.0, {}),
    "key_spelling": ("keys_as_written", "validity", "warning", 0.0, {}),
}
# Share of the rows that may be lost to other rows of their key before the gate closes.
_LOST = 0.03


def is_about_key(rule: Rule, key: str) -> bool:
    """Whether a rule says that a delivery has one row for each key, or for each version of it."""
    return rule.kind == "unique" and {key} <= set(rule.columns) <= {key, "delivery_date", "version_at"}


def standing_rules(
    own: Collection[Rule], key: str, version: str, clock: str, kinds: Mapping[str, RuleKind]
) -> Iterable[Rule]:
    """The standing rules of a source.

    Args:
        own: rules of its contract.
        key: its key.
        version: ``version_at`` where a day may have several versions of a key, else empty.
        clock: column with the time of a version; empty where there is none.
        kinds: all kinds by name.
    """
    taken, names = {rule.kind for rule in own}, {rule.name for rule in own}
    wanted = [
        Rule(name, dimension, severity, kind, (), arguments, threshold)
        for kind, (name, dimension, severity, threshold, arguments) in _STANDING.items()
        if kind not in taken
    ]
    if not any(is_about_key(rule, key) for rule in own):
        columns = tuple(filter(None, ("delivery_date", key, version)))
        wanted.append(Rule("key_unique", "uniqueness", "error", "unique", columns, {}, _LOST))
    if clock:
        in_time = f"{clock} is null or {clock} < delivery_date + interval 2 day"
        name = "versions_not_in_future"
        wanted.append(Rule(name, "freshness", "warning", "expression", (clock,), {"expression": in_time}))
    for rule in wanted:
        if rule.name not in names:
            yield replace(rule, description=kinds[rule.kind].sentence(rule))
