"""One process of one Glue job run: started, followed line by line, and ended for certain.

Knows nothing about Glue's API. Output goes to the run's log file as it appears, and to a sink in batches.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

_GRACE_SECONDS = 5.0
_MESSAGE_LIMIT = 4000
# A log4j line (Spark's or Hadoop's) ends the exception text that precedes it.
_LOG_LINE = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d |\tat |\s+at [\w.$]+\(")


@dataclass(frozen=True)
class ProcessMark:
    """A process, distinguished by its start time from a later one with the same id."""

    pid: int
    started: float

    def find(self) -> psutil.Process | None:
        """The process, if it is still that one."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def kill_tree(mark: ProcessMark, grace: float = _GRACE_SECONDS) -> None:
    """End a session leader and all that it started: ask first, then insist.

    Spark's Python workers leave the process group, so the group alone is not enough; session and parentage
    together are.
    """
    root = mark.find()
    family = {process.pid: process for process in (root.children(recursive=True) if root else [])}
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == mark.pid and process.create_time() >= mark.started - 1.0:
                family[process.pid] = process
    if root:
        family[root.pid] = root
    for process in family.values():
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(list(family.values()), timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=grace)


class ErrorFinder:
    """Watches a stream for the exception that a failed run is to be explained by."""

    def __init__(self) -> None:
        self._message: list[str] = []
        self._state = "outside"
        self._java = ""

    def feed(self, line: str) -> None:
        """Look at one line, without its newline."""
        if line.startswith("Traceback (most recent call last):"):
            self._state, self._message = "frames", []
        elif self._state == "outside" and line.startswith('  File "'):
            self._state = "frames"  # a syntax error in the script itself has no traceback line
        elif self._state == "frames":
            if line and not line[0].isspace():
                self._state, self._message = "message", [line]
        elif self._state == "message":
            if _LOG_LINE.match(line) or (not line.strip() and self._message):
                self._state = "outside"
            else:
                self._message.append(line)
        elif found := re.match(r"Exception in thread \"[^\"]*\" (.+)", line):
            self._java = found.group(1)

    @property
    def message(self) -> str | None:
        """The last Python exception, else the Java one that ended the main thread, else None."""
        text = "\n".join(self._message).strip() or self._java
        # Exceptions are printed with their module; Glue shows the bare class name.
        text = re.sub(r"^(?:[a-z_][\w]*\.)+(?=[A-Z]\w*(?::|$))", "", text)
        return text[:_MESSAGE_LIMIT] or None


class RunProcess:
    """A running job process."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        log: Path,
        sink: Callable[[str, list[str]], None],
    ) -> None:
        """Start the process.

        Args:
            command: program and arguments.
            environ: its whole environment.
            folder: working directory.
            log: file that gets both streams in order of arrival.
            sink: called with ``output`` or ``error`` and a batch of lines.

        Raises:
            OSError: the program could not be started.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("ab", buffering=0)
        self._sink = sink
        # Spark sends the driver's own traceback to standard output, Python alone sends it to standard error.
        self._finders = {"error": ErrorFinder(), "output": ErrorFinder()}
        self._process = subprocess.Popen(
            command,
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            started = psutil.Process(self._process.pid).create_time()
        except psutil.NoSuchProcess:
            started = time.time()
        self.mark = ProcessMark(self._process.pid, started)
        self._readers = [
            threading.Thread(target=self._follow, args=(stream, name), daemon=True)
            for stream, name in ((self._process.stdout, "output"), (self._process.stderr, "error"))
        ]
        for reader in self._readers:
            reader.start()

    def _follow(self, stream: IO[bytes], name: str) -> None:
        batch: deque[str] = deque()
        flushed = time.monotonic()
        for raw in stream:
            self._log.write(raw)
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self._finders[name].feed(line)
            batch.append(line)
            if len(batch) >= 500 or time.monotonic() - flushed > 1.0:
                self._sink(name, list(batch))
                batch.clear()
                flushed = time.monotonic()
        if batch:
            self._sink(name, list(batch))

    def note(self, raw: bytes) -> None:
        """Log a line that another process has printed for this run."""
        with contextlib.suppress(ValueError):  # the log is closed: the run is over
            self._log.write(raw)
        self._sink("error", [raw.decode("utf-8", "replace").rstrip("\r\n")])

    @property
    def error(self) -> str | None:
        """The exception that the output shows, if any."""
        return next((finder.message for finder in self._finders.values() if finder.message), None)

    def wait(self, seconds: float | None) -> int | None:
        """Exit code, or None when the process still runs after ``seconds``."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the process and its children."""
        kill_tree(self.mark)
        self._process.wait()

    def finish(self) -> None:
        """Read what is left of the output; a grandchild that keeps a pipe open does not hold this up."""
        for reader in self._readers:
            reader.join(timeout=5)
        self._log.close()


def exit_message(code: int, error: str | None) -> str:
    """Why a process ended with a code other than 0."""
    if error:
        return error
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        with contextlib.suppress(ValueError):
            name = signal.Signals(number).name
            hint = " (out of memory?)" if name == "SIGKILL" else ""
            return f"Command killed by signal {name}{hint}"
    return f"Command failed with exit code {code}"
