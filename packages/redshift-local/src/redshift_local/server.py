"""The listening side: takes connections, knows the sessions, passes cancel requests on."""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
import time
from typing import ClassVar, cast

from redshift_local import postgres, wire
from redshift_local.certificates import tls_context
from redshift_local.commands import DEFAULT_SEARCH_PATH, SEARCH_PATH_TAIL
from redshift_local.history import History
from redshift_local.session import Session
from redshift_local.settings import ISOLATION_LEVELS, Settings

log = logging.getLogger("redshift_local")


class Front:
    """One Redshift endpoint.

    Args:
        settings: its address and what lies behind it.
    """

    # Settings of every session: Redshift's way of resolving names and reading literals.
    common_settings: ClassVar[dict[str, str]] = {
        "search_path": f"{DEFAULT_SEARCH_PATH}, {SEARCH_PATH_TAIL}",
        "standard_conforming_strings": "off",
        "backslash_quote": "on",
        "escape_string_warning": "off",
        "TimeZone": "UTC",
        "redshift_shim.query_group": "unset",
        "redshift_shim.last_copy_count": "0",
        "plan_cache_mode": "force_custom_plan",
        # The creator of a user has all privileges of that user, as Redshift's superuser has.
        "createrole_self_grant": "set, inherit",
    }

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = settings.database
        self.session_settings = {
            **self.common_settings,
            "default_transaction_isolation": ISOLATION_LEVELS[settings.isolation],
        }
        self.superuser = postgres.SUPERUSER
        self.pg_host, self.pg_port = settings.postgres.address()
        self.history = History(settings.postgres.url(settings.database))
        self._tls = tls_context(settings.tls, settings.host) if settings.tls else None
        self.sessions: dict[bytes, Session] = {}
        self._ids = itertools.count(time.time_ns() // 1_000_000)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def next_id(self) -> int:
        """An identifier that rises, across restarts too."""
        return next(self._ids)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self.history.start()
        self._server = await asyncio.start_server(
            self._accept, self.settings.host, self.settings.port, limit=1 << 20
        )
        log.info("listening on %s:%d", self.settings.host, self.port)

    @property
    def port(self) -> int:
        """The port that the endpoint listens on, also when 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self.settings.port

    async def stop(self) -> None:
        """End all sessions; their open transactions are rolled back."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.history.stop()
        log.info("stopped")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        session: Session | None = None
        try:
            session = await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            log.debug("a client went away: %s", error)
        except asyncio.CancelledError:
            writer.write(wire.error("terminating connection due to administrator command", "57P01", "FATAL"))
        except Exception:
            log.exception("a session failed")
            writer.write(
                wire.error("internal error of the local Redshift endpoint; its log says more", "XX000", "FATAL")
            )
        finally:
            self._tasks.discard(task)
            if session is not None:
                self.sessions.pop(session.key, None)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Session | None:
        while True:
            code, body = await wire.read_startup(reader)
            if (
                code == wire.SSL_REQUEST
                and self._tls is not None
                and writer.get_extra_info("ssl_object") is None
            ):
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._tls)
                continue
            if code in {wire.SSL_REQUEST, wire.GSS_REQUEST}:
                writer.write(b"N")
                continue
            if code == wire.CANCEL_REQUEST:
                await self._cancel(body)
                return None
            if code >> 16 != wire.PROTOCOL_3 >> 16:
                writer.write(wire.error("unsupported protocol version", "0A000", "FATAL"))
                return None
            if code != wire.PROTOCOL_3:  # a newer minor version: answer with the version that is spoken
                writer.write(wire.message(b"v", (wire.PROTOCOL_3).to_bytes(4, "big") + (0).to_bytes(4, "big")))
            session = Session(self, reader, writer)
            try:
                await session.run(body)
            finally:
                self.sessions.pop(session.key, None)
            return session

    async def _cancel(self, key: bytes) -> None:
        session = self.sessions.get(key)
        if session is not None:
            session.cancelled = True
            await wire.send_cancel(wire.Upstream(self.pg_host, self.pg_port), key)
