"""A raw file of the window, with what the survey found out about it, and the reader that it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ecommerce_dwh_glue.reading.parquet_types import ParquetColumn

# Stored bytes up to which a file is read by one request.
SMALL_FILE = 4 << 20
# Bytes of text up to which a file is held in memory as a whole.
SMALL_TEXT = 16 << 20
# Bytes of a part of a large file that one Spark task reads.
SLICE = 64 << 20
# Characters with a meaning in Hadoop's paths (org.apache.hadoop.fs.GlobPattern).
_PATTERN = re.compile(r"[{}\[\]*?\\]")


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
        members: names in the first objects of a JSON file, lower case and trimmed.
        header_lines: lines that the header takes.
        rows: lines with content after the header (CSV and JSON read by lines), rows of a Parquet file.
        text_bytes: size without compression.
        quotes: some field is quoted, or a quote is somewhere else.
        odd_quotes: some line cannot be cut by itself (quoted line break, stray quote).
        odd_bytes: NUL bytes, invalid UTF-8 or an over-long line are present.
        nul_bytes: NUL bytes are present.
        long_line: a line over `MAX_ROW_BYTES` is present.
        odd_blanks: other blanks than spaces, or carriage returns that end no line, are present.
        null_words: a word that may stand for a missing value is present.
        rounded_keys: a number that a spreadsheet wrote with an exponent may be present.
        point_zero: a whole number that is written with ``.0`` is present.
        repeated_headers: rows repeat the header.
        bases: for uncompressed files over `SLICE` bytes, lines before each slice.
        columns: columns of a Parquet file to read.
        problem: why the file cannot be read; empty when it can.
        etag, modified: content and time of the object as the listing had them; empty where the store does not say.
    """

    source: str
    day: str
    key: str
    size: int
    format: str = "csv"
    gzipped: bool = False
    header: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    header_lines: int = 0
    rows: int = 0
    text_bytes: int = 0
    quotes: bool = False
    odd_quotes: bool = False
    odd_bytes: bool = False
    nul_bytes: bool = False
    long_line: bool = False
    odd_blanks: bool = False
    null_words: bool = False
    rounded_keys: bool = False
    point_zero: bool = False
    repeated_headers: bool = False
    bases: tuple[int, ...] = (0,)
    columns: tuple[ParquetColumn, ...] = ()
    problem: str = ""
    etag: str = ""
    modified: str = ""

    @property
    def fits_one_read(self) -> bool:
        """Whether the stored bytes are few enough for one request."""
        return self.size <= SMALL_FILE

    @property
    def small(self) -> bool:
        """Whether the whole text may be held in memory at once."""
        return self.fits_one_read and self.text_bytes <= SMALL_TEXT

    @property
    def has_exact_rows(self) -> bool:
        """Whether ``rows`` is the number of rows that Spark will read: each line is a row."""
        return self.reader in ("whole", "lines", "parquet") or self.format == "json"

    @property
    def is_pattern(self) -> bool:
        """Whether Spark would take the key for a pattern, and read other files in the place of this one."""
        return _PATTERN.search(self.key) is not None

    @property
    def reader(self) -> str:
        """The reader that takes the file: ``whole``, ``lines``, ``python`` or ``parquet`` (`reading.source`)."""
        if self.format == "parquet":
            return "parquet"
        if self.format == "json" or self.odd_quotes or self.is_pattern:
            return "python"
        # A line that may not fit in memory can only be skipped by the streaming reader.
        if self.long_line and self.text_bytes > 4 * SLICE:
            return "python"
        # Texts that are read as a whole pass through Java strings, which would replace damaged bytes.
        return "whole" if self.small and not self.odd_bytes else "lines"
