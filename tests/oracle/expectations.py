"""Our rules as Great Expectations' expectations, and its answers in our terms: rows failed and verdict.

What its words cannot say is an `Unsayable` with the reason; the list is in docs/data-quality.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would call home; tests talk to the loopback only

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.core.expectation_suite import ExpectationSuite
from pyspark.sql import DataFrame

from ecommerce_dwh.contracts import Rule, SourceContract


class Unsayable(Exception):
    """Great Expectations has no words for a rule; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What Great Expectations says of a rule.

    Attributes:
        failed: rows that break the rule; None where it only gives a verdict.
        passed: its verdict.
    """

    failed: int | None
    passed: bool


def expectation(rule: Rule) -> Any:
    """A rule as an expectation.

    Raises:
        Unsayable: it cannot be said.
    """
    arguments = rule.arguments
    mostly = float(1 - Decimal(str(rule.threshold)))
    common: dict[str, Any] = {"meta": {"rule": rule.name}}
    if rule.kind in ("not_null", "accepted_values", "range", "pattern", "max_length"):
        common |= {"column": rule.column, "mostly": mostly}
    if rule.kind == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(**common)
    if rule.kind == "accepted_values":
        return gxe.ExpectColumnValuesToBeInSet(value_set=list(arguments["values"]), **common)
    if rule.kind == "range":
        bounds = {"min_value": arguments.get("minimum"), "max_value": arguments.get("maximum")}
        return gxe.ExpectColumnValuesToBeBetween(**bounds, **common)
    if rule.kind == "pattern":
        return gxe.ExpectColumnValuesToMatchRegex(regex=arguments["pattern"], **common)
    if rule.kind == "max_length":
        return gxe.ExpectColumnValueLengthsToBeBetween(max_value=int(arguments["length"]), **common)
    if rule.kind == "unique":
        if len(rule.columns) == 1:
            return gxe.ExpectColumnValuesToBeUnique(column=rule.column, mostly=mostly, **common)
        columns = list(rule.columns)
        return gxe.ExpectCompoundColumnsToBeUnique(
            column_list=columns, ignore_row_if="never", mostly=mostly, **common
        )
    if rule.kind == "expression":
        query = f"select * from {{batch}} where not ({arguments['expression']})"
        return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, **common)
    if rule.kind == "referential":
        query = (
            "select a.* from {batch} a left anti join "
            f"{arguments['to_source']} b on a.{rule.column} = b.{arguments['to_column']} "
            f"where a.{rule.column} is not null"
        )
        return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, **common)
    if rule.kind == "row_count":
        return gxe.ExpectTableRowCountToBeBetween(min_value=int(arguments["minimum"]), **common)
    if rule.kind == "quarantine_ratio":
        raise Unsayable("the rejected rows are not in the table")
    if rule.kind == "history":
        raise Unsayable("its expectations know one batch, not the days before it")
    raise Unsayable(f"rules of kind {rule.kind} have no counterpart")


def validate(rows: DataFrame, contract: SourceContract) -> dict[str, Answer]:
    """Great Expectations' answers by rule name, for all rules that it can express.

    Tables that a rule refers to must be temporary views of their source's name.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_spark("spark")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": rows})
    )
    sayable = []
    for rule in contract.rules:
        try:
            sayable.append(expectation(rule))
        except Unsayable:
            continue
    suite = ExpectationSuite(contract.name, expectations=sayable)
    found = batch.validate(suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": 20})
    rules = {rule.name: rule for rule in contract.rules}
    return {
        (name := result.expectation_config.meta["rule"]): _answer(rules[name], result)
        for result in found.results
    }


def _answer(rule: Rule, result: Any) -> Answer:
    if result.exception_info.get("raised_exception") or any(
        isinstance(part, Mapping) and part.get("raised_exception") for part in result.exception_info.values()
    ):
        raise AssertionError(f"Great Expectations could not judge {rule.name}: {result.exception_info}")
    if rule.kind == "row_count":
        return Answer(None, bool(result.success))
    if rule.kind in ("expression", "referential"):
        # It knows no share of rows here: one row fails it.
        return Answer(int(result.result["observed_value"]), bool(result.success))
    # Of a table without rows it counts nothing, rather than zero.
    return Answer(int(result.result["unexpected_count"] or 0), bool(result.success))
