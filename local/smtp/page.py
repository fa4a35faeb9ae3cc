"""The mailbox as web pages and JSON.

Mail comes from anywhere, so nothing of it is trusted: text is escaped, HTML is shown in a sandboxed frame
without scripts, forms or network, and every page forbids all active content. Pages of other origins get nothing
(`local.doors`).

``/``                    list
``/messages/<id>``       one message
``/messages/<id>/html``  its HTML part alone, for the frame
``/messages/<id>/eml``   the file as received
``/api/messages``        all messages as JSON (``DELETE`` empties the mailbox)
``/s3/<bucket>/<key>``   an object of the local S3, where links of mails and Airflow lead (`local.smtp.objects`)
"""

from __future__ import annotations

import json
from dataclasses import asdict
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote, unquote, urlsplit

from local.doors import Door, joined
from local.smtp.mailbox import Mailbox, Message
from local.smtp.objects import OBJECT_POLICY, ObjectNotShownError, ObjectReader

_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'; base-uri 'none'"
)
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

_DRAINED_BYTES = 65_536

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --accent: #0b6bcb; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; } a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .45rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th, .dim { color: var(--dim); font-weight: normal; } td.time { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--dim); } dd { margin: 0; }
pre, iframe { border: 1px solid var(--line); border-radius: .4rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; }
iframe { width: 100%; height: 32rem; background: white; }
"""


class MailboxHandler(BaseHTTPRequestHandler):
    """Serves one mailbox; subclassed per server with its ``mailbox``, its ``door`` and its ``objects``."""

    mailbox: Mailbox
    objects: ObjectReader | None = None
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
                self._send_page(_list_page(self.mailbox.messages()))
            case ["api", "messages"]:
                self._send_json([asdict(message) for message in self.mailbox.messages()])
            case ["api", "messages", message_id]:
                message = self.mailbox.read(message_id)
                self._send_json(asdict(message)) if message else self._not_found()
            case ["messages", message_id]:
                message = self.mailbox.read(message_id)
                self._send_page(_message_page(message)) if message else self._not_found()
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


def _page(title: str, body: str, refresh: bool = False) -> str:
    again = '<meta http-equiv="refresh" content="10">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{again}'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><body>{body}</body></html>"
    )


def _list_page(messages: list[Message]) -> str:
    rows = "".join(
        f'<tr><td class="time dim">{escape(message.received_at[:19].replace("T", " "))}</td>'
        f'<td><a href="/messages/{quote(message.id)}">{escape(message.subject or "(no subject)")}</a></td>'
        f"<td>{escape(', '.join(message.recipients))}</td></tr>"
        for message in messages
    )
    table = (
        f"<table><tr><th>received (UTC)</th><th>subject</th><th>to</th></tr>{rows}</table>"
        if messages
        else '<p class="dim">No mail yet. Alerts of the warehouse arrive here.</p>'
    )
    return _page("Mail", f"<h1>Mail ({len(messages)})</h1>{table}", refresh=True)


def _message_page(message: Message) -> str:
    link = f"/messages/{quote(message.id)}"
    attachments = (
        f"<dt>attachments</dt><dd>{escape(', '.join(message.attachments))}</dd>" if message.attachments else ""
    )
    html = f'<iframe sandbox title="HTML part" src="{link}/html"></iframe>' if message.html else ""
    text = f"<pre>{escape(message.text)}</pre>" if message.text else ""
    return _page(
        message.subject,
        f'<p><a href="/">← all mail</a></p><h1>{escape(message.subject or "(no subject)")}</h1>'
        f"<dl><dt>from</dt><dd>{escape(message.sender)}</dd>"
        f"<dt>to</dt><dd>{escape(', '.join(message.recipients))}</dd>"
        f"<dt>received</dt><dd>{escape(message.received_at)}</dd>{attachments}"
        f'<dt>file</dt><dd><a href="{link}/eml">{escape(message.id)}.eml</a></dd></dl>{html}{text}',
    )
