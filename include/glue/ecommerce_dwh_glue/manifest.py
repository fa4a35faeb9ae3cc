"""Redshift COPY manifests, each written by one PUT, and the key of ``processing.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ecommerce_dwh_glue.storage import Storage, StoredObject


def copy_key(run_key: str, name: str) -> str:
    """Key of the COPY manifest of a source, ``ledger`` or ``check_result``."""
    return f"runs/{run_key}/copy/{name}.manifest"


def processing_key(run_key: str) -> str:
    """Key of the file whose presence means that processing is complete."""
    return f"runs/{run_key}/processing.json"


def write_copy_manifest(
    storage: Storage, bucket: str, run_key: str, name: str, objects: Iterable[StoredObject]
) -> None:
    """Write the manifest by which Redshift loads ``name``; Parquet needs each file's length."""
    entries = [
        {"url": f"s3://{bucket}/{item.key}", "mandatory": True, "meta": {"content_length": item.size}}
        for item in sorted(objects, key=lambda item: item.key)
    ]
    content = json.dumps({"entries": entries}, indent=1).encode()
    storage.write(bucket, copy_key(run_key, name), content, "application/json")
