"""The mail server: what is sent arrives, is readable, and is shown without being trusted."""

from __future__ import annotations

import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from local.config import LocalConfig
from local.smtp.mailbox import Mailbox
from local.smtp.server import MailServer
from local.stack.ports import free_port
from local.stack.start_page import DagState, Place, Start, read_start


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer("127.0.0.1", free_port(), free_port(), tmp_path / "mail") as running:
        yield running


def send(
    server: MailServer, subject: str, text: str = "", html: str = "", to: str = "data-eng@company.com"
) -> None:
    message = EmailMessage()
    message["From"] = "airflow@ecommerce-dwh.local"
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", server._smtp.port) as client:
        client.send_message(message)


def fetch(server: MailServer, path: str) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(server.page_url + path) as response:
        return response.read().decode(), dict(response.headers)


def api(server: MailServer) -> list[dict]:
    return json.loads(fetch(server, "/api/messages")[0])


def test_a_sent_message_is_kept_as_a_file_and_listed(server: MailServer) -> None:
    send(server, "Run failed: 2026-01-01", "task: crawl_raw", "<p>task: <b>crawl_raw</b></p>")
    (message,) = api(server)
    assert message["subject"] == "Run failed: 2026-01-01"
    assert message["recipients"] == ["data-eng@company.com"]
    assert message["text"].strip() == "task: crawl_raw"
    assert "<b>crawl_raw</b>" in message["html"]
    (path,) = server.mailbox.folder.glob("*.eml")
    assert b"Subject: Run failed: 2026-01-01" in path.read_bytes()


def test_newest_message_comes_first(server: MailServer) -> None:
    for number in range(3):
        send(server, f"mail {number}")
    assert [message["subject"] for message in api(server)] == ["mail 2", "mail 1", "mail 0"]


def test_non_ascii_subjects_and_bodies_are_readable(server: MailServer) -> None:
    send(server, "Qualität – geschlossen ✘", "Überschrift\nzweite Zeile")
    (message,) = api(server)
    assert message["subject"] == "Qualität – geschlossen ✘"
    assert message["text"].splitlines() == ["Überschrift", "zweite Zeile"]


def test_pages_escape_what_a_message_says(server: MailServer) -> None:
    send(server, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    (message,) = api(server)
    for path in ("/", f"/messages/{message['id']}"):
        page, headers = fetch(server, path)
        assert "<script>" not in page
        assert "<img" not in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_html_is_shown_in_a_sandbox(server: MailServer) -> None:
    send(server, "report", "text", "<script>top.location='http://x'</script><p>hello</p>")
    (message,) = api(server)
    page, _ = fetch(server, f"/messages/{message['id']}")
    assert "<iframe sandbox" in page
    _, headers = fetch(server, f"/messages/{message['id']}/html")
    assert headers["Content-Security-Policy"].endswith("sandbox")


@pytest.mark.parametrize(
    "path", ["/messages/nothing", "/messages/..%2F..%2Fetc%2Fpasswd", "/api/messages/x", "/other"]
)
def test_unknown_messages_are_not_found(server: MailServer, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(server, path)
    assert caught.value.code == 404


def test_the_mailbox_can_be_emptied(server: MailServer) -> None:
    send(server, "one")
    request = urllib.request.Request(server.page_url + "/api/messages", method="DELETE")
    with urllib.request.urlopen(request) as response:
        assert json.loads(response.read()) == {"deleted": 1}
    assert api(server) == []


def test_messages_survive_a_restart(tmp_path: Path) -> None:
    for subject in ("first", "second"):
        with MailServer("127.0.0.1", free_port(), free_port(), tmp_path) as server:
            send(server, subject)
    assert {message.subject for message in Mailbox(tmp_path).messages()} == {"first", "second"}


def test_the_start_page_shows_places_logins_and_dags(tmp_path: Path) -> None:
    start = Start(
        (
            Place("Airflow", "http://127.0.0.1:8080", True, "login admin"),
            Place("Warehouse", "", False, "user <b>"),
        ),
        (DagState("ecommerce_dwh_daily", "daily load", "http://127.0.0.1:8080/dags/d", "failed", True),),
    )
    ports = (free_port(), free_port())
    with MailServer("127.0.0.1", *ports, tmp_path / "mail", start=lambda: start) as running:
        page, headers = fetch(running, "/start")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert '<a href="http://127.0.0.1:8080">Airflow</a>' in page
    assert "login admin" in page
    assert "user &lt;b&gt;" in page
    assert "does not answer" in page
    assert "failed, paused" in page


def test_the_start_page_of_a_stack_that_does_not_run_says_so() -> None:
    ports = {f"{name}_port": free_port() for name in ("aws", "redshift", "smtp", "mail", "airflow")}
    start = read_start(LocalConfig(**ports))
    assert not any(place.answers for place in start.places)
    assert start.dags == ()
    assert "local-dwh-admin" in next(place.entry for place in start.places if "Warehouse" in place.name)
