"""What the documentation site does differently for single pages, kept out of the Markdown that GitHub shows as well."""

from __future__ import annotations

from typing import Any

WIDE_PAGES = {"lineage.md"}  # a picture that needs the whole width


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called by MkDocs for each page."""
    if page.file.src_uri in WIDE_PAGES:
        page.meta["hide"] = ["navigation", "toc"]
    return markdown
