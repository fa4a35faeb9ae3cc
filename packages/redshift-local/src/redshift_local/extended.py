"""The extended protocol: batches of Parse, Bind, Describe, Execute and Close messages, each up to its Sync."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redshift_local import values, wire
from redshift_local.conversation import Outcome
from redshift_local.dialect import redacted, to_postgres
from redshift_local.plan import Plan, Refused

if TYPE_CHECKING:
    from redshift_local.session import Session

_FLUSH = wire.message(b"H")
_SYNC = wire.message(b"S")


class ClientGoneError(ConnectionError):
    """The client closed its connection."""


@dataclass
class _Pending:
    """A message that PostgreSQL has yet to answer."""

    kind: bytes
    plan: Plan | None = None
    started: float = 0.0
    statement: str | None = None  # the statement that a Describe asked for
    columns: tuple[list[int], list[int]] | None = None  # type ids and formats of a portal's columns


class Extended:
    """Serves the batches of one session and knows its prepared statements and portals.

    Args:
        session: the session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements: dict[str, Plan] = {}
        self._portals: dict[str, Plan] = {}
        self._parameters: dict[str, list[int]] = {}
        self._columns: dict[str, list[int]] = {}
        self._portal_columns: dict[str, tuple[list[int], list[int]] | None] = {}

    async def serve(self, kind: bytes, payload: bytes) -> None:
        """Serve one batch, up to its Sync or Flush."""
        pending: list[_Pending] = []
        broken = False
        while True:
            if not broken:
                broken = await self._take(kind, payload, pending)
            if kind == b"S":
                if not broken:
                    broken = await self._relay_pending(pending)
                self._session.talk.up.send(_SYNC)
                await self._session.talk.relay_ready(Outcome(), forward=True, forward_ready=True)
                return
            if kind == b"H":
                if not broken:
                    self._session.talk.up.send(_FLUSH)
                    broken = await self._relay_pending(pending)
                if not broken:
                    return
                await self._session.writer.drain()
            item = await self._session.inbox.get()
            if item is None:
                raise ClientGoneError
            kind, payload = item
            if kind == b"X":
                raise ClientGoneError
            if kind == b"Q":  # out of protocol, but harmless: the batch ends here
                self._session.talk.up.send(_SYNC)
                await self._session.talk.relay_ready(Outcome(), forward=True)
                await self._session.simple(wire.read_cstring(payload)[0])
                return

    async def _take(self, kind: bytes, payload: bytes, pending: list[_Pending]) -> bool:
        """Hand on one message of a batch; true when the batch is broken by an error."""
        if kind == b"P":
            return await self._parse(payload, pending)
        if kind == b"B":
            portal, offset = wire.read_cstring(payload)
            name, offset = wire.read_cstring(payload, offset)
            plan = self._statements.get(name)
            payload, formats = values.bound(
                payload, offset, self._parameters.get(name, []), driver=self._session.talk.driver
            )
            self._portal_columns[portal] = (self._columns[name], formats) if name in self._columns else None
            if plan is not None:
                self._portals[portal] = plan
                if plan.reads_history:  # before PostgreSQL takes its snapshot
                    await self._session.front.history.flush()
                # Before the portal exists: a query of the front would close it.
                if name and self._session.tuning.has_before(plan):
                    if await self._relay_pending(pending, flush=True):
                        return True
                    await self._session.tuning.before(plan)
        elif kind == b"C":
            name, _ = wire.read_cstring(payload, 1)
            (self._statements if payload[:1] == b"S" else self._portals).pop(name, None)
        elif kind == b"E":
            return await self._execute(payload, pending)
        if kind in b"BDC":
            self._session.talk.up.send(wire.message(kind, payload))
            described = wire.read_cstring(payload, 1)[0] if kind == b"D" and payload[:1] == b"S" else None
            pending.append(_Pending(kind, statement=described))
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
            self._session.talk.up.send(_SYNC)
            await self._session.talk.relay_ready(Outcome(), forward=False)
            started = self._session.begin(plan)
            outcome = await self._session.refuse(plan.refused)
            self._session.finish(plan, outcome, started)
            return True
        if plan.laterals:
            if await self._relay_pending(pending, flush=True):
                return True
            plan = await self._session.resolved(plan)
        self._statements[name] = plan
        (count,) = struct.unpack_from("!h", payload, offset)
        self._parameters[name] = list(struct.unpack_from(f"!{count}i", payload, offset + 2))
        self._columns.pop(name, None)
        if plan.reads_history:
            await self._session.front.history.flush()
        if not name and self._session.tuning.has_before(
            plan
        ):  # a query of the front would drop the unnamed statement
            if await self._relay_pending(pending, flush=True):
                return True
            await self._session.tuning.before(plan)
        text = "" if plan.special else plan.sql
        if plan.loads is not None:  # the order of the rows is asked for between batches
            if await self._relay_pending(pending, flush=True):
                return True
            text = await self._session.tuning.in_order(plan)
        self._session.talk.up.send(wire.parse(name, text, payload[offset:]))
        pending.append(_Pending(b"P", plan))
        return False

    async def _execute(self, payload: bytes, pending: list[_Pending]) -> bool:
        portal, _ = wire.read_cstring(payload)
        plan = self._portals.get(portal)
        if plan is None or not plan.special:
            started = self._session.begin(plan) if plan else time.monotonic()
            self._session.talk.up.send(wire.message(b"E", payload))
            pending.append(_Pending(b"E", plan, started, columns=self._portal_columns.get(portal)))
            return False
        if await self._relay_pending(pending, flush=True):
            return True
        # The front speaks the simple protocol from here, which PostgreSQL takes only between batches.
        self._session.talk.up.send(_SYNC)
        await self._session.talk.relay_ready(Outcome(), forward=False)
        started = self._session.begin(plan)
        outcome = await self._session.special(plan)
        self._session.finish(plan, outcome, started)
        return outcome.fields is not None

    def _expect(self, item: _Pending) -> None:
        """Rows that come next are those of this portal."""
        talk = self._session.talk
        if item.kind == b"B":
            talk.converters = []
        elif item.kind == b"E" and item.columns is not None:
            talk.converters = values.converters(*item.columns, driver=talk.driver)

    async def _relay_pending(self, pending: list[_Pending], *, flush: bool = False) -> bool:
        """Relay the answers to all pending messages; true when one of them was an error."""
        if not pending:
            return False
        if flush or pending:
            self._session.talk.up.send(_FLUSH)
        await self._session.talk.up.drain()
        outcome = Outcome()
        talk = self._session.talk
        self._expect(pending[0])
        async for kind, payload in talk.messages(outcome, forward=True):
            if kind == b"E":
                item = pending[0]
                plan = next((p.plan for p in pending if p.plan is not None), None)
                if plan is not None:
                    self._session.finish(plan, outcome, item.started or time.monotonic())
                pending.clear()
                return True
            if kind in b"123ntTCIs" and pending:
                item = pending[0]
                if kind == b"t":
                    continue  # a described statement is answered by its parameters, then its row
                if kind in {b"T", b"n"} and item.kind != b"D":
                    continue
                pending.pop(0)
                if item.statement is not None and kind in b"Tn":
                    self._columns[item.statement] = talk.described if kind == b"T" else []
                if pending:
                    self._expect(pending[0])
                if kind in b"CIs" and item.plan is not None:
                    if kind == b"C":
                        outcome.tag = wire.read_cstring(payload)[0]
                    self._session.finish(item.plan, outcome, item.started)
                    outcome.rows = 0
                if not pending:
                    return False
        return False
