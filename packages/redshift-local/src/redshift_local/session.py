"""One client's session: a loop over the client's messages, with one PostgreSQL session behind it.

The loop is sequential: it hands a message on and relays the answer before it takes the next one. A task of its own
reads from the client, so that a client that goes away ends what runs for it.

Statements that need more than a rewritten text (COPY, TRUNCATE, DDL with indexes, settings that the front follows)
are *special*. In the extended protocol PostgreSQL gets an empty statement in their place, so that parsing, binding
and describing go their normal way, and the front acts when the portal is executed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import re
import struct
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redshift_local import wire
from redshift_local.copy_load import Column, CopyError, Load, client
from redshift_local.dialect import redacted, to_postgres
from redshift_local.history import LoadErrorRecord, LoadRecord, QueryRecord
from redshift_local.plan import Plan, Refused
from redshift_local.tokens import quote_name, quote_text

if TYPE_CHECKING:
    from redshift_local.server import Front

log = logging.getLogger("redshift_local")

_FLUSH = wire.message(b"H")
_SYNC = wire.message(b"S")
_LOG_WIDTH = 200
_WRITES = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"}
_STATISTICS_ROWS = 1000  # fewer changed rows never make a plan that a person would notice
_MASS_ROWS = 100_000  # after so many in one statement, those behind it are planned by what the table holds now
_FILL_ROWS = 200_000  # an empty table that gets as many is indexed when they are there
# Redshift analyzes what CREATE TABLE AS made. PostgreSQL judges a table by its size until then. It takes a small one
# for ten pages, wrong where it holds more than a few rows and less than that; and a text for as wide as its column may
# be, so that millions of rows seem a tenth of them. Between these analyzing costs more than it brings; of many rows a
# small sample tells enough.
_CTAS_SMALL = range(20, 2000)
_CTAS_MASS_ROWS = 200_000
_CTAS_MASS_TARGET = 50
# JSONB and JSON go out as SUPER, whose values clients take as text.
_TYPE_IDS = {3802: 4000, 114: 4000}
_BYTE_CHECK = re.compile(r"redshift_bytes_\d+_(\d+)$")
_PASSED_PARAMETERS = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "statement_timeout",
    "extra_float_digits",
}
_DRIVER_PARAMETERS = {"client_protocol_version", "driver_version", "os_version"}


@dataclass
class Outcome:
    """What running something gave."""

    rows: int = 0
    tag: str = ""
    fields: dict[str, str] | None = None
    status: str = "I"


@dataclass
class _Pending:
    """A message that PostgreSQL has yet to answer."""

    kind: bytes
    plan: Plan | None = None
    started: float = 0.0


@dataclass
class _Copying:
    """Progress of a COPY, for the records."""

    load: Load | None = None
    error: str = ""
    outcome: Outcome = field(default_factory=Outcome)


class ClientGoneError(ConnectionError):
    """The client closed its connection."""


class Session:
    """A connected client.

    Args:
        front: the server that took the connection.
        reader: from the client.
        writer: to the client.
    """

    def __init__(self, front: Front, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.front = front
        self._reader = reader
        self._writer = writer
        self._up = wire.Upstream(front.pg_host, front.pg_port)
        self._inbox: asyncio.Queue[tuple[bytes, bytes] | None] = asyncio.Queue(maxsize=256)
        self.user = ""
        self.database = ""
        self.pid = 0
        self.key = b""
        self.query_group = "unset"
        self.cancelled = False
        self._status = "I"
        self._statements: dict[str, Plan] = {}
        self._portals: dict[str, Plan] = {}
        self._gone = False
        self._changed: dict[str, int] = {}
        self._mass: set[str] = set()
        self._judged: set[str] = set()
        self._unindexed: list[str] = []

    # Start ------------------------------------------------------------------------------------------------------

    async def run(self, body: bytes) -> None:
        """Serve the client from its start-up packet on."""
        parameters = wire.startup_parameters(body)
        try:
            await self._login(parameters)
        except wire.ServerError as error:
            fields = {**error.fields, "S": "FATAL"}
            self._writer.write(wire.error_message(fields))
            log.info("login of %s refused: %s", self.user, fields.get("M"))
            return
        except OSError as error:
            self._writer.write(
                wire.error(f"the warehouse's PostgreSQL does not answer: {error}", "57P03", "FATAL")
            )
            return
        feeder = asyncio.create_task(self._feed())
        try:
            while True:
                item = await self._inbox.get()
                if item is None or item[0] == b"X":
                    break
                await self._handle(*item)
        except (wire.WireError, ConnectionError, asyncio.IncompleteReadError) as error:
            if not self._gone:
                log.info("session %d ended: %s", self.pid, error)
                self._writer.write(wire.error("the server closed the connection", "57P01", "FATAL"))
        finally:
            feeder.cancel()
            self._up.close()

    async def _login(self, parameters: dict[str, str]) -> None:
        self.user = parameters.get("user", "")
        self.database = parameters.get("database") or self.user
        self._writer.write(wire.message(b"R", struct.pack("!i", 3)))
        kind, payload = await wire.read_message(self._reader)
        if kind != b"p":
            raise wire.WireError("the client sent no password")
        password = wire.read_cstring(payload)[0]
        if self.user == self.front.superuser:  # PostgreSQL's own superuser is not a user of the warehouse
            raise wire.ServerError(
                {"S": "FATAL", "C": "28P01", "M": f'password authentication failed for user "{self.user}"'}
            )
        settings = {name: value for name, value in parameters.items() if name in _PASSED_PARAMETERS}
        settings.setdefault("client_encoding", "UTF8")
        await self._up.connect(
            {"user": self.user, "database": self.database, **settings, **self.front.session_settings}, password
        )
        if self._up.parameters.get("is_superuser") != "off":  # nor is any other of PostgreSQL's superusers
            self._up.close()
            raise wire.ServerError(
                {"S": "FATAL", "C": "28000", "M": f'"{self.user}" is no user of the warehouse'}
            )
        self.key = self._up.key
        (self.pid,) = struct.unpack_from("!i", self.key)
        self.front.sessions[self.key] = self
        out = [wire.message(b"R", struct.pack("!i", 0))]
        # Redshift's drivers expect Redshift's version. Others choose their catalog queries by the version, and those
        # must suit the catalog that they meet, which is PostgreSQL's.
        redshift_driver = bool(_DRIVER_PARAMETERS & parameters.keys())
        for name, value in self._up.parameters.items():
            shown = "8.0.2" if name == "server_version" and redshift_driver else value
            out.append(wire.parameter_status(name, shown.split(" ")[0] if name == "server_version" else shown))
        out.append(wire.message(b"K", self.key))
        out.append(wire.ready("I"))
        self._writer.write(b"".join(out))

    async def _feed(self) -> None:
        """Read the client's messages; its end cancels what runs."""
        try:
            while True:
                await self._inbox.put(await wire.read_message(self._reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._gone = True
            self.cancelled = True
            await self._up.cancel()
            self._up.close()
            await self._inbox.put(None)

    # Messages ---------------------------------------------------------------------------------------------------

    async def _handle(self, kind: bytes, payload: bytes) -> None:
        if kind == b"Q":
            await self._simple(wire.read_cstring(payload)[0])
        elif kind in b"PBDECHS":
            await self._extended(kind, payload)
        elif kind in b"dcf":
            pass  # remains of a COPY that was refused
        elif kind == b"F":
            self._writer.write(wire.error("the function call protocol is not supported", "0A000"))
            self._writer.write(wire.ready(self._status))
        await self._writer.drain()

    async def _simple(self, text: str) -> None:
        plans = to_postgres(text)
        if not plans:
            self._up.send(wire.query(""))
            await self._relay_ready(Outcome(), forward=True, forward_ready=True)
            return
        # A script without its own BEGIN is one transaction.
        wrap = (
            len(plans) > 1 and self._status == "I" and not any(plan.control or plan.truncate for plan in plans)
        )
        if wrap:
            await self._internal("begin")
        failed = False
        for plan in plans:
            outcome = await self._run_plan(plan)
            if outcome.fields:
                failed = True
                break
        if wrap:
            end = Plan("UTILITY", "rollback" if failed else "commit", control=True)
            await self._before(end)
            await self._internal(end.sql)
        self._writer.write(wire.ready(self._status))

    async def _run_plan(self, plan: Plan) -> Outcome:
        """Run one statement of the simple protocol; its messages go to the client, ReadyForQuery does not."""
        started = self._begin(plan)
        if plan.reads_history:
            await self.front.history.flush()
        if self._has_before(plan):
            await self._before(plan)
        if plan.special:
            outcome = await self._special(plan)
        else:
            outcome = Outcome()
            self._up.send(wire.query(plan.sql))
            await self._relay_ready(outcome, forward=True)
        self._finish(plan, outcome, started)
        return outcome

    # Extended protocol ------------------------------------------------------------------------------------------

    async def _extended(self, kind: bytes, payload: bytes) -> None:
        """Serve one batch, up to its Sync or Flush."""
        pending: list[_Pending] = []
        broken = False
        while True:
            if not broken:
                broken = await self._take(kind, payload, pending)
            if kind == b"S":
                if not broken:
                    broken = await self._relay_pending(pending)
                self._up.send(_SYNC)
                await self._relay_ready(Outcome(), forward=True, forward_ready=True)
                return
            if kind == b"H":
                if not broken:
                    self._up.send(_FLUSH)
                    broken = await self._relay_pending(pending)
                if not broken:
                    return
                await self._writer.drain()
            item = await self._inbox.get()
            if item is None:
                raise ClientGoneError
            kind, payload = item
            if kind == b"X":
                raise ClientGoneError
            if kind == b"Q":  # out of protocol, but harmless: the batch ends here
                self._up.send(_SYNC)
                await self._relay_ready(Outcome(), forward=True)
                await self._simple(wire.read_cstring(payload)[0])
                return

    async def _take(self, kind: bytes, payload: bytes, pending: list[_Pending]) -> bool:
        """Hand on one message of a batch; true when the batch is broken by an error."""
        if kind == b"P":
            return await self._parse(payload, pending)
        if kind == b"B":
            portal, offset = wire.read_cstring(payload)
            name, _ = wire.read_cstring(payload, offset)
            plan = self._statements.get(name)
            if plan is not None:
                self._portals[portal] = plan
                if plan.reads_history:  # before PostgreSQL takes its snapshot
                    await self.front.history.flush()
                # Before the portal is there, which a query of ours would close.
                if name and self._has_before(plan):
                    if await self._relay_pending(pending, flush=True):
                        return True
                    await self._before(plan)
        elif kind == b"C":
            name, _ = wire.read_cstring(payload, 1)
            (self._statements if payload[:1] == b"S" else self._portals).pop(name, None)
        elif kind == b"E":
            return await self._execute(payload, pending)
        if kind in b"BDC":
            self._up.send(wire.message(kind, payload))
            pending.append(_Pending(kind))
        return False

    async def _parse(self, payload: bytes, pending: list[_Pending]) -> bool:
        name, offset = wire.read_cstring(payload)
        text, offset = wire.read_cstring(payload, offset)
        plans = to_postgres(text)
        if len(plans) > 1:
            plan = Plan(
                "OTHER",
                refused=Refused("cannot insert multiple commands into a prepared statement", "42601"),
                title=redacted(text),
            )
        else:
            plan = plans[0] if plans else Plan("OTHER")
        if plan.refused is not None:
            # refused where PostgreSQL would find a syntax error
            if await self._relay_pending(pending, flush=True):
                return True
            self._up.send(_SYNC)
            await self._relay_ready(Outcome(), forward=False)
            started = self._begin(plan)
            outcome = await self._refuse(plan.refused)
            self._finish(plan, outcome, started)
            return True
        self._statements[name] = plan
        if plan.reads_history:
            await self.front.history.flush()
        if not name and self._has_before(plan):  # a query of ours would drop the unnamed statement
            if await self._relay_pending(pending, flush=True):
                return True
            await self._before(plan)
        self._up.send(wire.parse(name, "" if plan.special else plan.sql, payload[offset:]))
        pending.append(_Pending(b"P", plan))
        return False

    async def _execute(self, payload: bytes, pending: list[_Pending]) -> bool:
        portal, _ = wire.read_cstring(payload)
        plan = self._portals.get(portal)
        if plan is None or not plan.special:
            started = self._begin(plan) if plan else time.monotonic()
            self._up.send(wire.message(b"E", payload))
            pending.append(_Pending(b"E", plan, started))
            return False
        if await self._relay_pending(pending, flush=True):
            return True
        # The front speaks the simple protocol from here, which PostgreSQL takes only between batches.
        self._up.send(_SYNC)
        await self._relay_ready(Outcome(), forward=False)
        started = self._begin(plan)
        outcome = await self._special(plan)
        self._finish(plan, outcome, started)
        return outcome.fields is not None

    async def _relay_pending(self, pending: list[_Pending], *, flush: bool = False) -> bool:
        """Relay the answers to all pending messages; true when one of them was an error."""
        if not pending:
            return False
        if flush or pending:
            self._up.send(_FLUSH)
        await self._up.drain()
        outcome = Outcome()
        async for kind, payload in self._messages(outcome, forward=True):
            if kind == b"E":
                item = pending[0]
                plan = next((p.plan for p in pending if p.plan is not None), None)
                if plan is not None:
                    self._finish(plan, outcome, item.started or time.monotonic())
                pending.clear()
                return True
            if kind in b"123ntTCIs" and pending:
                item = pending[0]
                if kind == b"t":
                    continue  # a described statement is answered by its parameters, then its row
                if kind in {b"T", b"n"} and item.kind != b"D":
                    continue
                pending.pop(0)
                if kind in b"CIs" and item.plan is not None:
                    if kind == b"C":
                        outcome.tag = wire.read_cstring(payload)[0]
                    self._finish(item.plan, outcome, item.started)
                    outcome.rows = 0
                if not pending:
                    return False
        return False

    # Relay ------------------------------------------------------------------------------------------------------

    async def _messages(self, outcome: Outcome, *, forward: bool) -> AsyncIterator[tuple[bytes, bytes]]:
        """Messages of PostgreSQL that are not rows; rows and, if wanted, the rest go to the client on the way."""
        up, writer = self._up, self._writer
        buffer = up.buffer
        while True:
            position = begin = 0
            size = len(buffer)
            rows = 0
            found: tuple[bytes, bytes] | None = None
            while size - position >= 5:
                length = int.from_bytes(buffer[position + 1 : position + 5], "big")
                end = position + 1 + length
                if end > size:
                    break
                code = buffer[position]
                if code == 68:  # a row
                    rows += 1
                    position = end
                    continue
                found = (bytes(buffer[position : position + 1]), bytes(buffer[position + 5 : end]))
                break
            outcome.rows += rows
            if position > begin and forward:
                writer.write(bytes(buffer[begin:position]))
            if found is None:
                del buffer[:position]
                if position:
                    await writer.drain()
                await up.fill()
                buffer = up.buffer
                continue
            del buffer[: position + 5 + len(found[1])]
            kind, payload = found
            if kind == b"E":
                outcome.fields = self._mapped(wire.error_fields(payload))
                if forward:
                    writer.write(wire.error_message(outcome.fields))
            elif kind == b"T" and forward:
                writer.write(wire.message(kind, wire.replace_type_ids(payload, _TYPE_IDS)))
            elif kind == b"Z":
                self._status = outcome.status = payload.decode()
            elif kind == b"S":
                name, _ = wire.read_cstring(payload)
                if name not in {"search_path", "server_version"}:
                    writer.write(wire.message(kind, payload))
            elif forward and kind not in b"GHW":
                writer.write(wire.message(kind, payload))
            yield kind, payload

    async def _relay_ready(self, outcome: Outcome, *, forward: bool, forward_ready: bool = False) -> None:
        """Relay up to ReadyForQuery."""
        await self._up.drain()
        async for kind, payload in self._messages(outcome, forward=forward):
            if kind == b"C":
                outcome.tag = wire.read_cstring(payload)[0]
            elif kind == b"G":  # COPY FROM STDIN by another way in; there is no data
                self._up.send(wire.message(b"f", wire.cstring("not supported")))
            elif kind == b"Z":
                if forward_ready:
                    self._writer.write(wire.ready(outcome.status))
                return

    async def _internal(self, sql: str) -> tuple[list[list[str | None]], Outcome]:
        """Run something for the front itself on the client's server session."""
        outcome = Outcome()
        rows: list[list[str | None]] = []
        self._up.send(wire.query(sql))
        await self._up.drain()
        while True:
            kind, payload = await self._next()
            if kind == b"D":
                rows.append(wire.data_row_values(payload))
            elif kind == b"C":
                outcome.tag = wire.read_cstring(payload)[0]
            elif kind == b"E":
                outcome.fields = self._mapped(wire.error_fields(payload))
            elif kind == b"N":
                self._writer.write(wire.message(kind, payload))
            elif kind == b"G":
                return rows, outcome
            elif kind == b"Z":
                self._status = outcome.status = payload.decode()
                return rows, outcome

    async def _next(self) -> tuple[bytes, bytes]:
        """The next message of PostgreSQL, rows included."""
        buffer = self._up.buffer
        while True:
            if len(buffer) >= 5:
                end = 1 + int.from_bytes(buffer[1:5], "big")
                if len(buffer) >= end:
                    found = bytes(buffer[:1]), bytes(buffer[5:end])
                    del buffer[:end]
                    return found
            await self._up.fill()

    # Statistics -------------------------------------------------------------------------------------------------

    def _note_change(self, plan: Plan, outcome: Outcome) -> None:
        """Remember how many rows of a table this transaction wrote."""
        table = ".".join(plan.copy.name) if plan.copy is not None else plan.table
        if "." in table and plan.kind in _WRITES and not outcome.fields:
            rows = _rows(outcome)
            self._changed[table] = self._changed.get(table, 0) + rows
            if rows >= _MASS_ROWS:
                self._mass.add(table)

    def _has_before(self, plan: Plan) -> bool:
        """Whether something may have to be done before this statement."""
        return bool(
            self._mass
            or self._unindexed
            or (plan.control and (self._changed or self._judged))
            or self._may_fill(plan)
        )

    async def _before(self, plan: Plan) -> None:
        """What a transaction needs before its next statement: indexes of what the last one filled, statistics."""
        if plan.sql == "rollback":
            self._unindexed.clear()
        await self._index()
        await self._refresh_statistics(plan)
        if plan.control:
            self._judged.clear()
        elif self._may_fill(plan):
            await self._unindex(plan)

    async def _refresh_statistics(self, plan: Plan) -> None:
        """Analyze the tables that changed by a tenth or more: before a commit, and once one statement changed a mass.

        Redshift keeps statistics current by itself (automatic analyze). PostgreSQL's own daemon comes around too late
        for steps that follow each other within a second, and never within a transaction: plans made for an empty
        table, or for rows that the transaction has deleted, last for minutes.
        """
        names = list(self._changed if plan.control else self._mass)
        self._mass.clear()
        if self._status == "T" and (plan.sql == "commit" or not plan.control):
            for table in names:
                if (rows := self._changed.get(table, 0)) < _STATISTICS_ROWS:
                    continue
                found, outcome = await self._internal(
                    f"select reltuples from pg_catalog.pg_class where oid = to_regclass({quote_text(table)})"
                )
                if not outcome.fields and found and rows >= 0.1 * float(found[0][0] or 0):
                    await self._internal(f"analyze {table}")
                    del self._changed[table]
        if plan.control:
            self._changed.clear()

    async def _analyze_made(self, table: str, rows: int) -> None:
        """Statistics of what CREATE TABLE AS made, where a plan would be bad without."""
        analyze = f"analyze {'.'.join(map(quote_name, table.split('.')))}"
        if rows in _CTAS_SMALL:
            await self._internal(analyze)
        elif rows >= _CTAS_MASS_ROWS:
            target = "set local default_statistics_target to"
            await self._internal(f"{target} {_CTAS_MASS_TARGET}; {analyze}; {target} default")

    # Filling empty tables ---------------------------------------------------------------------------------------

    def _may_fill(self, plan: Plan) -> bool:
        return plan.kind == "INSERT" and self._status == "T" and plan.table not in self._judged

    async def _unindex(self, plan: Plan) -> None:
        """Take the indexes off a table that is empty and gets a mass of rows, until these are there.

        Redshift has no indexes to keep up to date. Building the six of fact_sales behind ten million rows takes a
        quarter of what it takes to sort each row into all of them. Whoever reads the table meanwhile waits for the
        commit; where somebody does already, or holds a lock, the indexes stay.
        """
        self._judged.add(plan.table)
        # Without pages, or found without rows by `_refresh_statistics` after a DELETE.
        found, outcome = await self._internal(
            "select pg_get_indexdef(indexrelid), indexrelid::regclass, indrelid::regclass "
            "from pg_catalog.pg_index join pg_catalog.pg_class on pg_class.oid = indrelid "
            f"where indrelid = to_regclass({quote_text(plan.table)}) "
            "and (reltuples = 0 or pg_relation_size(indrelid) = 0) "
            "and not exists (select 1 from pg_catalog.pg_constraint where conindid = indexrelid)"
        )
        if outcome.fields or not found:
            return
        await self._internal("savepoint redshift_fill")
        # The statement may have parameters, and may have errors that only itself should report.
        plans, outcome = await self._internal(f"explain (generic_plan, format json) {plan.sql}")
        if not outcome.fields and _planned_rows(plans) >= _FILL_ROWS:
            for text in (
                f"lock table {found[0][2]} in access exclusive mode nowait",
                f"drop index {', '.join(str(index) for _, index, _ in found)}",
            ):
                _, outcome = await self._internal(text)
                if outcome.fields:
                    break
            else:
                self._unindexed = [str(definition) for definition, _, _ in found]
        if outcome.fields:
            await self._internal("rollback to savepoint redshift_fill")
        await self._internal("release savepoint redshift_fill")

    async def _index(self) -> None:
        """Build the indexes that `_unindex` took off; an aborted transaction has them back by itself.

        Raises:
            wire.WireError: one cannot be built; what the client asks for next must not be answered as if it were.
        """
        definitions, self._unindexed = self._unindexed, []
        for definition in definitions if self._status == "T" else ():
            _, outcome = await self._internal(definition)
            if outcome.fields:
                raise wire.WireError(f"{definition}: {outcome.fields.get('M')}")

    # Special statements -----------------------------------------------------------------------------------------

    async def _special(self, plan: Plan) -> Outcome:
        """Carry out a statement that takes more than its text; its messages go to the client."""
        if plan.refused is not None:
            return await self._refuse(plan.refused)
        if plan.copy is not None:
            return await self._copy(plan)
        if plan.truncate:
            return await self._truncate(plan)
        own = self._status == "I" and bool(plan.before or plan.after)
        if own:
            await self._internal("begin")
        outcome = Outcome()
        for text in plan.before:
            _, outcome = await self._internal(text)
            if outcome.fields:
                break
        if not outcome.fields:
            _, outcome = await self._internal(plan.sql)
        if plan.kind == "CTAS" and plan.table and not outcome.fields:
            await self._analyze_made(plan.table, _rows(outcome))
        tag = plan.tag or outcome.tag
        if not outcome.fields:
            for text in plan.after:
                _, after = await self._internal(text)
                if after.fields:
                    outcome = after
                    break
        if own:
            _, end = await self._internal("rollback" if outcome.fields else "commit")
            outcome.fields = outcome.fields or end.fields
        outcome.status = self._status
        if outcome.fields:
            self._writer.write(wire.error_message(outcome.fields))
            return outcome
        if plan.setting is not None and plan.setting[0] == "query_group":
            self.query_group = plan.setting[1]
        outcome.tag = tag
        self._writer.write(wire.command_complete(tag))
        return outcome

    async def _refuse(self, refused: Refused) -> Outcome:
        """Answer with an error; an open transaction is aborted, as by any error."""
        if self._status == "T":
            await self._internal("do $$ begin raise exception 'refused'; end $$")
        fields = {"S": "ERROR", "V": "ERROR", "C": refused.state, "M": str(refused)}
        self._writer.write(wire.error_message(fields))
        return Outcome(fields=fields, status=self._status)

    async def _truncate(self, plan: Plan) -> Outcome:
        """TRUNCATE commits the transaction that it runs in."""
        if self._status == "T":
            _, outcome = await self._internal("commit")
            if outcome.fields:
                self._writer.write(wire.error_message(outcome.fields))
                return outcome
        _, outcome = await self._internal(plan.sql)
        if outcome.fields:
            self._writer.write(wire.error_message(outcome.fields))
        else:
            self._writer.write(wire.command_complete("TRUNCATE"))
        return outcome

    async def _copy(self, plan: Plan) -> Outcome:
        started_at, started = _now(), time.monotonic()
        progress = _Copying()
        self.cancelled = False
        try:
            progress.outcome = await self._load(plan, progress)
        except CopyError as error:
            fields = {"S": "ERROR", "V": "ERROR", "C": error.state, "M": str(error)}
            if error.detail:
                fields["D"] = error.detail
            if self._status == "T":
                await self._internal("do $$ begin raise exception 'refused'; end $$")
            progress.outcome = Outcome(fields=fields, status=self._status)
        outcome = progress.outcome
        if outcome.fields:
            self._writer.write(wire.error_message(outcome.fields))
        else:
            self._writer.write(wire.command_complete(outcome.tag))
        if progress.load is not None:
            self._record_load(plan, progress.load, outcome, started_at, started)
        return outcome

    async def _load(self, plan: Plan, progress: _Copying) -> Outcome:
        columns, outcome = await self._columns(plan)
        if outcome.fields:
            return outcome
        loop = asyncio.get_running_loop()
        s3 = await loop.run_in_executor(None, client, self.front.settings.s3)
        load = progress.load = Load(plan.copy, columns, s3)
        pieces = load.pieces()

        def advance() -> bytes | None:
            return next(pieces, None)

        # The first piece comes before PostgreSQL is asked, so that most mistakes cost nothing there.
        piece = await loop.run_in_executor(None, advance)
        names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in columns)
        _, outcome = await self._internal(
            f"copy {plan.copy.quoted_table} ({names}) from stdin with (format csv, encoding 'UTF8')"
        )
        if outcome.fields:
            return outcome
        failure: CopyError | None = None
        while piece is not None and failure is None:
            ahead = loop.run_in_executor(None, advance)
            self._up.send(wire.message(b"d", piece))
            await self._up.drain()
            try:
                piece = await ahead
            except CopyError as error:
                failure = error
            if self.cancelled:
                failure = CopyError("Query cancelled on user's request", state="57014")
        if failure is not None:
            self._up.send(wire.message(b"f", wire.cstring("COPY failed")))
        else:
            self._up.send(wire.message(b"c"))
        outcome = Outcome()
        while True:
            kind, payload = await self._next()
            if kind == b"C":
                outcome.tag = wire.read_cstring(payload)[0]
            elif kind == b"E":
                outcome.fields = self._mapped(wire.error_fields(payload))
            elif kind == b"Z":
                self._status = outcome.status = payload.decode()
                break
        if failure is not None:
            raise failure
        if not outcome.fields:
            outcome.rows = load.result.rows
            outcome.tag = f"COPY {load.result.rows}"
            await self._internal(
                f"select set_config('redshift_shim.last_copy_count', '{load.result.rows}', false), "
                f"set_config('redshift_shim.last_copy_id', '{self.front.next_id()}', false)"
            )
            self._writer.write(
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
        rows, outcome = await self._internal(
            "select attname, format_type(atttypid, atttypmod), attnotnull, attidentity "
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

    # Errors, log, history ---------------------------------------------------------------------------------------

    def _mapped(self, fields: dict[str, str]) -> dict[str, str]:
        """An error of PostgreSQL in Redshift's words."""
        state = fields.get("C", "")
        if state == "40001":
            fields = self._conflict(fields)
        elif state == "21000" and fields.get("M", "").startswith(
            "MERGE command cannot affect row a second time"
        ):
            fields = {**fields, "M": "Found multiple matches to update the same tuple."}
            fields.pop("H", None)
        elif state == "23514":
            check = _BYTE_CHECK.search(fields.get("n", ""))
            if check:
                fields = {
                    **fields,
                    "C": "22001",
                    "M": f"value too long for type character varying({check.group(1)})",
                }
        return fields

    def _conflict(self, fields: dict[str, str]) -> dict[str, str]:
        """A refused write in the words of the database's isolation level.

        https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
        """
        fields = {**fields, "C": "XX000", "H": fields.get("M", "")}
        if self.front.settings.isolation == "snapshot":
            return {**fields, "M": "could not complete because of conflict with concurrent transaction"}
        table = fields.get("t") or self._target or "unknown"
        return {
            **fields,
            "M": "1023",
            "D": f"Serializable isolation violation on table - {table}, transactions forming the cycle are: "
            f"{self.pid} (pid:{self.pid})",
        }

    _target = ""

    def _begin(self, plan: Plan) -> float:
        self._target = plan.table or self._target
        return time.monotonic()

    def _finish(self, plan: Plan, outcome: Outcome, started: float) -> None:
        seconds = time.monotonic() - started
        one_line = " ".join(plan.title.split())
        shown = one_line if len(one_line) <= _LOG_WIDTH else one_line[:_LOG_WIDTH] + " …"
        rows = _rows(outcome)
        if outcome.fields:
            result = f"{outcome.fields.get('C')} {outcome.fields.get('M', '').splitlines()[0][:_LOG_WIDTH]}"
        else:
            result = outcome.tag or "done"
        log.info("%d %s %.1f ms [%s] %s", self.pid, self.user, seconds * 1000, result, shown)
        self._note_change(plan, outcome)
        if self.database != self.front.database:
            return
        end = _now()
        cancelled = bool(outcome.fields) and outcome.fields.get("C") == "57014"  # type: ignore[union-attr]
        status = "canceled" if cancelled else "failed" if outcome.fields else "success"
        self.front.history.add(
            QueryRecord(
                user=self.user,
                query_label=self.query_group,
                session_id=self.pid,
                database_name=self.database,
                query_type=plan.kind,
                status=status,
                start_time=end - dt.timedelta(seconds=seconds),
                end_time=end,
                elapsed_time=int(seconds * 1_000_000),
                error_message=(outcome.fields or {}).get("M", ""),
                returned_rows=rows,
                query_text=plan.title,
            )
        )

    def _record_load(
        self, plan: Plan, load: Load, outcome: Outcome, started_at: dt.datetime, started: float
    ) -> None:
        if self.database != self.front.database:
            return
        result = load.result
        self.front.history.add(
            LoadRecord(
                user=self.user,
                session_id=self.pid,
                database_name=self.database,
                status="aborted" if outcome.fields else "completed",
                table_name=plan.copy.name[-1],
                start_time=started_at,
                end_time=_now(),
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
            self.front.history.add(
                LoadErrorRecord(
                    user=self.user,
                    session_id=self.pid,
                    database_name=self.database,
                    start_time=started_at,
                    file_name=error.file,
                    line_number=error.line,
                    column_name=error.column,
                    column_type=error.kind,
                    column_length=error.length,
                    error_message=error.message,
                )
            )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _planned_rows(plans: Sequence[Sequence[str | None]]) -> int:
    """How many rows an INSERT is expected to write, from its EXPLAIN in JSON."""
    written = json.loads(str(plans[0][0]))[0]["Plan"]
    return max((int(source["Plan Rows"]) for source in written.get("Plans", ())), default=0)


def _rows(outcome: Outcome) -> int:
    last = outcome.tag.split()[-1:] if outcome.tag else []
    return int(last[0]) if last and last[0].isdigit() else outcome.rows
