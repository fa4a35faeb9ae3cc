"""``range``: filled numbers of a column lie between bounds, the bounds included."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked
from ecommerce_dwh.rules.rule import Rule


class Range(dqdl.ValueRule):
    name = "range"
    must = frozenset({"column"})
    may = frozenset({"minimum", "maximum"})
    meaning = "`column`, `minimum` and/or `maximum`"

    def check(self, asked: Asked) -> None:
        low, high = asked.number("minimum"), asked.number("maximum")
        if low is None and high is None:
            raise asked.refuse("", "range lacks minimum and maximum; give one or both")
        if low is not None and high is not None and low > high:
            raise asked.refuse("minimum", f"minimum {low} is above maximum {high}")
        if asked.type is None or not asked.type.is_number:
            raise asked.refuse("column", f"range needs a number, '{asked.columns[0]}' is none")

    def sentence(self, rule: Rule) -> str:
        low, high = rule.arguments.get("minimum"), rule.arguments.get("maximum")
        bounds = [f"at least {low}"] if low is not None else []
        bounds += [f"at most {high}"] if high is not None else []
        return f"{rule.column} is {' and '.join(bounds)}"

    def broken_sql(self, rule: Rule) -> str:
        column, low, high = rule.column, rule.arguments.get("minimum"), rule.arguments.get("maximum")
        parts = [f"{column} < {dqdl.number(low)}"] if low is not None else []
        parts += [f"{column} > {dqdl.number(high)}"] if high is not None else []
        return " or ".join(parts)

    def simple_dqdl(self, rule: Rule) -> str:
        low, high = rule.arguments.get("minimum"), rule.arguments.get("maximum")
        if (low is None) == (high is None):
            return ""  # DQDL's "between" leaves the bounds out
        bound = f">= {dqdl.number(low)}" if high is None else f"<= {dqdl.number(high)}"
        filled = dqdl.quoted(f"{rule.column} is not null")
        return f"ColumnValues {dqdl.quoted(rule.column)} {bound} where {filled}"
