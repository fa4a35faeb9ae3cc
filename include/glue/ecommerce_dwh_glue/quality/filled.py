"""How many rows of a day have a value, by column, from the footers of the accepted files; no row is read for it.

A column that was filled on the day before and is empty on all rows today was renamed, moved or forgotten: the file is
sound, and nothing else would show it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.quality.context import Run
from ecommerce_dwh_glue.quality.figures_store import Figures
from ecommerce_dwh_glue.ranged_file import RangedFile

_DAY = re.compile(r"/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/")
_TAIL = 1 << 18
# A column counts as always filled from this share on, on a day of at least so many rows.
_ALWAYS, _FEW = 0.99, 2
# Otherwise, so many filled rows are expected before none is a finding.
_EXPECTED = 5


def metric_name(column: str) -> str:
    """Under what name the number of filled rows is kept."""
    return f"filled:{column}"


def filled_rows(run: Run, contract: SourceContract) -> dict[str, dict[str, float | None]]:
    """Filled rows by day and metric; the key's are all rows."""
    days: dict[str, dict[str, float | None]] = defaultdict(dict)
    bucket = run.options.processed_bucket
    files = [key for key in run.processing["accepted_files"].get(contract.name, ()) if _DAY.search(key)]
    if not files:
        return days
    folder = files[0].partition("/dt=")[0] + "/"
    sizes = {item.key: item.size for item in run.storage.objects(bucket, folder)}
    for key in files:
        found = _DAY.search(key)
        if found is None or key not in sizes:
            continue
        figures = days[found[1]]
        for column, filled in _footer(run, bucket, key, sizes[key]).items():
            name = metric_name(column)
            figures[name] = (figures.get(name) or 0.0) + filled
    return days


def _footer(run: Run, bucket: str, key: str, size: int) -> dict[str, int]:
    """Filled rows by column of one Parquet file; columns without statistics are left out."""
    import pyarrow.parquet as pq  # late import: heavy

    def read(start: int, length: int) -> bytes:
        return run.storage.read(bucket, key, start, length)

    source = RangedFile(read, size, run.storage.read(bucket, key, -min(size, _TAIL)))
    filled: dict[str, int] = defaultdict(int)
    unknown = set()
    with pq.ParquetFile(source) as file:
        for place in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(place)
            for index in range(group.num_columns):
                chunk = group.column(index)
                if chunk.statistics is None or not chunk.statistics.has_null_count:
                    unknown.add(chunk.path_in_schema)
                else:
                    filled[chunk.path_in_schema] += group.num_rows - chunk.statistics.null_count
    return {name: rows for name, rows in filled.items() if name not in unknown}


def note_emptied(
    contract: SourceContract,
    entries: Mapping[str, dict[str, Any]],
    known: Figures,
    remark: Any,
) -> None:
    """Write into the ledger's entries how many columns are empty that were filled on the day before.

    Args:
        contract: contract of the source.
        entries: entries of the ledger by day.
        known: figures of these days and of the days before.
        remark: takes day and text of each finding.
    """
    columns = [column.name for column in contract.columns if not column.required]
    key = metric_name(contract.key)
    days = sorted(day for day, tables in known.items() if tables.get(contract.name, {}).get(key))
    for day, entry in entries.items():
        today = known.get(day, {}).get(contract.name, {})
        before = _last(days, day)
        if not today.get(key) or before is None:
            continue
        yesterday = known[before][contract.name]
        entry["known_columns"] = len(columns)
        emptied = [column for column in columns if _is_emptied(metric_name(column), key, today, yesterday)]
        entry["emptied_columns"] = len(emptied)
        for column in emptied:
            remark(
                day, f"{column}: empty on all rows, filled in {_share(column, key, yesterday):.0%} on {before}"
            )


def _last(days: Iterable[str], day: str) -> str | None:
    return max((each for each in days if each < day), default=None)


def _share(column: str, key: str, figures: Mapping[str, float | None]) -> float:
    return (figures.get(metric_name(column)) or 0.0) / (figures[key] or 1.0)


def _is_emptied(
    name: str, key: str, today: Mapping[str, float | None], before: Mapping[str, float | None]
) -> bool:
    if today.get(name) != 0.0 or not before.get(name):
        return False
    rows, rows_before = today[key] or 0.0, before[key] or 0.0
    share = (before[name] or 0.0) / rows_before
    if share >= _ALWAYS:
        return min(rows, rows_before) >= _FEW
    return share * rows >= _EXPECTED
