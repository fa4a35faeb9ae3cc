"""SQL of the amount of money for which the ledger accounts."""

from __future__ import annotations

from ecommerce_dwh.contracts import SourceContract

AMOUNT_UNIT = 10**9


def amount_sql(contract: SourceContract) -> str:
    """The amount for which the ledger accounts, 0 where it cannot be read."""
    if not contract.amount:
        return "cast(0 as decimal(38,4))"
    total, *factors = contract.amount
    parts = [f"cast(`{total}` as decimal(38,4))"]
    if factors:
        parts.append(f"cast(`{factors[0]}` * `{factors[1]}` as decimal(38,4))")
    return f"coalesce({', '.join(parts)}, cast(0 as decimal(38,4)))"


def amount_parts_sql(contract: SourceContract) -> tuple[str, str]:
    """`amount_sql` in ten-thousandths as two whole numbers, high × `AMOUNT_UNIT` + low, which sum without decimals.

    Sums of large decimals are many times slower than sums of integers. Below 10¹¹, the double nearest to an amount of
    four decimals is off by less than a quarter of a ten-thousandth, so rounding gives the amount exactly; whatever is
    larger, or is no decimal(…,4), takes the slow way.
    """
    if not contract.amount:
        return "0L", "0L"
    exact = f"({amount_sql(contract)} * 10000)"
    high, low = (
        f"cast({exact} {operator} cast({AMOUNT_UNIT} as decimal(10,0)) as bigint)" for operator in ("div", "%")
    )
    total = contract.column(contract.amount[0])
    if not (total.base_type == "decimal" and total.type.endswith(",4)")):
        return high, low
    value = f"`{total.name}`"
    units = f"cast(rint(cast({value} as double) * 10000) as bigint)"
    small = f"{value} > -100000000000 and {value} < 100000000000"
    return (
        f"case when {small} then {units} div {AMOUNT_UNIT} else {high} end",
        f"case when {small} then {units} % {AMOUNT_UNIT} else {low} end",
    )
