"""Makes the results of a run visible: the ledger, the COPY manifests, and ``processing.json`` last."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ecommerce_dwh.contracts import type_of
from ecommerce_dwh.lake.layout import key_id
from ecommerce_dwh.ledger import COLUMNS
from ecommerce_dwh.privacy.masking import mask_path
from ecommerce_dwh_glue import manifest
from ecommerce_dwh_glue.processing.context import Outcome, Run, Source
from ecommerce_dwh_glue.processing.ledger import Entry
from ecommerce_dwh_glue.processing.window import Window
from ecommerce_dwh_glue.storage import StoredObject

_LEDGER_SCHEMA = ", ".join(f"{name} {type_of(kind).spark or kind}" for name, kind in COLUMNS)
# Objects that ``processing.json`` names. Thousands of them are leftovers, of which the count says enough.
_NOT_LOADED = 1000


def publish(
    run: Run,
    window: Window,
    sources: Sequence[Source],
    outcome: Outcome,
    quarantine: Sequence[StoredObject],
) -> None:
    """Write the ledger, the manifests and ``processing.json``.

    Args:
        run: the run.
        window: its window.
        sources: its sources, with their accepted files.
        outcome: ledger and what else was noticed.
        quarantine: files with quarantined rows.
    """
    bucket, run_key = run.options.processed_bucket, run.options.run_id
    manifest.write_copy_manifest(run.storage, bucket, run_key, "ledger", _write_ledger(run, outcome.ledger))
    for source in sources:
        manifest.write_copy_manifest(run.storage, bucket, run_key, source.contract.name, source.accepted)
    report = _report(run, window, sources, outcome, quarantine)
    content = json.dumps(report, indent=1).encode()
    run.storage.write(bucket, manifest.processing_key(run_key), content, "application/json")


def _write_ledger(run: Run, entries: Mapping[tuple[str, str], Entry]) -> list[StoredObject]:
    bucket, run_key = run.options.processed_bucket, run.options.run_id
    folder = f"ledger/run={run_key}/try={run.attempt}/"
    rows = [
        (
            entry.source,
            dt.date.fromisoformat(entry.delivery_date),
            run_key,
            entry.files,
            entry.raw_rows,
            entry.accepted_rows,
            entry.superseded_rows,
            entry.quarantined_rows,
            entry.raw_amount,
            entry.accepted_amount,
            entry.superseded_amount,
            entry.quarantined_amount,
        )
        for entry in entries.values()
    ]
    frame = run.spark.createDataFrame(rows, _LEDGER_SCHEMA).coalesce(1)
    frame.write.mode("append").parquet(run.storage.url(bucket, folder))
    return [item for item in run.storage.objects(bucket, folder) if item.key.endswith(".parquet")]


def _report(
    run: Run,
    window: Window,
    sources: Sequence[Source],
    outcome: Outcome,
    quarantine: Sequence[StoredObject],
) -> dict[str, Any]:
    """The content of ``processing.json`` (see docs/architecture.md); keys of raw files are masked."""
    by_day: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in window.files:
        by_day[(file.source, file.day)].append(mask_path(file.key))
    return {
        "schema_version": 1,
        "run_id": run.options.run_id,
        "start_date": window.start,
        "end_date": window.end,
        "attempt": run.attempt,
        "generated_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "ledger": [
            {
                **{name: value for name, value in vars(entry).items() if not isinstance(value, Decimal)},
                **{name: str(value) for name, value in vars(entry).items() if isinstance(value, Decimal)},
                "source_files": by_day[(entry.source, entry.delivery_date)],
            }
            for entry in outcome.ledger.values()
        ],
        # By these, a file that is replaced or comes late is told from those that were loaded.
        "files": [
            {
                "source": file.source,
                "day": file.day,
                "id": key_id(file.key),
                "key": mask_path(file.key),
                "size": file.size,
                "etag": file.etag,
                "modified": file.modified,
            }
            for file in window.files
        ],
        "drift": outcome.drift,
        "remarks": [vars(remark) for remark in outcome.remarks],
        "rounded_rows": outcome.rounded,
        # Every object that is not loaded is named, so that nothing delivered is forgotten.
        "not_loaded": [
            {"key": mask_path(item.key), "size": item.size, "reason": item.reason}
            for item in outcome.unfit[:_NOT_LOADED]
        ],
        "not_loaded_count": len(outcome.unfit),
        "accepted_files": {source.contract.name: [item.key for item in source.accepted] for source in sources},
        "quarantine_files": [item.key for item in quarantine],
    }
