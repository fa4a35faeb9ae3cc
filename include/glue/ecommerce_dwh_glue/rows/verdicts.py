"""SQL that names the hard rule a row breaks: ``<kind>:<column>``, or the defect of a row that is broken as a whole.

Kinds: ``not_null``, ``unparseable``, ``non_finite``, ``out_of_range``, ``too_long``, ``below_minimum``.
"""

from __future__ import annotations

from ecommerce_dwh.contracts import Column, SourceContract
from ecommerce_dwh_glue.rows.values import spark_type


def rule_sql(column: Column) -> str | None:
    """SQL that names the rule a column breaks, or is null; None when the column can break none."""
    name, text, value, base = column.name, f"x_{column.name}", f"`{column.name}`", column.base_type
    cases = []
    if base == "varchar":
        cases.append((f"octet_length({text}) > {column.length}", "too_long"))
        if column.key_format:
            cases.append((f"{text} is not null and {value} is null", "unparseable"))
    else:
        unreadable = f"{text} is not null and {value} is null"
        if base == "decimal":
            number = f"try_cast({text} as double)"
            cases += [
                (f"{unreadable} and lower({text}) rlike '^[+-]?(nan|inf|infinity)$'", "non_finite"),
                (
                    f"{unreadable} and octet_length({text}) = length({text}) and {number} is not null "
                    f"and not {text} rlike '[dDfF]$'",
                    "out_of_range",
                ),
            ]
        elif base in ("integer", "bigint"):
            cases += [
                (f"{unreadable} and lower({text}) rlike '^[+-]?(nan|inf|infinity)$'", "non_finite"),
                (f"{unreadable} and {text} rlike '^[+-]?[0-9]+([.]0*)?$'", "out_of_range"),
            ]
        cases.append((unreadable, "unparseable"))
    if column.minimum is not None:
        cases.append((f"{value} < {column.minimum}", "below_minimum"))
    if column.required:
        cases.append((f"{text} is null", "not_null"))
    if not cases:
        return None
    return "case " + " ".join(f"when {test} then '{kind}:{name}'" for test, kind in cases) + " end"


def product_rule_sql(contract: SourceContract) -> str | None:
    """SQL that names the amount of a row when it is left to a product that its column cannot hold; else null."""
    if len(contract.amount) < 3:
        return None
    total, one, other = contract.amount
    product = f"try_multiply(`{one}`, `{other}`)"
    fits = f"try_cast({product} as {spark_type(contract.column(total))}) is not null"
    is_there = f"`{total}` is null and `{one}` is not null and `{other}` is not null"
    return f"case when {is_there} and not {fits} then 'out_of_range:{total}' end"


def product_bad_sql(contract: SourceContract) -> str | None:
    """A cheap test that is true for every row that `product_rule_sql` names, and for some near the limit."""
    if len(contract.amount) < 3:
        return None
    total, one, other = contract.amount
    kind = contract.column(total)
    if kind.base_type == "decimal":
        precision, scale = kind.type[len("decimal(") : -1].split(",")
        limit = f"1e{int(precision) - int(scale)}"
    else:
        limit = f"{2**31 - 1 if kind.base_type == 'integer' else 2**63 - 1}e0"
    return f"coalesce(`{total}` is null and abs(double(`{one}`) * double(`{other}`)) > 0.99 * {limit}, false)"


def bad_sql(column: Column) -> str:
    """A cheap test that is true for every row that `rule_sql` names, and may be null."""
    text, value = f"x_{column.name}", f"`{column.name}`"
    tests = []
    if column.base_type == "varchar":
        tests.append(f"octet_length({text}) > {column.length}")
    if column.key_format or (column.base_type != "varchar" and not column.required):
        tests.append(f"({text} is not null and {value} is null)")
    if column.required:
        tests.append(f"{value} is null")
    if column.minimum is not None:
        tests.append(f"{value} < {column.minimum}")
    return " or ".join(f"coalesce({test}, false)" for test in tests)
