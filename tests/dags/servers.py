"""Real servers for the tests: started as processes, found on free ports, stopped at the end."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REPO = Path(__file__).resolve().parents[2]
VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")
REGION = "ap-south-1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}:\n{log.read_text()[-3000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s:\n{log.read_text()[-3000:]}")


def local_environ(home: Path, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a part of the local stack that keeps its state in ``home``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "AWS_", "PYTHON"))}
    return {**inherited, "DWH_LOCAL_HOME": str(home), "DWH_LOCAL_VENVS": str(VENVS), **environ}


def run_module(module: str, home: Path, environ: dict[str, str]) -> str:
    """Run a module of the local stack to its end and return what it prints."""
    return run_python(["-m", module], home, environ)


def run_python(arguments: list[str], home: Path, environ: dict[str, str]) -> str:
    """Run the local stack's Python to its end and return what it prints."""
    command = [str(VENVS / "local" / "bin" / "python"), *arguments]
    done = subprocess.run(
        command, cwd=REPO, env=local_environ(home, environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def component(module: str, home: Path, port: int | None, environ: dict[str, str]) -> Iterator[Path]:
    """One component of the local stack as a process, awaited on its port if it has one; yields its log."""
    log = home / f"{module}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(VENVS / "local" / "bin" / "python"), "-m", module],
            cwd=REPO,
            env=local_environ(home, environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            if port is not None:
                wait_for_port(port, process, log)
            yield log
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class LocalAws:
    """The local AWS endpoint."""

    def __init__(self, port: int, home: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.home = home

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "conn_type": "aws",
            "login": "local",
            "password": "local",
            "extra": {"endpoint_url": self.url, "region_name": REGION},
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(s3={"addressing_style": "path"}),
        )

    def put(self, bucket: str, *keys: str, body: bytes = b"x\n1\n") -> None:
        for key in keys:
            self.client("s3").put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("_EMPTY") else body)

    def clear(self) -> None:
        s3 = self.client("s3")
        for bucket in ("ecommerce-dwh-dev-raw", "ecommerce-dwh-dev-processed"):
            with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for entry in page.get("Contents", ()):
                    s3.delete_object(Bucket=bucket, Key=entry["Key"])


@contextlib.contextmanager
def start_local_aws(home: Path) -> Iterator[LocalAws]:
    port = free_port()
    environ = {"DWH_LOCAL_AWS_PORT": str(port)}
    with component("local.aws", home, port, environ):
        run_module("local.provision", home, environ)
        yield LocalAws(port, home)


class LocalRedshift:
    """The local Redshift endpoint on an embedded PostgreSQL of its own."""

    def __init__(self, port: int, home: Path) -> None:
        self.port = port
        self.home = home

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "conn_type": "redshift",
            "host": "127.0.0.1",
            "port": self.port,
            "schema": "ecommerce_dwh_dev",
            "login": "dwh_admin",
            "password": "local-dwh-admin",
            "extra": {"ssl": False},
        }

    def connect(self, *, autocommit: bool = True) -> Any:
        import redshift_connector

        connection = redshift_connector.connect(
            host="127.0.0.1",
            port=self.port,
            database="ecommerce_dwh_dev",
            user="dwh_admin",
            password="local-dwh-admin",
            ssl=False,
        )
        connection.autocommit = autocommit
        return connection

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement by itself and return its rows."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.query(statement)


@contextlib.contextmanager
def start_redshift(home: Path) -> Iterator[LocalRedshift]:
    port = free_port()
    environ = {"DWH_LOCAL_REDSHIFT_PORT": str(port)}
    with component("local.postgres", home, None, environ), component("local.redshift", home, port, environ):
        yield LocalRedshift(port, home)


@contextlib.contextmanager
def start_airflow_database(home: Path) -> Iterator[str]:
    """An embedded PostgreSQL with an empty database for Airflow; yields its SQLAlchemy URL."""
    home.mkdir(parents=True, exist_ok=True)
    script = (
        "import time\n"
        "from local import postgres\n"
        "from local.config import load_config\n"
        "config = load_config()\n"
        "while not postgres.answers(config, ()): time.sleep(0.1)\n"
        "postgres.ensure_databases(config, ('airflow',))\n"
        "print(postgres.sqlalchemy_url(config, 'airflow'))\n"
    )
    with component("local.postgres", home, None, {}):
        yield run_python(["-c", script], home, {})


class Mailbox:
    """The local SMTP server and the mails it has kept."""

    def __init__(self, smtp_port: int, folder: Path) -> None:
        self.smtp_port = smtp_port
        self.folder = folder

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": self.smtp_port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@ecommerce-dwh.local"},
        }

    def mails(self) -> list[EmailMessage]:
        found = []
        for file in sorted(self.folder.rglob("*.eml")):
            found.append(email.message_from_bytes(file.read_bytes(), policy=email.policy.default))
        return found  # type: ignore[return-value]

    def wait_for(self, count: int, seconds: float = 10) -> list[EmailMessage]:
        deadline = time.monotonic() + seconds
        while len(self.mails()) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.mails()

    def clear(self) -> None:
        for file in self.folder.rglob("*.eml"):
            file.unlink()


@contextlib.contextmanager
def start_mail(home: Path) -> Iterator[Mailbox]:
    home.mkdir(parents=True, exist_ok=True)
    smtp_port, page_port = free_port(), free_port()
    environ = {"DWH_LOCAL_SMTP_PORT": str(smtp_port), "DWH_LOCAL_MAIL_PORT": str(page_port)}
    with component("local.smtp", home, smtp_port, environ):
        yield Mailbox(smtp_port, home / "mail")
    shutil.rmtree(home, ignore_errors=True)


class ScriptedGlue:
    """An HTTP server that speaks Glue's JSON protocol and plays the states that a test gives it.

    Attributes:
        states: states that a run goes through, one per GetJobRun; the last one stays.
        error_message: ErrorMessage of a run in its last state.
        calls: names of the operations called, in order.
        runs: runs started, newest first, each with its arguments.
    """

    def __init__(self) -> None:
        self.states: list[str] = ["RUNNING", "SUCCEEDED"]
        self.error_message = ""
        self.calls: list[str] = []
        self.runs: list[dict[str, Any]] = []
        self.concurrent_limit = 1
        self.job_exists = True
        self.crawler_states: list[str] = ["READY"]
        self.crawl_status = "SUCCEEDED"
        self.crawls = 0
        self.fail_next: dict[str, list[tuple[int, str]]] = {}
        self.before: Callable[[str], None] = lambda _name: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet per answer; two would wait for the client's delayed ACK

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                name = self.headers["X-Amz-Target"].partition(".")[2]
                status, answer = outer.answer(name, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                if status >= 400:
                    self.send_header("x-amzn-ErrorType", answer["__type"])
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> ScriptedGlue:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "conn_type": "aws",
            "login": "local",
            "password": "local",
            "extra": {
                "endpoint_url": f"http://127.0.0.1:{self._server.server_port}",
                "region_name": REGION,
                "config_kwargs": {"retries": {"max_attempts": 1}},
            },
        }

    def add_run(self, run_id: str, state: str, arguments: dict[str, str] | None = None) -> dict[str, Any]:
        run = {"Id": run_id, "Arguments": arguments or {}, "states": [state]}
        self.runs.insert(0, run)
        return run

    def answer(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(name)
        self.before(name)
        if self.fail_next.get(name):
            status, code = self.fail_next[name].pop(0)
            return status, {"__type": code, "message": f"scripted {code}"}
        return getattr(self, f"_{name}")(body)

    def _live(self) -> list[dict[str, Any]]:
        live = ("STARTING", "RUNNING", "STOPPING", "WAITING")
        return [run for run in self.runs if run["states"][0] in live]

    def _view(self, run: dict[str, Any]) -> dict[str, Any]:
        state = run["states"][0]
        over = state not in ("STARTING", "RUNNING", "STOPPING", "WAITING")
        return {
            "Id": run["Id"],
            "JobName": "job",
            "JobRunState": state,
            "Arguments": run["Arguments"],
            "LogGroupName": "/aws-glue/jobs",
            "ExecutionTime": 3,
            **({"ErrorMessage": self.error_message} if over and self.error_message else {}),
        }

    def _StartJobRun(self, body):
        if not self.job_exists:
            return 400, {"__type": "EntityNotFoundException", "message": "no such job"}
        if len(self._live()) >= self.concurrent_limit:
            return 400, {"__type": "ConcurrentRunsExceededException", "message": "busy"}
        run = self.add_run(f"jr_{len(self.runs) + 1}", "", body.get("Arguments", {}))
        run["states"] = list(self.states)
        return 200, {"JobRunId": run["Id"]}

    def _GetJobRun(self, body):
        run = next(run for run in self.runs if run["Id"] == body["RunId"])
        view = self._view(run)
        if len(run["states"]) > 1:
            run["states"].pop(0)
        return 200, {"JobRun": view}

    def _GetJobRuns(self, body):
        return 200, {"JobRuns": [self._view(run) for run in self.runs]}

    def _BatchStopJobRun(self, body):
        for run in self.runs:
            if run["Id"] in body["JobRunIds"]:
                run["states"] = ["STOPPED"]
        submitted = [{"JobName": body["JobName"], "JobRunId": run_id} for run_id in body["JobRunIds"]]
        return 200, {"SuccessfulSubmissions": submitted, "Errors": []}

    def _StartCrawler(self, body):
        if self.crawler_states[0] != "READY":
            return 400, {"__type": "CrawlerRunningException", "message": "busy"}
        self.crawls += 1
        self.crawler_states = ["RUNNING", "STOPPING", "READY"]
        return 200, {}

    def _GetCrawler(self, body):
        state = self.crawler_states[0]
        if len(self.crawler_states) > 1:
            self.crawler_states.pop(0)
        last = {"Status": self.crawl_status, "LogGroup": "/aws-glue/crawlers", "LogStream": body["Name"]}
        if self.crawl_status != "SUCCEEDED":
            last["ErrorMessage"] = "the bucket is gone"
        return 200, {"Crawler": {"Name": body["Name"], "State": state, "LastCrawl": last}}
