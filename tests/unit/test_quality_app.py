"""The page's routes: login, escaping, headers, odd addresses. Airflow's own guard, with its auth manager."""

from __future__ import annotations

import re

import pytest
from fake_s3 import FakeS3
from fastapi.testclient import TestClient

from ecommerce_dwh.quality.page.app import create_app
from ecommerce_dwh.quality.page.store import QualityStore
from tests.quality_reports import story

LAST = "2026-03-10"
PAGES = [
    "/",
    "/?months=24",
    "/?q=orders",
    "/?show=all&to=2026-02",
    f"/day/{LAST}",
    f"/day/{LAST}?run=manual__earlier",
    "/rule/orders/filled_00",
    "/ledger?months=3",
    "/ledger?source=orders",
    "/static/app.css",
    "/static/app.js",
    "/static/icon.svg",
    f"/report/{LAST}",
]


@pytest.fixture(scope="module", autouse=True)
def _patient():
    """No answer hangs on how busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecommerce_dwh.quality.page.off_loop.PATIENCE_SECONDS", 600.0)
        yield


@pytest.fixture(scope="module")
def s3():
    fake = FakeS3()
    for key, body in story(LAST, 60):
        fake.put(key, body)
    return fake


@pytest.fixture
def client(s3):
    """A visitor who has logged in."""
    app = create_app(QualityStore("processed", lambda: s3, budget=30), guard=lambda: None)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_with_its_headers(client, path):
    answer = client.get(path)

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [*PAGES, "/nothing"])
def test_nobody_sees_anything_without_a_login(s3, path):
    from airflow.api_fastapi.app import init_auth_manager

    init_auth_manager()
    s3.gets.clear()
    client = TestClient(create_app(QualityStore("processed", lambda: s3)), raise_server_exceptions=False)

    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": "_token=nonsense"}):
        answer = client.get(path, headers=headers)
        assert answer.status_code in (401, 403, 404)
        assert (answer.status_code == 404) is (path == "/nothing")
        assert "filled_00" not in re.sub(r'href="[^"]*"', "", answer.text)
    assert s3.gets == []


def test_scripts_in_data_are_text(client):
    for path in ("/", f"/day/{LAST}", "/rule/orders/unique_01", "/?q=%3Cscript%3Ealert(1)%3C/script%3E"):
        text = client.get(path).text
        scripts = re.findall(r"<script[^>]*>", text)
        assert len(scripts) == 1, path  # our own
        assert "app.js" in scripts[0]
        assert "<img" not in text
        assert " style=" not in text
        assert not re.search(r"\son\w+=", re.sub(r"&#39;|&lt;.*?&gt;", "", text)), path
    assert "&lt;script&gt;window.hacked" in client.get(f"/day/{LAST}").text


def test_objects_that_were_not_loaded_are_on_the_days_page(client):
    text = client.get(f"/day/{LAST}").text

    assert "Not loaded" in text
    assert "orders/dt=" in text
    assert "/sub/&lt;script&gt;" in text
    assert "lies in a sub-folder and is not loaded; move it directly into &lt;source&gt;/dt=YYYY-MM-DD/" in text
    assert "40 more objects are not shown" in text


def test_no_page_asks_another_host_for_anything(client):
    for path in PAGES:
        for address in re.findall(r'(?:src|href)="([^"]*)"', client.get(path).text):
            assert address.startswith(("/", "#", "https://company.example/")) or address == "", address


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/day/2026-03-07", 404, "The report cannot be read"),
        ("/day/2026-03-05", 404, "not of 2026-03-05"),
        ("/day/2026-03-03", 404, "No report"),
        ("/day/2026-02-30", 404, "is no day"),
        ("/day/yesterday", 422, "cannot be used: day"),
        (f"/day/{LAST}?run=nobody", 404, "left no report"),
        ("/rule/orders/nothing", 404, "knows this rule"),
        ("/rule/%3Cb%3E/%3Cb%3E", 404, "&lt;b&gt;"),
        ("/?months=0", 422, "cannot be used: months"),
        ("/?months=999999", 422, "cannot be used: months"),
        ("/?to=2026-99", 422, "cannot be used: to"),
        ("/?q=" + "x" * 300, 422, "cannot be used: q"),
        ("/?to=1999-01", 200, "No rule failed"),
        ("/?to=2099-12", 200, "No rule failed"),
        ("/static/..%2Fapp.py", 404, "Not found"),
        ("/static/app.py", 404, "no such file"),
        (f"/report/{LAST}?run=../../x", 422, "cannot be used: run"),
        ("/report/2026-03-09", 404, "left no page"),
        ("/nothing", 404, "Not found"),
    ],
)
def test_odd_addresses_are_answered_in_words(client, path, status, words):
    answer = client.get(path)

    assert answer.status_code == status
    assert words in answer.text


def test_only_reading_is_offered(client):
    for method in ("post", "put", "delete", "patch"):
        assert getattr(client, method)("/").status_code == 405


def test_a_bucket_that_cannot_be_read_is_told():
    s3 = FakeS3()
    s3.denied = {"list"}
    answer = TestClient(create_app(QualityStore("p", lambda: s3), guard=lambda: None)).get("/")

    assert answer.status_code == 503
    assert "S3 answers AccessDenied" in answer.text
    assert "AKIA" not in answer.text


def test_an_empty_warehouse_says_what_to_do():
    app = create_app(QualityStore("p", FakeS3), guard=lambda: None)

    assert "There are no reports yet" in TestClient(app).get("/").text


def test_the_page_moves_with_the_servers_path(s3):
    app = create_app(QualityStore("p", lambda: s3, budget=30), guard=lambda: None)

    text = TestClient(app, root_path="/air/data-quality").get("/").text

    assert 'href="/air/data-quality/static/app.css' in text
    assert f'href="/air/data-quality/day/{LAST}' in text


def test_the_plugin_is_found_where_airflow_looks_for_it_and_costs_others_nothing():
    import subprocess
    import sys
    from pathlib import Path

    plugins = Path(__file__).resolve().parents[2] / "plugins"
    script = (
        "import sys, os\n"
        "from airflow import plugins_manager\n"
        "from airflow.plugins_manager import _get_plugins\n"
        "found, errors = _get_plugins()\n"
        "mine = [p for p in found if p.name == 'ecommerce_dwh']\n"
        "assert not errors, errors\n"
        "assert len(mine) == 1, found\n"
        "assert 'ecommerce_dwh.quality.page' not in sys.modules\n"
        "apps, _ = plugins_manager.get_fastapi_plugins()\n"
        "assert [a['url_prefix'] for a in apps] == ['/data-quality'], apps\n"
        "views, _ = plugins_manager._get_ui_plugins()\n"
        "assert [v['url_route'] for v in views] == ['data-quality'], views\n"
    )
    import os

    environ = {**os.environ, "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins), "PYTHONPATH": str(plugins)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
