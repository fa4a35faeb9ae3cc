"""Files that are refused by name before Spark reads them: input → what the refusal says.

Each refusal costs bounded time and memory: how much of a file is read before it is counted below, in bytes.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hostile import (
    ITEM,
    ITEMS,
    gzip_in_gzip,
    item_columns,
    long_value,
    many_rows,
    parquet,
    with_footer,
    with_footer_length,
    zipped,
)
from lake_for_tests import Lake

from ecommerce_dwh.lake.layout import read_key
from ecommerce_dwh.limits import FREE_BYTES, RawLimits
from ecommerce_dwh_glue.job import JobError
from ecommerce_dwh_glue.reading.errors import FileError
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.listing import list_window
from ecommerce_dwh_glue.reading.survey import survey_file, survey_text
from ecommerce_dwh_glue.reading.text import text_chunks
from ecommerce_dwh_glue.storage import StoredObject

DAY = "2026-03-01"
FOLDER = f"order_items/dt={DAY}/"
GOOD = parquet(item_columns())
FOOTER = GOOD[-8 - struct.unpack("<I", GOOD[-8:-4])[0] :]
# Limits that small files can be over; the defaults are held against real bombs below.
SMALL = RawLimits(rows=10_000, columns=50)


@dataclass
class OneObject:
    """A store of one object that counts the bytes it gives."""

    content: bytes
    given: int = field(default=0)

    def objects(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        raise NotImplementedError

    def read(self, bucket: str, key: str, start: int = 0, length: int | None = None) -> bytes:
        found = self.content[start:] if start < 0 or length is None else self.content[start : start + length]
        self.given += len(found)
        return found

    def open(self, bucket: str, key: str, version: str = "") -> BinaryIO:
        store = self

        class Stream(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                found = super().read(size)
                store.given += len(found)
                return found

        return Stream(self.content)


def surveyed(lake: Lake, name: str, content: bytes, limits: RawLimits = SMALL) -> tuple[SourceFile, OneObject]:
    key = read_key(FOLDER + name, len(content))
    store = OneObject(content)
    file = SourceFile("order_items", DAY, key.key, len(content), key.format, key.gzipped)
    return survey_file(store, "raw", file, lake.contracts["order_items"], limits), store  # type: ignore[arg-type]


def columns_of(kind: pa.DataType, value: Any) -> dict[str, Any]:
    return item_columns(product_id=pa.array([value], kind))


TEXT_FILES: dict[str, tuple[str, bytes, str]] = {
    "more lines than the limit": (
        "a.csv",
        ITEMS + ITEM * 10_001,
        "has over 10,000 lines, over the limit rows=10000",
    ),
    "more blank lines than the limit": ("a.csv", ITEMS + b"\n" * 10_001, "has over 10,000 lines"),
    "more JSON lines than the limit": ("a.json", b"{}\n" * 10_001, "has over 10,000 lines"),
    "blank lines in gzip": ("a.csv.gz", zipped([ITEMS, b"\n" * 20_000]), "has over 10,000 lines"),
    "one line of 80 MB in gzip": (
        "a.csv.gz",
        zipped([ITEMS]) + zipped([b"x" * (8 << 20)]) * 10,
        "over the limit ratio=200",
    ),
    "NUL bytes in gzip": (
        "a.csv.gz",
        zipped([ITEMS]) + zipped([bytes(8 << 20)]) * 10,
        "over the limit ratio=200",
    ),
    "blank JSON in gzip": (
        "a.json.gz",
        zipped([b"{}"]) + zipped([b" " * (8 << 20)]) * 10,
        "over the limit ratio=200",
    ),
    "more columns than the limit": (
        "a.csv",
        ITEMS[:-1] + b",c%d" * 60 % tuple(range(60)) + b"\n",
        "has 66 columns, over the limit columns=50",
    ),
    "30,000 columns without names": ("a.csv", ITEMS[:-1] + b"," * 30_000 + b"\n", "has 30,006 columns"),
    "30,000 columns of one name": ("a.csv", b"a," * 30_000 + ITEMS, "names column(s) twice in its header: a"),
    "header without an end": ("a.csv", b"a," * 60_000, "has no line end in its first 64 KiB"),
    "empty": ("a.csv", b"", "is an empty file"),
    "empty gzip": ("a.csv.gz", gzip.compress(b""), "is an empty file"),
    "many empty gzip members": ("a.csv.gz", gzip.compress(b"") * 5000, "is an empty file"),
    "gzip in gzip": (
        "a.csv.gz",
        gzip_in_gzip(2, ITEMS + ITEM),
        "is gzip-compressed although its name says CSV",
    ),
    "gzip in gzip in gzip": (
        "a.csv.gz",
        gzip_in_gzip(9, ITEMS + ITEM),
        "is gzip-compressed although its name says CSV",
    ),
    "gzip in gzip as JSON": ("a.json.gz", gzip_in_gzip(2, b"{}\n"), "starts with no JSON"),
    "zip in gzip": (
        "a.csv.gz",
        gzip.compress(b"PK\x03\x04" + bytes(99)),
        "is a zip file although its name says CSV",
    ),
    "Parquet in gzip": ("a.csv.gz", gzip.compress(GOOD), "is a Parquet file although its name says CSV"),
    "zip as CSV": ("a.csv", b"PK\x03\x04" + bytes(99), "is a zip file"),
    "Parquet as CSV": ("a.csv", GOOD, "is a Parquet file although its name says CSV"),
    "gzip as CSV": ("a.csv", gzip.compress(ITEMS), "is gzip-compressed"),
    "CSV as gzip": ("a.csv.gz", ITEMS + ITEM, "is not gzip although its name ends with .gz"),
    "bzip2 as gzip": ("a.csv.gz", b"BZh91AY&SY" + bytes(99), "is not gzip although its name ends with .gz"),
    "zstd as gzip": (
        "a.csv.gz",
        b"\x28\xb5\x2f\xfd" + bytes(99),
        "is not gzip although its name ends with .gz",
    ),
    "gzip cut in its header": ("a.csv.gz", gzip.compress(ITEMS)[:9], "is a truncated gzip file"),
    "gzip cut in its text": ("a.csv.gz", gzip.compress(ITEMS + ITEM * 99)[:-12], "is a truncated gzip file"),
    "gzip cut in its checksum": ("a.csv.gz", gzip.compress(ITEMS + ITEM)[:-2], "is a truncated gzip file"),
    "gzip with a wrong checksum": (
        "a.csv.gz",
        gzip.compress(ITEMS + ITEM)[:-8] + bytes(8),
        "is a damaged gzip file",
    ),
    "gzip with a wrong length": (
        "a.csv.gz",
        gzip.compress(ITEMS + ITEM)[:-4] + b"\xff\xff\xff\xff",
        "is a damaged gzip file",
    ),
    "gzip with something behind it": (
        "a.csv.gz",
        gzip.compress(ITEMS + ITEM) + b"; rm -rf /",
        "is a damaged gzip file",
    ),
    "gzip of an unknown method": (
        "a.csv.gz",
        b"\x1f\x8b\x07" + gzip.compress(ITEMS)[3:],
        "is a damaged gzip file",
    ),
    "UTF-16": ("a.csv", ITEMS.decode().encode("utf-16"), "is UTF-16 text"),
    "NUL in the header": (
        "a.csv",
        ITEMS.replace(b"order_id", b"order\0id"),
        "has NUL bytes in its header line",
    ),
    "header not UTF-8": (
        "a.csv",
        ITEMS.replace(b"line_total", b"\xff\xfe"),
        "has a header line that is not UTF-8",
    ),
    "header of one open quote": ("a.csv", b'"' + ITEMS, "has no header"),
    "JSON array": ("a.json", b"[" * 100_000, "starts with a JSON array"),
    "JSON array in gzip": ("a.json.gz", gzip.compress(b"[{}]"), "starts with a JSON array"),
    "HTML as JSON": ("a.json", b"<html>" * 99, "starts with no JSON"),
    "a shell script as CSV": ("a.csv", b"#!/bin/sh\nrm -rf /\n", "has no header"),
    "a pickle as CSV": (
        "a.csv",
        b"\x80\x04\x95\x0b\x00\x00\x00\n" + ITEMS,
        "has a header line that is not UTF-8",
    ),
    "formulas instead of columns": ("a.csv", b"=cmd|' /C calc'!A0,@SUM(1)\n" + ITEM, "has no header"),
}

PARQUET_FILES: dict[str, tuple[bytes, str]] = {
    "CSV as Parquet": (ITEMS + ITEM, "is not a complete Parquet file"),
    "three bytes": (b"PAR", "is not a complete Parquet file"),
    "magic alone": (b"PAR1", "is not a complete Parquet file"),
    "magic twice": (b"PAR1PAR1", "is not a complete Parquet file"),
    "ORC as Parquet": (b"ORC" + bytes(99) + b"ORC", "is not a complete Parquet file"),
    "cut in the middle": (GOOD[: len(GOOD) // 2], "is not a complete Parquet file"),
    "cut at its beginning": (GOOD[40:], "is not a complete Parquet file"),
    "gzip around it": (gzip.compress(GOOD), "is not a complete Parquet file"),
    "encrypted footer": (GOOD[:-4] + b"PARE", "is an encrypted Parquet file"),
    "noise between the magics": (b"PAR1" + bytes(range(256)) * 9 + b"PAR1", "is not a readable Parquet file"),
    "footer of no bytes": (with_footer_length(GOOD, 0), "its footer would have 0 bytes"),
    "footer of 4 GiB": (with_footer_length(GOOD, 0xFFFFFFFF), "its footer would have 4,294,967,295 bytes"),
    "footer longer than the file": (with_footer_length(GOOD, len(GOOD)), "its footer would have"),
    "footer too short": (with_footer_length(GOOD, 16), "is not a readable Parquet file"),
    "footer too long": (with_footer_length(GOOD, len(GOOD) - 12), "is not a readable Parquet file"),
    "footer of zeros": (with_footer(GOOD, lambda footer: bytes(len(footer))), "is not a readable Parquet file"),
    "footer of a list of two billion": (
        with_footer(GOOD, lambda _: b"\x15\x04\x19\xfc\xff\xff\xff\xff\x07"),
        "is not a readable Parquet file",
    ),
    "footer nested without end": (
        with_footer(GOOD, lambda _: b"\x1c" * 50_000),
        "is not a readable Parquet file",
    ),
    "footer over 32 MiB": (
        b"PAR1" + bytes(40 << 20) + struct.pack("<I", 40 << 20) + b"PAR1",
        "has a footer of 41,943,040 bytes",
    ),
    "more rows than the limit": (many_rows(10_001), "has 10,001 rows, over the limit rows=10000"),
    "more columns than the limit": (
        parquet(item_columns(**{f"c{n}": pa.array([1]) for n in range(60)})),
        "has 65 columns, over the limit columns=50",
    ),
    "required column missing": (
        parquet({"order_item_id": pa.array(["1"])}),
        "lacks required column(s) order_id, product_id, quantity, unit_price",
    ),
    "no column": (parquet({}), "lacks required column(s)"),
    "columns that differ in case": (
        parquet(item_columns(**{"ORDER_ID": pa.array(["2"])})),
        "names differ only in case or blanks: order_id",
    ),
    "columns that differ in blanks": (
        parquet(item_columns(**{" order_id ": pa.array(["2"])})),
        "names differ only in case or blanks: order_id",
    ),
    "list": (parquet(columns_of(pa.list_(pa.string()), ["a"])), "holds lists or groups in column product_id"),
    "group": (
        parquet(columns_of(pa.struct([("x", pa.string())]), {"x": "a"})),
        "holds lists or groups in column product_id",
    ),
    "map": (
        parquet(columns_of(pa.map_(pa.string(), pa.string()), [("a", "b")])),
        "holds lists or groups in column product_id",
    ),
    "deep groups": (
        parquet(columns_of(pa.struct([("x", pa.struct([("y", pa.list_(pa.int8()))]))]), {"x": {"y": [1]}})),
        "holds lists or groups in column product_id",
    ),
    "half floats": (
        parquet(columns_of(pa.float16(), 1.0)),
        "stores column product_id as Float16, at which Spark stops; write it as a plain number or text",
    ),
    "half floats in a column that no contract names": (
        parquet(item_columns(extra=pa.array([1.0], pa.float16()))),
        "stores column extra as Float16",
    ),
    "time of day": (
        parquet(columns_of(pa.time64("us"), 1)),
        "stores column product_id as INT64 (Time), which cannot be read",
    ),
    "bytes of fixed length": (
        parquet(columns_of(pa.binary(4), b"abcd")),
        "stores column product_id as FIXED_LEN_BYTE_ARRAY, which cannot be read",
    ),
    "decimal of 76 digits": (
        parquet(columns_of(pa.decimal256(76, 0), Decimal("1"))),
        "stores column product_id as FIXED_LEN_BYTE_ARRAY (Decimal), which cannot be read",
    ),
    "brotli": (
        parquet(item_columns(), compression="brotli"),
        "is compressed by BROTLI, which is not read; use snappy",
    ),
    "one value of 1 MB in 1,000 rows": (
        parquet(item_columns(1000, product_id=long_value(1000, 1 << 20))),
        "over the limit ratio=200",
    ),
    "one value of 70 MB, compressed": (
        parquet(
            item_columns(1, product_id=pa.array(["x" * (70 << 20)])), use_dictionary=False, compression="gzip"
        ),
        "over the limit ratio=200",
    ),
    "one value of 1 MB in a column that no contract names": (
        parquet(item_columns(1000, extra=long_value(1000, 1 << 20))),
        "over the limit ratio=200",
    ),
    "values that share what they begin with": (
        parquet(
            item_columns(700, product_id=pa.array([f"{'x' * 100_000}{n}" for n in range(700)])),
            use_dictionary=False,
            column_encoding={"product_id": "DELTA_BYTE_ARRAY"},
        ),
        "over the limit ratio=200",
    ),
    "a footer without the data before it": (
        b"PAR1" + FOOTER,
        "its footer places column order_item_id of row group 1 where it cannot be",
    ),
    "another file's footer": (GOOD[:40] + FOOTER, "its footer places column"),
    "a damaged page": (GOOD[:8] + b"\xff" * 30 + GOOD[38:], ""),
}

NAMES: dict[str, str] = {
    "a\nb.csv": "has the control character U+000A in its name",
    "a\r.csv": "has the control character U+000D in its name",
    "a\tb.csv": "has the control character U+0009 in its name",
    "a\x00.csv": "has the control character U+0000 in its name",
    "a\x1b[31m.csv": "has the control character U+001B in its name",
    "a\x7f.csv": "has the control character U+007F in its name",
    "a\x85.csv": "has the control character U+0085 in its name",
    "a\u2028b.csv": "has the control character U+2028 in its name",
    "a\u2029b.csv": "has the control character U+2029 in its name",
    "\n.csv": "has the control character U+000A in its name",
    "a.csv\n": "has the control character U+000A in its name",
    "a.csv ": "is no kind of file that can be read",
    "a.csv.": "is no kind of file that can be read",
    "a.csv\u00a0": "is no kind of file that can be read",
    "a.csv.zip": "is no kind of file that can be read",
    "a.csv.bz2": "is no kind of file that can be read",
    "a.parquet.gz": "is no kind of file that can be read",
    "a.orc": "is no kind of file that can be read",
    "a.avro": "is no kind of file that can be read",
    "a.jsonx": "is no kind of file that can be read",
    "a.xlsx": "is no kind of file that can be read",
    "a.csv%00": "is no kind of file that can be read",
    "csv": "is no kind of file that can be read",
    "a.сsv": "is no kind of file that can be read",  # the c is Cyrillic
}


@pytest.mark.parametrize("case", TEXT_FILES)
def test_a_text_file_is_refused(lake: Lake, case: str) -> None:
    name, content, what = TEXT_FILES[case]
    file, _ = surveyed(lake, name, content)
    assert what in file.problem
    assert len(file.problem) < 600
    assert file.problem.isprintable()


@pytest.mark.parametrize("case", [case for case in PARQUET_FILES if PARQUET_FILES[case][1]])
def test_a_parquet_file_is_refused(lake: Lake, case: str) -> None:
    content, what = PARQUET_FILES[case]
    file, _ = surveyed(lake, "a.parquet", content)
    assert what in file.problem
    assert len(file.problem) < 600
    assert file.problem.isprintable()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_refused(name: str) -> None:
    found = read_key(FOLDER + name)
    assert found.kind == "refused"
    assert NAMES[name] in found.remark
    assert found.remark.isprintable()


def test_default_limits_hold_against_hundred_million_rows_of_parquet(lake: Lake) -> None:
    content = many_rows(100_000_000)
    assert len(content) < 1_000_000
    file, store = surveyed(lake, "a.parquet", content, RawLimits())
    assert "has 100,000,000 rows, over the limit rows=50000000" in file.problem
    assert store.given < 2 * len(content)


def test_default_limits_hold_against_five_hundred_million_blank_lines(lake: Lake) -> None:
    content = zipped([ITEMS]) + zipped([b"\n" * (16 << 20)]) * 30
    assert len(content) < 600_000
    grown = 0

    def pieces() -> Iterator[bytes]:
        nonlocal grown
        for piece in text_chunks(io.BytesIO(content), True):
            grown += len(piece)
            yield piece

    file = SourceFile("order_items", DAY, f"{FOLDER}a.csv.gz", len(content), "csv", True)
    with pytest.raises(FileError, match="has over 50,000,000 lines, over the limit rows=50000000"):
        survey_text(pieces(), file, lake.contracts["order_items"], RawLimits())
    assert grown < 52 << 20


def test_a_bomb_is_read_no_further_than_to_its_limit(lake: Lake) -> None:
    bomb = zipped([ITEMS]) + zipped([bytes(16 << 20)]) * 400
    assert len(bomb) > 5 << 20  # more than what a survey takes at once
    file, store = surveyed(lake, "a.csv.gz", bomb, RawLimits(bytes=FREE_BYTES))
    assert "over the limit bytes=67108864" in file.problem
    assert store.given < 1 << 20, "it is read as a stream, and no further"


def test_a_name_that_holds_a_limit_s_message_cannot_pretend(lake: Lake) -> None:
    lake.put("order_items", DAY, ITEMS + ITEM, "a.csv; nothing is wrong\n.csv")
    lake.put("order_items", DAY, b"", "b.csv")
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError) as caught:
        lake.process(DAY)
    assert str(caught.value).startswith("2 problem(s) with the raw files, nothing was loaded: s3://raw/")
    assert "a.csv; nothing is wrong\\n.csv has the control character U+000A" in str(caught.value)
    assert not (lake.root / "processed").exists()


def test_files_that_are_refused_stop_the_job_by_name(lake: Lake) -> None:
    cases = {
        "a.csv.gz": TEXT_FILES["gzip with a wrong checksum"][1],
        "b.parquet": many_rows(100_000_000),
        "c.parquet": PARQUET_FILES["footer of 4 GiB"][0],
        "d\n.csv": ITEMS + ITEM,
    }
    for name, content in cases.items():
        lake.put("order_items", DAY, content, name)
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError) as caught:
        lake.process(DAY)
    message = str(caught.value)
    assert message.startswith("4 problem(s)")
    for name in (
        "a.csv.gz is a damaged",
        "b.parquet has 100,000,000 rows",
        "c.parquet is not",
        "d\\n.csv has the",
    ):
        assert f"s3://raw/{FOLDER}{name}" in message
    assert not (lake.root / "processed").exists(), "nothing may be written"


def test_a_page_that_spark_cannot_read_is_told_with_its_file(lake: Lake) -> None:
    lake.put("order_items", DAY, PARQUET_FILES["a damaged page"][0], "a.parquet")
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError) as caught:
        lake.process(DAY)
    assert f"{FOLDER}a.parquet" in str(caught.value)


def test_every_listed_object_is_a_file_an_empty_day_or_unfit(lake: Lake) -> None:
    for name in ("a.csv", "_EMPTY", "_log", ".x", "sub/b.csv", "_temporary/0/c.csv", "d.txt"):
        lake.put("order_items", DAY, ITEMS, name)
    lake.put("order_items", f"{DAY} copy", ITEMS, "e.csv")
    listing = list_window(lake.storage, "raw", "order_items", DAY, DAY)
    assert [file.key.removeprefix(FOLDER) for file in listing.files] == ["a.csv", "d.txt"]
    assert [item.key.removeprefix("order_items/") for item in listing.unfit] == [
        f"dt={DAY} copy/e.csv",
        f"dt={DAY}/_temporary/0/c.csv",
        f"dt={DAY}/sub/b.csv",
    ]
    assert listing.empty_days == {("order_items", DAY)}
