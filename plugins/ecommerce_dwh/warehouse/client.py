"""A connection to Redshift as the tasks use it: tagged, timed, cancellable, and repeated on conflict.

Thin around the provider's hook. Operators hand in a function of their work; this module opens the connection,
tags it so that a query can be traced to its task, commits or rolls back, and repeats the whole transaction when
Redshift refuses it because of another transaction (`is_conflict`).
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from ecommerce_dwh.privacy.masking import shown_cell
from ecommerce_dwh.warehouse.errors import GuardError, StatementError, describe, is_conflict
from ecommerce_dwh.warehouse.flow import Flow
from ecommerce_dwh.warehouse.sql_text import first_line, leaves_transaction

if TYPE_CHECKING:
    from airflow.sdk import Context

T = TypeVar("T")

QUERY_GROUP_LIMIT = 320  # characters that Redshift keeps of a query group
_BATCH = 500  # rows of one INSERT; 20 values each stay well below the driver's 32,767


@dataclass
class StatementResult:
    """The result of one statement. ``rows`` is None where Redshift reports no count."""

    statement: str
    rows: int | None
    seconds: float


@dataclass
class WorkSummary:
    """A task's work in the warehouse, for XCom and the log."""

    statements: list[StatementResult] = field(default_factory=list)
    attempts: int = 1
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows written by all statements that report a count."""
        return sum(result.rows or 0 for result in self.statements if _writes(result.statement))

    def as_dict(self, limit: int = 50) -> dict[str, Any]:
        """JSON-ready form; at most ``limit`` statements are listed."""
        return {
            "rows": self.rows,
            "statements": [asdict(result) for result in self.statements[:limit]],
            "attempts": self.attempts,
            "seconds": round(self.seconds, 3),
        }


def _writes(statement: str) -> bool:
    return statement.lstrip().lower().startswith(("insert", "update", "delete", "merge", "copy"))


def query_group(context: Context) -> str:
    """The tag of a task's queries: JSON with dag, task, run and try, within Redshift's 320 characters."""
    ti = context["ti"]
    tag: dict[str, Any] = {"dag": ti.dag_id, "task": ti.task_id, "try": ti.try_number, "run": ti.run_id}
    for key in ("run", "dag", "task"):  # the longest part that a person can spare goes first
        excess = len(json.dumps(tag, separators=(",", ":"))) - QUERY_GROUP_LIMIT
        if excess > 0:
            tag[key] = tag[key][: max(8, len(tag[key]) - excess)]
    return json.dumps(tag, separators=(",", ":"))


class Cursor:
    """Runs statements of one transaction, logs each, and keeps what they did."""

    def __init__(self, raw: Any, log: logging.Logger, total: int = 0) -> None:
        self._raw = raw
        self._log = log
        self._total = total
        self.results: list[StatementResult] = []

    def run(
        self, statement: str, parameters: Sequence[Any] | None = None, *, title: str = ""
    ) -> StatementResult:
        """Run one statement; ``title`` is what log and error call it, its first line when not given.

        Raises:
            StatementError: Redshift refused it.
        """
        title = title or first_line(statement)
        started = time.monotonic()
        number = len(self.results) + 1
        try:
            if parameters is None:
                self._raw.execute(statement)
            else:
                self._raw.execute(statement, parameters)
        except Exception as error:
            if is_conflict(error):
                raise
            of = f" of {self._total}" if self._total else ""
            # Without the driver's own error, whose fields quote rows and would be logged as the cause.
            raise StatementError(f"statement {number}{of} ({title}) failed: {describe(error)}") from None
        rows = self._raw.rowcount if self._raw.rowcount is not None and self._raw.rowcount >= 0 else None
        result = StatementResult(title, rows, round(time.monotonic() - started, 3))
        self.results.append(result)
        self._log.info("%s: %s, %.2f s", title, "done" if rows is None else f"{rows:,} rows", result.seconds)
        return result

    def insert(self, statement: str, rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
        """Insert rows, hundreds with each statement.

        Args:
            statement: an INSERT whose last line is one row of placeholders.
            rows: what they stand for.
            title: what log and error call it.
        """
        head, _, placeholders = statement.rpartition("\n")
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            values = ",\n".join([placeholders] * len(batch))
            self.run(f"{head}\n{values}", [value for row in batch for value in row], title=title)

    def query(
        self, statement: str, parameters: Sequence[Any] | None = None, *, title: str = ""
    ) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        self.run(statement, parameters, title=title)
        return [tuple(row) for row in self._raw.fetchall()]

    def play(self, statements: Iterable[str]) -> Flow:
        """Run the statements of a file as their comments say (`ecommerce_dwh.warehouse.flow`).

        Returns:
            How it went: its values, and whether it ended early.

        Raises:
            GuardError: a guard found rows.
        """
        flow = Flow()
        for statement in statements:
            step = flow.step(statement)
            if step is None:
                continue
            if step.part == "guard":
                self.guard(step.statement, step.text)
            elif step.part:
                rows = self.query(step.statement, title=step.text)
                flow.answer(step, self.columns(), rows)
            else:
                self.run(step.statement)
        return flow

    def guard(self, statement: str, message: str, limit: int = 5) -> None:
        """Run a query that must return no row.

        Raises:
            GuardError: it returned rows; the message shows the first ones.
        """
        rows = self.query(statement)
        if rows:
            cells = [tuple(map(shown_cell, row)) for row in rows[:limit]]
            shown = "\n".join(f"  {row}" for row in self.as_dicts(cells))
            more = f"\n  … {len(rows) - limit} more" if len(rows) > limit else ""
            raise GuardError(f"{message}\n{shown}{more}")

    def as_dicts(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """Rows of the newest query with their column names, values as text that JSON and people can read."""
        names = self.columns()
        return [
            {
                name: value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
                for name, value in zip(names, row, strict=True)
            }
            for row in rows
        ]

    def columns(self) -> list[str]:
        """Column names of the newest query."""
        names = [column[0] for column in self._raw.description or ()]
        return [name.decode() if isinstance(name, bytes) else name for name in names]

    @property
    def raw(self) -> Any:
        """The driver's cursor, for handlers."""
        return self._raw


class Warehouse:
    """Runs work on Redshift for one task.

    Args:
        conn_id: Airflow connection of type ``redshift``.
        tag: query group of all statements.
        statement_timeout: seconds after which Redshift ends a statement; None leaves the server's limit.
        max_attempts: attempts of a transaction that conflicts with others.
        backoff_seconds: pause before the second attempt; doubled for each further one, with jitter.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        tag: str = "",
        statement_timeout: float | None = None,
        max_attempts: int = 6,
        backoff_seconds: float = 1.0,
        log: logging.Logger | None = None,
    ) -> None:
        self.conn_id = conn_id
        self.tag = tag
        self.statement_timeout = statement_timeout
        self.max_attempts = max_attempts
        self.backoff_seconds = backoff_seconds
        self.log = log or logging.getLogger(__name__)
        self.attempts = 0
        self._running_pids: set[int] = set()

    def transaction(self, work: Callable[[Cursor], T], *, total: int = 0) -> T:
        """Run ``work`` in one transaction: committed at its end, rolled back on any error, repeated on
        conflict."""

        def attempt(connection: Any) -> T:
            cursor = Cursor(connection.cursor(), self.log, total)
            try:
                result = work(cursor)
                connection.commit()
            except Exception:
                _quietly(connection.rollback)
                raise
            return result

        return self._with_retries(attempt, autocommit=False)

    def share_out(self, jobs: Sequence[Callable[[Cursor], T]], *, sessions: int) -> list[T]:
        """Run jobs in several transactions at once; each takes the next job when it is through with one.

        Args:
            jobs: what to run; a job runs again where its transaction is repeated on conflict.
            sessions: how many transactions; each sees the warehouse as of its own first statement.

        Returns:
            The jobs' results, in their order.

        Raises:
            StatementError: a job failed; what other sessions were at is cancelled.
        """
        order = iter(range(len(jobs)))  # taking from it is atomic
        results: dict[int, T] = {}
        ended = threading.Event()

        def share(mine: dict[int, None], cursor: Cursor) -> None:
            # First again what it took in an attempt that met another transaction.
            for index in chain(tuple(mine), order):
                if ended.is_set():
                    return
                mine[index] = None
                results[index] = jobs[index](cursor)

        sessions = min(sessions, len(jobs))
        with ThreadPoolExecutor(sessions, thread_name_prefix="redshift") as pool:
            shares = [pool.submit(self.transaction, partial(share, {})) for _ in range(sessions)]
            try:
                for done in as_completed(shares):
                    done.result()
            except BaseException:
                ended.set()
                self.cancel()
                raise
        return [results[index] for index in range(len(jobs))]

    def each(self, statements: Iterable[str]) -> list[StatementResult]:
        """Run statements one by one outside a transaction (VACUUM and its like), each repeated on conflict."""
        statements = list(statements)
        results: list[StatementResult] = []
        for statement in statements:

            def attempt(connection: Any, statement: str = statement) -> StatementResult:
                return Cursor(connection.cursor(), self.log).run(statement)

            results.append(self._with_retries(attempt, autocommit=True))
        return results

    def cancel(self) -> None:
        """Ask Redshift to end the statements that are running; safe to call when none is."""
        for pid in tuple(self._running_pids):
            self.log.info("Cancelling the running statement of Redshift process %s", pid)
            try:
                connection = self._open(autocommit=True)
                try:
                    connection.cursor().execute(f"select pg_cancel_backend({int(pid)})")
                finally:
                    _quietly(connection.close)
            except Exception as error:  # the task is ending anyway; the statement timeout remains
                self.log.warning("Redshift process %s could not be cancelled: %s", pid, describe(error))

    def _with_retries(self, attempt: Callable[[Any], T], *, autocommit: bool) -> T:
        for number in range(1, self.max_attempts + 1):
            self.attempts = number
            connection = self._open(autocommit=autocommit)
            pid = 0
            try:
                pid = self._prepare(connection, autocommit=autocommit)
                return attempt(connection)
            except Exception as error:
                if not is_conflict(error) or number == self.max_attempts:
                    if is_conflict(error):
                        raise StatementError(
                            f"another transaction got in the way {number} times; last: {describe(error)}"
                        ) from error
                    raise
                pause = self.backoff_seconds * 2 ** (number - 1) * random.uniform(0.5, 1.5)
                self.log.warning(
                    "Attempt %d of %d met another transaction (%s); again in %.1f s",
                    number,
                    self.max_attempts,
                    describe(error),
                    pause,
                )
                time.sleep(pause)
            finally:
                # Closed without rollback: after a time-out the connection may be in the middle of an answer, and
                # the server rolls back by itself when the connection ends.
                self._running_pids.discard(pid)
                _quietly(connection.close)
        raise AssertionError("unreachable")

    def _open(self, *, autocommit: bool) -> Any:
        # Imported here: the hook pulls in SQLAlchemy, which DAG files need not pay for when they are parsed.
        from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

        connection = RedshiftSQLHook(redshift_conn_id=self.conn_id).get_conn()
        connection.autocommit = autocommit
        return connection

    def _prepare(self, connection: Any, *, autocommit: bool) -> int:
        """Session settings, set outside the transaction so that its snapshot starts with the work itself.

        Returns:
            The process that serves the session, by which its statements can be cancelled.
        """
        connection.autocommit = True
        cursor = connection.cursor()
        if self.tag:
            tag = self.tag.replace("\\", "").replace("'", "''")
            cursor.execute(f"set query_group to '{tag}'")
        if self.statement_timeout:
            cursor.execute(f"set statement_timeout to {int(self.statement_timeout * 1000)}")
        # GETDATE() answers in the session's zone, which a user or a parameter group may have set.
        cursor.execute("set timezone to 'UTC'")
        cursor.execute("select pg_backend_pid()")
        pid = int(cursor.fetchone()[0])
        self._running_pids.add(pid)
        connection.autocommit = autocommit
        return pid


def refuse_implicit_commit(statements: Iterable[str]) -> None:
    """Raise when a statement would commit the transaction half-way.

    Raises:
        StatementError: names the statement and what to do instead.
    """
    for number, statement in enumerate(statements, 1):
        if command := leaves_transaction(statement):
            raise StatementError(
                f"statement {number} ({first_line(statement)}): {command.upper()} ends the open transaction in "
                "Redshift, so the task would not be all or nothing; use DELETE, or a task with autocommit=True"
            )


def _quietly(action: Callable[[], Any]) -> None:
    try:
        action()
    except Exception as error:
        logging.getLogger(__name__).debug("ignored while closing: %s", error)
