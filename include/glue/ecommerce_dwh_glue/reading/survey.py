"""A first look at every file of the window, before Spark reads anything.

A file that cannot be read as a whole (wrong header, truncated gzip, not the format its name says) fails the day,
so all of them are found first and told together. The same look decides how Spark reads the file: most CSV files
can be cut at line ends inside the JVM; those with quoted line breaks or stray quotes go to `records`.

Everything here streams: a gzip file that grows to many gigabytes, or a single line of any length, costs no memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.lake.layout import UNFIT, RawObject, is_behind, is_day, read_key, shown, window_prefix
from ecommerce_dwh.lake.limits import DEFAULT_LIMITS, RawLimits
from ecommerce_dwh.privacy.masking import shown_name
from ecommerce_dwh_glue.reading.errors import FileError, over
from ecommerce_dwh_glue.reading.parquet_footer import ParquetColumn, RangedFile, read_footer
from ecommerce_dwh_glue.storage import Storage

CHUNK = 1 << 20
MAX_ROW_BYTES = 1 << 20
SMALL_FILE = 4 << 20
SMALL_TEXT = 16 << 20
SLICE = 64 << 20
# Compressed bytes that are taken at a time. What follows a gzip member is copied, and there may be thousands of them.
_PACKED = 1 << 16
MAX_HEADER = 1 << 16
BOM = codecs.BOM_UTF8

_GOOD_QUOTES = re.compile(rb'(?<=[,\n])"[^"\n]*(?:""[^"\n]*)*"(?=[,\n]|\r\n)')
# What Hadoop gives a meaning to in paths (org.apache.hadoop.fs.GlobPattern).
_PATTERN = re.compile(r"[{}\[\]*?\\]")
_BLANK = re.compile(rb"\n[ \t\r]*(?=\n)")


@dataclass(frozen=True)
class SourceFile:
    """A raw file and what the survey found.

    Attributes:
        source: source name.
        day: delivery date, ``YYYY-MM-DD``.
        key: key in the raw bucket.
        size: bytes as stored.
        format: ``csv``, ``json`` or ``parquet``.
        gzipped: whether it is gzip-compressed.
        header: column names of a CSV or Parquet file, lower case and trimmed.
        header_lines: lines that the header takes.
        rows: lines with content after the header (CSV and JSON read by lines), rows of a Parquet file.
        text_bytes: size without compression.
        quotes: some field is quoted, or a quote stands elsewhere.
        odd_quotes: some line cannot be cut by itself (quoted line break, stray quote).
        odd_bytes: NUL bytes, invalid UTF-8 or an over-long line are present.
        nul_bytes: NUL bytes are present.
        long_line: a line over `MAX_ROW_BYTES` is present.
        odd_blanks: tabs, or carriage returns that end no line, are present.
        bases: for uncompressed files over `SLICE` bytes, lines before each slice.
        columns: columns of a Parquet file to read.
        problem: why the file cannot be read; empty when it can.
    """

    source: str
    day: str
    key: str
    size: int
    format: str = "csv"
    gzipped: bool = False
    header: tuple[str, ...] = ()
    header_lines: int = 0
    rows: int = 0
    text_bytes: int = 0
    quotes: bool = False
    odd_quotes: bool = False
    odd_bytes: bool = False
    nul_bytes: bool = False
    long_line: bool = False
    odd_blanks: bool = False
    bases: tuple[int, ...] = (0,)
    columns: tuple[ParquetColumn, ...] = ()
    problem: str = ""

    @property
    def small(self) -> bool:
        """Whether the whole text may be held in memory at once."""
        return self.size <= SMALL_FILE and self.text_bytes <= SMALL_TEXT

    @property
    def is_pattern(self) -> bool:
        """Whether Spark would take the key for a pattern, and read other files in the place of this one."""
        return _PATTERN.search(self.key) is not None

    @property
    def reader(self) -> str:
        """Which reader of `reading` takes the file: ``whole``, ``lines``, ``python`` or ``parquet``."""
        if self.format == "parquet":
            return "parquet"
        if self.format == "json" or self.odd_quotes or self.is_pattern:
            return "python"
        # A line that may not fit in memory can only be skipped by the streaming reader.
        if self.long_line and self.text_bytes > 4 * SLICE:
            return "python"
        # Texts that are read as a whole pass through Java strings, which would mend damaged bytes.
        return "whole" if self.small and not self.odd_bytes else "lines"


@dataclass(frozen=True)
class Listing:
    """The raw files of a window.

    Attributes:
        files: files to read.
        empty_days: (source, day) declared empty by an ``_EMPTY`` object.
        unfit: objects that lie elsewhere than files to load do; they are never loaded.
    """

    files: tuple[SourceFile, ...]
    empty_days: frozenset[tuple[str, str]]
    unfit: tuple[RawObject, ...] = ()


def latest_day(storage: Storage, bucket: str, sources: Iterable[str]) -> str | None:
    """The newest day that any source has a folder for; None in an empty bucket."""
    days = [
        name[3:]
        for source in sources
        for name in storage.folders(bucket, f"{source}/")
        if name.startswith("dt=") and is_day(name[3:])
    ]
    return max(days, default=None)


def list_window(storage: Storage, bucket: str, source: str, start: str, end: str) -> Listing:
    """List one source's files of the days ``start`` … ``end``.

    A window's folders are neighbours in the order of keys, so one listing serves a window of any length.
    """
    files, empty_days, unfit = [], set(), []
    prefix, after = window_prefix(source, start, end)
    for item in storage.objects(bucket, prefix, after):
        if is_behind(item.key, source, end):
            break
        found = read_key(item.key, item.size)
        if found.is_empty_marker:
            empty_days.add((source, found.day))
        elif found.kind == UNFIT:
            unfit.append(found)
        elif found.is_data or found.is_named:
            files.append(
                SourceFile(
                    source=source,
                    day=found.day,
                    key=found.key,
                    size=found.size,
                    format=found.format or "csv",
                    gzipped=found.gzipped,
                    problem=found.reason,
                )
            )
    return Listing(tuple(files), frozenset(empty_days), tuple(unfit))


def text_chunks(stream: BinaryIO, gzipped: bool) -> Iterator[bytes]:
    """The text of a file in bounded pieces.

    Raises:
        FileError: the file says it is gzip and is not, or is damaged.
    """
    if not gzipped:
        while chunk := stream.read(CHUNK):
            yield chunk
        return
    inflater = zlib.decompressobj(31)
    started, fed = False, False
    try:
        while chunk := stream.read(_PACKED):
            if not started and not chunk.startswith(b"\x1f\x8b"):
                raise FileError("is not gzip although its name ends with .gz; send it again or rename it")
            started = True
            while chunk:
                if inflater.eof:  # gzip files may be several members, one behind the other
                    inflater = zlib.decompressobj(31)
                fed = True
                text = inflater.decompress(chunk, CHUNK)
                if text:
                    yield text
                chunk = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error as error:
        raise FileError(f"is a damaged gzip file ({error}); send it again") from None
    if fed and not inflater.eof:
        raise FileError("is a truncated gzip file; the upload was cut off, send it again")


def _header(head: bytes, file: SourceFile, contract: SourceContract, limits: RawLimits) -> SourceFile:
    """Read and check a CSV header."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError("is UTF-16 text; save it as UTF-8")
    if head.startswith((b"PK\x03\x04", b"PAR1", b"\x1f\x8b")):
        kind = {b"PK": "a zip file", b"PA": "a Parquet file", b"\x1f\x8b": "gzip-compressed"}[head[:2]]
        raise FileError(f"is {kind} although its name says CSV; rename it or send CSV")
    if head.startswith(BOM):
        head = head[len(BOM) :]
    end = head.find(b"\n", 0, MAX_HEADER)
    if end < 0 and (len(head) >= MAX_HEADER or b"\r" in head.rstrip(b"\r")):
        raise FileError(
            "has no line end in its first 64 KiB; a CSV file starts with one header line ending in LF or CRLF"
        )
    try:
        text = head[: MAX_HEADER + (end < 0)].decode("utf-8", "strict" if end < 0 else "ignore")
        head[: end if end >= 0 else None].decode("utf-8")
    except UnicodeDecodeError:
        raise FileError("has a header line that is not UTF-8 text; save the file as UTF-8 CSV") from None
    if "\0" in text[: end if end >= 0 else None]:
        raise FileError("has NUL bytes in its header line; it is no CSV text")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = tuple(name.strip().lower() for name in next(reader, []))
    except csv.Error as error:
        raise FileError(f"has a header line that is not CSV ({error})") from None
    known = {column.name for column in contract.columns}
    if not any(header):
        raise FileError("starts with a blank line; the first line must name the columns")
    if not known & set(header):
        for other, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if len(header) == 1 and known & {name.strip() for name in header[0].split(other)}:
                raise FileError(f"separates columns by {word}; send it separated by commas")
        raise FileError(
            f"has no header: none of the first line's {len(header)} fields is a column of {contract.name}; "
            "the first line must name the columns"
        )
    twice = sorted(name for name, count in Counter(header).items() if name and count > 1)
    if twice:
        raise FileError(
            f"names column(s) twice in its header: {', '.join(map(shown_name, twice[:20]))}; each may appear once"
        )
    missing = [name for name in contract.required_columns if name not in header]
    if len(header) > limits.columns:
        raise over(f"has {len(header):,} columns", "columns", limits.columns)
    if missing:
        raise FileError(
            f"lacks required column(s) {', '.join(missing)}; its header has {', '.join(map(shown_name, header))[:300]}"
        )
    return replace(file, header=header, header_lines=reader.line_num)


class _TextSurvey:
    """Looks at decompressed text piece by piece."""

    def __init__(self, slices: bool) -> None:
        self.slices = slices
        self.bytes = self.newlines = self.blanks = 0
        self.quotes = self.odd_quotes = self.odd_bytes = self.nul_bytes = False
        self.long_line = self.odd_blanks = False
        self.bases = [0]
        self._line = 0  # bytes since the last line end
        self._tail = b"\n"  # unfinished last line, with the line end before it
        self._skip_tail = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._pending = False

    def feed(self, chunk: bytes) -> None:
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
            return
        self._note_length(self._line + first)
        self._line = len(chunk) - last - 1
        self.newlines += chunk.count(b"\n")
        block = self._tail + chunk[: last + 1]
        self._look(block)
        self._tail = b"\n" + chunk[last + 1 :]

    def _note_length(self, length: int) -> None:
        if length > MAX_ROW_BYTES:
            self.long_line = self.odd_bytes = True

    def _look(self, block: bytes) -> None:
        self.blanks += len(_BLANK.findall(block))
        if not self.odd_blanks:
            returns = block.count(b"\r")
            self.odd_blanks = b"\t" in block or (returns > 0 and returns != block.count(b"\r\n"))
        if not self.odd_quotes and b'"' in block:
            self.quotes = True
            if b'"' in _GOOD_QUOTES.sub(b"", block):
                self.odd_quotes = True

    def finish(self) -> int:
        """Number of lines; a last line without a line end counts."""
        lines = self.newlines
        if self._line:
            lines += 1
            self._look(self._tail + b"\n")
        if self._pending:
            self.odd_bytes = True
        return lines


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
        file = _header(head, file, contract, limits)
    elif not head.removeprefix(BOM).lstrip().startswith(b"{"):
        what = "a JSON array" if head.lstrip().startswith(b"[") else "no JSON"
        raise FileError(f"starts with {what}; a .json file holds one JSON object per line")
    looker = _TextSurvey(slices=not file.gzipped)
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
        stream: BinaryIO
        if file.size <= SMALL_FILE:
            stream = io.BytesIO(storage.read(bucket, file.key))
        else:
            stream = storage.open(bucket, file.key)
        return survey_text(text_chunks(stream, file.gzipped), file, contract, limits)
    except FileError as error:
        return replace(file, problem=str(error))


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


def problems_text(bucket: str, problems: Sequence[tuple[str, str]]) -> str:
    """All problems of a window in one line: at most ten, the rest counted.

    Args:
        bucket: raw bucket.
        problems: pairs of key and what is wrong with it.
    """
    found = "; ".join(f"s3://{bucket}/{shown(key)} {what}" for key, what in problems[:10])
    more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
    return f"{len(problems)} problem(s) with the raw files, nothing was loaded: {found}{more}".replace(
        "\n", " "
    )
