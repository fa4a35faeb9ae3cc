"""Texts of AWS Glue's Data Quality Definition Language (DQDL), of which the rule kinds build theirs.

A rule type of DQDL is used where it means exactly what ours means; else ``CustomSql`` computes the failing share as the
quality job does, because DQDL counts a null as a failure and a threshold over all rows, while the job looks at filled
values only ("Data Quality Definition Language (DQDL) reference", AWS Glue User Guide).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ecommerce_dwh.rules.kind import RuleKind
from ecommerce_dwh.rules.rule import Rule


class NotExpressible(Exception):
    """DQDL has no words for a rule; the message says why."""


class ValueRule(RuleKind):
    """A kind that judges the filled values of one column, each by itself."""

    def broken_sql(self, rule: Rule) -> str:
        """When a filled value breaks the rule, in Spark SQL."""
        raise NotImplementedError

    def simple_dqdl(self, _rule: Rule) -> str:
        """The rule type of DQDL for a rule without tolerance; empty when there is none."""
        return ""

    def dqdl(self, rule: Rule) -> str:
        simple = "" if rule.threshold else self.simple_dqdl(rule)
        return simple or failing_share(self.broken_sql(rule), f"{rule.column} is not null", rule)


def failing_share(broken: str, looked_at: str, rule: Rule) -> str:
    """``CustomSql`` for the share of rows that break a condition.

    Args:
        broken: true for rows that break the rule, in Spark SQL.
        looked_at: which rows count; empty for all.
        rule: the rule, for its threshold.
    """
    where = f" where {looked_at}" if looked_at else ""
    share = f"coalesce(avg(case when {broken} then 1.0 else 0.0 end), 0.0)"
    return custom_sql(f"select {share} from primary{where}", rule)  # noqa: S608 - a contract's own words


def custom_sql(sql: str, rule: Rule) -> str:
    """``CustomSql`` for a query that gives the failing share."""
    return f"CustomSql {quoted(sql)} <= {number(rule.threshold)}"


def passing_share(rule: Rule) -> str:
    """The share of rows that have to keep the rule."""
    return number(1 - Decimal(str(rule.threshold)))


def quoted(text: str) -> str:
    """A text of DQDL."""
    return '"' + text.replace('"', '\\"') + '"'


def literal(value: Any) -> str:
    """A value in Spark SQL; raw where it has backslashes, so that a pattern reads as it is written.

    Raises:
        NotExpressible: a text has both a backslash and a quote.
    """
    if isinstance(value, bool) or not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else number(value)
    if "\\" not in value:
        return "'" + value.replace("'", "\\'") + "'"
    if "'" in value:
        raise NotExpressible("the pattern has both a backslash and a quote")
    return f"r'{value}'"


def number(value: Any) -> str:
    """A number without exponent and trailing zeros."""
    text = f"{Decimal(str(value)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(str(text).split())
