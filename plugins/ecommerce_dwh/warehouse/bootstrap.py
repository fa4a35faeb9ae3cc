"""Creates the warehouse: versioned DDL files, and the calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.client import Cursor, refuse_implicit_commit
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.sql_text import split_statements

if TYPE_CHECKING:
    from airflow.sdk import Context

_BATCH = 500  # rows per INSERT; 20 values each stay well below the driver's 32,767


@dataclass(frozen=True)
class Migration:
    """One DDL file: its name is its version, its text decides whether it must run again."""

    version: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


def read_migrations(folder: Path) -> list[Migration]:
    """The DDL files ``NNN_<name>.sql`` in order.

    Raises:
        AirflowException: there are none, or two carry the same number.
    """
    migrations = [Migration(file.stem, file.read_text("utf-8")) for file in sorted(folder.glob("[0-9]*.sql"))]
    numbers = [migration.version.split("_", 1)[0] for migration in migrations]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if not migrations or twice:
        what = (
            f"the numbers {', '.join(twice)} are given twice" if twice else "there are no files NNN_<name>.sql"
        )
        raise AirflowException(f"{folder}: {what}")
    return migrations


def due_migrations(migrations: list[Migration], applied: Mapping[str, str]) -> list[tuple[Migration, str]]:
    """Files to run, each with the reason: ``new``, or ``changed`` since it was applied."""
    return [
        (migration, "new" if migration.version not in applied else "changed")
        for migration in migrations
        if applied.get(migration.version) != migration.checksum
    ]


class MigrationOperator(WarehouseOperator):
    """Apply the files of ``include/sql/ddl`` in order: new ones, and those whose text has changed.

    Each file is one transaction together with its row in ``quality.schema_migrations``, so a file is either
    applied and noted, or neither. Files are written to be safe to repeat; one that is not says so in its first
    lines.

    Args:
        folder: folder of the files below ``include/sql``.
    """

    ui_color = "#e5f1fb"

    def __init__(self, *, folder: str = "ddl", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def execute(self, context: Context) -> dict[str, list[str]]:
        migrations = read_migrations(get_settings().sql_dir / self.folder)
        warehouse = self.warehouse(context)
        bookkeeping = split_statements(
            (get_settings().sql_dir / "control" / "migrations.sql").read_text("utf-8")
        )

        def prepare(cursor: Cursor) -> dict[str, str]:
            for statement in bookkeeping:
                cursor.run(statement)
            return {
                str(version): str(checksum)
                for version, checksum in cursor.query(self.control_sql("migrations_applied"))
            }

        applied = warehouse.transaction(prepare)
        done: list[str] = []
        for migration, reason in due_migrations(migrations, applied):
            self.log.info("Applying %s (%s)", migration.version, reason)
            statements = split_statements(self.render_template(migration.text, context))
            refuse_implicit_commit(statements)

            def apply(
                cursor: Cursor, migration: Migration = migration, statements: list[str] = statements
            ) -> None:
                for statement in statements:
                    cursor.run(statement)
                cursor.run(self.control_sql("migration_delete"), (migration.version,))
                cursor.run(self.control_sql("migration_insert"), (migration.version, migration.checksum))

            try:
                warehouse.transaction(apply, total=len(statements))
            except AirflowException as error:
                raise AirflowException(
                    f"{self.folder}/{migration.version}.sql ({reason}) was not applied and "
                    f"changed nothing: {error}"
                ) from error
            done.append(migration.version)
        unchanged = [migration.version for migration in migrations if migration.version not in done]
        self.log.info("%d files applied, %d unchanged", len(done), len(unchanged))
        return {"applied": done, "unchanged": unchanged}


class CalendarOperator(WarehouseOperator):
    """Rewrite ``dimensions.dim_date``, 2009-01-01 to 2035-12-31, in one transaction."""

    ui_color = "#e5f1fb"

    def execute(self, context: Context) -> dict[str, int]:
        from ecommerce_dwh.warehouse.calendar import (  # late import: loads a holiday library
            COLUMNS,
            calendar_rows,
        )

        rows = list(calendar_rows())
        insert = self.control_sql("dim_date_insert")
        head, _, row_of_placeholders = insert.rpartition("\n")
        if row_of_placeholders.count("%s") != len(COLUMNS):
            raise AirflowException("control/dim_date_insert.sql does not match calendar_dim.COLUMNS")

        def work(cursor: Cursor) -> None:
            cursor.run(self.control_sql("dim_date_delete"))
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                values = ",\n".join([row_of_placeholders] * len(batch))
                cursor.run(f"{head}\n{values}", [value for row in batch for value in row])

        self.warehouse(context).transaction(work)
        return {"rows": len(rows)}
