"""Requests that somebody made up: any parameter, any path, any Host. Never an error of the server, never a way out."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_site import DAY, KEY

from ecommerce_dwh.privacy.masking import PRIVACY_MARK
from ecommerce_dwh.quality.page.app import create_app
from ecommerce_dwh.quality.page.off_loop import THREADS, WAITING, Busy, PageThreads
from ecommerce_dwh.quality.page.store import QualityStore
from tests.quality_reports import report

ODD = [
    "",
    "0",
    "-1",
    "1e3",
    "NaN",
    "999999999999999999999",
    "9" * 5000,
    "0000-01",
    "0001-01",
    "9999-12",
    "2026-13",
    "2026-00",
    "２０２６-０３",
    "2026-03\n",
    "\x00",
    "\ud800",
    "a" * 201,
    "%",
    "%zz",
    "../..",
    "..%2f..",
    "é",
    "//evil.example",
    "\\\\evil.example",
    "'; drop table x; --",
    "{{7*7}}",
    "<script>",
    "null",
    "[]",
    "2026-03-10",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "\u202e",
]
VALUES = (
    st.sampled_from(ODD)
    | st.text(st.characters(), max_size=40)
    | st.from_regex("[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
)


def encoded(value: str) -> str:
    """Percent-encoded, halves of characters as well."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def parameters(app) -> list[tuple[str, str, str]]:
    """Path, place and name of every parameter of the application."""
    return [
        (path, found["in"], found["name"])
        for path, methods in app.openapi()["paths"].items()
        for found in methods["get"].get("parameters", ())
    ]


def address(path: str, place: str, name: str, value: str) -> str:
    """The path with one parameter set and the other ones sound."""
    if place == "path":
        path = path.replace("{" + name + "}", encoded(value))
    filled = path.replace("{day}", DAY).replace("{source}", "orders").replace("{rule}", "filled_00")
    filled = filled.replace("{name}", "app.css")
    return f"{filled}?{name}={encoded(value)}" if place == "query" else filled


@pytest.fixture(scope="module")
def seen(site):
    site.put(KEY, json.dumps(report(DAY, poisoned=True)).encode())
    return site


def test_every_parameter_is_known_to_the_fuzzer(seen):
    names = {name for _, _, name in parameters(seen.app)}
    assert names == {"months", "to", "q", "show", "source", "limit", "day", "run", "focus", "rule", "name"}


@pytest.mark.parametrize("value", ODD, ids=[ascii(value)[:24] for value in ODD])
def test_an_odd_value_of_any_parameter_is_answered(seen, value):
    for path, place, name in parameters(seen.app):
        answer = seen.client.get(address(path, place, name, value))
        assert answer.status_code in (200, 404, 422), (path, name)
        assert "Traceback" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_of_any_parameter_is_answered(seen, data):
    path, place, name = data.draw(st.sampled_from(parameters(seen.app)))
    answer = seen.client.get(address(path, place, name, data.draw(VALUES)))
    assert answer.status_code in (200, 404, 422)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.characters(), max_size=60), query=st.text(st.characters(), max_size=40))
def test_any_path_is_answered(seen, path, query):
    answer = seen.client.get(f"/{encoded(path)}?{encoded(query)}")
    assert answer.status_code in (200, 404, 422)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?to=0000-01", 422),
        ("/?to=1969-12", 422),
        ("/?to=1970-01&months=36", 200),
        ("/?to=2999-12&months=36", 200),
        ("/?to=3000-01", 422),
        ("/?to=2026-03%0a", 422),
        ("/?to=%D9%A2%D9%A0%D9%A2%D9%A6-03", 422),
        ("/?months=37", 422),
        ("/?months=1&months=2", 200),
        ("/?limit=1001", 422),
        ("/?limit=0", 422),
        ("/?q=" + "x" * 201, 422),
        ("/?show=everything", 422),
        ("/?q=%00%1b%5b31m", 200),
        ("/day/0001-01-01", 404),
        ("/day/9999-12-31", 404),
        ("/day/0000-00-00", 404),
        (f"/day/{DAY}?run=.", 404),
        (f"/day/{DAY}?run=..%2F..%2Fx", 422),
        (f"/day/{DAY}?run=" + "r" * 251, 422),
        (f"/day/{DAY}?focus=0001-01-01", 200),
        (f"/day/{DAY}/", 404),
        (f"/report/{DAY}?run=..", 404),
        (f"/report/{DAY}?run=%2e%2e%2fx", 422),
        ("/report/0001-01-01", 404),
        ("/rule/a/b/", 404),
        ("/rule/" + "s" * 129 + "/x", 422),
        ("/rule/%00/%ff", 404),
        ("/static/%2e%2e%2fapp.py", 404),
        ("/static/app.css%00", 404),
        ("/%5c%5cevil.example", 404),
        ("/openapi.json", 404),
        ("/docs", 404),
    ],
)
def test_each_of_these_has_its_answer(seen, path, status):
    answer = seen.client.get(path, follow_redirects=False)

    assert answer.status_code == status
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", f"/day/{DAY}", "/ledger", "/static/app.js", "/nothing", "/?to=0000-01", f"/report/{DAY}"]
)
def test_every_answer_has_the_headers_that_shut_a_browser_in(seen, path):
    headers = seen.client.get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] in ("same-origin", "no-referrer")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


def test_the_jobs_page_is_served_in_a_sandbox(seen):
    page = f"<html><head>{PRIVACY_MARK}</head><script>top.location = 'https://evil.example'</script></html>"
    seen.put(f"quality/dt={DAY}/report.html", page.encode())

    answer = seen.client.get(f"/report/{DAY}")
    headers = answer.headers
    assert (answer.status_code, answer.text) == (200, page)

    policy = [directive.strip() for directive in headers["content-security-policy"].split(";")]
    assert policy[0] == "sandbox"  # allows nothing: no script, form, popup, no origin of ours
    assert "default-src 'none'" in policy
    assert not any(directive.startswith("script-src") for directive in policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-type"] == "text/html; charset=utf-8"


# --- the way to the login and back ---


@pytest.fixture(scope="module")
def stranger(seen):
    """Nobody has logged in: Airflow's own guard."""
    from airflow.api_fastapi.app import init_auth_manager

    init_auth_manager()
    return TestClient(create_app(QualityStore("processed", lambda: seen.s3)))


HOSTS = [
    "evil.example",
    "evil.example:8080",
    "airflow.company.example.evil.example",
    "evil.example/..",
    "127.0.0.1",
    "[::1]",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded"])
def test_the_login_link_comes_from_the_configuration(stranger, host, header):
    answer = stranger.get(f"/day/{DAY}?run=a", headers={header: host}, follow_redirects=False)

    assert answer.status_code == 401
    assert "evil" not in answer.text
    assert "evil" not in str(answer.headers)
    link = urlsplit(re.search(r'href="([^"]*login[^"]*)"', answer.text)[1].replace("&amp;", "&"))
    assert link.netloc in ("", "airflow.company.example:8080")
    assert link.path == "/air/auth/login"
    assert parse_qs(link.query)["next"] == [f"/air/data-quality/day/{DAY}?run=a"]


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "///evil.example/day",
        "/%2f%2fevil.example",
        "/https://evil.example",
        "/day/..%2f..%2f..//evil.example",
        "/?next=https://evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "/javascript:alert(1)",
    ],
)
def test_the_way_back_is_a_path_of_the_page(stranger, path):
    from airflow.api_fastapi.core_api.security import is_safe_url
    from fastapi import Request

    from ecommerce_dwh.quality.page.app import _way_back

    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "path": unquote(raw),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [],
    }
    back = _way_back(Request(scope))

    assert back.startswith("/air/data-quality/")
    assert not re.match(r"/[/\\]", back)
    assert not re.search(r"[\s\\]", back)
    assert urlsplit(back).netloc == ""
    assert is_safe_url(back)
    answer = stranger.get(path, follow_redirects=False)
    assert answer.status_code in (401, 404)
    assert "location" not in answer.headers


# --- threads of its own ---


def test_a_route_more_than_the_page_has_places_for_is_refused_at_once():
    threads = PageThreads(threads=1, waiting=1, patience=60)
    go_on, began = threading.Event(), threading.Event()

    @threads.off_loop
    def route() -> str:
        began.set()
        go_on.wait()
        return threading.current_thread().name

    async def three() -> list:
        first = [asyncio.ensure_future(route()) for _ in range(2)]
        await asyncio.to_thread(began.wait)
        with pytest.raises(Busy, match="Too many requests"):
            await route()
        go_on.set()
        names = await asyncio.gather(*first)
        return [*names, await route()]  # the places are free again

    assert all(name.startswith("quality-page-route") for name in asyncio.run(three()))


def test_a_visitor_who_waited_long_enough_gets_an_answer_and_the_thread_stays_counted():
    threads = PageThreads(threads=1, waiting=0, patience=0.05)
    go_on = threading.Event()

    @threads.off_loop
    def route() -> None:
        go_on.wait()

    async def two() -> None:
        with pytest.raises(Busy, match="did not arrive within"):
            await route()
        with pytest.raises(Busy, match="Too many requests"):
            await route()
        go_on.set()

    asyncio.run(two())


def test_a_page_that_has_no_place_left_says_so(seen, monkeypatch):
    from ecommerce_dwh.quality.page import app as application

    monkeypatch.setattr(application, "PageThreads", lambda: PageThreads(threads=1, waiting=0, patience=0.0))
    client = TestClient(create_app(QualityStore("processed", lambda: seen.s3, fresh=0.0), guard=lambda: None))

    answer = client.get("/")

    assert answer.status_code == 503
    assert "did not arrive within" in answer.text
    assert answer.headers["retry-after"] == "10"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_store_that_hangs_takes_no_thread_of_airflow(seen):
    """As many visitors as the event loop's pool has threads wait for S3; a plain route beside the page answers."""
    go_on, waiting = threading.Event(), threading.Semaphore(0)

    class Hanging(type(seen.s3)):
        def list_objects_v2(self, **request):
            waiting.release()
            go_on.wait()
            return super().list_objects_v2(**request)

    airflow = FastAPI()

    @airflow.get("/version")
    def version() -> str:
        return "3.3.1"

    store = QualityStore("processed", Hanging, patience=600)
    airflow.mount("/data-quality", create_app(store, guard=lambda: None))

    async def visit() -> None:
        transport = httpx.ASGITransport(app=airflow)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow", timeout=None) as client:
            visitors = [asyncio.ensure_future(client.get("/data-quality/")) for _ in range(60)]
            await asyncio.to_thread(waiting.acquire)
            answer = await asyncio.wait_for(client.get("/version"), 60)
            assert answer.json() == "3.3.1"
            refused = [visitor.result() for visitor in visitors if visitor.done()]
            assert all("Too many requests" in answer.text for answer in refused)
            go_on.set()
            answers = [(await visitor).status_code for visitor in visitors]
            assert answers.count(503) == 60 - THREADS - WAITING
            assert answers.count(200) == THREADS + WAITING

    asyncio.run(visit())
