"""Names of raw files that look like something else, and a file of one row for each way in which files are read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

STYLES = ("plain", "gzip", "quotes", "damaged", "json", "parquet")
HEADER = b"order_item_id,order_id,product_id,quantity,unit_price,line_total\n"

# Names that look like patterns, paths, URLs or commands, beside the files that the patterns would find.
NAMES = (
    "orders1.csv",
    "orders[1].csv",
    "orders[12].csv",
    "orders2.csv",
    "orders[!1].csv",
    "orders[1-2].csv",
    "a.csv",
    "b.csv",
    "{a,b}.csv",
    "{a}.csv",
    "*.csv",
    "**.csv",
    "?.csv",
    "??????1.csv",
    "[a].csv",
    "[.csv",
    "].csv",
    "{.csv",
    "}.csv",
    "a\\b.csv",
    "\\a.csv",
    "a\\*.csv",
    "\\[a\\].csv",
    "a%2Fb.csv",
    "a%.csv",
    "%25.csv",
    "%00.csv",
    "a+b.csv",
    "a b.csv",
    " a.csv",
    "a .csv",
    "  .csv",
    "a:b.csv",
    "s3:a.csv",
    "a#b.csv",
    "a;b.csv",
    "a,b.csv",
    "a=b.csv",
    "dt=2026-03-02.csv",
    "a&b.csv",
    "a'b.csv",
    'a"b.csv',
    "`a`.csv",
    "$(touch x).csv",
    "${a}.csv",
    "a|b.csv",
    "~.csv",
    "-a.csv",
    "..a.csv"[2:],
    "a..csv",
    "a...csv",
    "CON.csv",
    "A.CSV",
    "a.Csv",
    "zażółć gęślą.csv",
    "注文.csv",
    "заказ.csv",
    "🛒.csv",
    "e\u0301.csv",
    "é.csv",
    "\u202ecsv.csv",
    "a\u00a0b.csv",
    "a\u200bb.csv",
    "ﬁ.csv",
    "x" * 200 + ".csv",
    "é" * 100 + ".csv",
    "a.csv.csv",
    "a.json.csv",
    "a.parquet.csv",
    "null.csv",
    "-1.csv",
    "0x00.csv",
    "<b>.csv",
)


def item(key: str) -> bytes:
    return f"{key},o1,p1,1,2.50,2.50\n".encode()


def contents(number: int, name: str, style: str) -> tuple[str, bytes]:
    """A file of one row, read in one of the ways that files are read."""
    if style == "gzip":
        return f"{name}.gz", HEADER + item(f"i{number}")
    if style == "quotes":
        return name, HEADER + f'"i{number}",o1,p1,1,2.50,2.50\n'.encode()
    if style == "damaged":  # read line by line
        return name, HEADER + item(f"i{number}") + b"\xff,o1,p1,1,2.50,2.50\n"
    if style == "json":
        record = {
            "order_item_id": f"i{number}",
            "order_id": "o",
            "product_id": "p",
            "quantity": 1,
            "unit_price": 1,
        }
        return name[: -len(".csv")] + ".json", json.dumps(record).encode()
    if style == "parquet":
        columns = {
            "order_item_id": [f"i{number}"],
            "order_id": ["o1"],
            "product_id": ["p1"],
            "quantity": pa.array([1], pa.int32()),
            "unit_price": [2.5],
        }
        return name[: -len(".csv")] + ".parquet", _parquet(columns)
    return name, HEADER + item(f"i{number}")


def _parquet(columns: Mapping[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()
