"""Files that mean harm to the crawler: each has a schema or a reason, and none hides the others."""

from __future__ import annotations

import gzip
import io
import threading
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws_local.crawl import Crawl
from aws_local.inference import MAX_TYPE, UnreadableError, column_names, infer, text_type


def parquet(names: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * len(names), names=names), sink)
    return sink.getvalue()


# File → its columns, or what the reason says.
FILES: dict[str, tuple[str, bytes, Any]] = {
    "JSON nested 100,000 deep": (
        "a.json",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b'}\n{"b": 1}\n',
        [("b", "bigint")],
    ),
    "JSON nested 100,000 deep, alone": (
        "a.json",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "no JSON object",
    ),
    "an array nested 100,000 deep": ("a.json", b"[" * 100_000, "not JSON"),
    "JSON nested 200 deep": (
        "a.json",
        b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}\n",
        [("a", "array<" * 51 + "string" + ">" * 51)],
    ),
    "a number of 5,000 digits": ("a.json", b'{"a": ' + b"9" * 5000 + b'}\n{"b": 1}\n', [("b", "bigint")]),
    "1e999": ("a.json", b'{"a": 1e999}\n', [("a", "double")]),
    "a type longer than the catalogue takes": (
        "a.json",
        b'{"a": {' + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}}\n",
        [("a", "string")],
    ),
    "a CSV header of one name 100,000 times": ("a.csv", b"a," * 100_000 + b"a\n1\n", 100_001),
    "a CSV header of 100,000 columns without names": ("a.csv", b"," * 99_999 + b"\n1\n", 100_000),
    "a field of 131,073 characters": ("a.csv", b"a\n" + b"x" * 131_073 + b"\n", "not CSV"),
    "digits that are no number at their end": ("a.csv", b"a\n" + b"1" * 130_000 + b"x\n", [("a", "string")]),
    "NUL bytes": ("a.csv", b"a\n\0\n", "binary content"),
    "noise": ("a.csv", bytes(range(128, 256)) * 100, "not UTF-8"),
    "zeros in gzip": ("a.csv.gz", gzip.compress(bytes(64 << 20)), "binary content"),
    "blanks in gzip": ("a.json.gz", gzip.compress(b" " * (64 << 20)), None),
    "a gzip that is none": ("a.csv.gz", b"a\n1\n", "BadGzipFile"),
    "a gzip that is cut": ("a.csv.gz", gzip.compress(b"a\n1\n")[:-6], "EOFError"),
    "Parquet of 20,000 columns": ("a.parquet", parquet([f"c{n}" for n in range(20_000)]), 20_000),
    "Parquet columns of one name": (
        "a.parquet",
        parquet(["a", "a", "A"]),
        [("a", "bigint"), ("a_1", "bigint"), ("a_2", "bigint")],
    ),
    "Parquet magic alone": ("a.parquet", b"PAR1PAR1", "not Parquet"),
    "Parquet footer of 4 GiB": ("a.parquet", b"PAR1" + b"\xff\xff\xff\xff" + b"PAR1", "not Parquet"),
    "Parquet noise": ("a.parquet", b"PAR1" + bytes(range(256)) * 9 + b"PAR1", "not Parquet"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_has_a_schema_or_a_reason(case: str) -> None:
    key, content, expected = FILES[case]
    if isinstance(expected, str):
        with pytest.raises(UnreadableError, match=expected):
            infer(key, len(content), lambda: io.BytesIO(content))
        return
    schema = infer(key, len(content), lambda: io.BytesIO(content))
    if schema is None:
        assert expected is None
    elif isinstance(expected, int):
        assert len(schema.columns) == expected
    else:
        assert list(schema.columns) == expected
    assert schema is None or all(len(kind) <= MAX_TYPE for _, kind in schema.columns)


def test_names_are_unique_in_linear_time() -> None:
    names = column_names(["a", "", "a_1", "a"] * 50_000)
    assert len(set(names)) == len(names) == 200_000


def test_a_long_text_is_typed_in_linear_time() -> None:
    assert text_type("1" * 1_000_000 + "x") == "string"
    assert text_type("1" * 1_000_000 + ".5e3") == "double"


def test_a_file_that_breaks_its_reader_does_not_stop_the_crawl() -> None:
    """Whatever a reader raises is the file's own error."""

    class Store:
        def open(self, stored: Any) -> io.BytesIO:
            raise RuntimeError("deep\ninside")

    class Stored:
        bucket, key, size = "raw", "orders/dt=2026-03-01/a.csv", 10

    crawl = Crawl.__new__(Crawl)
    crawl._stop = threading.Event()
    crawl._store = Store()  # type: ignore[assignment]
    assert crawl._read(Stored()) == "cannot be classified: RuntimeError: deep inside"  # type: ignore[arg-type]
