"""``unique``: no two rows share the values of some columns."""

from __future__ import annotations

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked, RuleKind
from ecommerce_dwh.rules.rule import Rule


class Unique(RuleKind):
    name = "unique"
    must = frozenset({"columns"})
    meaning = "`columns`"

    def check(self, asked: Asked) -> None:
        if not asked.columns:
            raise asked.refuse("columns", "columns must not be empty")

    def sentence(self, rule: Rule) -> str:
        return f"No two rows share {' and '.join(rule.columns)}"

    def dqdl(self, rule: Rule) -> str:
        columns = ", ".join(rule.columns)
        shared = "coalesce(sum(case when n > 1 then n else 0 end) / sum(n), 0)"
        keys = f"(select count(*) as n from primary group by {columns}) as keys"  # noqa: S608 - a contract's names
        return dqdl.custom_sql(f"select {shared} from {keys}", rule)  # noqa: S608
