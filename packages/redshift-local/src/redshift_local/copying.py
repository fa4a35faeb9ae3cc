"""One COPY of a session: files from S3 into the client's own transaction, messages to the client, records."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from dataclasses import dataclass, field

from redshift_local import wire
from redshift_local.conversation import Outcome
from redshift_local.copy_load import Load, client
from redshift_local.copy_model import Column, CopyError
from redshift_local.history import LoadErrorRecord, LoadRecord, now
from redshift_local.plan import Plan
from redshift_local.tokens import quote_text
from redshift_local.transfers import Transfer


@dataclass
class _Copying:
    """Progress of a COPY, for the records."""

    load: Load | None = None
    outcome: Outcome = field(default_factory=Outcome)


class Copying(Transfer):
    """Carries out one COPY."""

    async def run(self) -> Outcome:
        """Load the files; what the client gets to see is written to it."""
        plan = self._plan
        started_at, started = now(), time.monotonic()
        progress = _Copying()
        try:
            progress.outcome = await self._load(plan, progress)
        except CopyError as error:
            progress.outcome = await self._refused(error)
        outcome = progress.outcome
        if outcome.fields:
            self._session.writer.write(wire.error_message(outcome.fields))
        else:
            self._session.writer.write(wire.command_complete(outcome.tag))
        if progress.load is not None:
            self._record(plan, progress.load, outcome, started_at, started)
        return outcome

    async def _load(self, plan: Plan, progress: _Copying) -> Outcome:
        columns, outcome = await self._columns(plan)
        if outcome.fields:
            return outcome
        loop = asyncio.get_running_loop()
        s3 = await loop.run_in_executor(None, client, self._session.front.settings.s3)
        load = progress.load = Load(plan.copy, columns, s3)
        pieces = load.pieces()

        def advance() -> bytes | None:
            return next(pieces, None)

        # The first piece comes before PostgreSQL is asked, so that most mistakes cost nothing there.
        piece = await loop.run_in_executor(None, advance)
        names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in columns)
        _, outcome = await self._talk.internal(
            f"copy {plan.copy.quoted_table} ({names}) from stdin with (format csv, encoding 'UTF8')"
        )
        if outcome.fields:
            return outcome
        failure: CopyError | None = None
        while piece is not None and failure is None:
            ahead = loop.run_in_executor(None, advance)
            self._talk.up.send(wire.message(b"d", piece))
            await self._talk.up.drain()
            try:
                piece = await ahead
            except CopyError as error:
                failure = error
            failure = self._cancelled() or failure
        if failure is not None:
            self._talk.up.send(wire.message(b"f", wire.cstring("COPY failed")))
        else:
            self._talk.up.send(wire.message(b"c"))
        outcome = Outcome()
        while True:
            kind, payload = await self._talk.next()
            if kind == b"C":
                outcome.tag = wire.read_cstring(payload)[0]
            elif kind == b"E":
                outcome.fields = self._session.mapped(wire.error_fields(payload))
            elif kind == b"Z":
                self._talk.status = outcome.status = payload.decode()
                break
        if failure is not None:
            raise failure
        if not outcome.fields:
            outcome.rows = load.result.rows
            outcome.tag = f"COPY {load.result.rows}"
            await self._talk.internal(
                f"select set_config('redshift_shim.last_copy_count', '{load.result.rows}', false), "
                f"set_config('redshift_shim.last_copy_id', '{self._session.front.next_id()}', false)"
            )
            self._session.writer.write(
                wire.error_message(
                    {
                        "S": "INFO",
                        "V": "INFO",
                        "C": "00000",
                        "M": f"Load into table '{plan.copy.name[-1]}' completed, {load.result.rows} record(s) "
                        "loaded successfully.",
                    },
                    b"N",
                )
            )
        return outcome

    async def _columns(self, plan: Plan) -> tuple[list[Column], Outcome]:
        """Target columns of a COPY, in the order of its list or of the table."""
        rows, outcome = await self._talk.internal(
            "select attname, replace(format_type(atttypid, atttypmod), 'pg_catalog.', ''), attnotnull, attidentity "
            f"from pg_catalog.pg_attribute where attrelid = {quote_text(plan.copy.quoted_table)}::regclass "
            "and attnum > 0 and not attisdropped order by attnum"
        )
        columns = [
            Column(str(name), str(kind), not_null == "f", identity == "a")
            for name, kind, not_null, identity in rows
        ]
        if outcome.fields:
            return columns, outcome
        if plan.copy.columns:
            by_name = {column.name: column for column in columns}
            unknown = [name for name in plan.copy.columns if name not in by_name]
            if unknown:
                raise CopyError(
                    f'column "{unknown[0]}" of relation "{plan.copy.name[-1]}" does not exist', state="42703"
                )
            return [by_name[name] for name in plan.copy.columns], outcome
        if not plan.copy.has("EXPLICIT_IDS"):
            columns = [column for column in columns if not column.identity]
        return columns, outcome

    def _record(
        self, plan: Plan, load: Load, outcome: Outcome, started_at: dt.datetime, started: float
    ) -> None:
        if self._session.database != self._session.front.database:
            return
        result = load.result
        self._session.front.history.add(
            LoadRecord(
                user=self._session.user,
                session_id=self._session.pid,
                database_name=self._session.database,
                status="aborted" if outcome.fields else "completed",
                table_name=plan.copy.name[-1],
                start_time=started_at,
                end_time=now(),
                duration=int((time.monotonic() - started) * 1_000_000),
                data_source=plan.copy.source,
                file_format=plan.copy.file_format.lower(),
                loaded_rows=0 if outcome.fields else result.rows,
                loaded_bytes=0 if outcome.fields else result.bytes,
                source_file_count=result.files,
                error_count=len(result.errors),
            )
        )
        for error in result.errors:
            self._session.front.history.add(
                LoadErrorRecord(
                    user=self._session.user,
                    session_id=self._session.pid,
                    database_name=self._session.database,
                    start_time=started_at,
                    file_name=error.file,
                    line_number=error.line,
                    column_name=error.column,
                    column_type=error.kind,
                    column_length=error.length,
                    error_message=error.message,
                )
            )
