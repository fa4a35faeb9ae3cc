"""A page of another origin in a real browser: whatever it sends to the stack's servers gets 403 and changes nothing."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import LOCAL_PYTHON, REPO, Stack
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

NAMES = ("evil.example", "evil.localhost")
# Everything by which a page can make a browser send something. Names of ways that gave the page an answer come back.
ATTACK = """
async (targets) => {
  const read = [];
  const ways = {
    'simple': url => fetch(url),
    'with cookies': url => fetch(url, {credentials: 'include'}),
    'no-cors': async url => {
      const answer = await fetch(url, {mode: 'no-cors'});
      if (answer.type !== 'opaque') return answer; throw 0;
    },
    'text': url => fetch(url, {method: 'POST', body: '{"Name": "evil"}'}),
    'text, no-cors': async url => {
      const answer = await fetch(url, {method: 'POST', mode: 'no-cors', body: '{"Name": "evil"}'});
      if (answer.type !== 'opaque') return answer; throw 0;
    },
    'json': url => fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}),
    'target': url => fetch(url, {method: 'POST', headers: {
      'X-Amz-Target': 'AWSGlue.StartJobRun', 'Content-Type': 'application/x-amz-json-1.1'}, body: '{"JobName": "x"}'}),
    'signed': url => fetch(url, {headers: {'Authorization': 'AWS4-HMAC-SHA256 Credential=local/20260101/x/s3/y'}}),
    'PUT': url => fetch(url, {method: 'PUT', body: 'x'}),
    'DELETE': url => fetch(url, {method: 'DELETE'}),
    'PATCH': url => fetch(url, {method: 'PATCH', body: '{"is_paused": false}'}),
    'beacon': url => { navigator.sendBeacon(url, 'x'); throw 0; },
  };
  for (const url of targets) {
    for (const [name, way] of Object.entries(ways)) {
      try { await way(url); read.push(`${name}: ${url}`); } catch (refused) { }
    }
    for (const kind of ['img', 'script', 'iframe', 'audio']) {
      const element = document.createElement(kind);
      const done = new Promise(end => { element.onload = element.onerror = end; setTimeout(end, 3000); });
      element.src = url;
      document.body.append(element);
      await done;
      if (kind === 'img' && element.naturalWidth) read.push(`img: ${url}`);
    }
    for (const kind of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
      const frame = document.createElement('iframe');
      frame.name = 'sink' + Math.random();
      const form = document.createElement('form');
      Object.assign(form, {method: 'POST', action: url, enctype: kind, target: frame.name});
      form.innerHTML = '<input name="Action" value="CreateTopic"><input name="Name" value="evil">';
      document.body.append(frame, form);
      const done = new Promise(end => { frame.onload = end; setTimeout(end, 3000); });
      form.submit();
      await done;
    }
    await new Promise(end => {
      const socket = new WebSocket(url.replace('http', 'ws'));
      socket.onopen = () => { read.push(`socket: ${url}`); end(); };
      socket.onerror = socket.onclose = end;
    });
  }
  return read;
}
"""


@pytest.fixture
def foreign_port() -> Iterator[int]:
    """A web server of somebody else, with one empty page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><title>another origin</title><body></body>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser for which the foreign names lead to this machine, as a rebound name does."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    assert executable, "the browser tests need Chromium: apt-get install chromium"
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in NAMES)
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", f"--host-resolver-rules={rules}"],
        )
        yield browser.new_page()
        browser.close()


def _ports(stack: Stack) -> dict[str, int]:
    return {name: int(stack.environ[f"DWH_LOCAL_{name}_PORT"]) for name in ("AWS", "MAIL", "AIRFLOW")}


def _targets(stack: Stack) -> list[str]:
    ports = _ports(stack)
    return [
        f"http://127.0.0.1:{ports['AWS']}/",
        f"http://127.0.0.1:{ports['AWS']}/ecommerce-dwh-dev-raw/planted",
        f"http://localhost:{ports['AWS']}/?Action=CreateTopic&Name=evil",
        f"http://127.0.0.1:{ports['MAIL']}/api/messages",
        f"http://127.0.0.1:{ports['AIRFLOW']}/auth/token",
        f"http://127.0.0.1:{ports['AIRFLOW']}/api/v2/dags/ecommerce_dwh_bootstrap/dagRuns",
    ]


# Run by the stack's own Python, which has the clients of AWS.
LOOK = """
import json
import boto3
from local.config import load_config
from local.stack.airflow import AirflowClient
config = load_config()
s3, glue, sns = (
    boto3.client(name, endpoint_url=config.aws_url, region_name="ap-south-1",
                 aws_access_key_id=config.aws_access_key, aws_secret_access_key=config.aws_secret_key)
    for name in ("s3", "glue", "sns")
)
airflow = AirflowClient(config.airflow_url)
print(json.dumps({
    "mails": len(list(config.mail_dir.glob("*.eml"))),
    "objects": s3.list_objects_v2(Bucket="ecommerce-dwh-dev-raw")["KeyCount"],
    "jobs": sorted(job["Name"] for job in glue.get_jobs()["Jobs"]),
    "topics": sns.list_topics()["Topics"],
    "runs": airflow.get("/dags/ecommerce_dwh_bootstrap/dagRuns")["total_entries"],
    "paused": airflow.get("/dags/ecommerce_dwh_bootstrap")["is_paused"],
}))
"""


def _state(stack: Stack) -> dict[str, Any]:
    """What an attack would change, read as a program of this machine."""
    done = subprocess.run(
        [str(LOCAL_PYTHON), "-c", LOOK],
        cwd=REPO,
        env={**stack.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("origin", ["127.0.0.1", *NAMES])
def test_a_page_of_another_origin_changes_and_reads_nothing(
    page: Page, stack: Stack, foreign_port: int, origin: str
) -> None:
    before = _state(stack)
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.goto(f"http://{origin}:{foreign_port}/")
    page.on("response", note)

    read = page.evaluate(ATTACK, _targets(stack))

    assert read == []
    assert {answer.status for answer in answers} == {403}
    # Simple requests, frames and forms reach each server; of the others only the preflight does.
    for port in _ports(stack).values():
        assert sum(urlsplit(answer.url).port == port for answer in answers) >= 5
    assert _state(stack) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_rebound_name_opens_nothing(page: Page, stack: Stack, name: str) -> None:
    """The page's own origin is the server's address then, so nothing but ``Host`` tells."""
    for server, port in _ports(stack).items():
        opened = page.goto(f"http://{name}:{port}/")
        assert opened is not None
        assert opened.status == 403
        assert name in page.inner_text("body")
        statuses = page.evaluate(
            """async () => {
                const ask = (path, options) => fetch(path, options).then(answer => answer.status, () => 'blocked');
                return [await ask('/api/messages'), await ask('/api/messages', {method: 'DELETE'}),
                        await ask('/auth/token', {method: 'POST', headers: {'Content-Type': 'application/json'},
                                  body: '{"username": "admin", "password": "admin"}'})];
            }"""
        )
        # The mailbox's refusal is a page that may load nothing.
        assert statuses == ["blocked" if server == "MAIL" else 403] * 3


def test_a_person_and_the_servers_own_pages_get_in(page: Page, stack: Stack) -> None:
    mailbox = f"http://127.0.0.1:{_ports(stack)['MAIL']}/"
    page.goto(mailbox)
    expect(page.get_by_role("heading", name="Mail")).to_be_visible()
    page.evaluate(
        "url => { const a = document.createElement('a'); a.href = url; document.body.append(a); a.click(); }",
        f"{stack.url}/auth/login",
    )
    page.get_by_label("Username").fill("admin")
    page.locator("input[type=password]").fill("admin")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.url}/", timeout=30_000)
