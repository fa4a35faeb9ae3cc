"""Airflow's own API answers while S3 does not: a real API server with the page on it, before a store that hangs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest
from servers import REPO, free_port, wait_for_port

from ecommerce_dwh.quality.page.off_loop import THREADS, WAITING

GUARD = 120.0  # seconds after which a request that hangs fails the test


class SilentS3:
    """Takes every connection and answers none until `release`; counts who is waiting."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = threading.Semaphore(0)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.asked.release()

    def release(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()


@pytest.fixture(scope="module")
def silent_s3() -> Iterator[SilentS3]:
    server = SilentS3()
    yield server
    server.release()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, silent_s3) -> Iterator[httpx.Client]:
    """An API server with one worker and the plugin; the client has logged in."""
    home, port = tmp_path_factory.mktemp("api-server"), free_port()
    connection = {
        "conn_type": "aws",
        "login": "local",
        "password": "local",
        "extra": {"endpoint_url": silent_s3.url, "region_name": "ap-south-1"},
    }
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for-this-test-only-and-long-enough-for-its-algorithm-0123456789abcdef",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "PYTHONPATH": str(REPO / "plugins"),
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-m", "airflow"]
    subprocess.run([*command, "db", "migrate"], env=environ, check=True, capture_output=True, timeout=300)
    log = home / "api-server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, server, log, seconds=300)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GUARD, trust_env=False) as client:
            token = client.get("/auth/token").json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    finally:
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def test_airflow_answers_while_every_request_of_the_page_waits_for_s3(airflow, silent_s3):
    assert silent_s3.asked.acquire(timeout=GUARD), "the page prepares itself, and so asks S3"
    requests = (
        THREADS + WAITING + 60
    )  # more than the page takes, and more than the 40 threads of the event loop's pool
    with ThreadPoolExecutor(requests) as visitors:
        visits = [visitors.submit(airflow.get, "/data-quality/") for _ in range(requests)]
        for path in (
            "/api/v2/monitor/health",
            "/api/v2/version",
            "/api/v2/dags",
            "/api/v2/variables",
            "/api/v2/pools",
        ):
            assert airflow.get(path).status_code == 200, path
        waiting = sum(not visit.done() for visit in visits)
        assert waiting, "the page's requests were still waiting for S3 when Airflow answered"
        wait(visits)

    answers = [visit.result() for visit in visits]
    assert {answer.status_code for answer in answers} == {503}
    texts = [answer.text for answer in answers]
    assert sum("Too many requests of this page" in text for text in texts) >= 60 - waiting
    told = ("Too many requests of this page", "did not arrive within", "S3 cannot be reached", "S3 is slow")
    assert all(any(words in text for words in told) for text in texts)
    assert airflow.get("/api/v2/monitor/health").status_code == 200
