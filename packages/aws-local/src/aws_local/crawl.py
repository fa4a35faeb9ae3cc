"""One crawl: lists the targets, reads new and changed files, brings the Data Catalog up to date.

A folder of ``key=value`` folders becomes one table; each of its folders becomes a partition with columns of its
own, so that a file which gained or lost a column shows in the catalog on the day it happened.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .catalog import Catalog, partition_name
from .inference import UNKNOWN, FileSchema, UnreadableError, classify, infer, merge_columns
from .state import Document, Documents
from .store import ObjectStore
from .stored import StoredObject, StoreError

_READERS = 4
_PARTITION_FOLDER = re.compile(r"([^=/]+)=([^/]*)")
_FORMATS = {
    "csv": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
}


class CrawlError(Exception):
    """The crawl as a whole cannot be done; its text becomes the crawl's error message."""


class CrawlStoppedError(Exception):
    """StopCrawler was called."""


@dataclass(frozen=True)
class CrawlPlan:
    """The request of a crawler's definition.

    Attributes:
        name: of the crawler.
        database: catalog database to write.
        targets: include path, exclusion patterns and sample size of each S3 target.
        prefix: put before table names.
        update: ``UPDATE_IN_DATABASE`` or ``LOG``.
        delete: ``DEPRECATE_IN_DATABASE``, ``DELETE_FROM_DATABASE`` or ``LOG``.
        merge_new_columns: keep a table's columns and only add to them.
        inherit: partitions take the table's columns in place of their own.
        new_folders_only: leave folders alone that have a partition.
    """

    name: str
    database: str
    targets: tuple[tuple[str, tuple[str, ...], int], ...]
    prefix: str = ""
    update: str = "UPDATE_IN_DATABASE"
    delete: str = "DEPRECATE_IN_DATABASE"
    merge_new_columns: bool = False
    inherit: bool = False
    new_folders_only: bool = False


@dataclass
class CrawlSummary:
    """Counts of a finished crawl."""

    tables_created: int = 0
    tables_updated: int = 0
    tables_deleted: int = 0
    partitions_written: int = 0
    partitions_deleted: int = 0
    files: int = 0
    files_read: int = 0
    unreadable: list[str] = field(default_factory=list)


@dataclass
class _Folder:
    """The objects of one partition (or of a table without partitions)."""

    location: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    objects: list[StoredObject] = field(default_factory=list)


def read_s3_path(path: str) -> tuple[str, str]:
    """Bucket and folder prefix (empty or ending in a slash) of an include path.

    Raises:
        CrawlError: not an S3 path.
    """
    found = re.fullmatch(r"(?:s3[an]?://)?([a-z0-9.-]{3,63})(?:/(.*))?", path)
    if not found:
        raise CrawlError(f"The S3 target {path!r} is not an S3 path")
    prefix = (found.group(2) or "").rstrip("/")
    return found.group(1), prefix + "/" if prefix else ""


def glob_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a key below the include path is excluded; ``*`` stays within a folder, ``**`` crosses folders."""

    def translate(pattern: str) -> str:
        out, i = "", 0
        while i < len(pattern):
            char = pattern[i]
            if pattern.startswith("**", i):
                out, i = out + ".*", i + 2
                continue
            if char == "{" and "}" in pattern[i:]:
                end = pattern.index("}", i)
                out += f"(?:{'|'.join(translate(part) for part in pattern[i + 1 : end].split(','))})"
                i = end + 1
                continue
            out += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
            i += 1
        return out

    compiled = [re.compile(translate(pattern) + r"\Z") for pattern in patterns]
    return lambda key: any(pattern.match(key) for pattern in compiled)


class Crawl:
    """One run of a crawler."""

    def __init__(
        self,
        plan: CrawlPlan,
        store: ObjectStore,
        catalog: Catalog,
        documents: Documents,
        *,
        report: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._plan = plan
        self._store = store
        self._catalog = catalog
        self._documents = documents
        self._report = report
        self._stop = stop
        self.summary = CrawlSummary()

    def run(self) -> CrawlSummary:
        """Do the crawl.

        Raises:
            CrawlError: a target cannot be listed.
            CrawlStoppedError: the crawl was stopped; the tables done so far stay.
        """
        tables: dict[str, list[_Folder]] = {}
        for path, exclusions, sample in self._plan.targets:
            for root, folders in self._find_tables(path, exclusions, sample):
                tables.setdefault(self._table_name(root), []).extend(folders)
        schemas = self._read_schemas(
            [stored for folders in tables.values() for f in folders for stored in f.objects]
        )
        if not self._catalog.has_database(self._plan.database):
            self._catalog.create_database(self._plan.database)
        for name, folders in tables.items():
            self._check_stopped()
            self._write_table(name, folders, schemas)
        for name in self._catalog.tables_of_crawler(self._plan.database, self._plan.name):
            if name not in tables:
                self._retire_table(name)
        return self.summary

    def _check_stopped(self) -> None:
        if self._stop.is_set():
            raise CrawlStoppedError

    # -- listing ---------------------------------------------------------------------------------------------

    def _find_tables(
        self, path: str, exclusions: tuple[str, ...], sample: int
    ) -> Iterator[tuple[str, list[_Folder]]]:
        """Table roots (``bucket/folder/``) under an include path, with their partition folders."""
        bucket, prefix = read_s3_path(path)
        excluded = glob_matcher(exclusions)
        roots: dict[str, dict[str, _Folder]] = {}
        try:
            for stored in self._store.scan(bucket, prefix):
                self._check_stopped()
                below = stored.key[len(prefix) :]
                if below.endswith("/") or stored.size == 0 or excluded(below):
                    continue
                self.summary.files += 1
                if classify(stored.key) is None:
                    continue
                *parts, _ = below.split("/")
                depth = next(
                    (i for i, part in enumerate(parts) if _PARTITION_FOLDER.fullmatch(part)), len(parts)
                )
                root = f"{bucket}/{prefix}{''.join(part + '/' for part in parts[:depth])}"
                pairs = [_PARTITION_FOLDER.fullmatch(part) for part in parts[depth:]]
                keys = tuple(m.group(1).lower() if m else f"partition_{i}" for i, m in enumerate(pairs))
                values = tuple(m.group(2) if m else part for m, part in zip(pairs, parts[depth:], strict=True))
                location = f"s3://{root}{''.join(part + '/' for part in parts[depth:])}"
                folder = roots.setdefault(root, {}).setdefault(location, _Folder(location, keys, values))
                if not sample or len(folder.objects) < sample:
                    folder.objects.append(stored)
        except StoreError as error:
            raise CrawlError(f"The S3 target {path} cannot be read: {error}") from error
        for root, folders in roots.items():
            keys, _ = Counter(folder.keys for folder in folders.values()).most_common(1)[0]
            odd = [folder.location for folder in folders.values() if folder.keys != keys]
            if odd:
                self._report(f"WARN : {len(odd)} folders are not laid out like the others, skipped: {odd[0]} …")
            yield root, [folder for folder in folders.values() if folder.keys == keys]

    def _table_name(self, root: str) -> str:
        last = root.rstrip("/").rpartition("/")[2]
        return self._plan.prefix + re.sub(r"[^a-z0-9_]", "_", last.lower())

    # -- reading ---------------------------------------------------------------------------------------------

    def _read_schemas(self, objects: list[StoredObject]) -> dict[str, FileSchema]:
        """Schema of each data file; files that did not change since an earlier crawl are not read again."""
        kind = f"crawled:{self._plan.name}"
        known = self._documents.load(kind)
        schemas: dict[str, FileSchema] = {}
        saved: dict[str, Document | None] = {}
        fresh: list[StoredObject] = []
        for stored in objects:
            name = f"{stored.bucket}/{stored.key}"
            record = known.pop(name, None)
            if record is None or record["etag"] != stored.etag or record["size"] != stored.size:
                fresh.append(stored)
            elif record.get("error"):
                self._unreadable(name, record["error"])
            elif record.get("schema"):
                schemas[name] = _schema_from(record["schema"])
        saved.update(dict.fromkeys(known))  # gone from the lake
        self.summary.files_read = len(fresh)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="crawl") as pool:
            for stored, outcome in zip(fresh, pool.map(self._read, fresh), strict=True):
                name = f"{stored.bucket}/{stored.key}"
                record = {"etag": stored.etag, "size": stored.size}
                if isinstance(outcome, FileSchema):
                    schemas[name] = outcome
                    record["schema"] = _schema_document(outcome)
                elif outcome:
                    self._unreadable(name, outcome)
                    record["error"] = outcome
                saved[name] = record
        self._check_stopped()
        self._documents.put_many(kind, saved)
        return schemas

    def _read(self, stored: StoredObject) -> FileSchema | str | None:
        if self._stop.is_set():
            return None
        try:
            return infer(stored.key, stored.size, lambda: self._store.open(stored))
        except UnreadableError as error:
            return str(error)
        except FileNotFoundError:
            return "overwritten or deleted during the crawl"
        except Exception as error:  # a file that breaks its reader is not to hide all others
            return f"cannot be classified: {type(error).__name__}: {' '.join(str(error).split())[:200]}"

    def _unreadable(self, name: str, reason: str) -> None:
        self.summary.unreadable.append(name)
        self._report(f"ERROR : Cannot read s3://{name}: {reason}")

    # -- writing ---------------------------------------------------------------------------------------------

    def _write_table(self, name: str, folders: list[_Folder], schemas: dict[str, FileSchema]) -> None:
        plan = self._plan
        old = self._catalog.table(plan.database, name)
        found: list[tuple[_Folder, list[FileSchema]]] = []
        for folder in folders:
            readable = [s for o in folder.objects if (s := schemas.get(f"{o.bucket}/{o.key}"))]
            if readable:
                found.append((folder, readable))
        if not found:
            if old is None:
                self._report(f"WARN : No readable file for table {name}")
            return
        merged = merge_columns(schema.columns for _, readable in found for schema in readable)
        if old is not None and (plan.merge_new_columns or plan.update == "LOG"):
            kept = [(column["Name"], column["Type"]) for column in old["StorageDescriptor"]["Columns"]]
            names = {column for column, _ in kept}
            merged = kept if plan.update == "LOG" else kept + [pair for pair in merged if pair[0] not in names]
        types = {column: "string" if kind == UNKNOWN else kind for column, kind in merged}
        definition = self._definition(name, found, types)
        if old is None:
            self._catalog.put_table(plan.database, definition)
            self.summary.tables_created += 1
            self._report(f"INFO : Created table {name} in database {plan.database}")
        elif _without_times(old) != _without_times(definition):
            if plan.update == "LOG":
                self._report(f"INFO : Table {name} has changed; the policy is to log it")
            else:
                self._catalog.put_table(plan.database, definition)
                self.summary.tables_updated += 1
                self._report(f"INFO : Updated table {name} in database {plan.database}")
        if definition["PartitionKeys"]:
            self._write_partitions(name, found, types, {folder.values for folder in folders})

    def _definition(
        self, name: str, found: list[tuple[_Folder, list[FileSchema]]], types: dict[str, str]
    ) -> Document:
        every = [schema for _, readable in found for schema in readable]
        main = Counter(schema.classification for schema in every).most_common(1)[0][0]
        like = next(schema for schema in reversed(every) if schema.classification == main)
        first = found[0][0]
        depth = len(first.keys)
        root = "/".join(first.location.rstrip("/").split("/")[: -depth or None]) + "/"
        objects = [stored for folder, _ in found for stored in folder.objects]
        parameters = self._parameters(like, objects, every) | {
            "UPDATED_BY_CRAWLER": self._plan.name,
            "CrawlerSchemaDeserializerVersion": "1.0",
            "CrawlerSchemaSerializerVersion": "1.0",
        }
        return {
            "Name": name,
            "Owner": "owner",
            "Retention": 0,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": parameters,
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in first.keys],
            "StorageDescriptor": self._storage(root, like, list(types.items()), parameters),
        }

    def _write_partitions(
        self,
        table: str,
        found: list[tuple[_Folder, list[FileSchema]]],
        types: dict[str, str],
        present: set[tuple[str, ...]],
    ) -> None:
        plan = self._plan
        held = self._catalog.partitions(plan.database, table)
        put: list[Document] = []
        for folder, readable in found:
            old = held.get(partition_name(folder.values))
            if old is not None and (plan.new_folders_only or plan.update == "LOG"):
                continue
            own = merge_columns(schema.columns for schema in readable)
            columns = [(name, types.get(name, "string") if kind == UNKNOWN else kind) for name, kind in own]
            if plan.inherit:
                columns = list(types.items())
            parameters = self._parameters(readable[-1], folder.objects, readable)
            definition = {
                "Values": list(folder.values),
                "Parameters": parameters,
                "StorageDescriptor": self._storage(folder.location, readable[-1], columns, parameters),
            }
            if old is None or old != definition:
                put.append(definition)
        drop = []
        for old in held.values():
            if tuple(old["Values"]) in present:
                continue
            if plan.delete == "DELETE_FROM_DATABASE":
                drop.append(old["Values"])
            elif plan.delete == "DEPRECATE_IN_DATABASE" and "DEPRECATED_BY_CRAWLER" not in old["Parameters"]:
                mark = {**old["Parameters"], "DEPRECATED_BY_CRAWLER": str(int(time.time() * 1000))}
                put.append({**old, "Parameters": mark})
        if put or drop:
            self._catalog.change_partitions(plan.database, table, put, drop)
            self._report(f"INFO : Table {table}: {len(put)} partitions written, {len(drop)} deleted")
        self.summary.partitions_written += len(put)
        self.summary.partitions_deleted += len(drop)

    def _retire_table(self, name: str) -> None:
        """Apply the delete behaviour to a table whose files are gone."""
        plan = self._plan
        old = self._catalog.table(plan.database, name)
        if old is None:
            return
        if plan.delete == "DELETE_FROM_DATABASE":
            self._catalog.delete_table(plan.database, name)
            self.summary.tables_deleted += 1
        elif plan.delete == "DEPRECATE_IN_DATABASE" and "DEPRECATED_BY_CRAWLER" not in old["Parameters"]:
            mark = {**old["Parameters"], "DEPRECATED_BY_CRAWLER": str(int(time.time() * 1000))}
            self._catalog.put_table(plan.database, {**old, "Parameters": mark})
            self.summary.tables_updated += 1
        else:
            return
        self._report(f"INFO : The files of table {name} are gone: {plan.delete}")

    @staticmethod
    def _parameters(like: FileSchema, objects: list[StoredObject], schemas: list[FileSchema]) -> dict[str, str]:
        size = sum(stored.size for stored in objects)
        records = sum(schema.records for schema in schemas)
        parameters = {
            "classification": like.classification,
            "compressionType": like.compression,
            "typeOfData": "file",
            "objectCount": str(len(objects)),
            "recordCount": str(records),
            "sizeKey": str(size),
            "averageRecordSize": str(round(size / records) if records else 0),
        }
        if like.classification == "csv":
            parameters |= {
                "delimiter": like.delimiter,
                "skip.header.line.count": "1",
                "areColumnsQuoted": "false",
                "columnsOrdered": "true",
            }
        return parameters

    @staticmethod
    def _storage(
        location: str, like: FileSchema, columns: list[tuple[str, str]], parameters: dict[str, str]
    ) -> Document:
        reader, writer, library = _FORMATS[like.classification]
        options = {
            "csv": {"field.delim": like.delimiter},
            "json": {"paths": ",".join(name for name, _ in columns)},
            "parquet": {"serialization.format": "1"},
        }[like.classification]
        return {
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
            "Location": location,
            "InputFormat": reader,
            "OutputFormat": writer,
            "Compressed": like.compression != "none",
            "NumberOfBuckets": -1,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": options},
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": dict(parameters),
            "StoredAsSubDirectories": False,
        }


def _without_times(definition: Document) -> Document:
    return {key: value for key, value in definition.items() if key != "LastAccessTime"}


def _schema_document(schema: FileSchema) -> list[Any]:
    return [schema.classification, schema.columns, schema.records, schema.compression, schema.delimiter]


def _schema_from(document: list[Any]) -> FileSchema:
    kind, columns, records, compression, delimiter = document
    return FileSchema(kind, tuple((name, of) for name, of in columns), records, compression, delimiter)
