"""``max_length``: filled texts of a column have at most so many characters."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked
from ecommerce_dwh.rules.rule import Rule


class MaxLength(dqdl.ValueRule):
    name = "max_length"
    must = frozenset({"column", "length"})
    meaning = "`column`, `length` in characters"

    def check(self, asked: Asked) -> None:
        if asked.type is None or not asked.type.is_text:
            raise asked.refuse("column", f"max_length needs a text, '{asked.columns[0]}' is none")
        if (asked.number("length", whole=True) or 0) < 1:
            raise asked.refuse("length", "length must be 1 or more")

    def sentence(self, rule: Rule) -> str:
        return f"{rule.column} has at most {rule.arguments['length']} characters"

    def broken_sql(self, rule: Rule) -> str:
        return f"length({rule.column}) > {dqdl.number(rule.arguments['length'])}"

    def simple_dqdl(self, rule: Rule) -> str:
        filled = dqdl.quoted(f"{rule.column} is not null")
        return (
            f"ColumnLength {dqdl.quoted(rule.column)} <= {dqdl.number(rule.arguments['length'])} where {filled}"
        )
