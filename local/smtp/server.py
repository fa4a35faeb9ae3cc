"""The SMTP server and its page, in one process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local.doors import door
from local.smtp.mailbox import Mailbox
from local.smtp.objects import ObjectReader
from local.smtp.page import MailboxHandler
from local.stack.start_page import Start


class _Keep:
    """aiosmtpd handler: every message is accepted and kept."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        content = envelope.content or b""
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogateescape")
        try:
            message_id = self.mailbox.add(content, envelope.mail_from or "", list(envelope.rcpt_tos))
        except OSError as error:
            print(f"cannot keep a message: {error}", file=sys.stderr, flush=True)
            return "452 Insufficient system storage"
        print(f"received {message_id}", flush=True)
        return "250 Message kept"


class _Smtp(SMTP):
    """An SMTP server that hangs up when a browser speaks to it.

    A page can send this port an HTTP request whose body is a mail, and SMTP would skip the lines that it does not know.
    """

    async def smtp_POST(self, arg: str | None) -> None:  # noqa: ARG002, N802 - named by aiosmtpd's convention
        """Answer an HTTP request by an error, and end the connection."""
        await self.push("421 4.7.0 This is a mail server; it takes no HTTP request")
        if self.transport is not None:
            self.transport.close()

    smtp_GET = smtp_HEAD = smtp_PUT = smtp_PATCH = smtp_DELETE = smtp_OPTIONS = smtp_POST  # noqa: N815
    smtp_CONNECT = smtp_TRACE = smtp_POST  # noqa: N815


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)


class MailServer:
    """SMTP server and mailbox page; use as a context manager.

    Args:
        host: address to listen on.
        smtp_port: port of the SMTP server.
        page_port: port of the page.
        folder: where messages are kept.
        allowed_hosts: further names of the page, as `local.doors.door` takes them.
        objects: reader of the local S3, whose objects the page shows; without one it shows mails only.
        start: content of the start page; without one there is none.
    """

    def __init__(
        self,
        host: str,
        smtp_port: int,
        page_port: int,
        folder: Path,
        allowed_hosts: str = "",
        objects: ObjectReader | None = None,
        start: Callable[[], Start] | None = None,
    ) -> None:
        self.mailbox = Mailbox(folder)
        served = {"mailbox": self.mailbox, "objects": objects, "start": staticmethod(start) if start else None}
        handler = type("Handler", (MailboxHandler,), served)
        self._page = ThreadingHTTPServer((host, page_port), handler)
        handler.door = door(host, self._page.server_port, allowed_hosts, own_pages=True, links=True)  # type: ignore[attr-defined]
        self._page.daemon_threads = True
        self._smtp = _Controller(_Keep(self.mailbox), hostname=host, port=smtp_port, enable_SMTPUTF8=True)
        self.page_url = f"http://{host}:{self._page.server_port}"

    def __enter__(self) -> Self:
        self._smtp.start()
        threading.Thread(target=self._page.serve_forever, name="page", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._smtp.stop()
        self._page.shutdown()
        self._page.server_close()
