"""Which tables hold rows of an earlier version of their SQL, and what follows from them.

The code that builds a table is known by the fingerprints of its files (``include/sql/macros/fingerprints.sql``, written
by ``make generate``). They are noted when a table is built; a run refuses to publish a table whose note is another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ecommerce_dwh.changes.graph import reached
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files

BUILT_BY = "quality.built_by"


@cache
def _readers(include: Path) -> dict[str, frozenset[str]]:
    """Tables that are built from a table, by lineage."""
    found: dict[str, set[str]] = {}
    for file in json.loads((include / "generated" / "lineage.json").read_text("utf-8")).values():
        for table, columns in file["outputs"].items():
            for origins in columns.values():
                for origin in origins:
                    found.setdefault(origin.rpartition(".")[0], set()).add(table)
    return {table: frozenset(readers) for table, readers in found.items()}


def follows(table: str) -> list[str]:
    """Tables of facts and analytics that are built from a table, directly or not."""
    readers = _readers(get_settings().include_dir)

    def built(name: str) -> list[str]:
        return [reader for reader in readers.get(name, ()) if reader.startswith(("facts.", "analytics."))]

    return sorted(reached([table], built) - {table})


def out_of_date(query: Any) -> list[tuple[str, list[str]]]:
    """Tables that hold rows of an earlier version, each with its changed files."""
    found: dict[str, list[str]] = {}
    for table, file, what in query(sql_files.statement("control/out_of_date.sql")):
        found.setdefault(str(table), []).append(f"{file} {what}")
    return sorted((table, sorted(files)) for table, files in found.items())


def words(found: Sequence[tuple[str, list[str]]]) -> list[str]:
    """What a plan says of them: why, what follows, and the choices."""
    said = []
    for table, files in found:
        later = follows(table)
        of_facts = table.startswith(("dimensions.", "facts."))
        said.append(
            f"{table} holds rows of an earlier version of its SQL ({', '.join(files)})"
            + (f"; {', '.join(later)} follow from it" if later else "")
            + f". Run include/sql/maintenance/{'rebuild_warehouse' if of_facts else 'rebuild_analytics'}.sql and the "
            "steps after it, load the days again from the first one that matters and accept the rest, or accept it: "
            "the Param `accept` takes a reason for each table"
        )
    return said


def accept(cursor: Any, table: str, reason: str) -> None:
    """Note that the rows of a table stand although an earlier version of its SQL built them."""
    cursor.run(sql_files.statement("control/accepted_delete.sql"), (table,))
    cursor.run(sql_files.statement("control/accepted_insert.sql"), (table, reason))
