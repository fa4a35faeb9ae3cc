"""A first look at every file of the window, before Spark reads anything.

A file that cannot be read as a whole (wrong header, truncated gzip, not the format its name says) fails the day,
so all of them are found first and reported together. The survey also decides how Spark reads the file: most CSV files
can be cut at line ends inside the JVM; those with quoted line breaks or stray quotes go to `csv_records`.

Everything here streams: a gzip file that grows to many gigabytes, or a single line of any length, costs no memory.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import BinaryIO

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.limits import DEFAULT_LIMITS, RawLimits
from ecommerce_dwh_glue.ranged_file import RangedFile
from ecommerce_dwh_glue.reading.cutting import check_csv_lines, check_json_lines, is_second_header, odd_ends
from ecommerce_dwh_glue.reading.errors import FileError, over
from ecommerce_dwh_glue.reading.files import SLICE, SMALL_FILE, SourceFile
from ecommerce_dwh_glue.reading.header import MAX_HEADER, read_header
from ecommerce_dwh_glue.reading.json_records import first_members
from ecommerce_dwh_glue.reading.missing import SUSPECTED, null_word_pattern
from ecommerce_dwh_glue.reading.parquet_footer import read_footer
from ecommerce_dwh_glue.reading.text import BOM, MAX_ROW_BYTES, ODD_BLANKS, text_chunks
from ecommerce_dwh_glue.storage import Storage

_GOOD_QUOTES = re.compile(rb'(?<=[,\n])"[^"\n]*(?:""[^"\n]*)*"(?=[,\n]|\r\n)')
_BLANK = re.compile(rb"\n[ \t\r]*(?=\n)")
_ODD_BLANKS = tuple(blank.encode() for blank in ODD_BLANKS)
_ROUNDED = re.compile(rb"[0-9][eE][+][0-9]")
_POINT_ZERO = (b".0,", b'.0"', b".0\n", b".0\r")


class _TextSurvey:
    """Looks at decompressed text piece by piece.

    Args:
        file: the file; of a CSV file, with its header.
        contract: contract of its source.
        slices: whether the places of slices are wanted.
    """

    def __init__(self, file: SourceFile, contract: SourceContract, *, slices: bool) -> None:
        self.file, self.contract, self.slices = file, contract, slices
        self.null_words = self.rounded_keys = self.point_zero = self.repeated_headers = False
        self._words, self._word = null_word_pattern(contract)
        # A single character is found at once.
        self._have_n = all("n" in word.lower() for word in (*SUSPECTED, *contract.null_words))
        self._keys = (contract.key.encode(), contract.key.upper().encode())
        self.bytes = self.newlines = self.blanks = 0
        self.quotes = self.odd_quotes = self.odd_bytes = self.nul_bytes = False
        self.long_line = self.odd_blanks = False
        self.bases = [0]
        self._line = 0  # bytes since the last line end
        self._tail = b"\n"  # unfinished last line, with the line end before it
        self._cut_checked = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._pending = False

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the text."""
        if self.slices:
            # Hadoop gives a line that begins exactly at a slice's start to the slice before it.
            boundary = len(self.bases) * SLICE
            if self.bytes + len(chunk) >= boundary:
                self.bases.append(1 + self.newlines + chunk.count(b"\n", 0, boundary - self.bytes))
        if b"\0" in chunk:
            self.nul_bytes = self.odd_bytes = True
        if not self.odd_bytes and (self._pending or not chunk.isascii()):
            try:
                self._decoder.decode(chunk)
                self._pending = bool(self._decoder.getstate()[0])
            except UnicodeDecodeError:
                self.odd_bytes = True
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        self.bytes += len(chunk)
        if first < 0:
            self._line += len(chunk)
            self._note_length(self._line)
            if self._line <= MAX_ROW_BYTES:
                self._tail += chunk
            elif not self._cut_checked:
                self._cut_checked = True  # what is kept of the line: the rest of it is no other
                self._check_ends(self._tail + chunk, self.newlines + 1)
            return
        self._cut_checked = False
        self._note_length(self._line + first)
        self._line = len(chunk) - last - 1
        self._look(self._tail + chunk[: last + 1])
        self.newlines += chunk.count(b"\n")
        self._tail = b"\n" + chunk[last + 1 :]

    def _note_length(self, length: int) -> None:
        if length > MAX_ROW_BYTES:
            self.long_line = self.odd_bytes = True

    def _look(self, block: bytes) -> None:
        self.blanks += len(_BLANK.findall(block))
        if odd_ends(block):
            self.odd_blanks = True
            self._check_ends(block, self.newlines + 1)
        if not self.odd_blanks:
            self.odd_blanks = b"\t" in block or (
                not block.isascii() and any(blank in block for blank in _ODD_BLANKS)
            )
        if (
            not self.null_words
            and (not self._have_n or b"N" in block or b"n" in block)
            and any(word in block for word in self._words)
        ):
            self.null_words = self._word.search(block) is not None
        if not self.rounded_keys and b"+" in block and (b"E+" in block or b"e+" in block):
            self.rounded_keys = _ROUNDED.search(block) is not None
        if not self.point_zero and b".0" in block:
            self.point_zero = any(ending in block for ending in _POINT_ZERO)
        if self.file.format == "csv" and any(key in block for key in self._keys):
            self._look_for_headers(block)
        if not self.odd_quotes and b'"' in block:
            self.quotes = True
            if b'"' in _GOOD_QUOTES.sub(b"", block):
                self.odd_quotes = True

    def _check_ends(self, block: bytes, first_line: int) -> None:
        if self.file.format == "json":
            check_json_lines(block)
        else:
            check_csv_lines(block, len(self.file.header), first_line)

    def _look_for_headers(self, block: bytes) -> None:
        known = [column.name for column in self.contract.columns]
        for number, line in enumerate(block.removeprefix(b"\n").split(b"\n"), start=self.newlines + 1):
            if number > self.file.header_lines and any(key in line for key in self._keys):
                self.repeated_headers |= is_second_header(line, self.file.header, known)

    def finish(self) -> int:
        """Number of lines; a last line without a line end counts."""
        lines = self.newlines
        if self._line:
            lines += 1
            self._look(self._tail + b"\n")
        if self._pending:
            self.odd_bytes = True
        return lines


def _without_boms(head: bytes) -> bytes:
    while head.startswith(BOM):
        head = head[len(BOM) :]
    return head


def survey_text(
    chunks: Iterable[bytes], file: SourceFile, contract: SourceContract, limits: RawLimits = DEFAULT_LIMITS
) -> SourceFile:
    """Survey a CSV or JSON file from its decompressed pieces.

    Raises:
        FileError: the file cannot be read as a whole, or is over a limit; no more of it is read then.
    """
    pieces = iter(chunks)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) > MAX_HEADER + len(BOM) or b"\n" in head:
            break
    if not head:
        raise FileError(
            "is an empty file; a day without activity is declared by a header-only file or an _EMPTY object"
        )
    if file.format == "csv":
        file = read_header(head, file, contract, limits)
    elif not _without_boms(head).lstrip().startswith(b"{"):
        what = "a JSON array" if _without_boms(head).lstrip().startswith(b"[") else "no JSON"
        raise FileError(f"starts with {what}; a .json file holds one JSON object per line")
    else:
        file = replace(file, members=first_members(head, limits.depth))
    looker = _TextSurvey(file, contract, slices=not file.gzipped)
    allowed = limits.expanded(file.size)
    for piece in chain((head,), pieces):
        looker.feed(piece)
        if looker.bytes > allowed:
            name = "bytes" if allowed == limits.bytes else "ratio"
            raise over(f"grows from {file.size:,} to over {allowed:,} bytes", name, getattr(limits, name))
        if looker.newlines > limits.rows:
            raise over(f"has over {limits.rows:,} lines", "rows", limits.rows)
    lines = looker.finish()
    return replace(
        file,
        rows=max(0, lines - file.header_lines - looker.blanks),
        text_bytes=looker.bytes,
        quotes=looker.quotes,
        odd_quotes=looker.odd_quotes or file.header_lines > 1,
        odd_bytes=looker.odd_bytes,
        nul_bytes=looker.nul_bytes,
        long_line=looker.long_line,
        odd_blanks=looker.odd_blanks,
        null_words=looker.null_words,
        rounded_keys=looker.rounded_keys,
        point_zero=looker.point_zero,
        repeated_headers=looker.repeated_headers,
        bases=tuple(looker.bases),
    )


def survey_file(
    storage: Storage,
    bucket: str,
    file: SourceFile,
    contract: SourceContract,
    limits: RawLimits = DEFAULT_LIMITS,
) -> SourceFile:
    """Survey one file; what is wrong with it is in ``problem`` of the result."""
    if file.problem:
        return file
    try:
        if file.size == 0:
            return survey_text((), file, contract, limits)
        if file.format == "parquet":
            return _survey_parquet(storage, bucket, file, contract, limits)
        return survey_text(text_chunks(_content(storage, bucket, file), file.gzipped), file, contract, limits)
    except FileError as error:
        return replace(file, problem=str(error))


def _content(storage: Storage, bucket: str, file: SourceFile) -> BinaryIO:
    if file.fits_one_read:
        return io.BytesIO(storage.read(bucket, file.key))
    return storage.open(bucket, file.key)


def _survey_parquet(
    storage: Storage, bucket: str, file: SourceFile, contract: SourceContract, limits: RawLimits
) -> SourceFile:
    def read(start: int, length: int) -> bytes:
        return storage.read(bucket, file.key, start, length)

    tail = storage.read(bucket, file.key, -min(file.size, SMALL_FILE))
    footer = read_footer(RangedFile(read, file.size, tail), file.size, contract, limits)
    return replace(
        file, header=footer.names, rows=footer.rows, text_bytes=footer.text_bytes, columns=footer.columns
    )
