"""The check before every HTTP server of the stack: `aws_local.doors.Door` as WSGI and ASGI applications.

The rule itself and its reasons: `aws_local.doors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from aws_local import doors
from aws_local.doors import Door, wsgi_headers

__all__ = ["AsgiDoor", "Door", "WsgiDoor", "door", "joined"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def door(listens_on: str, port: int, more: str = "", *, own_pages: bool = False, links: bool = False) -> Door:
    """The rule of a server of this stack; arguments as in `aws_local.doors.door`.

    Raises:
        ValueError: DWH_LOCAL_ALLOWED_HOSTS, given as ``more``, has an entry that is no host name.
    """
    try:
        return doors.door(listens_on, port, more, own_pages=own_pages, links=links)
    except ValueError as error:
        raise ValueError(f"DWH_LOCAL_ALLOWED_HOSTS has {error}") from None


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; values of one that came more than once are joined by commas."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


class WsgiDoor:
    """A WSGI application behind a door.

    Args:
        app: the application that gets the accepted requests.
        rule: decides which requests are accepted.
    """

    def __init__(self, app: WsgiApp, rule: Door) -> None:
        self._app = app
        self._rule = rule

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request, or refuse it."""
        why = self._rule.refusal(environ["REQUEST_METHOD"], wsgi_headers(environ))
        if not why:
            return self._app(environ, start_response)
        body = f"{why}\n".encode()
        start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]


class AsgiDoor:
    """An ASGI application behind a door.

    Args:
        app: the application that gets the accepted requests.
        rule: decides which requests are accepted.
    """

    def __init__(self, app: AsgiApp, rule: Door) -> None:
        self._app = app
        self._rule = rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = joined((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        why = self._rule.refusal(scope.get("method", "GET"), headers)
        if not why:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why})
            return
        body = f"{why}\n".encode()
        kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        # The body of the request is not read; the client opens a new connection for its next request.
        await send(
            {"type": "http.response.start", "status": 403, "headers": [*kind, (b"connection", b"close")]}
        )
        await send({"type": "http.response.body", "body": body})
