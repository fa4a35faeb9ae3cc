"""The verdict on a rule, of whatever kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules import history
from ecommerce_dwh_glue.rules.kinds import Count, HistoryKind, RowKind
from ecommerce_dwh_glue.rules.table import KINDS

# Examples that a message names; the samples have more.
_NAMED = 3


def is_judged(rule: Rule, count: Count) -> bool:
    """Whether there was anything to judge; that there is no row at all is for rules on the number of rows to judge."""
    return count.checked > 0 or rule.kind == "row_count"


def judge(
    rule: Rule,
    count: Count,
    findings: Mapping[str, history.Finding] | None = None,
    examples: Sequence[str] = (),
) -> tuple[bool, str]:
    """Whether a rule passes, and in words why not.

    Args:
        rule: the rule.
        count: rows checked and failed; of a history rule, days judged and days out of line.
        findings: of a history rule, what was found by day.
        examples: remarks on what breaks the rule.
    """
    kind = KINDS[rule.kind]
    if isinstance(kind, HistoryKind):
        return history.verdict(rule, count, findings or {})
    if not is_judged(rule, count):
        what = f"a value in {rule.column}" if isinstance(kind, RowKind) and kind.is_about_values else ""
        return True, f"not judged: no row{f' has {what}' if what else ' to look at'}"
    passed, message = kind.verdict(rule, count)
    if passed or not examples:
        return passed, message
    more = f"; and {len(examples) - _NAMED} more" if len(examples) > _NAMED else ""
    return False, f"{message}: {'; '.join(examples[:_NAMED])}{more}"
