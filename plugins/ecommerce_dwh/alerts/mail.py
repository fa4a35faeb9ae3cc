"""Builds and sends the alerts' mails: HTML with a plain-text twin, through the connection ``smtp_default``.

Building is pure. Sending tries a few times and then only logs: a mail server that is down must not fail a run.

Texts of an alert come from run ids, error messages and reports, so from anywhere: `tidy` cuts them and replaces what
UTF-8 or SMTP refuse. A shortened mail is sent; a mail that cannot be encoded would be lost.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.settings import Settings, get_settings
from ecommerce_dwh.texts import one_line, said

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.smtp.hooks.smtp import SmtpHook

log = logging.getLogger(__name__)

_PAUSES = (1.0, 3.0)  # seconds between the attempts; callbacks of the DAG processor have to be brief
_COLOURS = {"error": "#b3261e", "warning": "#8a5a00", "info": "#1a6b3c"}
# The same colours where a mail program shows the page dark; their contrast on black equals that of the others on white.
_DARK_COLOURS = {"error": "#ff8a80", "warning": "#ffca66", "info": "#7ddba0"}
_MAX_ERROR = 3000
_MAX_SNS = 200_000  # bytes; SNS takes 256 KiB of message and attributes
# docs.aws.amazon.com/sns/latest/api/API_Publish.html: ASCII, no line break or control character, under 100 characters
_MAX_SNS_SUBJECT = 99
_ADDRESS = re.compile(r"[!-;=?A-~]{1,64}@[A-Za-z0-9.-]{1,255}")


@dataclass(frozen=True)
class Link:
    """A link in a mail."""

    text: str
    url: str


@dataclass(frozen=True)
class Item:
    """A finding, for example a failed rule, with what shows it, for example keys of rows."""

    text: str
    details: Sequence[str] = ()


@dataclass(frozen=True)
class Table:
    """Figures side by side: a caption, the headers, and rows of as many texts."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Alert:
    """The content of an alert.

    Attributes:
        kind: ``error``, ``warning`` or ``info``; sets the colour.
        title: subject and headline.
        summary: one or two sentences: what happened and what it means for readers of the data.
        facts: label and value pairs.
        error: message of the failure, shown as it is.
        items: list of findings, for example failing rules.
        table: figures that explain the finding.
        links: where to look next.
    """

    kind: str
    title: str
    summary: str
    facts: Sequence[tuple[str, str]] = ()
    error: str = ""
    items: Sequence[Item] = ()
    table: Table | None = None
    links: Sequence[Link] = field(default=())


def tidy(alert: Alert) -> Alert:
    """The alert with every text well-formed, of a length that people read, and at most so many of them."""
    table = alert.table
    return Alert(
        kind=alert.kind,
        title=one_line(alert.title, 200) or "Alert",
        summary=said(alert.summary, 2000),
        facts=[(one_line(label, 60), said(value, 1000)) for label, value in alert.facts[:40]],
        error=said(alert.error, _MAX_ERROR),
        items=[
            Item(said(item.text, 2000), [said(detail, 500) for detail in item.details[:20]])
            for item in alert.items[:50]
        ],
        table=table
        and Table(
            one_line(table.caption, 200),
            [one_line(header, 60) for header in table.headers],
            [[one_line(text, 200) for text in row] for row in table.rows[:100]],
        ),
        links=[Link(one_line(link.text, 100), _safe_url(link.url)) for link in alert.links[:20]],
    )


def _safe_url(url: object) -> str:
    """An address that a mail program may open; of another scheme, nothing."""
    text = "".join(said(url, 2000).split())
    return text if text.startswith(("https://", "http://")) else ""


def plain_text(alert: Alert) -> str:
    """The alert as plain text."""
    alert = tidy(alert)
    lines = [alert.title, "=" * min(len(alert.title), 78), "", alert.summary, ""]
    width = max((len(label) for label, _ in alert.facts), default=0) + 1
    lines += [f"{label + ':':{width}} {value}" for label, value in alert.facts]
    if alert.items:
        lines.append("")
    for item in alert.items:
        lines += [f"- {item.text}", *(f"    {detail}" for detail in item.details)]
    if alert.table is not None:
        lines += ["", alert.table.caption, "-" * len(alert.table.caption), *_columns(alert.table)]
    if alert.error:
        lines += ["", "Error", "-----", alert.error]
    if alert.links:
        lines += ["", *(f"{link.text}: {link.url}" for link in alert.links)]
    return "\n".join(lines) + "\n"


def _columns(table: Table) -> list[str]:
    """The table in columns: the first to the left, figures to the right."""
    rows = [table.headers, *table.rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.headers))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]


def html_page(alert: Alert) -> str:
    """The alert as HTML, by ``templates/mail.html``."""
    return _template().render(
        alert=tidy(alert),
        colour=_COLOURS.get(alert.kind, _COLOURS["info"]),
        dark_colour=_DARK_COLOURS.get(alert.kind, _DARK_COLOURS["info"]),
    )


@cache
def _template() -> jinja2.Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late import: only to send
    from markupsafe import Markup, escape

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    templates.filters["lines"] = lambda text: escape(text).replace("\n", Markup("<br>"))
    return templates.get_template("mail.html")


def message(alert: Alert, *, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The mail of an alert."""
    mail = EmailMessage()
    # Python decodes encoded words of RFC 2047 in what it is given; a title that holds one means its characters.
    mail["Subject"] = tidy(alert).title.replace("=?", "=\u200b?")
    mail["From"] = one_line(sender, 400)
    mail["To"] = ", ".join(recipients)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = make_msgid(domain="ecommerce-dwh")
    mail["Auto-Submitted"] = "auto-generated"  # keeps absence replies away
    mail.set_content(plain_text(alert))
    mail.add_alternative(html_page(alert), subtype="html")
    return mail


def send(alert: Alert, *, pauses: Sequence[float] = _PAUSES, settings: Settings | None = None) -> bool:
    """Send an alert by mail, and to SNS when a topic is set. Never raises; returns whether a channel took it."""
    settings = settings or get_settings()
    told = [_attempt("mail", lambda: _send_mail(alert, settings), pauses)]
    if settings.sns_topic_arn:
        told.append(_attempt("SNS", lambda: _send_sns(alert, settings), pauses))
    return any(told)


def _attempt(channel: str, action: Any, pauses: Sequence[float]) -> bool:
    for number, pause in enumerate([*pauses, None], 1):
        try:
            action()
            return True
        except Exception as error:
            if pause is None:
                log.exception("The alert could not be sent by %s after %d attempts", channel, number)
                return False
            log.warning("Sending by %s failed (%s); again in %.0f s", channel, error, pause)
            time.sleep(pause)
    return False


def _send_mail(alert: Alert, settings: Settings) -> None:
    recipients = _addresses(settings.alert_email)
    with _smtp_hook() as hook:
        sender = hook.from_email or hook.smtp_user or recipients[0]
        # The hook's own send method takes HTML only; its client sends the mail with both parts.
        mail = message(alert, sender=sender, recipients=recipients)
        hook._smtp_client.send_message(mail)  # type: ignore[union-attr]


def _addresses(text: str) -> list[str]:
    """The recipients of a setting; one that is no address is logged and must not lose the others their mail.

    Raises:
        ValueError: there is none at all.
    """
    recipients = []
    for named in re.split("[,;\r\n]+", text):
        address = parseaddr(one_line(named, 400))[1]  # "Data team <data@company.com>" as well
        if _ADDRESS.fullmatch(address):
            recipients.append(address)
        elif named.strip():
            log.error("alert_email names %r, which is no mail address; it gets no mail", named[:400])
    if not recipients:
        raise ValueError("alert_email names no mail address")
    return recipients


def _smtp_hook() -> SmtpHook:
    from airflow.providers.smtp.hooks.smtp import SmtpHook  # late import: only to send

    return SmtpHook(smtp_conn_id="smtp_default")


def _send_sns(alert: Alert, settings: Settings) -> None:
    from airflow.providers.amazon.aws.hooks.sns import SnsHook  # late import: only to send

    subject = tidy(alert).title.encode("ascii", "replace").decode()[:_MAX_SNS_SUBJECT]
    text = plain_text(alert).encode()[:_MAX_SNS].decode(errors="ignore")
    SnsHook(aws_conn_id="aws_default").publish_to_target(
        target_arn=settings.sns_topic_arn, message=text, subject=subject
    )
