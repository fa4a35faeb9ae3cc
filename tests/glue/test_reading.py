"""Property: lines split at commas, lines read by Spark's CSV parser and records cut in Python are the same rows.

Which of the three reads a file, and which blanks it looks for, is decided by what the survey saw, so a row must never
depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conftest import ITEM_HEADER, Lake
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame

from ecommerce_dwh_glue.reading.csv_records import csv_records
from ecommerce_dwh_glue.reading.csv_rows import cut_lines, parse_csv
from ecommerce_dwh_glue.reading.listing import list_window
from ecommerce_dwh_glue.reading.source import read_source
from ecommerce_dwh_glue.reading.survey import survey_file
from ecommerce_dwh_glue.reading.text import BLANKS

DAY = "2026-01-01"
FILES = 12

plain = [b"a", b"12", b",", b",", b",", b" ", b"\t", b"\r", b"'", b"\\", b"#", b"-", b"null"]
odd = ["é".encode(), "\U0001f600".encode(), b"\xff", b"\xc3", b"\0", b"\xed\xa0\x80"]
pieces = st.sampled_from([*plain, *odd])
wild = st.lists(pieces, max_size=16).map(b"".join)
fields = st.lists(st.sampled_from([b"", b"x", b" 1 ", b"2.5", "ü".encode(), b"-"]), min_size=6, max_size=6)
lines = st.lists(st.one_of(fields.map(b",".join), wild), max_size=25)
files = st.builds(
    lambda rows, end, last: ITEM_HEADER.replace(b"\n", end) + end.join(rows) + (end if last else b""),
    lines,
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)


def rows_of(frame: DataFrame) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {}
    for row in frame.collect():
        values = tuple(None if row["defect"] else value or "" for value in row[4:])
        found.setdefault(row["source_file"], []).append((row["source_line"], row["defect"], *values))
    return {name: sorted(rows, key=str) for name, rows in found.items()}


@given(st.lists(files, min_size=FILES, max_size=FILES))
@settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
def test_all_readers_give_the_same_rows(new_lake: Callable[[], Lake], contents: list[bytes]) -> None:
    lake = new_lake()
    contract = lake.contracts["order_items"]
    for number, content in enumerate(contents):
        lake.put("order_items", DAY, content, f"{number}.csv")
    listed = list_window(lake.storage, "raw", "order_items", DAY, DAY).files
    surveyed = [survey_file(lake.storage, "raw", file, contract) for file in listed]
    assert not any(file.problem or file.quotes for file in surveyed)
    cut = cut_lines(lake.spark, lake.storage, "raw", surveyed)
    worst = replace(surveyed[0], odd_bytes=True, nul_bytes=True, odd_blanks=True)
    by_split, by_parser = (
        rows_of(parse_csv(cut, replace(worst, quotes=quotes), contract)) for quotes in (False, True)
    )
    as_surveyed = read_source(lake.spark, lake.storage, "raw", surveyed, contract)
    assert as_surveyed is not None
    assert rows_of(as_surveyed) == by_split
    by_records = {}
    for file in surveyed:
        records = csv_records([lake.storage.read("raw", file.key)], len(file.header))
        rows = []
        for record in records:
            values = record.fields or [None] * len(file.header)
            texts = (None if record.defect else (value or "").strip(BLANKS) for value in values)
            rows.append((record.line, record.defect, *texts))
        if rows:
            by_records[file.key] = sorted(rows, key=str)
    for file, content in zip(
        sorted(surveyed, key=lambda file: int(file.key.split("/")[-1][:-4])), contents, strict=True
    ):
        assert by_split.get(file.key) == by_parser.get(file.key) == by_records.get(file.key), content
