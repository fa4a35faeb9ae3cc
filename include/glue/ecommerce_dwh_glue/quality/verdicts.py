"""The verdict on a rule, of whatever kind."""

from __future__ import annotations

from collections.abc import Mapping

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.rules import history
from ecommerce_dwh_glue.rules.kinds import Count, HistoryKind
from ecommerce_dwh_glue.rules.table import KINDS


def judge(rule: Rule, count: Count, findings: Mapping[str, history.Finding] | None = None) -> tuple[bool, str]:
    """Whether a rule passes, and in words why not.

    Args:
        rule: the rule.
        count: rows checked and failed; of a history rule, days judged and days out of line.
        findings: of a history rule, what was found by day.
    """
    kind = KINDS[rule.kind]
    if isinstance(kind, HistoryKind):
        return history.verdict(rule, count, findings or {})
    return kind.verdict(rule, count)
