"""Keeps moto's Glue Data Catalog across restarts, and gives the crawler its way in."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .state import Document, Documents
from .terraform_gaps import complete_connections

_MUTATION = re.compile(r"(Batch)?(Create|Update|Delete)(Database|Table|TableVersion|Partition|PartitionIndex)$")
_VERSIONS_KEPT = 50


def _seconds(moment: datetime | None) -> float | None:
    return moment.replace(tzinfo=UTC).timestamp() if moment else None


def _moment(seconds: float | None) -> datetime | None:
    # Moto's own times carry no zone and mean UTC.
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) if seconds else None


def partition_name(values: Iterable[str]) -> str:
    """Document name of a partition within its table."""
    return json.dumps(list(values))


class Catalog:
    """Databases, tables and partitions: moto's objects in memory, documents on disk."""

    def __init__(self, documents: Documents, account: str, region: str) -> None:
        self._documents = documents
        self._account = account
        self._region = region
        self._lock = threading.RLock()

    @property
    def _backend(self) -> Any:
        from moto.glue.models import glue_backends  # late import: slow to import

        return glue_backends[self._account][self._region]

    # -- on disk ---------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Give moto what was saved."""
        from moto.glue.models import FakePartition

        backend = self._backend
        complete_connections()
        for name, document in self._documents.load("database").items():
            database = backend.create_database(name, document["input"], document.get("tags"))
            database.created_time = _moment(document["created"])
        for name, document in self._documents.load("table").items():
            database_name, _, table_name = name.partition("/")
            if database_name not in backend.databases:
                continue
            table = backend.create_table(database_name, table_name, {})
            table.versions = document["versions"]
            table._current_version = document["current"]
            table.created_time = _moment(document["created"])
            table.updated_time = _moment(document["updated"])
        for name, document in self._documents.load("partition").items():
            database_name, table_name, _ = name.split("/", 2)
            database = backend.databases.get(database_name)
            if database is None or table_name not in database.tables:
                continue
            partition = FakePartition(database_name, table_name, document["input"])
            partition.creation_time = _moment(document["created"])  # type: ignore[assignment]
            database.tables[table_name].partitions[str(partition.values)] = partition

    def after_request(self, action: str, request: Document) -> None:
        """Save what a successful API call to moto changed."""
        if not _MUTATION.fullmatch(action):
            return
        with self._lock:
            named = request.get("DatabaseName") or (request.get("DatabaseInput") or {}).get("Name")
            database = named or request.get("Name", "")
            if "Database" in action:
                self._save_database(database)
                return
            tables = request.get("TablesToDelete") or [
                request.get("TableName") or request.get("Name") or (request.get("TableInput") or {}).get("Name")
            ]
            for table in tables:
                self._save_table(database, table, partitions="Partition" in action or "Delete" in action)

    def _save_database(self, name: str) -> None:
        database = self._backend.databases.get(name)
        if database is None:
            self._documents.delete("database", name)
            for kind in ("table", "partition"):
                self._documents.replace(kind, f"{name}/", {})
            return
        document = {"input": database.input, "created": _seconds(database.created_time)}
        self._documents.put("database", name, document)

    def _save_table(self, database: str, name: str, partitions: bool) -> None:
        held = self._backend.databases.get(database)
        table = held.tables.get(name) if held else None
        stem = f"{database}/{name}"
        if table is None:
            self._documents.delete("table", stem)
            self._documents.replace("partition", f"{stem}/", {})
            return
        for old in list(table.versions)[:-_VERSIONS_KEPT]:
            del table.versions[old]
        document = {
            "versions": table.versions,
            "current": table._current_version,
            "created": _seconds(table.created_time),
            "updated": _seconds(table.updated_time),
        }
        self._documents.put("table", stem, document)
        if partitions:
            self._documents.replace(
                "partition",
                f"{stem}/",
                {
                    f"{stem}/{partition_name(part.values)}": _partition(part)
                    for part in table.partitions.values()
                },
            )

    # -- for the crawler -------------------------------------------------------------------------------------

    def has_database(self, name: str) -> bool:
        """Whether the database exists."""
        return name in self._backend.databases

    def create_database(self, name: str) -> None:
        """Create a database, as a crawler does for one that is missing."""
        with self._lock:
            self._backend.create_database(name, {"Name": name})
            self._save_database(name)

    def table(self, database: str, name: str) -> Document | None:
        """Current definition of a table, or None."""
        held = self._backend.databases[database].tables.get(name)
        return held.versions[str(held._current_version)] if held else None

    def tables_of_crawler(self, database: str, crawler: str) -> list[str]:
        """Tables that a crawler made or updated last."""
        tables = self._backend.databases[database].tables
        return [
            name
            for name in list(tables)
            if ((self.table(database, name) or {}).get("Parameters") or {}).get("UPDATED_BY_CRAWLER") == crawler
        ]

    def partitions(self, database: str, table: str) -> dict[str, Document]:
        """Inputs of a table's partitions by document name."""
        held = self._backend.databases[database].tables[table].partitions
        return {partition_name(part.values): part.partition_input for part in list(held.values())}

    def put_table(self, database: str, definition: Document) -> None:
        """Create a table, or give it a new version."""
        with self._lock:
            name = definition["Name"]
            if name in self._backend.databases[database].tables:
                self._backend.update_table(database, name, definition)
            else:
                self._backend.create_table(database, name, definition)
            self._save_table(database, name, partitions=False)

    def delete_table(self, database: str, name: str) -> None:
        """Delete a table with its partitions."""
        with self._lock:
            self._backend.delete_table(database, name)
            self._save_table(database, name, partitions=True)

    def change_partitions(self, database: str, table: str, put: list[Document], drop: list[list[str]]) -> None:
        """Create or replace partitions and drop others, in one step for readers."""
        from moto.glue.models import FakePartition

        with self._lock:
            held = self._backend.databases[database].tables[table]
            partitions = OrderedDict(held.partitions)
            stem = f"{database}/{table}"
            saved: dict[str, Document | None] = {}
            for values in drop:
                partitions.pop(str(values), None)
                saved[f"{stem}/{partition_name(values)}"] = None
            for definition in put:
                new = FakePartition(database, table, definition)
                old = partitions.get(str(new.values))
                if old is not None:
                    new.creation_time = old.creation_time
                partitions[str(new.values)] = new
                saved[f"{stem}/{partition_name(new.values)}"] = _partition(new)
            # Another thread may be walking the old one.
            held.partitions = OrderedDict(sorted(partitions.items(), key=lambda item: item[1].values))
            self._documents.put_many("partition", saved)


def _partition(part: Any) -> Document:
    return {"input": part.partition_input, "created": _seconds(part.creation_time)}
