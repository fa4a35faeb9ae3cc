"""A whole local stack for the browser tests: its own home and ports, so that a person's stack is left alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

REPO = Path(__file__).resolve().parents[2]
LOCAL_PYTHON = REPO / ".venv" / "local" / "bin" / "python"
PORTS = ("AWS", "REDSHIFT", "SMTP", "MAIL", "AIRFLOW")
LOGIN = "admin"

sys.path.insert(0, str(REPO))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Stack:
    """A running local stack.

    Attributes:
        url: address of the Airflow web UI.
        environ: variables that point ``python -m local`` and the tests at it.
    """

    def __init__(self, home: Path) -> None:
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self.environ = {
            **os.environ,
            "DWH_LOCAL_HOME": str(home),
            **{f"DWH_LOCAL_{name}_PORT": str(port) for name, port in ports.items()},
        }
        self.url = f"http://127.0.0.1:{ports['AIRFLOW']}"

    def local(self, *arguments: str, timeout: int = 600) -> str:
        """Run ``python -m local …``; returns what it printed.

        Raises:
            AssertionError: it failed; the message has its output.
        """
        done = subprocess.run(
            [str(LOCAL_PYTHON), "-m", *arguments],
            cwd=REPO,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        command = " ".join(arguments)
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-4000:]}"
        return done.stdout


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept."""
    folder = REPO / "artifacts" / "ui"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack that has loaded three small generated days."""
    running = Stack(tmp_path_factory.mktemp("stack"))
    try:
        running.local("local", "run", "--keep", "--lines-per-day", "1500", timeout=900)
        yield running
    finally:
        running.local("local", "down")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    assert executable, "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-sync",
                "--disable-background-networking",
                "--disable-component-update",
            ],
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def login(browser: Browser, stack: Stack) -> StorageState:
    """What a browser keeps of a person who has logged in."""
    context = browser.new_context(base_url=stack.url)
    opened = context.new_page()
    opened.goto("/auth/login")
    opened.get_by_label("Username").fill(LOGIN)
    opened.locator("input[type=password]").fill(LOGIN)
    opened.get_by_role("button", name="Sign in").click()
    opened.wait_for_url(f"{stack.url}/", timeout=30_000)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(browser: Browser, stack: Stack, login: StorageState) -> Iterator[Page]:
    """An empty page of a person who has logged in."""
    context = browser.new_context(
        viewport={"width": 1600, "height": 1000}, base_url=stack.url, storage_state=login
    )
    yield context.new_page()
    context.close()
