"""Compares the warehouse with the model: tables and views by content, whatever the order of rows."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

from harness import VIEWS, Row, Warehouse
from model import Model

TABLES = {
    "dimensions.dim_customer": "customer_key <> -1",
    "dimensions.dim_product": "product_key <> -1",
    "dimensions.dim_geography": "true",
    "facts.fact_sales": "true",
    "facts.fact_web_events": "true",
    "facts.fact_inventory": "true",
}
_UNCOMPARED = {"attribute_hash"}  # how versions are told apart is the warehouse's own affair


def plain(value: Any) -> Any:
    """A value without differences that mean nothing, such as the scale of a decimal."""
    if isinstance(value, Decimal):
        return value.normalize() if value else Decimal(0)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value).normalize() if value else Decimal(0)
    return value


def content(rows: list[Row]) -> Counter[tuple[tuple[str, Any], ...]]:
    return Counter(
        tuple(sorted((name, plain(value)) for name, value in row.items() if name not in _UNCOMPARED))
        for row in rows
    )


def difference(name: str, found: list[Row], wanted: list[Row]) -> str:
    """Rows that only one side has, readable; empty when equal."""
    left, right = content(found), content(wanted)
    if left == right:
        return ""
    lines = [f"{name}:"]
    lines += [f"  only in the warehouse: {dict(row)}" for row in (left - right).elements()]
    lines += [f"  only in the model:     {dict(row)}" for row in (right - left).elements()]
    return "\n".join(lines)


def state(warehouse: Warehouse) -> dict[str, list[Row]]:
    """Content of all tables and views that users see."""
    found = {name: warehouse.rows(f"select * from {name} where {rule}") for name, rule in TABLES.items()}
    found |= {f"analytics.{view}": warehouse.rows(f"select * from analytics.{view}") for view in VIEWS}
    return found


def expected(model: Model) -> dict[str, list[Row]]:
    """What the model says of the same tables and views."""
    return {
        name: getattr(model, name.split(".")[1])() for name in (*TABLES, *(f"analytics.{v}" for v in VIEWS))
    }


def check(warehouse: Warehouse, published_day: date | None) -> None:
    """The warehouse equals the model of the slices that were loaded last, and its ledger adds up."""
    model = Model(warehouse.slices, published_day, **warehouse.options)  # type: ignore[arg-type]
    found, wanted = state(warehouse), expected(model)
    problems = [text for name in found if (text := difference(name, found[name], wanted[name]))]
    problems += _ledger(warehouse, model)
    assert not problems, "\n".join(problems)


def _ledger(warehouse: Warehouse, model: Model) -> list[str]:
    balance = {row["source"]: row for row in warehouse.rows("select * from quality.ledger_balance")}
    problems = [
        f"{source} does not add up: {row}"
        for source, row in balance.items()
        if row["accepted_rows"] != row["current_rows"] + row["superseded_rows"] + row["held_rows"]
        or row["accepted_amount"] != row["current_amount"] + row["superseded_amount"] + row["held_amount"]
    ]
    held, row = model.held(), balance["order_items"]
    held_amount = sum(
        (i["line_total"] if i["line_total"] is not None else i["quantity"] * i["unit_price"] for i in held),
        Decimal(0),
    )
    counts = {source: len(model.rows(source)) for source in balance}
    if (row["held_rows"], row["held_amount"]) != (len(held), held_amount):
        problems.append(
            f"held: {row['held_rows']}, {row['held_amount']}; the model has {len(held)}, {held_amount}"
        )
    problems += [
        f"{source}: {balance[source]['accepted_rows']} accepted rows, {count} were delivered"
        for source, count in counts.items()
        if balance[source]["accepted_rows"] != count
    ]
    return problems
