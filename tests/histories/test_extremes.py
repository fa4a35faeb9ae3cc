"""No accepted row can fail a later step: rows at the limits of every type run through the whole warehouse.

Processing accepts exactly what the contract's types hold, and of order lines only those whose product of quantity and
price fits line_total (tests/glue/test_rows.py). The sums of such rows are what merges, audits and views must bear.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from comparing import check
from harness import CONTRACTS, Row, Warehouse, load_of
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from worlds import DAYS, examples

from ecommerce_dwh.contracts import Column
from ecommerce_dwh.warehouse.sql_files import WHOLE_AUDITS

KEYS = {
    "order_item_id": ("I1", "I2", "I3", "I4", "I5"),
    "order_id": ("O1", "O2"),
    "customer_id": ("C1", "C2"),
    "product_id": ("P1", "P2"),
    "event_id": ("E1", "E2", "E3"),
}
INSTANTS = tuple(
    map(
        datetime.fromisoformat,
        (
            *("0001-01-01", "0001-01-01 00:00:00.000001", "1899-12-31 23:59:59.999999", "1900-01-01"),
            *("2026-01-30 10:00", "2026-01-30 10:29:59.999999", "9999-12-30", "9999-12-31 23:59:59.999999"),
        ),
    )
)
_LETTERS = st.sampled_from(("a", "é", "€", "𐍈", "'", "\\", "%", '"', "{", "|", "\u200b", "-"))


@st.composite
def _text(draw: st.DrawFn, size: int) -> str:
    """One letter as often as it fits: Redshift counts bytes."""
    letter = draw(_LETTERS)
    most = size // len(letter.encode())
    return letter * draw(st.sampled_from((1, most)))


def _value(column: Column) -> st.SearchStrategy[Any]:
    kind, _, size = column.type.partition("(")
    if column.name in KEYS:
        few = st.sampled_from(KEYS[column.name])
        found: st.SearchStrategy[Any] = few | few.map(lambda key: key.ljust(64, "€")[: 1 + 63 // 3])
    elif kind == "varchar":
        found = _text(int(size.rstrip(")")))
    elif kind == "decimal":
        digits, scale = map(int, size.rstrip(")").split(","))
        most = Decimal(10**digits - 1).scaleb(-scale)
        found = st.sampled_from(
            (most, -most, Decimal(1).scaleb(-scale), -Decimal(1).scaleb(-scale), Decimal(0))
        )
        if column.name in NOT_NEGATIVE:
            found = found.map(abs)
    elif kind == "integer":
        found = st.sampled_from((2**31 - 1, -(2**31), 0, 1, -1))
    elif kind == "boolean":
        found = st.booleans()
    elif kind == "date":
        found = st.sampled_from([instant.date() for instant in INSTANTS])
    else:
        assert kind == "timestamp", column.type
        found = st.sampled_from(INSTANTS)
    return found if column.required else st.none() | found


NOT_NEGATIVE = {"unit_price"}


def _accepted(row: Row) -> bool:
    """Whether processing accepts a line: the product fits the type of line_total (rule out_of_range)."""
    if "quantity" not in row or row["line_total"] is not None:
        return True
    return abs(row["quantity"] * row["unit_price"]) < Decimal(10**14)


def rows(source: str) -> st.SearchStrategy[list[Row]]:
    columns = {column.name: _value(column) for column in CONTRACTS[source].columns}
    return st.lists(st.fixed_dictionaries(columns).filter(_accepted), max_size=5)


DAY = st.fixed_dictionaries({source: rows(source) for source in CONTRACTS})


def files(days: list[dict[str, list[Row]]]) -> dict[str, dict[date, list[Row]]]:
    return {source: {DAYS[n]: day[source] for n, day in enumerate(days)} for source in CONTRACTS}


@settings(max_examples=examples(0.3), phases=[Phase.generate])
@given(days=st.lists(DAY, min_size=1, max_size=2))
def test_rows_at_the_limits_of_their_types_pass_every_step(
    warehouse: Warehouse, days: list[dict[str, list[Row]]]
) -> None:
    warehouse.reset()
    last = DAYS[len(days) - 1]
    warehouse.load(DAYS[0], last, files(days), warehouse.quick)
    check(warehouse, last)
    assert not warehouse.audit(load_of(DAYS[0], last), files=WHOLE_AUDITS)
    # Once more, with the versions and facts of the first time in place.
    warehouse.load(DAYS[0], last, files(days), warehouse.quick)
    check(warehouse, last)
