"""``expression``: an SQL condition holds for every row; a condition that is null counts as met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from ecommerce_dwh.rules import dqdl
from ecommerce_dwh.rules.kind import Asked, RuleKind
from ecommerce_dwh.rules.rule import Rule


class Expression(RuleKind):
    name = "expression"
    must = frozenset({"expression"})
    may = frozenset({"columns"})
    meaning = (
        "`columns` (for reports), `expression`: an SQL condition on one row; null passes; the condition "
        "is parsed when the contract is loaded"
    )

    def check(self, asked: Asked) -> None:
        check_expression(
            asked.text("expression"), asked.sql_types, lambda message: asked.refuse("expression", message)
        )

    def sentence(self, rule: Rule) -> str:
        return f"Every row meets {dqdl.one_line(rule.arguments['expression'])}"

    def dqdl(self, rule: Rule) -> str:
        return dqdl.failing_share(
            f"not coalesce({dqdl.one_line(rule.arguments['expression'])}, true)", "", rule
        )


def check_expression(text: str, types: Mapping[str, str], fail: Callable[[str], Exception]) -> None:
    """Refuse what is not one true-or-false condition on a row, in Spark SQL.

    Parsed with sqlglot; Spark parses it once more, with its own types, before the job judges anything.

    Args:
        text: the condition.
        types: type text by column that the condition may name.
        fail: makes the error to raise.
    """
    from sqlglot.errors import (
        ParseError,
        SqlglotError,
        TokenError,
    )  # late import: the Glue jobs have no sqlglot

    try:
        _check_tree(text, types, fail)
    except (ParseError, TokenError) as error:
        found = getattr(error, "errors", None) or [{}]
        why = found[0].get("description") or "a quote is not closed"
        where = f" near '{found[0]['highlight']}'" if found[0].get("highlight") else ""
        raise fail(f"the expression is not valid SQL{where}: {why}") from None
    except SqlglotError as error:
        raise fail(f"the types of the expression cannot be found out: {error}") from None
    except RecursionError:
        raise fail("the expression is nested too deeply to be read") from None


def _check_tree(text: str, types: Mapping[str, str], fail: Callable[[str], Exception]) -> None:
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.annotate_types import annotate_types

    tree = sqlglot.parse_one(text, dialect="spark", into=exp.Condition)
    for kind, what in (
        (exp.Query, "a query"),
        (exp.AggFunc, "an aggregate"),
        (exp.Window, "a window function"),
    ):
        if next(tree.find_all(kind), None) is not None:
            raise fail(f"the expression has {what}; it must judge a row by itself")
    for column in tree.find_all(exp.Column):
        if column.table or column.name.lower() not in types:
            raise fail(f"'{column.sql()}' in the expression is no column of the contract")
    for function in tree.find_all(exp.Anonymous):
        if function.name.lower() not in _spark_functions():
            raise fail(f"the expression calls {function.name}(), which Spark does not know")
    columned = exp.select(tree.copy()).from_("rows")
    for column in columned.find_all(exp.Column):
        column.set("table", exp.to_identifier("rows"))
    found_type = annotate_types(columned, schema={"rows": types}, dialect="spark").selects[0].type
    if found_type is not None and not found_type.is_type("boolean", "unknown", "null"):
        raise fail(f"the expression gives {found_type.sql().lower()}, not true or false")


@cache
def _spark_functions() -> frozenset[str]:
    """Functions of the Spark version that Glue runs, for those that the parser does not know by itself."""
    return frozenset((Path(__file__).parent / "spark_functions.txt").read_text("utf-8").split())
