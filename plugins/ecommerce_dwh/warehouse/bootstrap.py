"""Creates the warehouse: its definitions, each applied once per version, and the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException

from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.client import Cursor, refuse_implicit_commit
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.sql_files import Migration, due_migrations
from ecommerce_dwh.warehouse.sql_text import split_statements

if TYPE_CHECKING:
    from airflow.sdk import Context


class MigrationOperator(WarehouseOperator):
    """Apply what creates the warehouse, in order: what is new, and what has changed since it was applied.

    Each migration is one transaction together with its row in ``quality.schema_migrations``, so it is either applied
    and noted, or neither. Definitions are written to be safe to repeat; a file that is not says so in its first lines.
    """

    ui_color = "#e5f1fb"

    def execute(self, context: Context) -> dict[str, list[str]]:
        try:
            migrations = sql_files.migrations()
        except sql_files.SqlFileError as error:
            raise AirflowException(str(error)) from error
        warehouse = self.warehouse(context)
        bookkeeping = sql_files.statements("control/migrations.sql")

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
            statements = split_statements(migration.text)
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
                    f"{migration.file} ({reason}) was not applied and changed nothing: {error}"
                ) from error
            done.append(migration.version)
        unchanged = [migration.version for migration in migrations if migration.version not in done]
        self.log.info("%d migrations applied, %d unchanged", len(done), len(unchanged))
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
        if insert.count("%s") != len(COLUMNS):
            raise AirflowException("control/dim_date_insert.sql does not match calendar_dim.COLUMNS")

        def work(cursor: Cursor) -> None:
            cursor.run(self.control_sql("dim_date_delete"))
            cursor.insert(insert, rows)

        self.warehouse(context).transaction(work)
        return {"rows": len(rows)}
