"""What the documentation site does differently for single pages, kept out of the Markdown that GitHub shows as well."""

from __future__ import annotations

from typing import Any

from local.doors import WsgiDoor, door

WIDE_PAGES = {"lineage.md"}  # a picture that needs the whole width


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called by MkDocs for each page."""
    if page.file.src_uri in WIDE_PAGES:
        page.meta["hide"] = ["navigation", "toc"]
    return markdown


def on_serve(server: Any, **_: Any) -> Any:
    """Called by MkDocs for the live server: it gets the rule of the stack's servers against pages of other origins."""
    host, port = server.server_address[:2]
    server.set_app(WsgiDoor(server.get_app(), door(host, port, own_pages=True, links=True)))
    return server
