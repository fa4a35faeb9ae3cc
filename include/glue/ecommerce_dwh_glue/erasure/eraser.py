"""One object of the lake after the other: searched for the person, and rewritten, renamed or deleted.

Raw files keep all of their rows (`erasure_rows`). Accepted Parquet is an outcome of raw files: an object with the
person's rows is deleted, and the reload of the day makes it anew. Quarantined rows, check results and reports lose what
speaks of the person, and nothing else.

What cannot be decided by key or by a value that points at one person is a question. Each has a name, and ends by
an answer that a person gives; an object that cannot be read is one, too, so that it stops nobody else's erasure.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.erasure.person import CERTAIN, DOUBTFUL, Person, crossed_out
from ecommerce_dwh.lake.layout import read_key
from ecommerce_dwh_glue.erasure.documents import erase_json, erase_message, erase_raw_text, erase_report
from ecommerce_dwh_glue.erasure.parquet import erase_parquet, erase_texts, is_in_accepted
from ecommerce_dwh_glue.erasure.rows import OTHER_ROW, UNCLEAR_ROW, Table
from ecommerce_dwh_glue.erasure.tally import Tally, Unreadable
from ecommerce_dwh_glue.erasure.text import erase_text
from ecommerce_dwh_glue.quality.page import html_page
from ecommerce_dwh_glue.reading.survey import CHUNK
from ecommerce_dwh_glue.storage import Storage

_PIECE = 1 << 16  # of objects that are no tables
UNREADABLE, OUTSIDE, FILE_NAME = "unreadable", "outside", "file_name"
# Questions, and the answers each takes.
ANSWERS: Mapping[str, tuple[str, ...]] = {
    OTHER_ROW: ("keep", "erase"),
    UNCLEAR_ROW: ("keep", "erase"),
    UNREADABLE: ("keep", "delete"),
    OUTSIDE: ("keep", "delete"),
    FILE_NAME: ("keep", "erase"),
}
_ENDING = re.compile(r"\.(?:csv|json|parquet)(?:\.gz)?\Z", re.IGNORECASE)
_SOURCE = re.compile(r"accepted/(?P<accepted>[^/]+)/|quarantine/source=(?P<quarantine>[^/]+)/")
_DAMAGED = (Unreadable, zlib.error, EOFError, gzip.BadGzipFile)


@dataclass(frozen=True)
class Question:
    """What a person has to decide about an object.

    Attributes:
        id: names the question in the answer; the same in each run.
        kind: one of `ANSWERS`.
        rows: rows that it is about; 0 for the object as a whole.
        lines: the first of them.
        reason: why, for what cannot be read.
        answer: the answer that was given; empty for none.
    """

    id: str
    kind: str
    rows: int = 0
    lines: tuple[int, ...] = ()
    reason: str = ""
    answer: str = ""


@dataclass
class Found:
    """An object with traces of the person, or with questions about them.

    Attributes:
        bucket: ``raw`` or ``processed``.
        key: the object.
        version: version id of an older version; empty for the current one.
        rows: rows that change; 1 where an object changes as a whole.
        renamed: its name points at the person and changes.
        questions: what a person has to decide.
        tally: what was learned on the way; stays within the job.
    """

    bucket: str
    key: str
    version: str = ""
    rows: int = 0
    renamed: bool = False
    questions: tuple[Question, ...] = ()
    tally: Tally = field(default_factory=Tally)

    @property
    def changes(self) -> bool:
        """Whether there is anything to erase."""
        return bool(self.rows or self.renamed)

    @property
    def day(self) -> str:
        """Day of a raw file."""
        return read_key(self.key).day if self.bucket == "raw" else ""


@dataclass
class Eraser:
    """Works on one object after the other; travels to the executors.

    Attributes:
        storage: the object store.
        buckets: name of the raw and of the processed bucket.
        contracts: contracts by source.
        person: whom to erase.
        mode: ``search`` and ``verify`` change nothing.
        answers: answers by id or by kind of a question.
        headers: columns of CSV files by key, for quarantined rows.
    """

    storage: Storage
    buckets: Mapping[str, str]
    contracts: Mapping[str, SourceContract]
    person: Person
    mode: str
    answers: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def erases(self) -> bool:
        return self.mode == "erase"

    # --- raw ---

    def raw(self, key: str, version: str = "") -> Found:
        """Look at a raw file and, when erasing, rewrite it; an older version with traces is deleted."""
        # Sub-folders, hidden names and days that no calendar has hold rows as well, though no run loads them.
        read = read_key(key)
        found = Found("raw", key, version)
        with tempfile.TemporaryDirectory() as folder:
            new = f"{folder}/new"
            try:
                if read.format and read.source in self.contracts:
                    table = Table.of(read.source, self.contracts)
                    found.tally = self._table(key, version, read.format, table, folder, new)
                    found.rows = found.tally.rows
                else:
                    self._outside(key, version, found)
            except _DAMAGED as error:
                reason = str(error) if isinstance(error, Unreadable) else "it is damaged"
                self._ask(found, UNREADABLE, reason=f"{reason} ({type(error).__name__})")
            self._name(found)
            self._finish(found, new)
        return found

    def _table(self, key: str, version: str, form: str, table: Table, folder: str, new: str) -> Tally:
        decided = self._decided("raw", key, version)
        writes = self.erases and not version
        if form == "parquet":
            self._fetch("raw", key, version, f"{folder}/old")
            return erase_parquet(f"{folder}/old", table, self.person, new if writes else None, decided)
        with self._stream("raw", key, version) as stream, _writer(new, key, write=writes) as take:
            return erase_text(stream, form, table, self.person, take, decided)

    def _outside(self, key: str, version: str, found: Found) -> None:
        """An object that no contract describes: searched as a text, never rewritten; binary parts are no text."""
        hits, tail = 0, b""
        with self._stream("raw", key, version) as stream:
            while chunk := stream.read(_PIECE):
                text = tail + chunk
                if b"\0" not in text and self.person.may_be_in(text):
                    hits += self.person.read(text.decode("utf-8", "surrogateescape")).verdict == CERTAIN
                tail = chunk[-1024:]
        if hits:
            self._ask(found, OUTSIDE)

    def _name(self, found: Found) -> None:
        """Whether the object's name points at the person."""
        verdict = self.person.read(found.key).verdict
        if verdict == DOUBTFUL:
            verdict = CERTAIN if self._ask(found, FILE_NAME) == "erase" else ""
        found.renamed = verdict == CERTAIN

    def _finish(self, found: Found, new: str) -> None:
        """Questions of the file's rows; and, when erasing, the changes."""
        for kind, rows in found.tally.questions.items():
            self._ask(found, kind, rows, tuple(found.tally.lines[kind]))
        deletes = any(question.answer == "delete" for question in found.questions)
        found.rows = max(found.rows, int(deletes))
        if not (self.erases and found.changes):
            return
        bucket, key = self.buckets["raw"], found.key
        if found.version:
            self.storage.delete_version(bucket, key, found.version)
        elif deletes:
            self.storage.forget(bucket, key)
        else:
            if found.rows:
                self.storage.upload(bucket, key, new)
            if found.renamed:
                if not found.rows:
                    self._fetch("raw", key, "", new)
                self.storage.upload(bucket, self._new_name(key), new)
                self.storage.forget(bucket, key)
            else:
                self.storage.delete_old_versions(bucket, key)

    def _new_name(self, key: str) -> str:
        folder, _, name = key.rpartition("/")
        form = _ENDING.search(name)
        digest = hashlib.sha256(f"{self.person.pseudonym}/{key}".encode()).hexdigest()[:12]
        folder = erase_message(folder, self.person)
        return f"{folder}/{self.person.pseudonym}-{digest}{form[0] if form else ''}".lstrip("/")

    # --- processed ---

    def processed(self, key: str, version: str = "") -> Found:
        """Look at a processed object; when erasing, delete or rewrite it."""
        found = Found("processed", key, version)
        with tempfile.TemporaryDirectory() as folder:
            new = f"{folder}/new"
            try:
                if key.endswith(".parquet"):
                    self._fetch("processed", key, version, f"{folder}/old")
                    self._parquet(found, f"{folder}/old", new if self.erases and not version else None)
                else:
                    self._document(found, new)
            except _DAMAGED as error:
                self._ask(found, UNREADABLE, reason=f"it is damaged ({type(error).__name__})")
            for kind, rows in found.tally.questions.items():
                self._ask(found, kind, rows, tuple(found.tally.lines[kind]))
            deletes = any(question.answer == "delete" for question in found.questions)
            found.rows = max(found.rows, found.tally.rows, int(deletes))
            if self.erases and found.rows:
                self._replace(found, new, deletes=deletes or key.startswith("accepted/"))
        return found

    def _parquet(self, found: Found, old: str, new: str | None) -> None:
        match = _SOURCE.match(found.key)
        decided = self._decided("processed", found.key, found.version)
        if match and match["accepted"]:
            table = Table.of(match["accepted"], self.contracts)
            # Somebody else's row that was rewritten by decision has its outcome here.
            decided |= {OTHER_ROW} if "erase" in self.answers.values() else set()
            found.rows = int(is_in_accepted(old, table, self.person, decided))
            return
        table = Table.of(match["quarantine"] if match else "", self.contracts)

        def rewrite(row: dict[str, Any], name: str) -> tuple[str, str]:
            if name != "raw_text":
                return erase_message(row[name], self.person), ""
            source = str(row.get("source_file") or "")
            return erase_raw_text(row[name], source, self.headers.get(source, ()), table, self.person, decided)

        found.tally = erase_texts(old, self.person, new, rewrite)

    def _document(self, found: Found, new: str) -> None:
        with self._stream("processed", found.key, found.version) as stream:
            body = stream.read()  # reports: small
        name = found.key.rpartition("/")[2]
        if name.startswith("report.json"):
            persons = [contract.name for contract in self.contracts.values() if contract.is_of_persons]
            left = erase_report(body, self.person, persons)
            if left != body and self.erases:
                self._page(found, left)
        elif name.endswith((".json", ".json.gz")):
            left = erase_json(body, self.person)
        else:
            text = body.decode("utf-8", "surrogateescape")
            left = erase_message(text, self.person).encode("utf-8", "surrogateescape")
        if left != body:
            found.rows = 1
            Path(new).write_bytes(gzip.compress(left, mtime=0) if found.key.endswith(".gz") else left)

    def _page(self, found: Found, report: bytes) -> None:
        """A report's page is made anew from the report: a key in a page says not whose it is."""
        bucket, key = self.buckets["processed"], found.key.replace("report.json", "report.html")
        try:
            page = html_page(json.loads(report), self.contracts)
        except (ValueError, KeyError, TypeError):
            self.storage.forget(bucket, key)
            return
        if not found.version:
            self.storage.write(bucket, key, page.encode(), "text/html; charset=utf-8")
        self.storage.delete_old_versions(bucket, key)

    def _replace(self, found: Found, new: str, *, deletes: bool) -> None:
        bucket, key = self.buckets["processed"], found.key
        if found.version:
            self.storage.delete_version(bucket, key, found.version)
            return
        if deletes:
            self.storage.delete(bucket, key)
        elif key.endswith(".parquet"):
            self.storage.upload(bucket, key, new)
        else:
            kinds = {"json": "application/json", "html": "text/html; charset=utf-8"}
            kind = kinds.get(key.removesuffix(".gz").rpartition(".")[2], "application/octet-stream")
            self.storage.write(bucket, key, Path(new).read_bytes(), kind)
        self.storage.delete_old_versions(bucket, key)

    # --- questions ---

    def _ask(
        self, found: Found, kind: str, rows: int = 0, lines: tuple[int, ...] = (), reason: str = ""
    ) -> str:
        """Note a question; returns its answer, empty for none."""
        name = question_id(found.bucket, found.key, found.version, kind)
        answer = self.answers.get(name) or self.answers.get(kind) or ""
        answer = answer if answer in ANSWERS[kind] else ""
        found.questions += (Question(name, kind, rows, lines, reason, answer),)
        return answer

    def _decided(self, bucket: str, key: str, version: str) -> set[str]:
        """Questions about rows of an object that were answered by *erase*."""
        return {
            kind
            for kind in (OTHER_ROW, UNCLEAR_ROW)
            if (self.answers.get(question_id(bucket, key, version, kind)) or self.answers.get(kind)) == "erase"
        }

    def shown(self, key: str) -> str:
        """A key as it may be told: without values of the person."""
        return crossed_out(key, self.person.read(key).hits)

    # --- bytes ---

    def _stream(self, bucket: str, key: str, version: str) -> BinaryIO:
        name = self.buckets[bucket]
        stream = self.storage.open(name, key, version) if version else self.storage.open(name, key)
        buffered = io.BufferedReader(_Raw(stream), CHUNK)
        return gzip.open(buffered, "rb") if key.lower().endswith(".gz") else buffered  # type: ignore[return-value]

    def _fetch(self, bucket: str, key: str, version: str, path: str) -> None:
        name = self.buckets[bucket]
        stream = self.storage.open(name, key, version) if version else self.storage.open(name, key)
        with Path(path).open("wb") as file:
            shutil.copyfileobj(stream, file, CHUNK)


def question_id(bucket: str, key: str, version: str, kind: str) -> str:
    """Name of a question: says nothing, and is the same in each run."""
    return hashlib.sha256("\0".join((bucket, key, version, kind)).encode("utf-8", "surrogatepass")).hexdigest()[
        :10
    ]


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
    elif key.lower().endswith(".gz"):
        with gzip.GzipFile(path, "wb", 6, mtime=0) as packed:
            yield packed.write
    else:
        with Path(path).open("wb") as plain:
            yield plain.write
