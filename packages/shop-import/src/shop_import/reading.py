"""Reads a CSV export: its encoding, delimiter and header are found, and what spreadsheets add to cells is taken off."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shop_import.notes import ImportFileError

DELIMITERS = (",", ";", "\t", "|")
# A cell that a spreadsheet protects from being read as a number or a formula: '007, '+49…, ="007".
_APOSTROPHE = re.compile(r"^'(?=[\d=+\-@'])")
_FORMULA = re.compile(r'^="(.*)"$', re.DOTALL)


@dataclass(frozen=True)
class Row:
    """A row of an export.

    Attributes:
        line: line of the file on which it begins, from 1.
        cells: cleaned text by column name; a column that the row lacks is absent.
    """

    file: str
    line: int
    cells: dict[str, str]

    @property
    def place(self) -> str:
        return f"{self.file} line {self.line}"


@dataclass(frozen=True)
class Export:
    """A file's header and rows."""

    path: Path
    header: list[str]
    rows: list[Row]


def clean(cell: str) -> str:
    """A cell without surrounding blanks and without the marks of spreadsheets."""
    text = cell.strip().strip("\ufeff\u200b\u00a0").strip()
    if formula := _FORMULA.match(text):
        text = formula[1].replace('""', '"')
    return _APOSTROPHE.sub("", text)


def decode(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, UTF-16 with a byte order mark, else Windows-1252, which older shop systems write.

    Raises:
        ImportFileError: the bytes are none of these.
    """
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            place = error.start
    raise ImportFileError(
        f"{name}: byte {place} is neither UTF-8 nor Windows-1252 (nor UTF-16, where the first bytes say so); "
        "save the export as UTF-8"
    )


def read_export(path: Path) -> Export:
    """Read a file ``.csv``, ``.tsv`` or ``.txt``, also with ``.gz`` at its end.

    Raises:
        ImportFileError: it is absent, empty, without rows under its header, damaged, or names a column twice.
    """
    if not path.is_file():
        raise ImportFileError(f"{path} does not exist, or is a folder")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ImportFileError(f"{path} is no readable gzip file: {error}") from None
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ImportFileError(f"{path} is a spreadsheet or an archive; export or save it as CSV")
    text = decode(data, str(path))
    skipped = 0
    if re.match(r"sep=.\r?\n", text):  # a hint that spreadsheets write
        text, skipped = text.split("\n", 1)[1], 1
    if not text.strip():
        raise ImportFileError(f"{path} is empty")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        header = [clean(name) for name in next(reader)]
    except csv.Error as error:
        raise ImportFileError(f"{path}: the header cannot be read: {error}") from None
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise ImportFileError(f"{path} has the column {twice[0]!r} twice; rename or delete one of them")
    rows = list(_rows(reader, header, path, skipped))
    if not rows:
        raise ImportFileError(f"{path} has a header and no row")
    return Export(path, header, rows)


def _delimiter(text: str) -> str:
    """The delimiter that cuts the header into most columns."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))


def _rows(reader: Iterator[list[str]], header: list[str], path: Path, skipped: int) -> Iterator[Row]:
    line = reader.line_num + 1  # type: ignore[attr-defined]
    try:
        for record in reader:
            start, line = line, reader.line_num + 1  # type: ignore[attr-defined]
            if len(record) > len(header) and any(cell.strip() for cell in record[len(header) :]):
                raise ImportFileError(
                    f"{path} line {start + skipped} has {len(record)} fields, the header has {len(header)}: a quote or "
                    "a delimiter inside a text is not marked as such; export the file again"
                )
            cells = {name: clean(cell) for name, cell in zip(header, record, strict=False) if name}
            if any(cells.values()):
                yield Row(path.name, start + skipped, cells)
    except csv.Error as error:
        raise ImportFileError(f"{path} line {line + skipped}: {error}") from None
