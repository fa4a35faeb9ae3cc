"""``accepted_values``: filled values of a column are among those listed."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked
from ecommerce_dwh.rules.rule import Rule


class AcceptedValues(dqdl.ValueRule):
    name = "accepted_values"
    must = frozenset({"column", "values"})
    meaning = "`column`, `values`"

    def check(self, asked: Asked) -> None:
        values = asked.arguments["values"]
        if not isinstance(values, list) or not values:
            raise asked.refuse("values", "values must be a non-empty list")
        kind = asked.type
        if kind is None or not kind.literals:
            raise asked.refuse(
                "column", f"accepted_values needs a text or a number, '{asked.columns[0]}' is none"
            )
        for value in values:
            if isinstance(value, bool) or not isinstance(value, kind.literals):
                hint = "; write texts in quotes" if kind.is_text else ""
                raise asked.refuse(
                    "values", f"value {value!r} does not fit column '{asked.columns[0]}' ({kind.name}){hint}"
                )

    def sentence(self, rule: Rule) -> str:
        return f"{rule.column} is one of {', '.join(map(str, rule.arguments['values']))}"

    def broken_sql(self, rule: Rule) -> str:
        return f"{rule.column} not in ({', '.join(map(dqdl.literal, rule.arguments['values']))})"

    def simple_dqdl(self, rule: Rule) -> str:
        values = rule.arguments["values"]
        if not all(isinstance(value, str) for value in values):
            return ""
        return f"ColumnValues {dqdl.quoted(rule.column)} in [{', '.join(map(dqdl.quoted, values))}, NULL]"
