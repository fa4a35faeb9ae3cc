"""A Parquet file that carries code: read as plain data, and the code never runs."""

# ruff: noqa: ARG005 - a case per line reads as a table, and some need no marker

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hostile import Touch, item_columns, parquet, pickled_type, spark_metadata
from lake_for_tests import Lake

DAY = "2026-03-01"


def arrow_extension(marker: str) -> dict[str, Any]:
    """Columns whose type is to be unpickled by pyarrow (before 14.0.1: CVE-2023-47248)."""
    field = pa.field(
        "order_item_id",
        pa.string(),
        metadata={
            "ARROW:extension:name": "arrow.py_extension_type",
            "ARROW:extension:metadata": pickle.dumps(Touch(marker)),
        },
    )
    columns = item_columns()
    schema = pa.schema([field, *(pa.field(name, column.type) for name, column in list(columns.items())[1:])])
    return {"table": pa.table(list(columns.values()), schema=schema)}


def file_with(kind: Callable[[str], Any]) -> Callable[[str], bytes]:
    return lambda marker: parquet(columns := item_columns(), spark_metadata(columns, kind(marker)))


def written(table: pa.Table) -> bytes:
    import io

    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def nested(marker: str) -> dict[str, Any]:
    return {"type": "array", "elementType": pickled_type(marker), "containsNull": True}


FILES: dict[str, Callable[[str], bytes]] = {
    "pickled class": file_with(pickled_type),
    "pickled class with a class of the JVM": file_with(
        lambda marker: {**pickled_type(marker), "class": "java.io.File"}
    ),
    "class of the JVM alone": file_with(
        lambda marker: {"type": "udt", "class": "sun.tools.Nothing", "sqlType": "string"}
    ),
    "module to import": file_with(lambda marker: {**pickled_type(marker), "pyClass": "antigravity.fly"}),
    "pickled class within a list": file_with(nested),
    "no JSON": lambda marker: parquet(item_columns(), {b"org.apache.spark.sql.parquet.row.metadata": b"{"}),
    "deep JSON": lambda marker: parquet(
        item_columns(), {b"org.apache.spark.sql.parquet.row.metadata": b'{"type":' * 50_000}
    ),
    "other columns": lambda marker: parquet(item_columns(), spark_metadata(["x"], pickled_type(marker))),
    "pandas metadata": lambda marker: parquet(
        item_columns(), {b"pandas": json.dumps({"columns": [{"numpy_type": f"!!python {marker}"}]}).encode()}
    ),
    "extension type of Arrow": lambda marker: written(arrow_extension(marker)["table"]),
}


def test_code_in_a_parquet_file_never_runs(lake: Lake, tmp_path: Path) -> None:
    markers = {}
    for number, (name, make) in enumerate(FILES.items()):
        markers[name] = tmp_path / f"marker-{number}"
        content = make(str(markers[name]))
        lake.put("order_items", DAY, content.replace(b"i0", b"i%d" % number), f"{number}.parquet")
    lake.declare_empty(DAY, DAY)

    lake.process(DAY)

    assert {row["order_item_id"] for row in lake.loaded("order_items").collect()} == {
        f"i{number}" for number in range(len(FILES))
    }
    lake.assess(DAY)
    ran = [name for name, marker in markers.items() if marker.exists()]
    assert not ran, f"code of these files ran: {ran}"


def test_the_same_file_does_run_code_where_its_own_schema_is_believed(lake: Lake, tmp_path: Path) -> None:
    """Without this, the test above could pass because its file does no harm to anyone."""
    marker = tmp_path / "marker"
    key = lake.put("order_items", DAY, FILES["pickled class"](str(marker)), "a.parquet")

    with pytest.raises(Exception):  # noqa: B017 - the marker is no type; by then it is too late
        lake.spark.read.parquet(lake.storage.url("raw", key)).columns  # noqa: B018

    assert marker.exists()
