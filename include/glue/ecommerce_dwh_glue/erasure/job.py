"""Spreads an erasure over the cluster: which objects to look at, and what the outcome is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.found import ANSWERS, Found
from ecommerce_dwh_glue.erasure.processed_objects import look_at_processed
from ecommerce_dwh_glue.erasure.raw_objects import look_at_raw
from ecommerce_dwh_glue.erasure.work import Work
from ecommerce_dwh_glue.job import JobError, Options
from ecommerce_dwh_glue.storage import Storage

MODES = ("search", "erase", "verify")
# Prefixes of the processed bucket with texts of rows; `erasures/` holds the request itself, manifests name files.
PROCESSED = ("accepted/", "quarantine/", "quality/", "runs/", "check_results/")
TEXT_SUFFIXES = (".json", ".json.gz", ".html")
SHOWN = 200
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
            JobError: there is no request, or the store does not answer.
        """
        if self.mode not in MODES:
            raise JobError(f"--erasure_mode is {self.mode!r}; use one of {', '.join(MODES)}")
        request = self._request()
        person = Person.of(request)
        raw, processed = list(self._raw()), list(self._processed())
        if not request.get("is_searched"):
            # The person's own rows are read first: rows without a key are recognised by the values found there.
            person = self._learned(person, self._pass(self._rows_of_persons(raw), person, "search"))
        found = self._pass(raw, person, self.mode)
        person = self._learned(person, found)
        headers = {item.key: item.tally.header for item in found if item.tally.header and not item.version}
        found += self._pass(processed, person, self.mode, headers)
        if self.mode != "verify":
            # The person's own rows may be gone now; later passes need the values found in them.
            request |= {**person.as_request(), "is_searched": True}
            self._write("request.json", request)
        result = self._result(found, person, len(raw) + len(processed))
        self._write(f"{self.mode}.json", result)
        return result

    @staticmethod
    def _learned(person: Person, found: list[Found]) -> Person:
        learned = {pair for item in found for pair in item.tally.learned}
        return person.knowing(learned, {value for item in found for value in item.tally.shared})

    def _result(self, found: list[Found], person: Person, objects: int) -> dict[str, Any]:
        work = self._work(person, self.mode)
        found = sorted(found, key=lambda item: (item.bucket, item.key, item.version))
        changed = [item for item in found if item.changes]
        questions = [
            {"bucket": item.bucket, "key": work.shown(item.key), "version": item.version, **asdict(question)}
            for item in found
            for question in item.questions
        ]
        return {
            "mode": self.mode,
            "objects": objects,
            "found": [
                {
                    "bucket": item.bucket,
                    "key": work.shown(item.key),
                    "version": item.version,
                    "rows": item.rows,
                    "renamed": item.renamed,
                }
                for item in changed
            ],
            "questions": questions,
            "open": sum(not question["answer"] for question in questions),
            "days": sorted({item.day for item in changed if item.day and not item.version}),
            "rows": sum(item.rows for item in changed if item.bucket == "raw" and not item.version),
        }

    def _work(self, person: Person, mode: str, headers: Mapping[str, tuple[str, ...]] | None = None) -> Work:
        buckets = {"raw": self.options.raw_bucket, "processed": self.options.processed_bucket}
        answers = {
            str(name): str(answer) for name, answer in dict(self._request().get("answers") or {}).items()
        }
        return Work(self.storage, buckets, self.contracts, person, mode, answers, headers or {})

    def _pass(
        self,
        tasks: list[Task],
        person: Person,
        mode: str,
        headers: Mapping[str, tuple[str, ...]] | None = None,
    ) -> list[Found]:
        work = self._work(person, mode, headers)

        def look_at(task: Task) -> Found | None:
            bucket, key, version = task
            try:
                look = look_at_raw if bucket == "raw" else look_at_processed
                found = look(work, key, version)
            except Exception as error:
                # Without the cause, and the key without values: both may quote a row.
                raise JobError(
                    f"s3://{work.buckets[bucket]}/{work.shown(key)} could not be worked on ({type(error).__name__})"
                ) from None
            is_empty = not (found.changes or found.questions)
            return None if is_empty and not (found.tally.header or found.tally.shared) else found

        if not tasks:
            return []
        outcomes = self.context.parallelize(tasks, min(len(tasks), 1000)).map(look_at).collect()
        return [found for found in outcomes if found is not None]

    def _rows_of_persons(self, raw: list[Task]) -> list[Task]:
        sources = tuple(f"{contract.name}/" for contract in self.contracts.values() if contract.is_of_persons)
        return [task for task in raw if task[1].startswith(sources)]

    def _raw(self) -> Iterator[Task]:
        """Every object, and every older version: a person may be in what no run ever loads."""
        bucket = self.options.raw_bucket
        for item in self.storage.objects(bucket, ""):
            if item.size:
                yield "raw", item.key, ""
        for key, version in self.storage.old_versions(bucket, ""):
            yield "raw", key, version

    def _processed(self) -> Iterator[Task]:
        bucket = self.options.processed_bucket
        for prefix in PROCESSED:
            for item in self.storage.objects(bucket, prefix):
                if item.key.endswith((".parquet", *TEXT_SUFFIXES)):
                    yield "processed", item.key, ""
            for key, version in self.storage.old_versions(bucket, prefix):
                if key.endswith((".parquet", *TEXT_SUFFIXES)):
                    yield "processed", key, version

    @property
    def _folder(self) -> str:
        return f"erasures/{self.options.run_id}/"

    @cached_property
    def _stored(self) -> dict[str, Any]:
        try:
            text = self.storage.read(self.options.processed_bucket, f"{self._folder}request.json")
        except Exception as error:
            raise JobError(
                f"s3://{self.options.processed_bucket}/{self._folder}request.json cannot be read "
                f"({type(error).__name__}); put the request again and clear the task 'survey', which reads it"
            ) from None
        return dict(json.loads(text))

    def _request(self) -> dict[str, Any]:
        return dict(self._stored)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        body = json.dumps(content, indent=1, ensure_ascii=False).encode()
        self.storage.write(self.options.processed_bucket, self._folder + name, body, "application/json")


def summary(result: Mapping[str, Any]) -> str:
    """The outcome as lines for the log; names files and counts, never a value."""
    verb = {"search": "would be erased", "erase": "erased", "verify": "still there"}[result["mode"]]
    lines = [f"{result['objects']:,} objects looked at; {len(result['found']):,} with traces {verb}"]
    lines += [
        f"  {item['bucket']:9} {item['key']}{_version(item)}: {item['rows']:,} rows"
        + (", renamed" if item["renamed"] else "")
        for item in result["found"][:SHOWN]
    ]
    if len(result["found"]) > SHOWN:
        lines.append(f"  … and {len(result['found']) - SHOWN:,} more")
    return "\n".join([*lines, *question_lines(result)])


def question_lines(result: Mapping[str, Any]) -> list[str]:
    """The questions that have no answer yet."""
    waiting = [question for question in result["questions"] if not question["answer"]]
    lines = [f"{len(waiting):,} questions wait for an answer"] if waiting else []
    for question in waiting[:SHOWN]:
        where = f"{question['bucket']} {question['key']}{_version(question)}"
        about = (
            f", {question['rows']:,} rows, lines {', '.join(map(str, question['lines']))}"
            if question["rows"]
            else ""
        )
        why = f": {question['reason']}" if question["reason"] else ""
        answers = " or ".join(ANSWERS[question["kind"]])
        lines.append(f"  {question['id']} {question['kind']} ({answers}) {where}{about}{why}")
    if len(waiting) > SHOWN:
        lines.append(f"  … and {len(waiting) - SHOWN:,} more")
    return lines


def _version(item: Mapping[str, Any]) -> str:
    return f" (version {item['version']})" if item["version"] else ""
