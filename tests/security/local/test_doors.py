"""Requests of web pages, to the AWS endpoint, the mailbox and Airflow's door: refused before anything is done.

The table of hostile headers is the same for every server; what each may take beyond it is said beside it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from hostile_http import Answer, send
from hypothesis import given
from hypothesis import strategies as st

from aws_local.server import Endpoint
from aws_local.testing.signed_requests import signed_headers
from local.doors import AsgiDoor, WsgiDoor, door
from local.smtp.server import MailServer
from tools import mkdocs_hooks

EVIL = "https://evil.example"
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "evil.example@127.0.0.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1",
    "127.0.0.1:1",
    "localhost",
    "localhost:80",
    "0.0.0.0:{port}",
    "[::]:{port}",
    "127.0.0.2:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "017700000001:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "ip6-localhost:{port}",
    "lake.127.0.0.1:{port}",
    "lake.localhost:{port}",
    "127.0.0.1:{port}, evil.example",
    "127.0.0.1:{port}/",
    "127.0.0.1:{port}#",
    "127.0.0.1:{port}?",
    "127.0.0.1:{port}x",
    "127.0.0.1:-1",
    "127.0.0.1:99999",
    ":{port}",
    "",
    " ",
    "127.0.0.1 :{port}",
    "xn--evil-0qa.example:{port}",
    "metadata.google.internal",
    "169.254.169.254",
]
FOREIGN_ORIGINS = [
    EVIL,
    "http://evil.example:{port}",
    "null",
    "",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://localhost:{port}.evil.example",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:{port}@evil.example",
    "http://evil.example@127.0.0.1:{port}",
    "file://",
    "chrome-extension://abcdef",
    "http://[::1]:{port}",
    "http://localhost:{port}",
    "127.0.0.1:{port}",
    "http://127.0.0.1:{port}, https://evil.example",
    "http://127.0.0.1:{port} https://evil.example",
    "HTTP://127.0.0.1:{port}",
]
FOREIGN_FETCHES = [
    {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    for site, (mode, dest) in itertools.product(
        ("cross-site", "same-site", "CROSS-SITE", "unheard-of", ""),
        (("cors", "empty"), ("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe")),
    )
]
HOSTILE: list[dict[str, str]] = [
    *({"Host": host} for host in FOREIGN_HOSTS),
    *({"Origin": origin} for origin in FOREIGN_ORIGINS),
    *FOREIGN_FETCHES,
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}", "Sec-Fetch-Site": "same-origin"},
]
PREFLIGHT = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}


def _filled(headers: dict[str, str], port: int) -> dict[str, str]:
    return {name: value.replace("{port}", str(port)) for name, value in headers.items()}


def _is_refused(answer: Answer) -> None:
    assert answer.status == 403, answer
    sentence = answer.text.strip()
    assert sentence.endswith(".") and "\n" not in sentence, sentence
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("hostile", HOSTILE, ids=str)
def test_the_aws_endpoint_refuses(aws: Endpoint, hostile: dict[str, str]) -> None:
    """Even with a signature that is right: only the browser's headers are wrong."""
    port = aws.port
    headers = _filled(hostile, port)
    host = headers.pop("Host", f"127.0.0.1:{port}")
    url = f"http://{host or 'none'}/lake/planted"
    try:
        signed = signed_headers("PUT", url, body=b"x", headers=headers)
    except ValueError:  # no URL has such a host; the signature does not matter then
        signed = signed_headers("PUT", f"http://127.0.0.1:{port}/lake/planted", body=b"x", headers=headers)
    _is_refused(send(port, "PUT", "/lake/planted", {"Host": host, **signed}, b"x"))
    assert aws.store.list_page("lake", "", "", "", 10).objects == []


@pytest.mark.parametrize("target", ["/", "/lake/planted", "/lake?policy", "/_local/health", "/moto-api/reset"])
@pytest.mark.parametrize(
    "headers", [PREFLIGHT, {}, {"Origin": EVIL, "Access-Control-Request-Private-Network": "true"}]
)
def test_the_aws_endpoint_answers_no_preflight(aws: Endpoint, target: str, headers: dict[str, str]) -> None:
    _is_refused(send(aws.port, "OPTIONS", target, headers))


@pytest.mark.parametrize(
    ("action", "content_type"),
    [
        (action, kind)
        for action in ("CreateJob", "StartJobRun", "CreateCrawler", "StartCrawler")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/x-amz-json-1.1")
    ],
)
def test_a_page_starts_no_job(aws: Endpoint, action: str, content_type: str) -> None:
    """The attack as it was seen: a simple request whose target says what Glue is to do."""
    body = json.dumps(
        {"Name": "evil", "Role": "r", "Command": {"ScriptLocation": "s3://lake/evil.py"}}
    ).encode()
    headers = signed_headers(
        "POST",
        f"http://127.0.0.1:{aws.port}/",
        "glue",
        body=body,
        headers={"X-Amz-Target": f"AWSGlue.{action}", "Content-Type": content_type, "Origin": EVIL},
    )
    _is_refused(send(aws.port, "POST", "/", headers, body))
    assert aws.jobs.counts() == (0, 0)


@pytest.mark.parametrize("hostile", [headers for headers in HOSTILE if headers.get("Origin") != ""], ids=str)
def test_the_mailbox_refuses(mail: MailServer, hostile: dict[str, str]) -> None:
    port = int(mail.page_url.rpartition(":")[2])
    for method, target in (
        ("GET", "/api/messages"),
        ("DELETE", "/api/messages"),
        ("GET", "/"),
        ("OPTIONS", "/"),
    ):
        _is_refused(send(port, method, target, _filled(hostile, port)))
    assert len(mail.mailbox.ids()) == 1


def test_the_mailboxs_own_page_may_send(mail: MailServer) -> None:
    port = int(mail.page_url.rpartition(":")[2])
    for headers in (
        {},
        {"Host": f"localhost:{port}"},
        {"Host": f"LOCALHOST.:{port}"},
        {"Host": f"[::1]:{port}"},
        {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ):
        assert send(port, "GET", "/api/messages", headers).status == 200, headers


@pytest.mark.parametrize(
    "verb", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "post"]
)
def test_a_page_sends_no_mail(mail: MailServer, verb: str) -> None:
    """The lines of an HTTP body would be commands, if the server read on behind the request line."""
    smuggled = "EHLO x\r\nMAIL FROM:<e@evil.example>\r\nRCPT TO:<v@example.com>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
    with socket.create_connection(("127.0.0.1", mail._smtp.port), timeout=30) as connection:
        connection.sendall(f"{verb} / HTTP/1.1\r\nHost: x\r\n\r\n{smuggled}".encode())
        received = b""
        try:
            while block := connection.recv(4096):
                received += block
        except ConnectionResetError:
            pass
    assert b"250 Message kept" not in received
    assert len(mail.mailbox.ids()) == 1


class _Recorder:
    """An application that must not be reached."""

    def __init__(self) -> None:
        self.reached = 0

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        self.reached += 1
        start_response("200 OK", [])
        return iter([b""])


def _ask(app: AsgiDoor, kind: str, method: str, headers: dict[str, str]) -> list[Any]:
    sent: list[Any] = []

    async def send_(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope: Any = {"type": kind, "method": method, "path": "/auth/token", "headers": pairs}
    asyncio.run(app(scope, receive, send_))
    return sent


@pytest.mark.parametrize("hostile", HOSTILE, ids=str)
def test_airflows_door_refuses(hostile: dict[str, str]) -> None:
    inside = _Recorder()
    rule = door("127.0.0.1", 8080, own_pages=True, links=True)
    headers = {"Host": "127.0.0.1:8080", **_filled(hostile, 8080)}
    sent = _ask(AsgiDoor(inside.asgi, rule), "http", "POST", headers)
    assert sent[0]["status"] == 403
    assert _ask(AsgiDoor(inside.asgi, rule), "websocket", "GET", headers)[0]["type"] == "websocket.close"
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    statuses: list[str] = []
    list(
        WsgiDoor(inside.wsgi, rule)(
            {"REQUEST_METHOD": "POST", **environ}, lambda line, _: statuses.append(line)
        )
    )
    assert statuses == ["403 Forbidden"]
    assert inside.reached == 0


def test_airflows_door_lets_its_own_page_and_programs_in() -> None:
    inside = _Recorder()
    app = AsgiDoor(inside.asgi, door("127.0.0.1", 8080, own_pages=True, links=True))
    own = {"Host": "localhost:8080", "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
    for headers in ({"Host": "127.0.0.1:8080"}, own):
        assert _ask(app, "http", "POST", headers)[0]["status"] == 200
    _ask(app, "lifespan", "", {})
    assert inside.reached == 3


def test_further_names_come_by_configuration_only() -> None:
    rule = door("0.0.0.0", 4566, "aws, proxy.test:8443")
    for host in ("aws", "aws:4566", "AWS:1", "proxy.test:8443", "127.0.0.1:4566"):
        assert rule.refusal("GET", {"host": host}) == ""
    for host in ("proxy.test", "proxy.test:4566", "aws.evil.example", "0.0.0.0:4566", "127.0.0.1:80"):
        assert rule.refusal("GET", {"host": host})
    with pytest.raises(ValueError, match="DWH_LOCAL_ALLOWED_HOSTS"):
        door("127.0.0.1", 1, "http://aws")


@given(st.text(max_size=60), st.sampled_from(["host", "origin", "sec-fetch-site"]))
def test_no_text_is_taken_for_this_machine(text: str, name: str) -> None:
    """Whatever a header says, only the known spellings pass."""
    rule = door("127.0.0.1", 4566, own_pages=True)
    headers = {"host": "127.0.0.1:4566", name: text}
    known = {
        "host": {f"{host}:4566" for host in ("127.0.0.1", "localhost", "[::1]", "127.0.0.1.", "localhost.")},
        "origin": {"http://127.0.0.1:4566"},
        "sec-fetch-site": {"none", "same-origin"},
    }
    if not rule.refusal("GET", headers):
        assert text.strip().lower() in known[name]


def test_the_live_documentation_has_the_same_door() -> None:
    """MkDocs' live server is a WSGI server of the standard library; the hook is what `mkdocs serve` calls."""
    inside = _Recorder()
    with WSGIServer(("127.0.0.1", 0), WSGIRequestHandler) as server:
        server.set_app(inside.wsgi)
        thread = threading.Thread(target=mkdocs_hooks.on_serve(server).serve_forever, daemon=True)
        thread.start()
        for hostile in HOSTILE:
            _is_refused(send(server.server_port, "GET", "/", _filled(hostile, server.server_port)))
        assert inside.reached == 0
        assert send(server.server_port, "GET", "/").status == 200
        server.shutdown()
