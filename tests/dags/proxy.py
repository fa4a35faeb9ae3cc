"""A proxy in front of the Redshift endpoint that can drop a connection at a statement."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

# What happens to a statement: dropped before the server has it, or after the server has done it and before the
# client knows.
BEFORE, AFTER = "before", "after"


class WireProxy:
    """Passes PostgreSQL's protocol on, and cuts the connection where it is told to.

    Args:
        port: the server behind it.
        fate: given a statement's text, says `BEFORE`, `AFTER` or None.
    """

    def __init__(self, port: int, fate: Callable[[str], str | None]) -> None:
        self._behind = port
        self._fate = fate
        self.cut: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> WireProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def connection(self, behind: dict[str, Any]) -> dict[str, Any]:
        """The Airflow connection through the proxy."""
        return {**behind, "port": self.port}

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._behind))
        doomed = threading.Event()

        def answers() -> None:
            with contextlib.suppress(OSError):
                while data := server.recv(65536):
                    if doomed.is_set() and b"C\x00\x00\x00" in data:  # CommandComplete: the server has done it
                        break
                    client.sendall(data)
            _close(client, server)

        threading.Thread(target=answers, daemon=True).start()
        with contextlib.suppress(OSError, EOFError):
            length = _exactly(client, 4)
            server.sendall(length + _exactly(client, int.from_bytes(length, "big") - 4))  # the start-up packet
            while True:
                head = _exactly(client, 5)
                body = _exactly(client, int.from_bytes(head[1:], "big") - 4)
                if head[:1] in b"PQ":
                    text = body.split(b"\0")[1 if head[:1] == b"P" else 0].decode()
                    fate = self._fate(text)
                    if fate:
                        self.cut.append(text)
                    if fate == BEFORE:
                        break
                    if fate == AFTER:
                        doomed.set()
                server.sendall(head + body)
        if not doomed.is_set():
            _close(client, server)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
