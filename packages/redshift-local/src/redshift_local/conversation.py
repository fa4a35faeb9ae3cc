"""The front's conversation with PostgreSQL for one client: relayed answers, and statements of the front's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from redshift_local import values, wire


@dataclass
class Outcome:
    """Result of a statement."""

    rows: int = 0
    tag: str = ""
    fields: dict[str, str] | None = None
    status: str = "I"

    def counted(self) -> int:
        """Rows that were written or answered: the number in the tag, or the rows that passed."""
        last = self.tag.split()[-1:] if self.tag else []
        return int(last[0]) if last and last[0].isdigit() else self.rows


class Conversation:
    """One PostgreSQL session behind a client.

    Args:
        up: the connection to PostgreSQL.
        writer: to the client.
        mapped: turns an error of PostgreSQL into the one that Redshift would give.

    Attributes:
        status: transaction status of the last ReadyForQuery: idle ``I``, in a transaction ``T``, failed ``E``.
        driver: the client is a driver of Redshift.
        converters: columns of the rows that come next, whose values are converted.
        described: type ids of the columns that were described last.
        description: RowDescription of the front's own last statement.
    """

    def __init__(
        self,
        up: wire.Upstream,
        writer: asyncio.StreamWriter,
        mapped: Callable[[dict[str, str]], dict[str, str]],
    ) -> None:
        self.up = up
        self._writer = writer
        self._mapped = mapped
        self.status = "I"
        self.driver = False
        self.converters: list[tuple[int, values.Converter]] = []
        self.described: list[int] = []
        self.description = b""

    async def messages(self, outcome: Outcome, *, forward: bool) -> AsyncIterator[tuple[bytes, bytes]]:
        """Messages of PostgreSQL that are not rows; rows and, if wanted, the rest go to the client on the way."""
        up, writer = self.up, self._writer
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
                if code == 68 and not (forward and self.converters):  # a row
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
            if kind == b"D":
                outcome.rows += 1
                writer.write(wire.message(kind, values.converted(payload, self.converters)))
                continue
            self._pass_on(kind, payload, outcome, forward=forward)
            yield kind, payload

    def _pass_on(self, kind: bytes, payload: bytes, outcome: Outcome, *, forward: bool) -> None:
        """Note what a message says, and hand it to the client where that is wanted."""
        writer = self._writer
        if kind == b"E":
            outcome.fields = self._mapped(wire.error_fields(payload))
            if forward:
                writer.write(wire.error_message(outcome.fields))
        elif kind == b"T" and forward:
            self.described, formats = values.described(payload)
            self.converters = values.converters(self.described, formats, driver=self.driver)
            writer.write(wire.message(kind, wire.replace_type_ids(payload, values.TYPE_IDS)))
        elif kind == b"Z":
            self.status = outcome.status = payload.decode()
        elif kind == b"S":
            name, _ = wire.read_cstring(payload)
            if name not in {"search_path", "server_version"}:
                writer.write(wire.message(kind, payload))
        elif forward and kind not in b"GHW":
            writer.write(wire.message(kind, payload))

    async def relay_ready(self, outcome: Outcome, *, forward: bool, forward_ready: bool = False) -> None:
        """Relay up to ReadyForQuery."""
        await self.up.drain()
        async for kind, payload in self.messages(outcome, forward=forward):
            if kind == b"C":
                outcome.tag = wire.read_cstring(payload)[0]
            elif kind == b"G":  # COPY FROM STDIN by another way in; there is no data
                self.up.send(wire.message(b"f", wire.cstring("not supported")))
            elif kind == b"Z":
                if forward_ready:
                    self._writer.write(wire.ready(outcome.status))
                return

    async def internal(self, sql: str) -> tuple[list[list[str | None]], Outcome]:
        """Run something for the front itself on the client's server session."""
        outcome = Outcome()
        rows: list[list[str | None]] = []
        self.up.send(wire.query(sql))
        await self.up.drain()
        while True:
            kind, payload = await self.next()
            if kind == b"D":
                rows.append(wire.data_row_values(payload))
            elif kind == b"T":
                self.description = payload
            elif kind == b"C":
                outcome.tag = wire.read_cstring(payload)[0]
            elif kind == b"E":
                outcome.fields = self._mapped(wire.error_fields(payload))
            elif kind == b"N":
                self._writer.write(wire.message(kind, payload))
            elif kind == b"G":
                return rows, outcome
            elif kind == b"Z":
                self.status = outcome.status = payload.decode()
                return rows, outcome

    async def next(self) -> tuple[bytes, bytes]:
        """The next message of PostgreSQL, rows included."""
        buffer = self.up.buffer
        while True:
            if len(buffer) >= 5:
                end = 1 + int.from_bytes(buffer[1:5], "big")
                if len(buffer) >= end:
                    found = bytes(buffer[:1]), bytes(buffer[5:end])
                    del buffer[:end]
                    return found
            await self.up.fill()
