"""Everything that erasing from an object needs: person, given answers, and the bytes of the object."""

from __future__ import annotations

import gzip
import io
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.erasure.person import Person, crossed_out
from ecommerce_dwh_glue.erasure.found import ANSWERS, Found, Question, question_id
from ecommerce_dwh_glue.erasure.rows import OTHER_ROW, UNCLEAR_ROW
from ecommerce_dwh_glue.erasure.tally import Unreadable
from ecommerce_dwh_glue.reading.text import CHUNK
from ecommerce_dwh_glue.storage import Storage

# Errors of a damaged object; they become a question about it, and hold up no other object.
DAMAGED = (Unreadable, zlib.error, EOFError, gzip.BadGzipFile)


@dataclass
class Work:
    """The surroundings of work on an object; travels to the executors.

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
        """Whether objects are changed."""
        return self.mode == "erase"

    def ask(self, found: Found, kind: str, rows: int = 0, lines: tuple[int, ...] = (), reason: str = "") -> str:
        """Note a question; returns its answer, empty for none."""
        name = question_id(found.bucket, found.key, found.version, kind)
        answer = self.answers.get(name) or self.answers.get(kind) or ""
        answer = answer if answer in ANSWERS[kind] else ""
        found.questions += (Question(name, kind, rows, lines, reason, answer),)
        return answer

    def ask_about_rows(self, found: Found) -> None:
        """Note the questions about rows that were met in the object."""
        for kind, rows in found.tally.questions.items():
            self.ask(found, kind, rows, tuple(found.tally.lines[kind]))

    def decided(self, bucket: str, key: str, version: str) -> set[str]:
        """Questions about rows of an object that were answered by *erase*."""
        return {
            kind
            for kind in (OTHER_ROW, UNCLEAR_ROW)
            if (self.answers.get(question_id(bucket, key, version, kind)) or self.answers.get(kind)) == "erase"
        }

    def shown(self, key: str) -> str:
        """A key without values of the person, for logs and results."""
        return crossed_out(key, self.person.read(key).hits)

    def stream(self, bucket: str, key: str, version: str) -> BinaryIO:
        """The object's content, decompressed as its name says."""
        name = self.buckets[bucket]
        stream = self.storage.open(name, key, version) if version else self.storage.open(name, key)
        buffered = io.BufferedReader(_Raw(stream), CHUNK)
        return gzip.open(buffered, "rb") if key.lower().endswith(".gz") else buffered  # type: ignore[return-value]

    def fetch(self, bucket: str, key: str, version: str, path: str) -> None:
        """Copy the object, as it is stored, to a local file."""
        name = self.buckets[bucket]
        stream = self.storage.open(name, key, version) if version else self.storage.open(name, key)
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
def writer(path: str, key: str, *, write: bool) -> Iterator[Callable[[bytes], Any]]:
    """Takes bytes into a file, compressed as the key says; takes nothing when it is not to write."""
    if not write:
        yield lambda _data: None
    elif key.lower().endswith(".gz"):
        with gzip.GzipFile(path, "wb", 6, mtime=0) as packed:
            yield packed.write
    else:
        with Path(path).open("wb") as plain:
            yield plain.write
