"""``referential``: filled values of a column are found in a column of another source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.expression import check_expression
from ecommerce_dwh.rules.kind import Asked, RuleKind
from ecommerce_dwh.rules.rule import Rule

if TYPE_CHECKING:
    from ecommerce_dwh.contracts.types import ColumnType


class Referential(RuleKind):
    name = "referential"
    must = frozenset({"column", "to_source", "to_column"})
    may = frozenset({"where"})
    meaning = (
        "`column`, `to_source`, `to_column`: the value must occur there in the same window; "
        "`where`: an SQL condition on the rows that are judged"
    )

    def check(self, asked: Asked) -> None:
        asked.text("to_source")
        asked.text("to_column")
        if asked.arguments.get("where") is not None:
            check_expression(
                asked.text("where"), asked.sql_types, lambda message: asked.refuse("where", message)
            )

    def dimension(self, _declared: str, _arguments: Mapping[str, Any]) -> str:
        return "referential integrity"  # the standard has no word for it

    def sentence(self, rule: Rule) -> str:
        return f"{rule.column} is found in {rule.arguments['to_column']} of {rule.arguments['to_source']}"

    def dqdl(self, rule: Rule) -> str:
        if rule.arguments.get("where"):
            raise dqdl.NotExpressible("ReferentialIntegrity judges all rows, not those of a condition")
        other = dqdl.quoted(f"{rule.arguments['to_source']}.{rule.arguments['to_column']}")
        share = dqdl.passing_share(rule)
        return (
            f"ReferentialIntegrity {dqdl.quoted(rule.column)} {other} {'=' if share == '1' else '>='} {share}"
        )


def check_reference(
    rule: Rule,
    own: Mapping[str, ColumnType],
    sources: Mapping[str, Mapping[str, ColumnType]],
    refuse: Callable[[str, str], Exception],
) -> None:
    """Refuse a reference to a column that no source has, or that has another type.

    Args:
        rule: a rule of kind ``referential``.
        own: types of the columns of the rule's source.
        sources: the same of every source that there is.
        refuse: makes the error to raise from the argument at fault and a message.
    """
    source, column = rule.arguments["to_source"], rule.arguments["to_column"]
    theirs = sources.get(source, {}).get(column)
    if theirs is None:
        raise refuse("to_column", f"rule '{rule.name}' refers to {source}.{column}, which no contract has")
    if own[rule.column].name != theirs.name:
        raise refuse(
            "to_column",
            f"rule '{rule.name}' compares {rule.column} ({own[rule.column].name}) with "
            f"{source}.{column} ({theirs.name})",
        )
