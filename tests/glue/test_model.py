"""Property: on random files, processing equals the model, row by row, in ledger and in money.

One example is a window of many days, a random file each: starting a Spark job is what costs, not rows.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal

from conftest import ITEM_HEADER, Lake
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from model import judge
from pyspark.sql import functions as F

from ecommerce_dwh_glue.rows.amounts import AMOUNT_UNIT, amount_parts_sql, amount_sql

DAYS = 60
FIRST = dt.date(2026, 1, 1)

keys = st.sampled_from(
    [b"a", b"b", b" a ", b"", b"007", "é".encode() * 33, b"x" * 64, b'"q,1"', b'"two\nlines"']
)
quantities = st.one_of(
    st.integers(-9, 99).map(lambda n: b"%d" % n),
    st.sampled_from([b"6.0", b"6.5", b"+3", b"", b"NaN", b"2147483648", b"1e2"]),
)
numbers = st.one_of(
    st.decimals(Decimal("-9.9"), Decimal("99.9"), places=5).map(lambda value: str(value).encode()),
    st.sampled_from(
        [
            b"",
            b"2.5",
            b"2.50",
            b"1e2",
            b".5",
            b"-1",
            b"inf",
            b"99999999999999.99995",
            b"1e15",
            b"five",
            b'"1,5"',
        ]
    ),
)
good_rows = st.tuples(keys, keys, keys, quantities, numbers, numbers).map(b",".join)
wild_rows = st.lists(
    st.sampled_from([b"a", b",", b",", b'"', b'""', b" ", b"\r", b"1", "é".encode(), b"\xff", b"\0", b"\n"]),
    max_size=14,
).map(b"".join)
rows = st.lists(st.one_of(good_rows, good_rows, good_rows, wild_rows), max_size=12)
files = st.builds(
    lambda lines, end, last: ITEM_HEADER.replace(b"\n", end) + end.join(lines) + (end if last else b""),
    rows,
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
    st.booleans(),
)


@given(st.lists(files, min_size=DAYS, max_size=DAYS))
@settings(
    max_examples=2,
    deadline=None,
    database=None,
    phases=(Phase.generate,),  # shrinking would start hundreds of jobs; the day that differs is printed instead
    suppress_health_check=list(HealthCheck),
)
def test_processing_equals_the_model(volume: str, new_lake: Callable[[], Lake], contents: list[bytes]) -> None:
    lake = new_lake()
    days = [(FIRST + dt.timedelta(days=index)).isoformat() for index in range(DAYS)]
    for day, content in zip(days, contents, strict=True):
        lake.put("order_items", day, content)
    lake.declare_empty(days[0], days[-1])
    outcome = lake.process(days[0], days[-1])
    accepted: dict[str, dict[str, tuple[object, ...]]] = {day: {} for day in days}
    for row in lake.loaded("order_items").collect():
        accepted[row["delivery_date"].isoformat()][row["order_item_id"]] = (
            row["order_id"],
            row["product_id"],
            row["quantity"],
            row["unit_price"],
            row["line_total"],
            row["source_line"],
            row["row_hash"],
        )
    quarantined: dict[str, set[tuple[int, str]]] = {day: set() for day in days}
    for row in lake.quarantine():
        quarantined[row["dt"]].add((row["source_line"], "value" if ":" in row["rule"] else row["rule"]))
    for day, content in zip(days, contents, strict=True):
        expected, entry = judge(content), outcome.ledger[("order_items", day)]
        assert quarantined[day] == expected.quarantined, (day, content)
        assert accepted[day] == expected.accepted, (day, content)
        assert entry.raw_rows == expected.raw
        assert entry.raw_amount == expected.raw_amount, (day, content)
        assert entry.quarantined_amount == expected.quarantined_amount, (day, content)
        assert entry.adds_up()


def test_amounts_as_two_integers_are_exact(new_lake: Callable[[], Lake]) -> None:
    lake = new_lake()
    contract = lake.contracts["order_items"]
    chance = random.Random(5)
    edge = 10**15  # ten-thousandths of the amount up to which doubles are used
    units = [chance.randint(-(10**size), 10**size) for size in range(1, 19) for _ in range(200)]
    units += [
        sign * (base + step) for sign in (1, -1) for base in (0, edge, 10**18 - 9) for step in range(-8, 9)
    ]
    rows = [(Decimal(f"{unit}e-4"), None, None) for unit in units if abs(unit) < 10**18]
    rows += [(None, chance.randint(-(2**31), 2**31 - 1), Decimal(f"{abs(unit)}e-4")) for unit in units[:3600]]
    rows += [(None, None, None)]
    high, low = (F.expr(sql) for sql in amount_parts_sql(contract))
    frame = lake.spark.createDataFrame(rows, "line_total decimal(18,4), quantity int, unit_price decimal(18,4)")
    found = frame.select(
        F.expr(amount_sql(contract)).alias("amount"), high.alias("high"), low.alias("low")
    ).collect()
    for row, (total, quantity, price) in zip(found, rows, strict=True):
        expected = total if total is not None else (quantity or 0) * (price or Decimal(0))
        assert row["amount"] == expected
        assert Decimal(f"{row['high'] * AMOUNT_UNIT + row['low']}e-4") == expected, (total, quantity, price)
