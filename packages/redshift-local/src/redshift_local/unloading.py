"""One UNLOAD of a session: a query's rows from the client's own transaction into files on S3."""

from __future__ import annotations

import asyncio
import struct

from botocore.exceptions import BotoCoreError, ClientError

from redshift_local import wire
from redshift_local.conversation import Outcome
from redshift_local.copy_load import client
from redshift_local.copy_model import CopyError
from redshift_local.transfers import Transfer
from redshift_local.unload_files import Files, OutColumn

_ROWS = 20_000
_CURSOR = "redshift_unload"


class Unloading(Transfer):
    """Carries out one UNLOAD."""

    async def run(self) -> Outcome:
        """Write the files; what the client gets to see is written to it."""
        own = self._talk.status == "I"
        if own:
            await self._talk.internal("begin")
        try:
            outcome = await self._unload()
        except CopyError as error:
            outcome = await self._refused(error)
        except (ClientError, BotoCoreError) as error:
            outcome = await self._refused(CopyError(f"S3ServiceException: {error}"))
        if own:
            await self._talk.internal("rollback" if outcome.fields else "commit")
        outcome.status = self._talk.status
        if outcome.fields:
            self._session.writer.write(wire.error_message(outcome.fields))
            return outcome
        if outcome.rows >= 0:
            await self._talk.internal(
                f"select set_config('redshift_shim.last_unload_count', '{outcome.rows}', false)"
            )
        said = f"UNLOAD completed, {outcome.rows} record(s) unloaded successfully."
        notice = {"S": "INFO", "V": "INFO", "C": "00000", "M": said}
        self._session.writer.write(wire.error_message(notice, b"N"))
        outcome.tag = "UNLOAD"
        self._session.writer.write(wire.command_complete(outcome.tag))
        return outcome

    async def _unload(self) -> Outcome:
        statement = self._plan.unload
        loop = asyncio.get_running_loop()
        s3 = await loop.run_in_executor(None, client, self._session.front.settings.s3)
        _, outcome = await self._talk.internal(f"declare {_CURSOR} no scroll cursor for {statement.query.sql}")
        if outcome.fields:
            return outcome
        files: Files | None = None
        while True:
            rows, outcome = await self._talk.internal(f"fetch {_ROWS} from {_CURSOR}")
            if outcome.fields:
                return outcome
            if cancelled := self._cancelled():
                raise cancelled
            if files is None:
                columns = _columns(self._talk.description)
                files = await loop.run_in_executor(None, Files, statement, columns, s3)
            if not rows:
                break
            await loop.run_in_executor(None, files.write, rows)
        await loop.run_in_executor(None, files.finish)
        _, outcome = await self._talk.internal(f"close {_CURSOR}")
        outcome.rows = files.rows
        return outcome


def _columns(payload: bytes) -> list[OutColumn]:
    """Columns of a RowDescription."""
    (count,) = struct.unpack_from("!h", payload)
    found = []
    offset = 2
    for _ in range(count):
        name, offset = wire.read_cstring(payload, offset)
        _, _, type_id, _, modifier, _ = struct.unpack_from("!ihihih", payload, offset)
        found.append(OutColumn(name, type_id, modifier))
        offset += 18
    return found
