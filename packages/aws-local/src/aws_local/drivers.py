"""Java processes that serve one Glue run after another.

Most of what a small Spark job costs is the start of a Java process that has compiled nothing yet. A `Driver` is such a
process without a job: Spark's own gateway for Python (``spark-submit pyspark-shell``). A run's script is a Python
process of its own, as always, that works through this gateway (`driver_main`); it makes a Spark application of its own
and stops it at its end. A driver whose run did not end in success is ended with it, so that nothing of a failed run
meets the next one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from .job_launch import Program
from .runner import ProcessMark, kill_tree

log = logging.getLogger("aws_local.drivers")

_MAIN = Path(__file__).with_name("driver_main.py")
_START_SECONDS = 120
_IDLE_SECONDS = 90.0  # a waiting driver holds some hundred megabytes
_MOST_RUNS = 25  # Spark keeps compiled code and statistics of every application of a process
_IDLE_DRIVERS = 1


@dataclass(frozen=True)
class DriverSettings:
    """How drivers are started.

    Attributes:
        command: makes the start of the command line, for example ``[".../bin/spark-submit"]``.
        python: the Python of the scripts.
        environ: makes the environment of the process.
        folder: scratch folders, one per driver, deleted when it ends.
    """

    command: Callable[[], Sequence[str]]
    python: str
    environ: Callable[[], Mapping[str, str]]
    folder: Path


class DriverError(RuntimeError):
    """A Java process did not open its gateway; the message has the end of what it printed."""


class Driver:
    """A Java process with a gateway for one Python process at a time.

    Attributes:
        mark: the process.
        runs: how many runs it has served.
    """

    def __init__(self, settings: DriverSettings) -> None:
        """Start the process and wait for its gateway.

        Raises:
            DriverError: it ended, or did not answer in time.
            OSError: the program could not be started.
        """
        settings.folder.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(dir=settings.folder))
        self._sink: Callable[[bytes], None] | None = None
        self._early: list[bytes] = []
        self.runs = 0
        where = self._folder / "gateway"
        self._process = subprocess.Popen(
            [*settings.command(), "--name", "idle", "pyspark-shell"],
            env={
                **settings.environ(),
                "SPARK_LOCAL_DIRS": str(self._folder),
                "_PYSPARK_DRIVER_CONN_INFO_PATH": str(where),
            },
            cwd=self._folder,
            stdin=subprocess.PIPE,  # closed by our death, too, upon which the gateway ends
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.mark = ProcessMark(self._process.pid, _started(self._process.pid))
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        try:
            port, secret = self._open(where)
        except BaseException:
            self.end()
            raise
        self._gateway_variables = {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
        self._python = settings.python

    def _open(self, where: Path) -> tuple[int, str]:
        """Port and secret, as Spark's ``PythonGatewayServer`` writes them: a number, then a length and the text."""
        deadline = time.monotonic() + _START_SECONDS
        while not where.is_file():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = b"".join(self._early[-20:]).decode("utf-8", "replace").strip()
                raise DriverError(f"Spark's Java process opened no gateway:\n{tail}")
            time.sleep(0.02)
        content = where.read_bytes()
        where.unlink()
        port, length = struct.unpack_from(">ii", content)
        return port, content[8 : 8 + length].decode()

    def _follow(self) -> None:
        for line in self._process.stdout or ():
            if self._sink is not None:
                self._sink(line)
            elif len(self._early) < 1000:
                self._early.append(line)

    def command(self, run: Path) -> list[str]:
        """The command line of a run that was written down by `Program.write`."""
        return [self._python, str(_MAIN), str(run)]

    def variables(self, program: Program) -> dict[str, str]:
        """Variables by which a run's Python finds the gateway and its libraries."""
        return {**self._gateway_variables, "PYTHONPATH": os.pathsep.join(map(str, program.libraries))}

    def tell(self, sink: Callable[[bytes], None] | None) -> None:
        """Give each line that the process prints from now on to the run that it serves; None: to nobody."""
        self._early = []
        self._sink = sink

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """End the process and all that it started."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        kill_tree(self.mark)
        self._process.wait()
        self._reader.join(timeout=5)
        shutil.rmtree(self._folder, ignore_errors=True)


def _started(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return time.time()


class Drivers:
    """Drivers in waiting: at most one, and not for long."""

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: list[Driver] = []
        self._timers: dict[Driver, threading.Timer] = {}
        self._closed = False

    def take(self) -> Driver:
        """A driver for one run: one that waits, or a new one.

        Raises:
            DriverError: a new one did not start.
            OSError: the program could not be started.
        """
        with self._lock:
            while self._idle:
                driver = self._idle.pop()
                self._timers.pop(driver).cancel()
                if driver.alive:
                    return driver
        return Driver(self._settings)

    def give_back(self, driver: Driver, *, clean: bool) -> None:
        """Keep a driver for the next run, unless its run failed or it has served enough."""
        driver.tell(None)
        driver.runs += 1
        with self._lock:
            keep = clean and driver.alive and driver.runs < _MOST_RUNS and len(self._idle) < _IDLE_DRIVERS
            if keep and not self._closed:
                timer = threading.Timer(_IDLE_SECONDS, self._expire, (driver,))
                timer.daemon = True
                self._idle.append(driver)
                self._timers[driver] = timer
                timer.start()
                return
        driver.end()

    def _expire(self, driver: Driver) -> None:
        with self._lock:
            if driver not in self._idle:
                return
            self._idle.remove(driver)
            self._timers.pop(driver)
        log.info("Java process %d had nothing to do for %.0f s", driver.mark.pid, _IDLE_SECONDS)
        driver.end()

    def close(self) -> None:
        """End the drivers in waiting, and from now on each that is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()
        for driver in idle:
            driver.end()
