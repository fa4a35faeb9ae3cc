"""The web application of the Data quality page: thin routes over store and views.

Airflow's API server mounts it under `URL_PREFIX`. Every route, style sheet and script included, asks Airflow's own
auth manager for the logged-in user and for the right to read the daily DAG; there is nothing to see without. Routes
only read. Pages work without JavaScript; ``app.js`` adds the keyboard and the address in the browser's bar.

Routes run in threads of the page's own (see `off_loop`): a slow S3 takes neither the event loop nor the threads in
which Airflow answers its own API.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import HTMLResponse, Response

from ecommerce_dwh.lake.s3 import TooLarge
from ecommerce_dwh.quality.page import views
from ecommerce_dwh.quality.page.bucket import StoreError
from ecommerce_dwh.quality.page.day_page import DayView, day_view
from ecommerce_dwh.quality.page.masking import is_guarded_page, mask
from ecommerce_dwh.quality.page.off_loop import Busy, PageThreads
from ecommerce_dwh.quality.page.responses import (
    ASSETS,
    HEADERS,
    HERE,
    REPORT_HEADERS,
    error_page,
    page,
    templates,
)
from ecommerce_dwh.quality.page.store import DayReport, QualityStore, Snapshot, shift_month
from ecommerce_dwh.settings import get_settings

URL_PREFIX = "/data-quality"
FIRST_RULES = 40  # rules in the list before a visitor asks for all
GUARDING_DAG = "ecommerce_dwh_daily"
DayInPath = Annotated[str, PathParameter(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Name = Annotated[str, PathParameter(max_length=128)]
Months = Annotated[int, Query(ge=1, le=36)]
MonthName = Annotated[str, Query(pattern="^((19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2]))?$")]
RunKey = Annotated[str, Query(pattern="^([A-Za-z0-9._-]{1,250})?$")]
Text = Annotated[str, Query(max_length=200)]


def create_app(store: QualityStore | None = None, guard: Callable[..., Any] | None = None) -> FastAPI:
    """The application.

    Args:
        store: where reports come from; the deployment's processed bucket when not given.
        guard: dependency that lets a request pass; Airflow's own when not given. For tests.
    """
    reports = store or QualityStore(get_settings().processed_bucket)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=warm_up, name="quality-page-warm-up", daemon=True).start()
        yield

    def warm_up() -> None:
        templates()
        _personal_columns()
        reports.warm_up()

    app = FastAPI(
        title="Data quality",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would take its host from the request
        default_response_class=HTMLResponse,
        dependencies=[
            Depends(guard or requires_access_dag("GET", DagAccessEntity.RUN, param_dag_id=GUARDING_DAG))
        ],
    )
    app.state.store = reports
    _add_errors(app)
    threads = PageThreads()
    _add_pages(app, reports, threads)
    _add_files(app, reports, threads)
    return app


def _add_pages(app: FastAPI, reports: QualityStore, threads: PageThreads) -> None:
    @app.get("/")
    @threads.off_loop
    def overview(
        request: Request,
        months: Months = 3,
        to: MonthName = "",
        q: Text = "",
        show: Annotated[str, Query(pattern="^(failing|all)$")] = "failing",
        source: Text = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = FIRST_RULES,
    ) -> HTMLResponse:
        """The matrix of days and tables, the newest verdict, and the rules that failed."""
        span = _Span(reports, months, to)
        sources = views.sources_of(span.snapshot, get_settings().sources)
        lines, matching, count = views.rule_lines(
            span.snapshot, span.names, query=q, show="all" if q else show, source=source, limit=limit
        )
        newest = span.snapshot.newest_day
        return page(
            request,
            "overview.html",
            span=span,
            sources=sources,
            blocks=views.month_blocks(span.snapshot, span.names, sources, datetime.now(UTC).date().isoformat()),
            lines=lines,
            matching=matching,
            rule_count=count,
            q=q,
            show=show,
            source=source,
            newest=newest,
            newest_report=_view_of(reports.report(newest)) if newest else None,
        )

    @app.get("/day/{day}")
    @threads.off_loop
    def day_page(
        request: Request, day: DayInPath, run: RunKey = "", focus: Text = "", q: Text = ""
    ) -> HTMLResponse:
        """One day: failed rules, ledger, quarantine."""
        _real_day(day)
        found = reports.report(day, run)
        view = _view_of(found, focus, q)
        return page(
            request,
            "day.html",
            day=day,
            run=run,
            focus=focus,
            q=q,
            found=found,
            view=view.shown,
            override=view.override,
            problem=view.problem,
            before=date.fromisoformat(day).toordinal() > 1 and _neighbour(day, -1),
            after=_neighbour(day, 1),
            status=200 if found.report is not None else 404,
        )

    @app.get("/rule/{source}/{rule}")
    @threads.off_loop
    def rule_page(
        request: Request, source: Name, rule: Name, months: Months = 3, to: MonthName = ""
    ) -> HTMLResponse:
        """One rule over time."""
        span = _Span(reports, months, to)
        lines, _, _ = views.rule_lines(span.snapshot, span.names, show="all", source=source)
        line = next((line for line in lines if line.rule == rule), None)
        meta = next(
            (found for month in reversed(span.snapshot.months) if (found := month.rules.get((source, rule)))),
            None,
        )
        return page(
            request,
            "rule.html",
            span=span,
            source=source,
            rule=rule,
            line=line,
            meta=meta,
            status=200 if line else 404,
        )

    @app.get("/ledger")
    @threads.off_loop
    def ledger_page(
        request: Request, months: Months = 1, to: MonthName = "", source: Text = ""
    ) -> HTMLResponse:
        """The ledger by day and source."""
        span = _Span(reports, months, to)
        return page(
            request,
            "ledger.html",
            span=span,
            source=source,
            sources=views.sources_of(span.snapshot, get_settings().sources),
            lines=views.ledger_lines(span.snapshot, span.names, source),
            most_lines=views.MOST_LEDGER_LINES,
        )


def _add_files(app: FastAPI, reports: QualityStore, threads: PageThreads) -> None:
    @app.get("/report/{day}")
    @threads.off_loop
    def job_page(day: DayInPath, run: RunKey = "") -> Response:
        """The page that the quality job wrote, as it is."""
        _real_day(day)
        if run in (".", ".."):
            raise HTTPException(404, "There is no such run.")
        try:
            body = reports.html(day, run)
        except TooLarge as why:
            raise HTTPException(404, f"The quality job's page for {day} cannot be read: {why}.") from None
        if body is None:
            raise HTTPException(404, f"The quality job left no page for {day}.")
        if not is_guarded_page(body):
            raise HTTPException(
                404,
                f"The quality job's page for {day} was written by an earlier version, which quoted values of rejected "
                "rows, and is not shown. The day's page here has all of it that may be shown.",
            )
        return HTMLResponse(body, headers=REPORT_HEADERS)

    @app.get("/static/{name}")
    @threads.off_loop
    def asset(name: str) -> Response:
        """Style sheet and script; behind the login like everything else."""
        if name not in ASSETS:
            raise HTTPException(404, "There is no such file.")
        headers = {**HEADERS, "Cache-Control": "private, max-age=86400"}
        return Response((HERE / "static" / name).read_bytes(), media_type=ASSETS[name], headers=headers)


def _add_errors(app: FastAPI) -> None:
    # Coroutines, so that an error is answered even when every thread is busy.
    @app.exception_handler(StoreError)
    async def unreadable(request: Request, error: StoreError) -> HTMLResponse:
        return error_page(request, 503, "Reports cannot be read", str(error))

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> HTMLResponse:
        return error_page(request, 503, "Please try again in a moment", str(error), {"Retry-After": "10"})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> HTMLResponse:
        names = ", ".join(str(item["loc"][-1]) for item in error.errors())
        text = f"The address holds a value that cannot be used: {names}."
        return error_page(request, 422, "Cannot be shown", text)

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> HTMLResponse:
        titles = {401: "Please log in", 403: "Not allowed", 404: "Not found"}
        texts = {
            401: "The data quality page needs the same login as the Airflow web UI.",
            403: f"Your role may not read the runs of {GUARDING_DAG}, so it may not read their quality.",
        }
        login = ""
        if error.status_code == 401:
            login = get_auth_manager().get_url_login(next_url=_way_back(request))
        return error_page(
            request,
            error.status_code,
            titles.get(error.status_code, "Cannot be shown"),
            texts.get(error.status_code, str(error.detail)),
            login=login,
        )


def _way_back(request: Request) -> str:
    """The path to return to after the login: this page, below Airflow's configured address.

    The path holds neither host nor scheme of the request, so a forged ``Host`` leads nobody elsewhere.
    """
    inside = request.scope["path"].removeprefix(request.scope.get("root_path", "")).lstrip("/\\")
    if ".." in inside.replace("\\", "/").split("/"):
        inside = ""
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    path = f"/{API_ROOT_PATH.strip('/')}{URL_PREFIX}/".replace("//", "/") + quote(inside)
    return f"{path}?{query}" if query else path


class _Span:
    """The months that a page shows, and links to other spans.

    Attributes:
        snapshot: index of these months and of all later ones.
        names: the months shown, oldest first, also those without reports.
    """

    def __init__(self, reports: QualityStore, months: int, to: str) -> None:
        self.months, self.to = months, to
        # All months up to now: a report of a range of days lies at the range's end.
        reach = months
        newest = datetime.now(UTC).strftime("%Y-%m")
        if to:
            reach += max(0, _number(newest) - _number(to))
        self.snapshot: Snapshot = reports.snapshot(reach, max(newest, to) if to else "")
        known = self.snapshot.known_months
        self.last = to or (known[-1] if known else newest)
        self.names = tuple(shift_month(self.last, -back) for back in range(months - 1, -1, -1))
        self.older = shift_month(self.last, -months) if known and known[0] < self.names[0] else ""
        self.newer = min(shift_month(self.last, months), known[-1]) if known and known[-1] > self.last else ""
        self.spans = views.SPANS
        self.unreadable = views.unreadable(self.snapshot, self.names)

    @property
    def words(self) -> str:
        """The span for a heading."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} to {self.names[-1]}"


class _Shown:
    """A report's view, or why there is none."""

    def __init__(self, shown: DayView | None, problem: str, override: Mapping[str, Any] | None = None) -> None:
        self.shown = shown
        self.problem = problem
        self.override = override


def _view_of(found: DayReport, focus: str = "", query: str = "") -> _Shown:
    if found.report is None:
        return _Shown(None, mask(found.problem))
    return _Shown(day_view(found.report, _personal_columns(), focus, query), "", found.override)


@cache
def _personal_columns() -> Mapping[str, frozenset[str]]:
    from ecommerce_dwh.contracts import load_contracts  # late import: reads files; not at start-up

    return {
        name: frozenset(column.name for column in contract.columns if column.pii)
        for name, contract in load_contracts(get_settings().sources_dir).items()
    }


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7])


def _neighbour(day: str, by: int) -> str:
    try:
        return date.fromordinal(date.fromisoformat(day).toordinal() + by).isoformat()
    except (ValueError, OverflowError):
        return ""


def _real_day(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise HTTPException(404, f"{day} is no day.") from None
