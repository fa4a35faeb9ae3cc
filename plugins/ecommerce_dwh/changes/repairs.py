"""Repairs of data: what no declaration can express, in numbered files that are applied once.

A file ``include/sql/repairs/NNN_<name>.sql`` begins with a query below ``-- before: <what must hold>`` and ends with
one below ``-- after: <what must hold>``. Each must return no row; otherwise nothing of the file is applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dwh.changes.facets import digest
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_files import SqlFileError
from ecommerce_dwh.warehouse.sql_text import first_line, leaves_transaction, split_statements

_NAME = re.compile(r"\d{3}_[a-z0-9_]+")
_CHECK = re.compile(r"(?:\s|--(?!\s*(?:before|after):)[^\n]*\n)*--\s*(before|after):\s*(\S[^\n]*)")


@dataclass(frozen=True)
class Repair:
    """One repair.

    Attributes:
        version: the file's name without ``.sql``.
        file: as below ``include/sql``.
        statements: all, the two checks among them.
        before, after: what the checks say.
        checksum: hash of the text.
    """

    version: str
    file: str
    statements: tuple[str, ...]
    before: str
    after: str
    checksum: str


def read_repairs(sql_dir: Path | None = None) -> list[Repair]:
    """All repairs, by number.

    Raises:
        SqlFileError: two have one number, a name has none, a check is missing, or a statement ends the transaction.
    """
    sql_dir = sql_dir or get_settings().sql_dir
    found: dict[str, Repair] = {}
    for path in sorted((sql_dir / "repairs").glob("*.sql")):
        file = f"repairs/{path.name}"
        if not _NAME.fullmatch(path.stem):
            raise SqlFileError(f"{file}: a repair is named NNN_<name>.sql, such as 001_trim_coupons.sql")
        number = path.stem[:3]
        if number in found:
            raise SqlFileError(
                f"{file} and {found[number].file} have one number; give the later one the next number"
            )
        statements = split_statements(sql_files.render(file, sql_dir))
        checks = [_CHECK.match(statement) for statement in statements]
        if (
            len(statements) < 3
            or not checks[0]
            or checks[0][1] != "before"
            or not checks[-1]
            or checks[-1][1] != "after"
        ):
            raise SqlFileError(
                f"{file} must begin with a query below `-- before: …`, end with one below `-- after: …`, and have "
                "statements between them; both queries return no row where all is well"
            )
        for statement in statements:
            if command := leaves_transaction(statement):
                raise SqlFileError(
                    f"{file}: {command.upper()} ({first_line(statement)}) would end the transaction"
                )
        found[number] = Repair(
            path.stem, file, tuple(statements), checks[0][2], checks[-1][2], digest("\n".join(statements))
        )
    return list(found.values())


def due_repairs(repairs: Sequence[Repair], applied: Mapping[str, str]) -> tuple[list[Repair], list[str]]:
    """Repairs to apply, and why others are refused: one that was applied may not change."""
    due, refused = [], []
    for repair in repairs:
        if repair.version not in applied:
            due.append(repair)
        elif applied[repair.version] != repair.checksum:
            refused.append(
                f"{repair.file} was applied with another text; a repair is applied once, so put the text back and "
                "write the next number"
            )
    return due, refused
