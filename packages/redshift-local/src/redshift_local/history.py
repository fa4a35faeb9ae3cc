"""Records of statements and loads for SYS_QUERY_HISTORY and related views, written by a connection of the front."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from dataclasses import astuple, dataclass

import psycopg

log = logging.getLogger("redshift_local.history")

_TEXT_LIMIT = 65_535
_DELAY_SECONDS = 0.2


def now() -> dt.datetime:
    """The moment in UTC, without its zone, as the system views have it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


@dataclass
class QueryRecord:
    """One statement; fields in the order of the table's columns."""

    user: str
    query_label: str
    session_id: int
    database_name: str
    query_type: str
    status: str
    start_time: dt.datetime
    end_time: dt.datetime
    elapsed_time: int
    error_message: str
    returned_rows: int
    query_text: str


@dataclass
class LoadRecord:
    """One COPY."""

    user: str
    session_id: int
    database_name: str
    status: str
    table_name: str
    start_time: dt.datetime
    end_time: dt.datetime
    duration: int
    data_source: str
    file_format: str
    loaded_rows: int
    loaded_bytes: int
    source_file_count: int
    error_count: int


@dataclass
class LoadErrorRecord:
    """One row that COPY did not take."""

    user: str
    session_id: int
    database_name: str
    start_time: dt.datetime
    file_name: str
    line_number: int
    column_name: str
    column_type: str
    column_length: str
    error_message: str


_INSERTS = {
    QueryRecord: """
        insert into redshift_shim.query_history (
            user_id, username, query_label, transaction_id, session_id, database_name, query_type, status,
            result_cache_hit, start_time, end_time, elapsed_time, queue_time, execution_time, error_message,
            returned_rows, returned_bytes, query_text, redshift_version
        )
        select
            (select oid::integer from pg_roles where rolname = u), u, l, s::bigint, s, d, k, st, false, a, b, e, 0,
            e, m, r, 0, q, '1.0.local'
        from (select
            %s::text as u, %s::text as l, %s::integer as s, %s::text as d, %s::text as k, %s::text as st,
            %s::timestamp as a, %s::timestamp as b, %s::bigint as e, %s::text as m, %s::bigint as r, %s::text as q
        ) as given
    """,
    LoadRecord: """
        insert into redshift_shim.load_history (
            user_id, username, query_id, transaction_id, session_id, database_name, status, table_name, start_time,
            end_time, duration, data_source, file_format, loaded_rows, loaded_bytes, source_file_count,
            source_file_bytes, file_count_scanned, file_bytes_scanned, error_count, copy_job_id
        )
        select (select oid::integer from pg_roles where rolname = u), u,
            (select max(query_id) from redshift_shim.query_history where session_id = s), s::bigint, s, d, st, t, a, b,
            e, src, f, r, by, n, by, n, by, err, null
        from (select
            %s::text as u, %s::integer as s, %s::text as d, %s::text as st, %s::text as t, %s::timestamp as a,
            %s::timestamp as b, %s::bigint as e, %s::text as src, %s::text as f, %s::bigint as r, %s::bigint as by,
            %s::integer as n, %s::bigint as err
        ) as given
    """,
    LoadErrorRecord: """
        insert into redshift_shim.load_error_detail (
            user_id, username, query_id, session_id, database_name, start_time, file_name, line_number,
            column_name, column_type, column_length, error_code, error_message
        )
        select
            (select oid::integer from pg_roles where rolname = u), u,
            (select max(query_id) from redshift_shim.query_history where session_id = s), s, d, a, f, n, c, k, w,
            1204, m
        from (select
            %s::text as u, %s::integer as s, %s::text as d, %s::timestamp as a, %s::text as f, %s::bigint as n,
            %s::text as c, %s::text as k, %s::text as w, %s::text as m
        ) as given
    """,
}
Record = QueryRecord | LoadRecord | LoadErrorRecord


class History:
    """Collects records and writes them in batches, in the order they came.

    Args:
        url: connection URL of the superuser in the warehouse's database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: list[Record] = []
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._connection: psycopg.AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def add(self, record: Record) -> None:
        if isinstance(record, QueryRecord):
            record.query_text = record.query_text[:_TEXT_LIMIT].replace("\0", "")
        self._waiting.append(record)
        self._wake.set()

    async def flush(self) -> None:
        """Write what is waiting; a reader then sees everything that ran before."""
        async with self._lock:
            batch, self._waiting = self._waiting, []
            self._wake.clear()
            if not batch:
                return
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await psycopg.AsyncConnection.connect(
                        self._url, application_name="redshift-history", options="-c search_path=pg_catalog"
                    )
                async with self._connection.transaction(), self._connection.cursor() as cursor:
                    for record in batch:
                        await cursor.execute(_INSERTS[type(record)].encode(), astuple(record))
            except psycopg.Error as error:
                log.warning("%d history records were lost: %s", len(batch), error)
                if self._connection is not None:
                    await self._connection.close()
                    self._connection = None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()
        if self._connection is not None:
            await self._connection.close()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_DELAY_SECONDS)
            await self.flush()
