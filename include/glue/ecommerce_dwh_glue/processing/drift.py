"""Which columns of the files differ from the contracts, and what the unknown ones may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.privacy.masking import mask_path, shown_name
from ecommerce_dwh_glue.processing.context import Outcome
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.likely import likely_column

# Keys that a column of `drift` names; the rest is counted.
_DRIFT_FILES = 20
UNKNOWN, MISSING = "unknown column, ignored", "optional column missing, null"


def find_drift(files: Sequence[SourceFile], contracts: Mapping[str, SourceContract]) -> list[dict[str, Any]]:
    """Columns that a file has and its contract does not, or the other way round; names and keys are masked."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for file in files:
        unknown, missing = differences(file, contracts[file.source])
        for name in unknown:
            found[(file.source, name, UNKNOWN)].append(file.key)
        for name in missing:
            found[(file.source, name, MISSING)].append(file.key)
    return [
        {
            "source": source,
            "column": shown_name(name),
            "kind": kind,
            "files": [mask_path(key) for key in keys[:_DRIFT_FILES]],
            "file_count": len(keys),
        }
        for (source, name, kind), keys in sorted(found.items())
    ]


def note_drift(files: Sequence[SourceFile], contracts: Mapping[str, SourceContract], outcome: Outcome) -> None:
    """Count the columns of each source and day, and remark on those that differ."""
    columns: dict[tuple[str, str], set[str]] = defaultdict(set)
    unknown: dict[tuple[str, str], set[str]] = defaultdict(set)
    missing: dict[tuple[str, str], set[str]] = defaultdict(set)
    for file in files:
        place = (file.source, file.day)
        if file.header or file.members:
            columns[place] |= {*file.header, *file.members}
            more, less = differences(file, contracts[file.source])
            unknown[place] |= set(more)
            missing[place] |= set(less)
    for (source, day), names in columns.items():
        contract, place = contracts[source], (source, day)
        entry = outcome.ledger[place]
        known = {column.name for column in contract.columns}
        entry.columns = len(names | known)
        entry.drifting_columns = len(unknown[place] | missing[place])
        for name in sorted(unknown[place]):
            likely = likely_column(name, missing[place] or known)
            looks = f" and looks like {likely}" if likely else ""
            outcome.remark(source, day, "columns", f"{shown_name(name)} is in no contract{looks}")
        if missing[place]:
            outcome.remark(source, day, "columns", f"missing and null: {', '.join(sorted(missing[place]))}")


def differences(file: SourceFile, contract: SourceContract) -> tuple[list[str], list[str]]:
    """Unknown columns of a file, and columns of its contract that it lacks.

    JSON has no header: members that are not in the first objects may be left out because they are null.
    """
    known = {column.name for column in contract.columns}
    if not file.header:
        return sorted(set(file.members) - known), []
    return sorted(set(file.header) - known - {""}), sorted(known - set(file.header))
