"""Spreads an erasure over the cluster: which objects to look at, and what the outcome is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.erasure import MODES, Eraser, Found, Person
from ecommerce_dwh_glue.job import JobError, Options
from ecommerce_dwh_glue.storage import Storage

# What the processed bucket keeps of rows; `erasures/` holds the request itself, manifests hold names of files.
PROCESSED = ("accepted/", "quarantine/", "quality/", "runs/", "check_results/")
DATA_SUFFIXES = (".csv", ".csv.gz", ".json", ".json.gz", ".parquet")
TEXT_SUFFIXES = (".json", ".json.gz", ".html")
Task = tuple[str, str, str]  # bucket (raw or processed), key, version


class Spread(Protocol):
    """The part of ``SparkContext`` that is used."""

    def parallelize(self, items: list[Any], slices: int) -> Any: ...


@dataclass
class Erasure:
    """One pass over the lake.

    Args:
        context: Spark's context.
        storage: the object store.
        contracts: contracts by source.
        options: the job's arguments; ``run_id`` names the erasure.
        mode: ``search`` and ``verify`` look, ``erase`` rewrites.
    """

    context: Spread
    storage: Storage
    contracts: Mapping[str, SourceContract]
    options: Options
    mode: str

    def run(self) -> dict[str, Any]:
        """Do it; returns and stores what was found, without anything of the person.

        Raises:
            JobError: there is no request, or a file cannot be read.
        """
        if self.mode not in MODES:
            raise JobError(f"--erasure_mode is {self.mode!r}; use one of {', '.join(MODES)}")
        request = self._request()
        person = Person(
            request["customer_id"],
            request["pseudonym"],
            frozenset(request["values"]),
            frozenset(request["shared"]),
        )
        tasks = list(self._tasks())
        customers = [task for task in tasks if task[0] == "raw" and task[1].startswith("customers/")]
        # First what the person's own rows say, so that rows without a key are known by it.
        _, learned = self._pass(customers, person, "search")
        person = person.knowing(learned)
        found, _ = self._pass(tasks, person, self.mode)
        if self.mode == "erase":  # a person's own rows may be gone now; later passes must know all the same
            self._write("request.json", {**request, "values": sorted(person.values)})
        result = {
            "mode": self.mode,
            "objects": len(tasks),
            "found": [
                {"bucket": f.bucket, "key": f.key, "version": f.version, "rows": f.rows}
                for f in sorted(found, key=lambda f: (f.bucket, f.key, f.version))
            ],
            "days": sorted({f.day for f in found if f.day and not f.version}),
            "rows": sum(f.rows for f in found if not f.version),
        }
        self._write(f"{self.mode}.json", result)
        return result

    def _pass(self, tasks: list[Task], person: Person, mode: str) -> tuple[list[Found], set[str]]:
        buckets = {"raw": self.options.raw_bucket, "processed": self.options.processed_bucket}
        eraser = Eraser(self.storage, buckets, self.contracts, person, mode)

        def work(task: Task) -> tuple[Found | None, set[str]]:
            bucket, key, version = task
            try:
                return eraser.raw(key, version) if bucket == "raw" else (eraser.processed(key, version), set())
            except Exception as error:
                # Without the cause: its text may quote the row.
                raise JobError(
                    f"s3://{buckets[bucket]}/{key} cannot be read ({type(error).__name__})"
                ) from None

        if not tasks:
            return [], set()
        outcomes = self.context.parallelize(tasks, min(len(tasks), 1000)).map(work).collect()
        learned = {value for _, values in outcomes for value in values}
        return [found for found, _ in outcomes if found], learned

    def _tasks(self) -> Iterator[Task]:
        raw, processed = self.options.raw_bucket, self.options.processed_bucket
        for source in self.contracts:
            prefix = f"{source}/dt="
            for item in self.storage.objects(raw, prefix):
                if item.key.lower().endswith(DATA_SUFFIXES):
                    yield "raw", item.key, ""
            for key, version in self.storage.old_versions(raw, prefix):
                if key.lower().endswith(DATA_SUFFIXES):
                    yield "raw", key, version
        for prefix in PROCESSED:
            for item in self.storage.objects(processed, prefix):
                if item.key.endswith((".parquet", *TEXT_SUFFIXES)):
                    yield "processed", item.key, ""
            for key, version in self.storage.old_versions(processed, prefix):
                if key.endswith((".parquet", *TEXT_SUFFIXES)):
                    yield "processed", key, version

    @property
    def _folder(self) -> str:
        return f"erasures/{self.options.run_id}/"

    def _request(self) -> dict[str, Any]:
        try:
            text = self.storage.read(self.options.processed_bucket, f"{self._folder}request.json")
        except Exception as error:
            raise JobError(
                f"s3://{self.options.processed_bucket}/{self._folder}request.json cannot be read "
                f"({type(error).__name__}); clear the task 'survey', which writes it"
            ) from None
        return dict(json.loads(text))

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        body = json.dumps(content, indent=1, ensure_ascii=False).encode()
        self.storage.write(self.options.processed_bucket, self._folder + name, body, "application/json")


def summary(result: Mapping[str, Any]) -> str:
    """The outcome as lines for the log; names files and counts, never a value."""
    verb = {"search": "would be erased", "erase": "erased", "verify": "still there"}[result["mode"]]
    lines = [f"{result['objects']:,} objects looked at; {len(result['found']):,} with traces {verb}"]
    lines += [
        f"  {f['bucket']:9} {f['key']}" + (f" (version {f['version']})" if f["version"] else "")
        + (f": {f['rows']:,} rows" if f["rows"] else "")
        for f in result["found"][:200]
    ]  # fmt: skip
    if len(result["found"]) > 200:
        lines.append(f"  … and {len(result['found']) - 200:,} more")
    return "\n".join(lines)
