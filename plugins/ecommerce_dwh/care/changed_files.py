"""Raw files that differ from those that were loaded: a part landed after the run, a file was replaced or taken away.

Processing keeps the files of a run (fingerprint of the key, bytes, ETag, time) in ``runs/<run key>/processing.json``;
the ledger of the warehouse names the run that counts for a source and day.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ecommerce_dwh.lake.inventory import Inventory
from ecommerce_dwh.lake.layout import RawObject, key_id, shown
from ecommerce_dwh.lake.s3 import LIST_BYTES, TooLarge, read_object

NEW, REPLACED, GONE = "landed after the run", "was replaced after the run", "was loaded and is gone"


@dataclass(frozen=True)
class Change:
    """A file that differs from what was loaded.

    Attributes:
        source: source.
        day: delivery day.
        key: its key, masked, on one line.
        what: what happened to it, as the end of a sentence about it.
    """

    source: str
    day: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.key} {self.what}"


Files = dict[tuple[str, str], dict[str, Mapping[str, Any]]]


def files_of_run(s3: Any, bucket: str, run_key: str) -> Files | None:
    """The files that a run read, by source and day, then by fingerprint of their keys.

    Returns:
        None where they are not known: the run's ``processing.json`` is gone, or of an earlier version.
    """
    try:
        body = read_object(s3, bucket, f"runs/{run_key}/processing.json", LIST_BYTES)
        found = json.loads(body) if body is not None else None
    except (TooLarge, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("files"), list):
        return None
    files: Files = defaultdict(dict)
    for entry in found.get("ledger", ()):
        files[entry["source"], entry["delivery_date"]] = {}
    for entry in found["files"]:
        files[entry["source"], entry["day"]][entry["id"]] = entry
    return files


def changes(
    s3: Any, processed_bucket: str, inventory: Inventory, ledger: Iterable[Mapping[str, Any]]
) -> list[Change]:
    """Files of loaded days that are not those that were loaded.

    Args:
        s3: boto3 client of S3.
        processed_bucket: where the runs' files are.
        inventory: the raw bucket of these days.
        ledger: rows of ``quality.ledger`` of these days (source, delivery_date, run_id).
    """
    runs: dict[str, Files | None] = {}
    found: list[Change] = []
    for row in ledger:
        source, day, run = str(row["source"]), str(row["delivery_date"]), str(row.get("run_id") or "")
        if run not in runs:
            runs[run] = files_of_run(s3, processed_bucket, run) if run else None
        known = runs[run]
        if known is None or (source, day) not in known:
            continue
        here = {
            key_id(file.key): file
            for file in inventory.files.get(source, {}).get(day, ())
            if not file.is_empty_marker
        }
        loaded = known[source, day]
        for each, file in here.items():
            if each not in loaded:
                found.append(Change(source, day, shown(file.key), NEW))
            elif not _is_same(file, loaded[each]):
                found.append(Change(source, day, shown(file.key), REPLACED))
        found += [
            Change(source, day, shown(str(entry["key"])), GONE)
            for each, entry in loaded.items()
            if each not in here
        ]
    return sorted(found, key=lambda change: (change.day, change.source, change.key))


def _is_same(file: RawObject, loaded: Mapping[str, Any]) -> bool:
    """Whether a file has the content that was loaded; a copy written again has."""
    if file.size != loaded["size"]:
        return False
    if file.etag and loaded["etag"]:
        return bool(file.etag == loaded["etag"])
    return not file.modified or not loaded["modified"] or bool(file.modified == loaded["modified"])
