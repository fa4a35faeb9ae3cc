"""The PostgreSQL wire protocol, version 3, as far as a front between client and server needs it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Mapping

PROTOCOL_3 = 196608
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104

_CHUNK = 1 << 18


class WireError(ConnectionError):
    """The other side spoke out of turn or went away."""


class ServerError(Exception):
    """An error report of the server, as its fields by their one-letter code."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = dict(fields)


def message(kind: bytes, payload: bytes = b"") -> bytes:
    """One framed message."""
    return kind + struct.pack("!i", len(payload) + 4) + payload


def cstring(text: str | bytes) -> bytes:
    return (text.encode() if isinstance(text, str) else text) + b"\0"


def read_cstring(payload: bytes, offset: int = 0) -> tuple[str, int]:
    """A zero-terminated string and the offset behind it."""
    end = payload.index(b"\0", offset)
    return payload[offset:end].decode("utf-8", "replace"), end + 1


def error_fields(payload: bytes) -> dict[str, str]:
    """Fields of an ErrorResponse or NoticeResponse."""
    return {
        part[:1].decode(): part[1:].decode("utf-8", "replace") for part in payload.split(b"\0") if len(part) > 1
    }


def error_message(fields: Mapping[str, str], kind: bytes = b"E") -> bytes:
    payload = b"".join(cstring(code + text) for code, text in fields.items())
    return message(kind, payload + b"\0")


def error(text: str, state: str = "XX000", severity: str = "ERROR", detail: str = "", hint: str = "") -> bytes:
    """An ErrorResponse of the front's own."""
    fields = {"S": severity, "V": severity, "C": state, "M": text}
    if detail:
        fields["D"] = detail
    if hint:
        fields["H"] = hint
    return error_message(fields)


def parameter_status(name: str, value: str) -> bytes:
    return message(b"S", cstring(name) + cstring(value))


def command_complete(tag: str) -> bytes:
    return message(b"C", cstring(tag))


def ready(status: str) -> bytes:
    return message(b"Z", status.encode())


def query(sql: str) -> bytes:
    return message(b"Q", cstring(sql))


def parse(name: str, sql: str, types: bytes) -> bytes:
    """A Parse message; ``types`` is the count and the type ids as the client sent them."""
    return message(b"P", cstring(name) + cstring(sql) + types)


def startup(parameters: Mapping[str, str]) -> bytes:
    body = b"".join(cstring(name) + cstring(value) for name, value in parameters.items()) + b"\0"
    return struct.pack("!ii", len(body) + 8, PROTOCOL_3) + body


def replace_type_ids(payload: bytes, mapping: Mapping[int, int]) -> bytes:
    """A RowDescription whose type ids are replaced."""
    (count,) = struct.unpack_from("!h", payload)
    out = bytearray(payload)
    offset = 2
    for _ in range(count):
        offset = payload.index(b"\0", offset) + 1 + 6
        (type_id,) = struct.unpack_from("!i", payload, offset)
        if type_id in mapping:
            struct.pack_into("!i", out, offset, mapping[type_id])
        offset += 12
    return bytes(out)


def data_row_values(payload: bytes) -> list[str | None]:
    """Values of a DataRow in text format."""
    (count,) = struct.unpack_from("!h", payload)
    values: list[str | None] = []
    offset = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", payload, offset)
        offset += 4
        if length < 0:
            values.append(None)
        else:
            values.append(payload[offset : offset + length].decode())
            offset += length
    return values


async def read_startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Code and body of the first packet of a connection.

    Raises:
        WireError: it is no packet of this protocol.
    """
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    if not 8 <= length <= 65536:
        raise WireError("not a PostgreSQL client")
    body = await reader.readexactly(length - 4)
    return struct.unpack("!i", body[:4])[0], body[4:]


def startup_parameters(body: bytes) -> dict[str, str]:
    parts = body.split(b"\0")
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in zip(parts[::2], parts[1::2], strict=False)
        if name
    }


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Kind and payload of the next message."""
    header = await reader.readexactly(5)
    (length,) = struct.unpack("!i", header[1:])
    return header[:1], await reader.readexactly(length - 4)


class Upstream:
    """The server's side of one session.

    Args:
        host: address, or folder of the Unix socket.
        port: port, or the number in the socket's name.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.buffer = bytearray()
        self.parameters: dict[str, str] = {}
        self.key = b""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self.host}/.s.PGSQL.{self.port}", limit=_CHUNK * 4)
        return await asyncio.open_connection(self.host, self.port, limit=_CHUNK * 4)

    async def connect(self, parameters: Mapping[str, str], password: str) -> None:
        """Log in.

        Raises:
            ServerError: the server refused.
        """
        self._reader, self._writer = await self.open()
        self.send(startup(parameters))
        scram: _Scram | None = None
        while True:
            kind, payload = await read_message(self._reader)
            if kind == b"E":
                raise ServerError(error_fields(payload))
            if kind == b"S":
                name, offset = read_cstring(payload)
                self.parameters[name] = read_cstring(payload, offset)[0]
            elif kind == b"K":
                self.key = payload
            elif kind == b"Z":
                return
            elif kind == b"R":
                (code,) = struct.unpack_from("!i", payload)
                if code == 3:
                    self.send(message(b"p", cstring(password)))
                elif code == 5:
                    self.send(message(b"p", cstring(_md5(parameters["user"], password, payload[4:8]))))
                elif code == 10:
                    scram = _Scram(password)
                    self.send(message(b"p", scram.first()))
                elif code == 11 and scram:
                    self.send(message(b"p", scram.second(payload[4:])))
                elif code == 12 and scram:
                    scram.verify(payload[4:])
                elif code != 0:
                    raise WireError(f"the server asks for an unknown kind of authentication ({code})")

    @property
    def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            raise WireError("not connected")
        return self._reader, self._writer

    def send(self, data: bytes) -> None:
        self._open[1].write(data)

    async def drain(self) -> None:
        await self._open[1].drain()

    async def fill(self) -> None:
        """Read more into the buffer.

        Raises:
            WireError: the server closed the connection.
        """
        data = await self._open[0].read(_CHUNK)
        if not data:
            raise WireError("the server closed the connection")
        self.buffer += data

    async def cancel(self) -> None:
        """Ask the server to cancel the session's statement, by a second connection as the protocol demands."""
        if self.key:
            await send_cancel(self, self.key)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def send_cancel(upstream: Upstream, key: bytes) -> None:
    """Send a CancelRequest with the given key."""
    try:
        reader, writer = await upstream.open()
    except OSError:
        return
    writer.write(struct.pack("!ii", len(key) + 8, CANCEL_REQUEST) + key)
    try:
        await writer.drain()
        await reader.read(1)  # the server closes when it has sent the signal
    except OSError:
        pass
    finally:
        writer.close()


def _md5(user: str, password: str, salt: bytes) -> str:
    inner = hashlib.md5((password + user).encode()).hexdigest()  # noqa: S324 - the protocol's choice
    return "md5" + hashlib.md5(inner.encode() + salt).hexdigest()  # noqa: S324


class _Scram:
    """The client's side of SCRAM-SHA-256."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = secrets.token_urlsafe(18)
        self._bare = f"n=,r={self._nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        initial = b"n,," + self._bare.encode()
        return cstring("SCRAM-SHA-256") + struct.pack("!i", len(initial)) + initial

    def second(self, challenge: bytes) -> bytes:
        values = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not values["r"].startswith(self._nonce):
            raise WireError("the server's nonce is not ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(values["s"]), int(values["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={values['r']}"
        signed = f"{self._bare},{challenge.decode()},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._server_signature = hmac.digest(server_key, signed, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, final: bytes) -> None:
        values = dict(part.split("=", 1) for part in final.decode().split(","))
        if not hmac.compare_digest(base64.b64decode(values.get("v", "")), self._server_signature):
            raise WireError("the server does not know the password")
