"""Files that cannot be read fail the day before anything is written, all of them in one readable line."""

from __future__ import annotations

import gzip
import zlib

import pytest
from conftest import ITEM_HEADER, Lake

from ecommerce_dwh_glue.job import JobError
from ecommerce_dwh_glue.reading.listing import list_window
from ecommerce_dwh_glue.reading.survey import survey_file

DAY = "2026-03-01"
ROW = b"i1,o1,p1,1,2.50,2.50\n"
NOISE = bytes(range(256)) * 40

BAD_FILES = {
    "empty file": (
        "part.csv",
        b"",
        "is an empty file; a day without activity is declared by a header-only file",
    ),
    "empty gzip": ("part.csv.gz", gzip.compress(b""), "is an empty file"),
    "blank first line": ("part.csv", b"\n" + ITEM_HEADER, "starts with a blank line"),
    "no header": (
        "part.csv",
        ROW,
        "has no header: none of the first line's 6 fields is a column of order_items",
    ),
    "required column missing": (
        "part.csv",
        b"order_item_id,order_id\n1,2\n",
        "lacks required column(s) product_id, quantity, unit_price",
    ),
    "column twice": (
        "part.csv",
        ITEM_HEADER.replace(b"line_total", b"Quantity "),
        "names column(s) twice in its header: quantity",
    ),
    "semicolons": ("part.csv", ITEM_HEADER.replace(b",", b";"), "separates columns by semicolons"),
    "utf-16": ("part.csv", (ITEM_HEADER + ROW).decode().encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    "latin-1 header": (
        "part.csv",
        ITEM_HEADER.replace(b"line_total", b"stra\xdfe"),
        "has a header line that is not UTF-8",
    ),
    "nul in header": (
        "part.csv",
        ITEM_HEADER.replace(b"line_total", b"line\0total"),
        "has NUL bytes in its header",
    ),
    "carriage returns only": ("part.csv", (ITEM_HEADER + ROW).replace(b"\n", b"\r"), "has no line end"),
    "binary as csv": ("part.csv", b"\x7fELF" + NOISE.replace(b"\n", b""), "has no line end"),
    "zip as csv": ("part.csv", b"PK\x03\x04" + NOISE, "is a zip file although its name says CSV"),
    "gzip as csv": ("part.csv", gzip.compress(ITEM_HEADER), "is gzip-compressed although its name says CSV"),
    "not gzip": ("part.csv.gz2", b"", "is no kind of file that can be read"),
    "xlsx": ("part.xlsx", b"PK", "is no kind of file that can be read; name it .csv"),
    "truncated gzip": ("part.csv.gz", gzip.compress(ITEM_HEADER + ROW * 999)[:-20], "is a truncated gzip file"),
    "gzip cut in header": ("part.csv.gz", gzip.compress(ITEM_HEADER)[:12], "is a truncated gzip file"),
    "damaged gzip": (
        "part.csv.gz",
        gzip.compress(ITEM_HEADER + ROW)[:-6] + b"\0\0\0\0\0\0",
        "is a damaged gzip file",
    ),
    "json array": ("part.json", b'[{"order_item_id": 1}]', "starts with a JSON array"),
    "no json": ("part.json", ITEM_HEADER, "starts with no JSON"),
    "not parquet": ("part.parquet", ITEM_HEADER + ROW, "is not a complete Parquet file"),
    "parquet torso": ("part.parquet", b"PAR1" + NOISE + b"PAR1", "is not a readable Parquet file"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_read_fails_the_day(lake: Lake, case: str) -> None:
    name, content, what = BAD_FILES[case]
    key = lake.put("order_items", DAY, content, name)
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError) as caught:
        lake.process(DAY)
    message = str(caught.value)
    assert f"s3://raw/{key} {what}" in message
    assert "\n" not in message
    assert not (lake.root / "processed").exists(), "nothing may be written"


def test_a_file_that_is_not_gzip_says_so(lake: Lake) -> None:
    lake.storage.write("raw", f"order_items/dt={DAY}/part.csv.gz", ITEM_HEADER + ROW, "")
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError, match=r"is not gzip although its name ends with \.gz"):
        lake.process(DAY)


def test_all_problems_are_told_at_once_up_to_ten(lake: Lake) -> None:
    for index in range(12):
        lake.put("order_items", DAY, b"", f"{index:02}.csv")
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError) as caught:
        lake.process(DAY)
    assert "12 problem(s)" in str(caught.value)
    assert "09.csv" in str(caught.value)
    assert "10.csv" not in str(caught.value)
    assert str(caught.value).endswith("; and 2 more")


def test_a_required_source_without_files_is_missing_not_empty(lake: Lake) -> None:
    lake.put("order_items", DAY, ITEM_HEADER)
    lake.declare_empty(DAY, DAY, ("customers",))
    with pytest.raises(JobError, match=rf"s3://raw/orders/dt={DAY}/ has no file; .*_EMPTY"):
        lake.process(DAY)


def test_a_large_truncated_gzip_is_found_without_holding_it(lake: Lake) -> None:
    import random

    noise = random.Random(1).randbytes(3 << 20).hex().encode()
    content = gzip.compress(ITEM_HEADER + b"\n".join(noise[i : i + 80] for i in range(0, len(noise), 80)), 1)
    assert len(content) > 4 << 20 or len(content) > 3 << 20
    lake.put("order_items", DAY, content[:-9], "part.csv.gz")
    lake.declare_empty(DAY, DAY)
    with pytest.raises(JobError, match="truncated gzip"):
        lake.process(DAY)


def test_zip_bomb_is_surveyed_in_bounded_memory() -> None:
    import io
    import tracemalloc

    from ecommerce_dwh_glue.reading.survey import text_chunks

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    tracemalloc.start()
    assert sum(len(chunk) for chunk in text_chunks(io.BytesIO(bomb), True)) == 400 << 20
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


BLANKS = {
    "spaces and line ends of either kind": (b"i1, o1 ,p1,1,2.50,2.50\r\ni2,o1,p1,1,2.50,2.50\n", False),
    "last line ends with a return": (b"i1,o1,p1,1,2.50,2.50\r", False),
    "tab": (b"i1,\to1,p1,1,2.50,2.50\n", True),
    "return within a line": (b"i1,\ro1,p1,1,2.50,2.50\r\n", True),
    "two returns at a line's end": (b"i1,o1,p1,1,2.50,2.50\r\r\n", True),
    "tab behind the first piece": (b"i1,o1,p1,1,2.50,2.50\n" * 70_000 + b"i1,o1,p1,1,2.50,2.50\t", True),
}


@pytest.mark.parametrize("case", BLANKS)
def test_blanks_other_than_spaces_are_seen(lake: Lake, case: str) -> None:
    content, odd = BLANKS[case]
    for name in ("part.csv", "part.csv.gz"):
        lake.put("order_items", DAY, ITEM_HEADER + content, name)
    contract = lake.contracts["order_items"]
    listed = list_window(lake.storage, "raw", "order_items", DAY, DAY).files
    assert len(listed) == 2
    assert {survey_file(lake.storage, "raw", file, contract).odd_blanks for file in listed} == {odd}
