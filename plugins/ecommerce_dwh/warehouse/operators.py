"""Operators that run SQL files on Redshift."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException

from ecommerce_dwh.lineage import sql_lineage
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.client import (
    Cursor,
    StatementResult,
    Warehouse,
    WorkSummary,
    query_group,
    refuse_implicit_commit,
)
from ecommerce_dwh.warehouse.sql_text import split_statements
from ecommerce_dwh.window import LoadTemplates

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context


class WarehouseOperator(LoadTemplates, BaseOperator):
    """Base of all operators that work on Redshift: connection, tags, limits, cancelling.

    Args:
        conn_id: Airflow connection of type ``redshift``.
        max_attempts: attempts of a transaction that conflicts with another one.
        backoff_seconds: pause before the second attempt, doubled for each further one.
    """

    template_fields: Sequence[str] = ("conn_id",)
    ui_color = "#e5f1fb"

    def __init__(
        self,
        *,
        conn_id: str = "redshift_default",
        max_attempts: int = 6,
        backoff_seconds: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.max_attempts = max_attempts
        self.backoff_seconds = backoff_seconds
        self._warehouse: Warehouse | None = None

    def warehouse(self, context: Context) -> Warehouse:
        """The task's connection to Redshift; one per task, so that a killed task can cancel its statement."""
        if self._warehouse is None:
            timeout = self.execution_timeout.total_seconds() if self.execution_timeout else None
            self._warehouse = Warehouse(
                self.conn_id,
                tag=query_group(context),
                statement_timeout=timeout,
                max_attempts=self.max_attempts,
                backoff_seconds=self.backoff_seconds,
                log=self.log,  # type: ignore[arg-type]
            )
        return self._warehouse

    @staticmethod
    def control_sql(name: str) -> str:
        """The one statement of ``include/sql/control/<name>.sql``, the folder of the operators' own statements."""
        return sql_files.statement(f"control/{name}.sql")

    def on_kill(self) -> None:
        if self._warehouse is not None:
            self._warehouse.cancel()

    def get_template_env(self, dag: Any = None) -> jinja2.Environment:
        """The DAG's template environment, which also finds files under ``include/sql``."""
        from jinja2 import ChoiceLoader, FileSystemLoader  # late import: Airflow itself imports Jinja late

        env = super().get_template_env(dag=dag)
        folder = FileSystemLoader(str(get_settings().sql_dir))
        env.loader = ChoiceLoader([folder, env.loader]) if env.loader else folder
        return env


class RedshiftSQLOperator(WarehouseOperator):
    """Run SQL files or statements on Redshift, all or nothing.

    A query below a comment ``-- guard: <message>`` must return no row; otherwise the task fails with that
    message and the rows, and nothing is changed. `ecommerce_dwh.warehouse.flow` has the other comments that count.

    Args:
        sql: a file below ``include/sql``, a text of one or more statements, or a list of both (templated;
            templates see the run's window as ``load``).
        autocommit: run each statement by itself, for VACUUM and other commands that refuse a transaction.
        handler: takes the driver's cursor after the last statement; its result goes to XCom.
    """

    template_fields: Sequence[str] = ("sql", "conn_id")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - the attribute's form in Airflow

    def __init__(
        self,
        *,
        sql: str | Sequence[str],
        autocommit: bool = False,
        handler: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        # Rendering puts the files' text in their place.
        self.sql_files = tuple(t for t in ([sql] if isinstance(sql, str) else sql) if t.endswith(".sql"))
        self.autocommit = autocommit
        self.handler = handler

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage:
        """Tables and columns that the files read and wrote."""
        return sql_lineage(self.sql_files, self.sql if isinstance(self.sql, str) else ";\n".join(self.sql))

    def statements(self) -> list[str]:
        """The statements to run, in order.

        Raises:
            AirflowException: there are none, or a file of ``include/sql`` was not found.
        """
        texts = [self.sql] if isinstance(self.sql, str) else list(self.sql)
        for text in texts:
            if text.endswith(".sql") and "\n" not in text:
                raise AirflowException(f"{text} was not found below {get_settings().sql_dir}")
        statements = [statement for text in texts for statement in split_statements(text)]
        if not statements:
            raise AirflowException(f"task {self.task_id} holds no SQL statement")
        return statements

    def execute(self, context: Context) -> Any:
        statements = self.statements()
        warehouse = self.warehouse(context)
        started = time.monotonic()
        if self.autocommit:
            if self.handler:
                raise AirflowException("a handler needs one transaction; leave autocommit off")
            results = warehouse.each(statements)
            return self._summary(results, warehouse, started)

        refuse_implicit_commit(statements)
        returned: list[Any] = []

        def work(cursor: Cursor) -> list[StatementResult]:
            cursor.play(statements)
            returned[:] = [self.handler(cursor.raw)] if self.handler else []
            return cursor.results

        results = warehouse.transaction(work, total=len(statements))
        summary = self._summary(results, warehouse, started)
        return returned[0] if returned else summary

    def _summary(self, results: list[StatementResult], warehouse: Warehouse, started: float) -> dict[str, Any]:
        summary = WorkSummary(results, warehouse.attempts, time.monotonic() - started)
        self.log.info(
            "%d statements, %s rows written, %.2f s, attempt %d",
            len(results),
            f"{summary.rows:,}",
            summary.seconds,
            summary.attempts,
        )
        return summary.as_dict()


_AFTER = re.compile(r"^--\s*after:\s*(.+)$", re.MULTILINE)


def merge_tasks(schema: str) -> dict[str, RedshiftSQLOperator]:
    """One task per table of a schema that has a ``merge.sql``, named like the table.

    A line ``-- after: <table>, …`` in a merge names tables of the schema whose merges must come before it.

    Raises:
        AirflowException: no table has a merge, or one comes after a table that has none.
    """
    sql_dir = get_settings().sql_dir
    files = sql_files.merges(schema)
    if not files:
        raise AirflowException(f"no table in {sql_dir / schema} has a merge.sql")
    tasks = {name: RedshiftSQLOperator(task_id=name, sql=file) for name, file in files.items()}
    for name, file in files.items():
        found = _AFTER.search((sql_dir / file).read_text("utf-8"))
        for before in found[1].split(",") if found else ():
            if before.strip() not in tasks:
                raise AirflowException(f"{file} comes after {before.strip()}, which has no merge in {schema}")
            tasks[before.strip()] >> tasks[name]
    return tasks
