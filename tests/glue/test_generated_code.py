"""The code that Spark generates for a row stays small enough for Java to compile it.

Java compiles no method of more than 8,000 bytes, so beyond that Spark works on a row step by step (`job.SQL_SETTINGS`):
the answers are the same and take longer. Orders, with four instants and five amounts, are beyond.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import Lake

from ecommerce_dwh_glue.job import SQL_SETTINGS
from ecommerce_dwh_glue.reading.csv_rows import cut_lines, parse_csv
from ecommerce_dwh_glue.reading.listing import list_window
from ecommerce_dwh_glue.reading.survey import survey_file
from ecommerce_dwh_glue.rows.casting import type_rows

DAY = "2026-01-01"
LIMIT = int(SQL_SETTINGS["spark.sql.codegen.hugeMethodLimit"])


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
@pytest.mark.parametrize("source", ["customers", "order_items", "products", "web_events"])
def test_code_for_a_row_is_compiled(lake: Lake, source: str, damaged: bool) -> None:
    contract = lake.contracts[source]
    header = ",".join(column.name for column in contract.columns).encode()
    lake.put(source, DAY, header + b"\n" + b"," * header.count(b",") + b"\n")
    (listed,) = list_window(lake.storage, "raw", source, DAY, DAY).files
    file = survey_file(lake.storage, "raw", listed, contract)
    lake.spark.conf.set("spark.sql.adaptive.enabled", "false")  # as `processing` does for every volume
    lines = cut_lines(lake.spark, lake.storage, "raw", [file])
    typed = type_rows(parse_csv(lines, replace(file, odd_bytes=damaged), contract), contract)
    debug = getattr(lake.spark._jvm.org.apache.spark.sql.execution.debug, "package$")  # type: ignore[union-attr]
    stages = getattr(debug, "MODULE$").codegenStringSeq(typed._jdf.queryExecution().executedPlan())
    sizes = [stages.apply(number)._3().maxMethodCodeSize() for number in range(stages.size())]
    print(f"{source}: methods of up to {max(sizes):,} bytes")
    assert 0 < max(sizes) <= LIMIT
