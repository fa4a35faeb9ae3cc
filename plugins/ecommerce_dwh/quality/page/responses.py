"""Answers of the Data quality page: templates, files and the headers that keep them apart from Airflow."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from ecommerce_dwh.quality.page import charts, views
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.texts import well_formed

HERE = Path(__file__).parent
ASSETS = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "icon-dark.svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "private, no-store",
}
# The job's own page has its styles in it. The sandbox gives it an origin of its own: no script, form, window or cookie
# of Airflow is within its reach, whatever a file or an older job put into it.
REPORT_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
}


@cache
def templates() -> Environment:
    """The page's templates with their filters."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["percent"] = charts.percent
    env.filters["figure"] = charts.number
    env.globals.update(
        sparkline=charts.sparkline,
        trend=charts.trend,
        measured=charts.measured,
        states=views.STATES,
        runbook=get_settings().runbook_url,
        version=hashlib.sha256(b"".join((HERE / "static" / name).read_bytes() for name in ASSETS)).hexdigest()[
            :12
        ],
    )
    return env


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template's text as an answer, with the headers of every page."""
    base = request.scope.get("root_path", "").rstrip("/")
    text = templates().get_template(template).render(base=base, **values)
    return HTMLResponse(well_formed(text), status_code=status, headers=HEADERS)


def error_page(
    request: Request,
    status: int,
    title: str,
    text: str,
    headers: Mapping[str, str] | None = None,
    login: str = "",
) -> HTMLResponse:
    """An answer with the error and the next step."""
    answer = page(request, "error.html", status=status, title=title, text=text, login=login)
    answer.headers.update(headers or {})
    return answer
