"""Messages as ``.eml`` files in a folder: any mail program opens them, and they outlive the server."""

from __future__ import annotations

import email
import email.policy
import itertools
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from local.config import private_folder


@dataclass(frozen=True)
class Message:
    """One received message.

    Attributes:
        id: file name without its suffix; begins with the moment of arrival, so that names sort by time.
        recipients: addresses of the delivery, which may be more than the ``To`` header names.
    """

    id: str
    received_at: str
    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str
    attachments: list[str]
    size: int


class Mailbox:
    """A folder of messages.

    Args:
        folder: created when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        private_folder(folder)
        self._counter = itertools.count()

    def add(self, content: bytes, sender: str, recipients: list[str]) -> str:
        """Keep a message as it was received; returns its id."""
        now = datetime.now(UTC)
        subject = str(email.message_from_bytes(content, policy=email.policy.default).get("Subject", ""))
        slug = re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:60] or "mail"
        name = f"{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}-{next(self._counter):04d}-{slug}"
        envelope = (
            f"X-Envelope-From: {_one_line(sender)}\r\nX-Envelope-To: {_one_line(', '.join(recipients))}\r\n"
        )
        # Readers never see half a message: the name appears when the file is whole.
        temporary = self.folder / f".{name}.part"
        temporary.write_bytes(envelope.encode("utf-8", "replace") + content)
        temporary.replace(self.folder / f"{name}.eml")
        return name

    def ids(self) -> list[str]:
        """Message ids, newest first."""
        return sorted((path.stem for path in self.folder.glob("[!.]*.eml")), reverse=True)

    def read(self, message_id: str) -> Message | None:
        """The message of that id; None when there is none."""
        if message_id not in self.ids():  # also keeps ids such as ../../etc out
            return None
        path = self.folder / f"{message_id}.eml"
        content = path.read_bytes()
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        return Message(
            id=message_id,
            received_at=datetime.strptime(message_id.split("-", maxsplit=1)[0], "%Y%m%dT%H%M%S.%f")
            .replace(tzinfo=UTC)
            .isoformat(timespec="seconds"),
            sender=str(parsed.get("From") or parsed.get("X-Envelope-From", "")),
            recipients=[
                part.strip() for part in str(parsed.get("X-Envelope-To", "")).split(",") if part.strip()
            ],
            subject=str(parsed.get("Subject", "")),
            text=_body(parsed, "plain"),
            html=_body(parsed, "html"),
            attachments=[part.get_filename() or "unnamed" for part in parsed.iter_attachments()],
            size=len(content),
        )

    def messages(self) -> list[Message]:
        """All messages, newest first."""
        return [message for message_id in self.ids() if (message := self.read(message_id)) is not None]

    def clear(self) -> int:
        """Delete every message; returns how many there were."""
        ids = self.ids()
        for message_id in ids:
            (self.folder / f"{message_id}.eml").unlink(missing_ok=True)
        return len(ids)


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown or lying charset: show what can be shown
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)
