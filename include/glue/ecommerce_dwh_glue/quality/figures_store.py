"""The figures of judged days, against which later days are compared (`ecommerce_dwh_glue.rules.history`).

Every judged day leaves its figures in ``quality/history/v1/<day>.json`` of the processed bucket.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ecommerce_dwh.contracts import Rule
from ecommerce_dwh_glue.storage import Storage

PREFIX = "quality/history/v1/"
VERSION = 1
_THREADS = 16

# Figures by day (YYYY-MM-DD), source and metric; None where there is nothing to measure.
Figures = dict[str, dict[str, dict[str, float | None]]]


def load(storage: Storage, bucket: str, before: str, days: int) -> Figures:
    """Figures of the days before a day.

    Args:
        storage: object store.
        bucket: processed bucket.
        before: first day that does not count (``YYYY-MM-DD``).
        days: how many days back.

    Returns:
        Days without figures are missing. An object that cannot be read is left out, with a warning.
    """
    first = (dt.date.fromisoformat(before) - dt.timedelta(days=days)).isoformat()
    keys = []
    # Keys sort as days do: the listing begins before the first day wanted and ends behind the last.
    for item in storage.objects(bucket, PREFIX, start_after=f"{PREFIX}{first}"):
        day = item.key.removeprefix(PREFIX).removesuffix(".json")
        if day >= before:
            break
        keys.append(item.key)

    def read(key: str) -> tuple[str, dict[str, dict[str, float | None]]] | None:
        try:
            content = json.loads(storage.read(bucket, key))
            if content["schema_version"] != VERSION:
                raise ValueError(f"schema version {content['schema_version']!r}")
            return content["day"], content["tables"]
        except (ValueError, KeyError, TypeError) as error:
            print(f"warning: s3://{bucket}/{key} is left out of the history: {type(error).__name__}: {error}")
            return None

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        return dict(found for found in pool.map(read, keys) if found is not None)


def save(storage: Storage, bucket: str, run_key: str, figures: Figures) -> None:
    """Keep the figures of a run's days, each as an object of its own: runs of other days are not touched."""

    def write(day: str) -> None:
        content = {"schema_version": VERSION, "day": day, "run_id": run_key, "tables": figures[day]}
        text = json.dumps(content, indent=1, sort_keys=True).encode()
        storage.write(bucket, f"{PREFIX}{day}.json", text, "application/json")

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        list(pool.map(write, figures))


def reach_of(rules: Iterable[Rule]) -> int:
    """How many days back the history rules look; 0 without rules."""
    return max((int(rule.arguments["days"]) for rule in rules), default=0)
