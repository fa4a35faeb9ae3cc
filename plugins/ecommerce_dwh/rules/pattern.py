"""``pattern``: filled texts of a column match a regular expression somewhere.

DQDL's ``ColumnValues … matches`` asks for a match of the whole value, so ``CustomSql`` says it.
"""

from __future__ import annotations

import re

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked
from ecommerce_dwh.rules.rule import Rule


class Pattern(dqdl.ValueRule):
    name = "pattern"
    must = frozenset({"column", "pattern"})
    meaning = "`column`, `pattern` (regular expression)"

    def check(self, asked: Asked) -> None:
        if asked.type is None or not asked.type.is_text:
            raise asked.refuse("column", f"pattern needs a text, '{asked.columns[0]}' is none")
        pattern = asked.text("pattern")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise asked.refuse("pattern", f"pattern cannot be compiled: {error}") from None
        if "(?P" in pattern:
            raise asked.refuse("pattern", "named groups are written differently in Spark; use a plain group")

    def sentence(self, rule: Rule) -> str:
        return f"{rule.column} matches {rule.arguments['pattern']}"

    def broken_sql(self, rule: Rule) -> str:
        return f"not {rule.column} rlike {dqdl.literal(rule.arguments['pattern'])}"
