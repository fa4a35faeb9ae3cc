"""A real Airflow behind the local endpoint's MWAA: API server and DAG processor, without a scheduler: no run starts."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import mwaa
from conftest import Endpoint, environment_python

from tools import package


@contextlib.contextmanager
def serving_airflow(endpoint: Endpoint, home: Path, options: Mapping[str, str]) -> Iterator[Path]:
    """Serve the DAGs below a folder where the endpoint's InvokeRestApi asks; yields the log of both processes.

    Args:
        endpoint: whose ``airflow_port`` is listened on.
        home: AIRFLOW_HOME, with ``dags`` and ``plugins``.
        options: further variables of Airflow's configuration.
    """
    (home / "passwords.json").write_text(json.dumps({"admin": "admin"}))
    variables = mwaa.airflow_environ(
        home,
        {},
        endpoint.environ(),
        {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            "AIRFLOW__API__PORT": str(endpoint.airflow_port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of-this-test-only-" * 4,
            **options,
        },
    )
    program = [str(environment_python("airflow")), "-m", "airflow"]
    mwaa.run(environment_python("airflow"), "from airflow.utils.db import initdb; initdb()", home, variables)
    with (home / "log").open("wb") as log:
        parts = [
            subprocess.Popen([*program, part], cwd=home, env=variables, stdout=log, stderr=subprocess.STDOUT)
            for part in ("api-server", "dag-processor")
        ]
        try:
            yield home / "log"
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                part.wait(timeout=60)


class PackagedAirflow(AbstractContextManager["PackagedAirflow"]):
    """An Airflow with the package as MWAA unpacks it, started beside whatever its block does.

    Args:
        endpoint: whose MWAA it stands behind.
        folder: an empty folder for the package and AIRFLOW_HOME.

    Attributes:
        ready: a file that is there when every DAG is parsed, or when that failed; then it holds the reason.
    """

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="packaged-airflow")
        self.ready = folder / "ready"

    def __enter__(self) -> PackagedAirflow:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            home = self._folder / "airflow"
            package.build(self._folder / "dist")
            mwaa.unpack(self._folder / "dist", home)
            # Files are parsed once: nothing changes them.
            once = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600"}
            with serving_airflow(self._endpoint, home, once) as log:
                self._wait(len(list((home / "dags").glob("*.py"))), log)
                self._stop.wait()
        except BaseException:
            self.ready.write_text(traceback.format_exc())

    def _wait(self, files: int, log: Path) -> None:
        """Until as many DAGs as files are known; the reason goes to ``ready`` when they are not in ten minutes."""
        database = f"file:{self._folder / 'airflow' / 'airflow.db'}?mode=ro"
        until = time.monotonic() + 600
        while not self._stop.wait(1):
            with contextlib.closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
                ((parsed,),) = connection.execute("select count(*) from serialized_dag")
            if parsed >= files and self._answers():
                self.ready.touch()
                return
            if time.monotonic() > until:
                told = log.read_text(errors="replace")[-3000:]
                self.ready.write_text(f"{parsed} of {files} DAGs are parsed:\n{told}")
                return

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._endpoint.airflow_port), timeout=1).close()
            return True
        return False
