"""The mailbox as web pages and JSON.

Mail comes from anywhere, so nothing of it is trusted: text is escaped, HTML is shown in a sandboxed frame
without scripts, forms or network, and every page forbids all active content. Pages of other origins get nothing
(`local.doors`).

``/``                    list
``/start``               the stack's places with their logins, and its DAGs (`local.stack.start_page`)
``/messages/<id>``       one message
``/messages/<id>/html``  its HTML part alone, for the frame
``/messages/<id>/eml``   the file as received
``/api/messages``        all messages as JSON (``DELETE`` empties the mailbox)
``/s3/<bucket>/<key>``   an object of the local S3, where links of mails and Airflow lead (`local.smtp.objects`)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from local.doors import Door, joined
from local.smtp.mailbox import Mailbox
from local.smtp.objects import OBJECT_POLICY, ObjectNotShownError, ObjectReader
from local.stack.start_page import Start

_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'; base-uri 'none'"
)
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

_DRAINED_BYTES = 65_536

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, undefined=StrictUndefined
)


class MailboxHandler(BaseHTTPRequestHandler):
    """Serves one mailbox; subclassed per server with its ``mailbox``, ``door``, ``objects`` and ``start``."""

    mailbox: Mailbox
    objects: ObjectReader | None = None
    start: Callable[[], Start] | None = None
    door: Door
    server_version = "Mailbox"
    sys_version = ""

    def parse_request(self) -> bool:
        """Read the head of a request; False when it is malformed or refused, and then answered."""
        if not super().parse_request():
            return False
        why = self.door.refusal(self.command, joined(self.headers.items()))
        if why:
            self.close_connection = True
            # Closing with unread bytes would reset the connection, and the sentence would be lost.
            length = self.headers.get("Content-Length", "")
            self.rfile.read(min(int(length), _DRAINED_BYTES) if length.isdecimal() else 0)
            self._send(f"{why}\n".encode(), "text/plain; charset=utf-8", _PAGE_POLICY, HTTPStatus.FORBIDDEN)
        return not why

    def do_GET(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        match parts:
            case [""]:
                messages = self.mailbox.messages()
                self._send_page(_page("list.html", "Mail", messages=messages, refresh=True))
            case ["start"] if self.start:
                self._send_page(
                    _page("start.html", "The local stack of ecommerce-dwh", start=self.start(), refresh=True)
                )
            case ["api", "messages"]:
                self._send_json([asdict(message) for message in self.mailbox.messages()])
            case ["api", "messages", message_id]:
                message = self.mailbox.read(message_id)
                self._send_json(asdict(message)) if message else self._not_found()
            case ["messages", message_id]:
                message = self.mailbox.read(message_id)
                self._send_page(_page("message.html", message.subject, message=message)) if (
                    message
                ) else self._not_found()
            case ["messages", message_id, "html"]:
                message = self.mailbox.read(message_id)
                self._send(message.html.encode(), "text/html; charset=utf-8", _MAIL_POLICY) if (
                    message
                ) else self._not_found()
            case ["messages", message_id, "eml"]:
                if self.mailbox.read(message_id) is None:
                    self._not_found()
                else:
                    content = (self.mailbox.folder / f"{message_id}.eml").read_bytes()
                    self._send(content, "message/rfc822", _PAGE_POLICY)
            case ["s3", bucket, *_] if self.objects:
                self._send_object(self.objects, bucket)
            case _:
                self._not_found()

    def _send_object(self, objects: ObjectReader, bucket: str) -> None:
        # The key is everything behind the bucket, blanks and double slashes included.
        key = unquote(urlsplit(self.path).path.removeprefix(f"/s3/{quote(bucket)}/"))
        try:
            found = objects.read(bucket, key)
        except ObjectNotShownError as why:
            self._send(f"{why}\n".encode(), "text/plain; charset=utf-8", _PAGE_POLICY, HTTPStatus.NOT_FOUND)
            return
        self._send(found.content, found.kind, OBJECT_POLICY)

    def do_DELETE(self) -> None:
        if urlsplit(self.path).path == "/api/messages":
            self._send_json({"deleted": self.mailbox.clear()})
        else:
            self._not_found()

    def log_message(self, format: str, *args: object) -> None:
        """Page views are not worth a log line."""

    def _not_found(self) -> None:
        self._send(
            b"There is no such message.\n", "text/plain; charset=utf-8", _PAGE_POLICY, HTTPStatus.NOT_FOUND
        )

    def _send_page(self, page: str) -> None:
        self._send(page.encode(), "text/html; charset=utf-8", _PAGE_POLICY)

    def _send_json(self, value: object) -> None:
        self._send(json.dumps(value, ensure_ascii=False).encode(), "application/json", _PAGE_POLICY)

    def _send(self, body: bytes, kind: str, policy: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _page(template: str, title: str, **content: object) -> str:
    """A page out of its template; everything of a message is escaped."""
    return _TEMPLATES.get_template(template).render(title=title, **({"refresh": False} | content))
