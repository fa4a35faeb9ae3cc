"""Glue's jobs, runs, crawlers and catalog tables as JSON documents in one SQLite file.

Each write is committed before the API call is answered, and is atomic: a killed server leaves the old document
or the new one.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Documents:
    """A small persistent map: (kind, name) to a JSON document."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID"
        )

    def put(self, kind: str, name: str, document: Document) -> None:
        """Insert or replace a document."""
        text = json.dumps(document, separators=(",", ":"))
        with self._lock:
            self._connection.execute("REPLACE INTO documents VALUES (?, ?, ?)", (kind, name, text))

    def delete(self, kind: str, name: str) -> None:
        """Delete a document; an absent one is no error."""
        with self._lock:
            self._connection.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))

    def put_many(self, kind: str, documents: Mapping[str, Document | None]) -> None:
        """Insert or replace several documents at once; None deletes."""
        with self._lock, self._transaction():
            self._write_many(kind, documents)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _write_many(self, kind: str, documents: Mapping[str, Document | None]) -> None:
        for name, document in documents.items():
            if document is None:
                self._connection.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
            else:
                text = json.dumps(document, separators=(",", ":"))
                self._connection.execute("REPLACE INTO documents VALUES (?, ?, ?)", (kind, name, text))

    def replace(self, kind: str, stem: str, documents: Mapping[str, Document]) -> None:
        """Put these documents in place of all whose name starts with ``stem``."""
        with self._lock, self._transaction():
            self._connection.execute(
                "DELETE FROM documents WHERE kind = ? AND substr(name, 1, ?) = ?", (kind, len(stem), stem)
            )
            self._write_many(kind, documents)

    def load(self, kind: str) -> dict[str, Document]:
        """All documents of a kind by name."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT name, body FROM documents WHERE kind = ? ORDER BY name", (kind,)
            ).fetchall()
        return {name: json.loads(body) for name, body in rows}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
