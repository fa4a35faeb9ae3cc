"""Takes one person out of the lake: finds every trace in raw and processed files, and rewrites what must stay.

A raw file keeps all of its rows. In the person's rows the customer key becomes a pseudonym and personal fields become
empty; bytes of other rows stay as they are. A field that is broken in a way that keeps its row out of the warehouse
(too long, not a date) is overwritten by as many ``x`` instead, and so is personal data in rows that cannot be read, so
that the ledger of rows and money does not change.

What belongs to the person: rows with their key, and text without a readable key that holds the key, a value that
points at one person (an e-mail address, a phone number, an address), or two values that do so together (first and
last name). Processed files are outcomes of raw files: those with a trace are deleted, and a reload of the day makes
them anew. Reports keep all but the traces.

Everything streams; the work on a file is plain Python, and Spark only spreads the files over the executors.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from ecommerce_dwh.contracts import Column, SourceContract
from ecommerce_dwh_glue.records import MAX_LINES, Malformed, Unclosed, field_spans, split_fields, unquoted
from ecommerce_dwh_glue.storage import Storage
from ecommerce_dwh_glue.survey import BOM, CHUNK

CUSTOMER_KEY = "customer_id"
MODES = ("search", "erase", "verify")
_WORD = rb"[A-Za-z0-9_]"
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?")
_BLANKS = b" \t\r\n"
_RAW = re.compile(r"(?P<source>[a-z][a-z0-9_]*)/dt=(?P<day>\d{4}-\d{2}-\d{2})/[^/]+")


def is_telling(value: str) -> bool:
    """Whether a value alone points at one person: long, with digits or an ``@``, and not a mere date."""
    return len(value) >= 7 and any(sign in value for sign in "@0123456789") and not _ISO_DATE.fullmatch(value)


@dataclass(frozen=True)
class Person:
    """Whom to erase.

    Attributes:
        customer_id: the natural key.
        pseudonym: what stands for it from now on; tells nothing of the person.
        values: personal values that are known, as text.
        shared: those of them that other customers have, too (a family's telephone); they point at nobody alone.
    """

    customer_id: str
    pseudonym: str
    values: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    def knowing(self, more: Iterable[str]) -> Person:
        """The same person with further personal values."""
        found = frozenset(value.strip() for value in more if value and value.strip())
        return Person(self.customer_id, self.pseudonym, self.values | found, self.shared)

    @cached_property
    def _key(self) -> re.Pattern[bytes]:
        text = re.escape(self.customer_id.encode())
        return re.compile(rb"(?<![A-Za-z0-9_.-])" + text + rb"(?![A-Za-z0-9_.-])")

    @cached_property
    def _telling(self) -> re.Pattern[bytes] | None:
        return _pattern(v for v in self.values if is_telling(v) and v not in self.shared)

    @cached_property
    def _weak(self) -> list[re.Pattern[bytes]]:
        return [
            pattern
            for value in sorted(self.values)
            if len(value) >= 3 and (not is_telling(value) or value in self.shared)
            and (pattern := _pattern([value])) is not None
        ]  # fmt: skip

    @cached_property
    def _any(self) -> re.Pattern[bytes] | None:
        return _pattern(value for value in self.values if len(value) >= 3)

    def is_named(self, text: bytes) -> bool:
        """Whether the text holds the key, or a value that points at this person alone."""
        return bool(self._key.search(text) or (self._telling and self._telling.search(text)))

    def is_meant(self, text: bytes) -> bool:
        """Whether the text is about this person: named, or two values that say so together."""
        return self.is_named(text) or sum(bool(pattern.search(text)) for pattern in self._weak) >= 2

    def unnamed(self, text: bytes) -> bytes:
        """The text with pseudonym for key, and telling values overwritten."""
        text = self._key.sub(self.pseudonym.encode(), text)
        return self._telling.sub(_crossed_out, text) if self._telling else text

    def unmeant(self, text: bytes) -> bytes:
        """The text with pseudonym for key, and every personal value overwritten."""
        text = self._key.sub(self.pseudonym.encode(), text)
        return self._any.sub(_crossed_out, text) if self._any else text

    @cached_property
    def _candidates(self) -> tuple[bytes, ...]:
        spellings = {s for v in (self.customer_id, *self.values) if len(v) >= 3 or v == self.customer_id
                     for s in _spellings(v)}  # fmt: skip
        return tuple(sorted(spelling.lower() for spelling in spellings))

    def may_be_in(self, chunk: bytes) -> bool:
        """A quick look: no means no."""
        lower = chunk.lower()
        return any(candidate in lower for candidate in self._candidates)

    @property
    def longest(self) -> int:
        """Bytes of the longest spelling of any value; what two chunks must overlap by."""
        return max(map(len, self._candidates))


def _spellings(value: str) -> set[bytes]:
    """How a value may stand in a file: plain, quoted for CSV, escaped for JSON or HTML."""
    return {
        value.encode(),
        value.replace('"', '""').encode(),
        json.dumps(value)[1:-1].encode(),
        json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").encode(),
    }


def _pattern(values: Iterable[str]) -> re.Pattern[bytes] | None:
    spellings = sorted({spelling for value in values for spelling in _spellings(value)}, key=len, reverse=True)
    if not spellings:
        return None
    # Whole words only, so that a short name is not found within another one.
    parts = (
        (rb"(?<!%s)" % _WORD if re.match(_WORD, s) else b"")
        + re.escape(s)
        + (rb"(?!%s)" % _WORD if re.match(_WORD, s[-1:]) else b"")
        for s in spellings
    )
    return re.compile(b"|".join(parts), re.IGNORECASE)


def _crossed_out(match: re.Match[bytes]) -> bytes:
    return b"x" * len(match[0])


# --- one record ---


@dataclass(frozen=True)
class Source:
    """What erasing needs to know of a source's files.

    Attributes:
        contract: the source's contract; None for files that no contract describes.
    """

    contract: SourceContract | None

    @property
    def personal(self) -> dict[str, Column]:
        """Personal columns by name; the key is none of them."""
        if self.contract is None:
            return {}
        return {c.name: c for c in self.contract.columns if c.pii and c.name != CUSTOMER_KEY}

    @property
    def of_customers(self) -> bool:
        """Whether a row of the source is a person."""
        return self.contract is not None and self.contract.key == CUSTOMER_KEY


def emptied(column: Column, value: str) -> str:
    """What a personal value becomes: empty, or as many ``x`` where it is what keeps its row out."""
    text = value.strip()
    if column.base_type == "varchar":
        is_good = len(text.encode()) <= (column.length or 65535)
    elif column.base_type in ("date", "timestamp"):
        is_good = bool(_ISO_DATE.fullmatch(text)) or bool(column.formats)
    else:
        is_good = True
    return "" if is_good else "x" * len(value)


def erase_csv_record(text: bytes, header: Sequence[str], source: Source, person: Person) -> bytes:
    """A CSV record (without its line end) as it may stay; the very same object when it is none of the person's."""
    try:
        spans = field_spans(text)
    except (Malformed, Unclosed):
        spans = []
    if len(spans) != len(header) or CUSTOMER_KEY not in header:
        return person.unmeant(text) if person.is_meant(text) else text
    at = header.index(CUSTOMER_KEY)
    key = unquoted(text[slice(*spans[at])]).strip(_BLANKS)
    if key != person.customer_id.encode():
        return _of_someone_else(text, key, source, person)
    parts = []
    for name, (begin, end) in zip(header, spans, strict=True):
        raw = text[begin:end]
        if name == CUSTOMER_KEY:
            raw = raw.replace(key, person.pseudonym.encode())
        elif name in source.personal:
            value = unquoted(raw).decode("utf-8", "replace")
            raw = emptied(source.personal[name], value).encode() if value.strip() else raw
        else:
            raw = person.unnamed(raw)
        parts.append(raw)
    return b",".join(parts)


def _of_someone_else(text: bytes, key: bytes, source: Source, person: Person) -> bytes:
    """A readable row with another key, or none: another person's data is theirs, even where both share a value."""
    if key and source.of_customers:
        return text
    if not key and source.of_customers:
        return person.unmeant(text) if person.is_meant(text) else text
    return person.unnamed(text) if person.is_named(text) else text


def erase_json_record(text: bytes, source: Source, person: Person) -> bytes:
    """A line of JSON as it may stay."""
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        found = None
    members = {str(n).strip().lower(): v for n, v in found.items()} if isinstance(found, dict) else {}
    if CUSTOMER_KEY not in members:
        return person.unmeant(text) if person.is_meant(text) else text
    key = str(members[CUSTOMER_KEY] if members[CUSTOMER_KEY] is not None else "").strip()
    if key != person.customer_id:
        return _of_someone_else(text, key.encode(), source, person)
    text = _replaced(text, CUSTOMER_KEY, json.dumps(person.pseudonym))
    for name, column in source.personal.items():
        value = members.get(name)
        if value is not None and str(value).strip():
            left = emptied(column, str(value))
            text = _replaced(text, name, json.dumps(left) if left else "null")
    return person.unnamed(text)


def _replaced(text: bytes, name: str, value: str) -> bytes:
    """The line with another value for a member; all else keeps its spelling."""
    member = re.compile(rb'("\s*' + name.encode() + rb'\s*"\s*:\s*)("(?:[^"\\]|\\.)*"|[^,}\s]+)', re.IGNORECASE)
    return member.sub(lambda match: match[1] + value.encode(), text)


# --- one file ---


@dataclass
class Tally:
    """What was found in files. Nothing of the person is in it.

    Attributes:
        rows: rows that the person is in.
        learned: personal values in the person's rows (kept apart from what is reported).
    """

    rows: int = 0
    learned: set[str] = field(default_factory=set)


def csv_records(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Records of a CSV file with their line ends, header first, cut where the processing job cuts them."""
    source = iter(lines)
    waiting: deque[bytes] = deque()

    def at(index: int) -> bytes | None:
        while len(waiting) <= index:
            following = next(source, None)
            if following is None:
                return None
            waiting.append(following)
        return waiting[index]

    while (first := at(0)) is not None:
        used, whole = 1, first
        if b'"' in first:
            try:
                field_spans(_content(first))
            except Malformed:
                pass
            except Unclosed:
                while used < MAX_LINES and (more := at(used)) is not None:
                    whole, used = whole + more, used + 1
                    try:
                        field_spans(_content(whole))
                        break
                    except Unclosed:
                        continue
                    except Malformed:
                        whole, used = first, 1
                        break
                else:
                    whole, used = first, 1
        for _ in range(used):
            waiting.popleft()
        content = _content(whole)
        yield content, whole[len(content) :]


def _cut(line: bytes) -> tuple[bytes, bytes]:
    content = _content(line)
    return content, line[len(content) :]


def _content(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def erase_text(
    stream: BinaryIO, kind: str, source: Source, person: Person, take: Callable[[bytes], Any]
) -> Tally:
    """Hand on a raw text file as it may stay; ``kind`` is ``csv`` or ``json``."""
    tally = Tally()
    header: list[str] | None = None
    pairs = csv_records(stream) if kind == "csv" else (_cut(line) for line in stream)
    for content, end in pairs:
        if kind == "csv" and header is None:
            text = content.removeprefix(BOM)
            header = [
                name.strip().lower() for name in text.decode("utf-8", "replace").replace('"', "").split(",")
            ]
            take(content + end)
            continue
        left = content
        if person.may_be_in(content):
            if kind == "csv":
                left = erase_csv_record(content, header or (), source, person)
            else:
                left = erase_json_record(content, source, person)
            if left != content:
                tally.rows += 1
                tally.learned |= _learned(content, kind, header or (), source, person)
        take(left + end)
    return tally


def _learned(content: bytes, kind: str, header: Sequence[str], source: Source, person: Person) -> set[str]:
    """Personal values of a row that carries the person's key."""
    if not source.of_customers:
        return set()
    if kind == "csv":
        try:
            fields = [field.decode("utf-8", "replace") for field in split_fields(content)]
        except (Malformed, Unclosed):
            return set()
        values: Mapping[str, Any] = (
            dict(zip(header, fields, strict=False)) if len(fields) == len(header) else {}
        )
    else:
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            return set()
        values = {str(n).strip().lower(): v for n, v in found.items()} if isinstance(found, dict) else {}
    if str(values.get(CUSTOMER_KEY) or "").strip() != person.customer_id:
        return set()
    return {
        str(values[name]).strip() for name, c in source.personal.items() if c.identifies and values.get(name)
    }


def erase_parquet(path: str, source: Source, person: Person, target: str | None) -> Tally:
    """Write a Parquet file as it may stay to ``target``, row group by row group; None only looks."""
    import pyarrow as pa  # noqa: PLC0415 - needed where Parquet is delivered
    import pyarrow.parquet as pq  # noqa: PLC0415

    tally = Tally()
    file = pq.ParquetFile(path)
    writer = None
    try:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            columns = {name.strip().lower(): name for name in table.column_names}
            rows = table.to_pylist() if _may_hold(table, person) else []
            changed = False
            for row in rows:
                key = str(row.get(columns.get(CUSTOMER_KEY, "")) or "").strip()
                before = dict(row)
                for name, actual in columns.items():
                    value = row[actual]
                    if key == person.customer_id and name in source.personal and value not in (None, ""):
                        if source.of_customers and source.personal[name].identifies:
                            tally.learned.add(str(value).strip())
                        row[actual] = (
                            emptied(source.personal[name], value) or None if isinstance(value, str) else None
                        )
                    elif key == person.customer_id and name == CUSTOMER_KEY:
                        row[actual] = person.pseudonym
                    elif isinstance(value, str) and not (
                        key and key != person.customer_id and source.of_customers
                    ):
                        row[actual] = person.unnamed(value.encode()).decode()
                if row != before:
                    tally.rows += 1
                    changed = True
            if target is not None:
                if writer is None:
                    compression = file.metadata.row_group(0).column(0).compression.lower()
                    writer = pq.ParquetWriter(
                        target,
                        file.schema_arrow,
                        compression="none" if compression == "uncompressed" else compression,
                    )
                writer.write_table(pa.Table.from_pylist(rows, schema=table.schema) if changed else table)
    finally:
        if writer is not None:
            writer.close()
    return tally


def _may_hold(table: Any, person: Person) -> bool:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    for name, kind in zip(table.schema.names, table.schema.types, strict=True):
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            continue
        column = table.column(name)
        for candidate in person._candidates:
            found = pc.any(
                pc.match_substring(column, candidate.decode("utf-8", "ignore"), ignore_case=True)
            ).as_py()
            if found:
                return True
    return False


def is_in_parquet(path: str, person: Person) -> bool:
    """Whether a processed file has the person in a row of theirs or names them in kept text."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        if not _may_hold(table, person):
            continue
        for row in table.to_pylist():
            key = str(row.get(CUSTOMER_KEY) or "").strip()
            if key and key != person.customer_id:
                continue
            text = "\n".join(str(value) for value in row.values() if isinstance(value, str)).encode()
            if key == person.customer_id or person.is_named(text):
                return True
    return False


def holds(stream: BinaryIO, person: Person) -> bool:
    """A quick look through a text of any length."""
    tail = b""
    while chunk := stream.read(CHUNK):
        if person.may_be_in(tail + chunk):
            return True
        tail = chunk[-person.longest :]
    return False


# --- all files ---


@dataclass(frozen=True)
class Found:
    """An object with traces of the person.

    Attributes:
        bucket: ``raw`` or ``processed``.
        key: the object.
        version: version id of an older version; empty for the current one.
        rows: rows that the person is in; 0 where a file is taken as a whole.
    """

    bucket: str
    key: str
    version: str = ""
    rows: int = 0

    @property
    def day(self) -> str:
        """Day of a raw file."""
        match = _RAW.fullmatch(self.key)
        return match["day"] if match and self.bucket == "raw" else ""


@dataclass
class Eraser:
    """Works on one object after the other; travels to the executors.

    Attributes:
        storage: the object store.
        buckets: name of the raw and of the processed bucket.
        contracts: contracts by source.
        person: whom to erase.
        mode: ``search`` and ``verify`` change nothing.
    """

    storage: Storage
    buckets: Mapping[str, str]
    contracts: Mapping[str, SourceContract]
    person: Person
    mode: str

    def raw(self, key: str, version: str = "") -> tuple[Found | None, set[str]]:
        """Look at a raw file and, when erasing, rewrite it; an older version with traces is deleted."""
        match = _RAW.fullmatch(key)
        source = Source(self.contracts.get(match["source"]) if match else None)
        bucket = self.buckets["raw"]
        rewrites = self.mode == "erase" and not version
        with tempfile.TemporaryDirectory() as folder:
            old, new = f"{folder}/old", f"{folder}/new"
            if key.endswith(".parquet"):
                self._fetch(bucket, key, version, old)
                tally = erase_parquet(old, source, self.person, new if rewrites else None)
            else:
                with self._text(bucket, key, version) as stream:
                    if not holds(stream, self.person):
                        return None, set()
                kind = "json" if ".json" in key else "csv"
                with self._text(bucket, key, version) as stream, _writer(new, key, write=rewrites) as take:
                    tally = erase_text(stream, kind, source, self.person, take)
            if not tally.rows:
                return None, set()
            if rewrites:
                self.storage.upload(bucket, key, new)
                self.storage.delete_old_versions(bucket, key)
            elif self.mode == "erase":
                self.storage.delete_version(bucket, key, version)
        return Found("raw", key, version, tally.rows), tally.learned

    def processed(self, key: str, version: str = "") -> Found | None:
        """Look at a processed object; when erasing, delete data with traces and clear reports of them."""
        bucket = self.buckets["processed"]
        with tempfile.TemporaryDirectory() as folder:
            if key.endswith(".parquet"):
                self._fetch(bucket, key, version, f"{folder}/old")
                if not is_in_parquet(f"{folder}/old", self.person):
                    return None
                body = None
            else:
                with self._text(bucket, key, version) as stream:
                    body = stream.read()  # reports: small
                if not self.person.is_named(body):
                    return None
        if self.mode == "erase":
            if version:
                self.storage.delete_version(bucket, key, version)
            else:
                if body is None:
                    self.storage.delete(bucket, key)
                else:
                    body = self.person.unnamed(body)
                    body = gzip.compress(body, mtime=0) if key.endswith(".gz") else body
                    kinds = {"json": "application/json", "html": "text/html; charset=utf-8"}
                    kind = kinds.get(key.removesuffix(".gz").rpartition(".")[2], "application/octet-stream")
                    self.storage.write(bucket, key, body, kind)
                self.storage.delete_old_versions(bucket, key)
        return Found("processed", key, version)

    def _text(self, bucket: str, key: str, version: str) -> BinaryIO:
        stream = self.storage.open(bucket, key, version) if version else self.storage.open(bucket, key)
        buffered = io.BufferedReader(_Raw(stream), CHUNK)
        return gzip.open(buffered, "rb") if key.endswith(".gz") else buffered  # type: ignore[return-value]

    def _fetch(self, bucket: str, key: str, version: str, path: str) -> None:
        stream = self.storage.open(bucket, key, version) if version else self.storage.open(bucket, key)
        with Path(path).open("wb") as file:
            shutil.copyfileobj(stream, file, CHUNK)


class _Raw(io.RawIOBase):
    """A stream of the store as a raw stream, so that it can be buffered and read by lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def _writer(path: str, key: str, *, write: bool) -> Iterator[Callable[[bytes], Any]]:
    """Takes bytes into a file, compressed as the key says; takes nothing when it is not to write."""
    if not write:
        yield lambda _data: None
    elif key.endswith(".gz"):
        with gzip.GzipFile(path, "wb", 6, mtime=0) as packed:
            yield packed.write
    else:
        with Path(path).open("wb") as plain:
            yield plain.write
