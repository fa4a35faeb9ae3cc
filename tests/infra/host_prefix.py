"""A way to the local endpoint by the names that AWS's clients make of its address.

MWAA's API has the host prefixes `api.` and `env.` (docs.aws.amazon.com/mwaa/latest/API), and Terraform's provider puts
them before the endpoint that it is given: `api.127.0.0.1`, which no resolver knows. A client that has an HTTP proxy
sends the whole URL there and resolves no name. Go's clients use the proxy of HTTP_PROXY for every host but loopback
addresses (pkg.go.dev/golang.org/x/net/http/httpproxy), so this proxy meets the prefixed names only. A request goes on
with the headers that were signed, `Host` included.
"""

from __future__ import annotations

import http.client
import threading
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

PREFIXES = ("api.", "env.")


class HostPrefixProxy(AbstractContextManager["HostPrefixProxy"]):
    """A forward proxy for one endpoint on 127.0.0.1; every other host is refused.

    Args:
        port: the endpoint's.

    Attributes:
        names: the hosts that the endpoint is to answer as (DWH_LOCAL_ALLOWED_HOSTS).
    """

    def __init__(self, port: int) -> None:
        self.names = [f"{prefix}127.0.0.1:{port}" for prefix in PREFIXES]
        names = self.names

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                target = urlsplit(self.path)
                if target.netloc not in names:
                    self._answer(403, [], f"{target.netloc} is not reachable from a test\n".encode())
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                try:
                    path = target.path + (f"?{target.query}" if target.query else "")
                    upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        if name.lower() not in ("connection", "proxy-connection", "proxy-authorization"):
                            upstream.putheader(name, value)
                    upstream.endheaders(body)
                    answer = upstream.getresponse()
                    self._answer(answer.status, answer.getheaders(), answer.read())
                finally:
                    upstream.close()

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _forward  # noqa: N815 - names of the base class

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
