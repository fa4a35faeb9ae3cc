"""Turns columns into CSV, JSON lines or Parquet, with the dirty rows put in their places.

Clean rows are joined to lines by Arrow; the text of a whole chunk then lies in one buffer, into which the few
dirty rows, written one by one, are spliced.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shop_data.dirt import STRAY_QUOTE, Kind, Row
from shop_data.schema import Source
from shop_data.text import Text

FORMATS = ("csv.gz", "csv", "json.gz", "json", "parquet")
_MAY_HOLD_COMMAS = frozenset({"address", "product_name", "user_agent"})
_LITERALS = frozenset({"integer", "money", "boolean"})
_GZIP_LEVEL = 3  # higher levels take twice the time for a tenth of the size

_PARQUET = {
    "text": pa.string(),
    "integer": pa.int64(),
    "money": pa.decimal128(18, 4),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class DirtyRow:
    """A dirty row: its place in the chunk, its clean text and its dirty text."""

    position: int
    kind: Kind
    clean: Row
    row: Row


class ChunkWriter(Protocol):
    """Writes the chunks of one file."""

    def write(self, columns: dict[str, Text], dirty: list[DirtyRow]) -> None: ...

    def close(self) -> None: ...


def _csv_field(text: str | None) -> str:
    if text is None:
        return ""
    if any(character in text for character in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(row: Row, breakage: str = "") -> bytes:
    """One CSV line; ``short`` ends after two fields, ``long`` has three fields too many behind the key."""
    fields = [_csv_field(text) for text in row.values()]
    if breakage == "short":
        fields = fields[:2]
    elif breakage == "long":
        fields[1:1] = ["x", "x", "x"]
    line = ",".join(fields) + "\n"
    return line.encode("utf-8", "surrogateescape").replace(STRAY_QUOTE.encode(), b'"')


def json_line(source: Source, row: Row, breakage: str = "") -> bytes:
    """One JSON line; ``short`` is cut in the middle."""

    def value(name: str, text: str | None) -> str:
        if text is None:
            return "null"
        if source.columns[name] in _LITERALS:
            try:
                float(text)
            except ValueError:
                literal = text in ("true", "false")
            else:
                literal = text.lower().lstrip("-") not in ("nan", "inf", "infinity")
            if literal:
                return text
        plain = text.replace(STRAY_QUOTE, '"')
        return json.dumps(plain, ensure_ascii=False)

    line = "{" + ",".join(f'"{name}":{value(name, text)}' for name, text in row.items()) + "}"
    if breakage == "short":
        line = line[:30]
    return (line + "\n").encode("utf-8", "surrogateescape")


def _csv_chunk(columns: dict[str, Text]) -> Text:
    parts = []
    for name, column in columns.items():
        if name in _MAY_HOLD_COMMAS:
            quoted = pc.binary_join_element_wise('"', column, '"', "")
            column = pc.if_else(pc.match_substring(column, ","), quoted, column)  # noqa: PLW2901
        parts.append(column)
    parts[-1] = pc.binary_join_element_wise(pc.fill_null(parts[-1], ""), "\n", "")
    return pc.binary_join_element_wise(*parts, ",", null_handling="replace", null_replacement="")


def _json_chunk(source: Source, columns: dict[str, Text]) -> Text:
    parts: list[Text | str] = []
    for number, (name, column) in enumerate(columns.items()):
        start = ("{" if number == 0 else ",") + f'"{name}":'
        is_literal = source.columns[name] in _LITERALS
        value = column if is_literal else pc.binary_join_element_wise('"', column, '"', "")
        parts += [start, pc.fill_null(value, "null")]
    parts.append("}\n")
    return pc.binary_join_element_wise(*parts, "")


def _splice(lines: Text, dirty: Iterable[tuple[int, bytes]]) -> Iterable[bytes | memoryview]:
    """The chunk's text with some lines replaced."""
    _, offsets_buffer, data = lines.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[lines.offset :]
    text = memoryview(data)
    at = int(offsets[0])
    for position, replacement in dirty:
        yield text[at : int(offsets[position])]
        yield replacement
        at = int(offsets[position + 1])
    yield text[at : int(offsets[len(lines)])]


class TextWriter:
    """CSV or JSON lines, gzipped or plain."""

    def __init__(self, path: Path, source: Source, *, as_json: bool, gzipped: bool) -> None:
        self._file: BinaryIO = path.open("wb")
        self._source = source
        self._json = as_json
        # wbits 31 is gzip with no file name and no time in its head: the same rows give the same bytes.
        self._gzip = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31) if gzipped else None
        if not as_json:
            self._write(csv_line({name: name for name in source.columns}))

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(self._gzip.compress(data) if self._gzip else data)

    def _line(self, row: Row, breakage: str = "") -> bytes:
        return json_line(self._source, row, breakage) if self._json else csv_line(row, breakage)

    def write(self, columns: dict[str, Text], dirty: list[DirtyRow]) -> None:
        lines = _json_chunk(self._source, columns) if self._json else _csv_chunk(columns)
        replacements = (
            (
                off.position,
                (self._line(off.clean) if off.kind.copies else b"") + self._line(off.row, off.kind.breakage),
            )
            for off in dirty
        )
        for piece in _splice(lines, replacements):
            self._write(piece)

    def close(self) -> None:
        if self._gzip:
            self._file.write(self._gzip.flush())
        self._file.close()


class ParquetWriter:
    """Typed Parquet, as a system that delivers Parquet would send it."""

    def __init__(self, path: Path, source: Source) -> None:
        self._schema = pa.schema([(name, _PARQUET[kind]) for name, kind in source.columns.items()])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def _table(self, columns: dict[str, pa.Array]) -> pa.Table:
        return pa.table(
            [pc.cast(columns[field.name], field.type) for field in self._schema], schema=self._schema
        )

    def write(self, columns: dict[str, Text], dirty: list[DirtyRow]) -> None:
        rows = len(next(iter(columns.values())))
        keep = np.ones(rows, dtype=bool)
        keep[[off.position for off in dirty]] = False
        self._writer.write_table(
            self._table({name: col.filter(pa.array(keep)) for name, col in columns.items()})
        )
        extra = [row for off in dirty for row in ([off.clean, off.row] if off.kind.copies else [off.row])]
        if extra:
            self._writer.write_table(
                self._table({name: pa.array([row[name] for row in extra], pa.string()) for name in columns})
            )

    def close(self) -> None:
        self._writer.close()


def open_writer(path: Path, source: Source, file_format: str) -> ChunkWriter:
    """A writer for one file of a format named in `FORMATS`."""
    if file_format == "parquet":
        return ParquetWriter(path, source)
    return TextWriter(path, source, as_json=file_format.startswith("json"), gzipped=file_format.endswith(".gz"))


def family(file_format: str) -> str:
    """``csv``, ``json`` or ``parquet``, without the compression."""
    return file_format.split(".", maxsplit=1)[0]
