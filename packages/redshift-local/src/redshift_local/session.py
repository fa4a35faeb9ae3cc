"""One client's session: a loop over the client's messages, with one PostgreSQL session behind it.

The loop is sequential: it hands a message on and relays the answer before it takes the next one. A second
task reads from the client, so that a closed connection cancels the statement that runs for it.

Statements that need more than a rewritten text (COPY, TRUNCATE, DDL with indexes, settings that the front follows)
are *special*. In the extended protocol PostgreSQL gets an empty statement in their place, so that parsing, binding
and describing go their normal way, and the front acts when the portal is executed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
import struct
import time
from typing import TYPE_CHECKING

from redshift_local import wire
from redshift_local.conversation import Conversation, Outcome
from redshift_local.copying import Copying
from redshift_local.dialect import prepared_part, to_postgres, without_aliases
from redshift_local.errors import in_redshifts_words
from redshift_local.extended import Extended
from redshift_local.history import QueryRecord, now
from redshift_local.plan import Plan, Refused
from redshift_local.tokens import quote_text
from redshift_local.tuning import Tuning
from redshift_local.unloading import Unloading

if TYPE_CHECKING:
    from redshift_local.server import Front

log = logging.getLogger("redshift_local")

_LOG_WIDTH = 200
_MISSING_COLUMN = re.compile('column "(.+)" does not exist')
_PASSED_PARAMETERS = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "statement_timeout",
    "extra_float_digits",
}
_OPTIONS = {name.lower() for name in _PASSED_PARAMETERS} | {"search_path"}
_DRIVER_PARAMETERS = {"client_protocol_version", "driver_version", "os_version"}


def startup_settings(options: str) -> dict[str, str]:
    """Settings of the start-up option ``options``, such as ``-c statement_timeout=1000``; others are left out."""
    words = re.sub(r"(?:^|(?<=\s))(?:-c\s*|--)(?=\w)", "\0", options).split("\0")[1:]
    pairs = (word.strip().partition("=") for word in words)
    return {
        name.replace("-", "_").lower(): value.replace("\\ ", " ")
        for name, equals, value in pairs
        if equals and name.replace("-", "_").lower() in _OPTIONS
    }


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
        self.writer = writer
        self._up = wire.Upstream(front.pg_host, front.pg_port)
        self.talk = Conversation(self._up, writer, self.mapped)
        self.tuning = Tuning(self.talk)
        self._extended = Extended(self)
        self.inbox: asyncio.Queue[tuple[bytes, bytes] | None] = asyncio.Queue(maxsize=256)
        self.user = ""
        self.database = ""
        self.pid = 0
        self.key = b""
        self.query_group = "unset"
        self.cancelled = False
        self._gone = False
        self._target = ""

    # Start ------------------------------------------------------------------------------------------------------

    async def run(self, body: bytes) -> None:
        """Serve the client from its start-up packet on."""
        parameters = wire.startup_parameters(body)
        try:
            await self._login(parameters)
        except wire.ServerError as error:
            fields = {**error.fields, "S": "FATAL"}
            self.writer.write(wire.error_message(fields))
            log.info("login of %s refused: %s", self.user, fields.get("M"))
            return
        except OSError as error:
            self.writer.write(
                wire.error(f"the warehouse's PostgreSQL does not answer: {error}", "57P03", "FATAL")
            )
            return
        feeder = asyncio.create_task(self._feed())
        try:
            while True:
                item = await self.inbox.get()
                if item is None or item[0] == b"X":
                    break
                await self._handle(*item)
        except (wire.WireError, ConnectionError, asyncio.IncompleteReadError) as error:
            if not self._gone:
                log.info("session %d ended: %s", self.pid, error)
                self.writer.write(wire.error("the server closed the connection", "57P01", "FATAL"))
        finally:
            feeder.cancel()
            self._up.close()

    async def _login(self, parameters: dict[str, str]) -> None:
        # GetClusterCredentials names users so; the database knows them without (API_GetClusterCredentials).
        self.user = re.sub("^IAMA?:", "", parameters.get("user", ""))
        self.database = parameters.get("database") or self.user
        self.writer.write(wire.message(b"R", struct.pack("!i", 3)))
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
        settings |= startup_settings(parameters.get("options", ""))
        await self._up.connect(
            {"user": self.user, "database": self.database, **settings, **self.front.session_settings}, password
        )
        if (
            self._up.parameters.get("is_superuser") != "off"
        ):  # no superuser of PostgreSQL is a user of the warehouse
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
        self.talk.driver = bool(_DRIVER_PARAMETERS & parameters.keys())
        for name, value in self._up.parameters.items():
            shown = "8.0.2" if name == "server_version" and self.talk.driver else value
            out.append(wire.parameter_status(name, shown.split(" ")[0] if name == "server_version" else shown))
        out.append(wire.message(b"K", self.key))
        out.append(wire.ready("I"))
        self.writer.write(b"".join(out))
        if path := startup_settings(parameters.get("options", "")).get("search_path"):
            for plan in to_postgres(f"set search_path to {path}"):
                await self.talk.internal(plan.sql)

    async def _feed(self) -> None:
        """Read the client's messages; its end cancels what runs."""
        try:
            while True:
                await self.inbox.put(await wire.read_message(self._reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._gone = True
            self.cancelled = True
            await self._up.cancel()
            self._up.close()
            await self.inbox.put(None)

    # Messages ---------------------------------------------------------------------------------------------------

    async def _handle(self, kind: bytes, payload: bytes) -> None:
        if kind == b"Q":
            await self.simple(wire.read_cstring(payload)[0])
        elif kind in b"PBDECHS":
            await self._extended.serve(kind, payload)
        elif kind in b"dcf":
            pass  # remains of a COPY that was refused
        elif kind == b"F":
            self.writer.write(wire.error("the function call protocol is not supported", "0A000"))
            self.writer.write(wire.ready(self.talk.status))
        await self.writer.drain()

    async def simple(self, text: str) -> None:
        plans = to_postgres(text)
        if not plans:
            self._up.send(wire.query(""))
            await self.talk.relay_ready(Outcome(), forward=True, forward_ready=True)
            return
        # A script without its own BEGIN is one transaction.
        wrap = (
            len(plans) > 1
            and self.talk.status == "I"
            and not any(plan.control or plan.truncate for plan in plans)
        )
        if wrap:
            await self.talk.internal("begin")
        failed = False
        for plan in plans:
            outcome = await self._run_plan(plan)
            if outcome.fields:
                failed = True
                break
        if wrap:
            end = Plan("UTILITY", "rollback" if failed else "commit", control=True)
            await self.tuning.before(end)
            await self.talk.internal(end.sql)
        self.writer.write(wire.ready(self.talk.status))

    async def _run_plan(self, plan: Plan) -> Outcome:
        """Run one statement of the simple protocol; its messages go to the client, ReadyForQuery does not."""
        plan = await self.resolved(plan)
        started = self.begin(plan)
        if plan.reads_history:
            await self.front.history.flush()
        if self.tuning.has_before(plan):
            await self.tuning.before(plan)
        if plan.special:
            outcome = await self.special(plan)
        else:
            outcome = Outcome()
            self._up.send(wire.query(await self.tuning.in_order(plan)))
            await self.talk.relay_ready(outcome, forward=True)
        self.finish(plan, outcome, started)
        return outcome

    async def resolved(self, plan: Plan) -> Plan:
        """The plan with those lateral aliases replaced that PostgreSQL finds no column for."""
        wanted: set[str] = set()
        while plan.laterals and self.talk.status in "IT":
            query = prepared_part(plan.source, frozenset(wanted))
            missing = await self._missing_column(query) if query else ""
            if missing not in plan.laterals or missing in wanted:
                break
            wanted.add(missing)
        return without_aliases(plan.source, frozenset(wanted)) if wanted else plan

    async def _missing_column(self, query: str) -> str:
        """The column that PostgreSQL does not find, of one without a table's name."""
        inside = self.talk.status == "T"
        if inside:
            await self.talk.internal("savepoint redshift_lateral")
        _, outcome = await self.talk.internal(f"prepare redshift_lateral as {query}")
        if not outcome.fields:
            await self.talk.internal("deallocate redshift_lateral")
        if inside:
            back = "rollback to savepoint redshift_lateral; " if outcome.fields else ""
            await self.talk.internal(f"{back}release savepoint redshift_lateral")
        found = _MISSING_COLUMN.match(outcome.fields.get("M", "")) if outcome.fields else None
        return found.group(1) if found else ""

    # Special statements -----------------------------------------------------------------------------------------

    async def special(self, plan: Plan) -> Outcome:
        """Carry out a statement that takes more than its text; its messages go to the client."""
        if plan.refused is not None:
            return await self.refuse(plan.refused)
        if plan.alone and self.talk.status == "T":
            return await self.refuse(Refused(f"{plan.alone} cannot run inside a transaction block", "25001"))
        if plan.copy is not None:
            return await Copying(self, plan).run()
        if plan.unload is not None:
            return await Unloading(self, plan).run()
        if plan.truncate:
            return await self._truncate(plan)
        own = self.talk.status == "I" and bool(plan.before or plan.after)
        if own:
            await self.talk.internal("begin")
        outcome = Outcome()
        for text in plan.before:
            _, outcome = await self.talk.internal(text)
            if outcome.fields:
                break
        if not outcome.fields:
            _, outcome = await self.talk.internal(plan.sql)
        if plan.sorts and not outcome.fields:
            _, outcome = await self.talk.internal(f"select redshift_shim.sort_rows({quote_text(plan.sorts)})")
        if plan.kind == "CTAS" and plan.table and not outcome.fields:
            await self.tuning.analyze_made(plan.table, outcome.counted())
        tag = plan.tag or outcome.tag
        if not outcome.fields:
            for text in plan.after:
                _, after = await self.talk.internal(text)
                if after.fields:
                    outcome = after
                    break
        if own:
            _, end = await self.talk.internal("rollback" if outcome.fields else "commit")
            outcome.fields = outcome.fields or end.fields
        outcome.status = self.talk.status
        if outcome.fields:
            self.writer.write(wire.error_message(outcome.fields))
            return outcome
        if plan.setting is not None and plan.setting[0] == "query_group":
            self.query_group = plan.setting[1]
        outcome.tag = tag
        self.writer.write(wire.command_complete(tag))
        return outcome

    async def refuse(self, refused: Refused) -> Outcome:
        """Answer with an error; an open transaction is aborted, as by any error."""
        if self.talk.status == "T":
            await self.talk.internal("do $$ begin raise exception 'refused'; end $$")
        fields = {"S": "ERROR", "V": "ERROR", "C": refused.state, "M": str(refused)}
        self.writer.write(wire.error_message(fields))
        return Outcome(fields=fields, status=self.talk.status)

    async def _truncate(self, plan: Plan) -> Outcome:
        """TRUNCATE commits the transaction that it runs in."""
        if self.talk.status == "T":
            _, outcome = await self.talk.internal("commit")
            if outcome.fields:
                self.writer.write(wire.error_message(outcome.fields))
                return outcome
        _, outcome = await self.talk.internal(plan.sql)
        if outcome.fields:
            self.writer.write(wire.error_message(outcome.fields))
        else:
            self.writer.write(wire.command_complete("TRUNCATE"))
        return outcome

    # Errors, log, history ---------------------------------------------------------------------------------------

    def mapped(self, fields: dict[str, str]) -> dict[str, str]:
        """An error of PostgreSQL in Redshift's words."""
        return in_redshifts_words(fields, self.front.settings.isolation, self._target, self.pid)

    def begin(self, plan: Plan) -> float:
        self._target = plan.table or self._target
        return time.monotonic()

    def finish(self, plan: Plan, outcome: Outcome, started: float) -> None:
        seconds = time.monotonic() - started
        one_line = " ".join(plan.title.split())
        shown = one_line if len(one_line) <= _LOG_WIDTH else one_line[:_LOG_WIDTH] + " …"
        rows = outcome.counted()
        if outcome.fields:
            result = f"{outcome.fields.get('C')} {outcome.fields.get('M', '').splitlines()[0][:_LOG_WIDTH]}"
        else:
            result = outcome.tag or "done"
        log.info("%d %s %.1f ms [%s] %s", self.pid, self.user, seconds * 1000, result, shown)
        self.tuning.note_change(plan, outcome)
        if self.database != self.front.database:
            return
        end = now()
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
