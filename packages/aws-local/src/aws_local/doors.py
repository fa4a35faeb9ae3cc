"""The rule that keeps web pages of other origins away from an HTTP server on this machine.

A server on the loopback interface answers every program of this machine, and a browser is one: a page from anywhere can
make it send requests there. Three headers tell such a request from that of a program or of a person, and a page can
change none of them (fetch.spec.whatwg.org, "forbidden request-header"; w3.org/TR/fetch-metadata):

* ``Host`` names the server as the page's address has it. Under DNS rebinding that is the page's own name.
* ``Origin`` says which page sends it; programs such as boto3, the AWS CLI or Spark's S3A never do.
* ``Sec-Fetch-Site`` says how page and server are related; only a person's own navigation is ``none``.

A request that is refused gets 403 and one sentence before anything is read or done for it. A preflight (``OPTIONS``)
is refused as well, so no page learns that more than a simple request would be taken.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = {"", "0.0.0.0", "::"}
_READING = {"GET", "HEAD"}


@dataclass(frozen=True)
class Door:
    """The rule of one server.

    Attributes:
        hosts: pairs of a host name and a port that ``Host`` may have; port 0 means any port.
        own_pages: whether pages of the server itself send requests (with ``Origin``) to it.
        links: whether a link on a page of the same site, such as the mailbox beside Airflow, may open a page here.
    """

    hosts: frozenset[tuple[str, int]]
    own_pages: bool = False
    links: bool = False

    def refusal(self, method: str, headers: Mapping[str, str]) -> str:
        """Why a request is not taken, as one sentence; empty when it is.

        Args:
            method: HTTP method.
            headers: by lower-case name; one that came more than once with its values joined by commas.
        """
        host = headers.get("host", "")
        if not self._knows(host):
            return f"This server does not answer as {_shown(host)}: use its address, http://127.0.0.1 with its port."
        if method.upper() == "OPTIONS":
            return "This server answers no preflight: pages of other origins have no business here."
        if "origin" in headers and not (self.own_pages and _same(headers["origin"], "http://" + host)):
            return f"A page of {_shown(headers['origin'])} may not send requests to this server."
        site = headers.get("sec-fetch-site", "none").strip().lower()
        if site in {"none", "same-origin"}:
            return ""
        opens = (
            method.upper() in _READING
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        if self.links and site == "same-site" and opens:
            return ""
        return f"A browser sent this for a page of another origin ({_shown(site)}): type the address yourself."

    def _knows(self, host: str) -> bool:
        found = _host_and_port(host)
        return found is not None and not self.hosts.isdisjoint({found, (found[0], 0)})


def door(listens_on: str, port: int, more: str = "", *, own_pages: bool = False, links: bool = False) -> Door:
    """The rule of one server.

    Args:
        listens_on: address that it listens on.
        port: its port.
        more: further names by which clients reach it, separated by commas: ``name`` (with any port) or ``name:port``.
        own_pages: see `Door`.
        links: see `Door`.

    Raises:
        ValueError: an entry of ``more`` is no host name.
    """
    hosts = {(name, port) for name in LOOPBACK_NAMES}
    if listens_on not in _EVERYWHERE:
        hosts.add((listens_on.lower(), port))
    for entry in filter(None, (part.strip() for part in more.split(","))):
        found = _host_and_port(entry, default=0)
        if found is None:
            raise ValueError(f"{entry!r}, which is no host name")
        hosts.add(found)
    return Door(frozenset(hosts), own_pages, links)


def wsgi_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers that the rule looks at, from a WSGI environment."""
    return {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name in {"HTTP_HOST", "HTTP_ORIGIN"} or name.startswith("HTTP_SEC_FETCH_")
    }


def _host_and_port(text: str, default: int = 80) -> tuple[str, int] | None:
    """Name and port of a ``Host`` header; None when it is not one."""
    if not text or any(sign in text for sign in "@/?#\\, \t"):
        return None
    try:
        parts = urllib.parse.urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return None
    name = (parts.hostname or "").removesuffix(".")
    return (name, default if port is None else port) if name else None


def _same(origin: str, own: str) -> bool:
    if not origin.startswith("http://"):
        return False
    found, mine = (_host_and_port(text.removeprefix("http://")) for text in (origin, own))
    return found is not None and found == mine


def _shown(text: str) -> str:
    """Text of a stranger, short and printable."""
    return ascii(text[:80]) if text else "no name"
