"""Processes with a memory: started detached, found again by any later command, stopped with all their children.

Each component leads its own session, so that Ctrl-C at the terminal does not reach it and everything it ever
started can be found by session id, even after the component itself has crashed. A pid file names the process by
pid *and* start time: after a reboot the same pid belongs to another program, which must be left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from local.config import PRIVATE_UMASK, private_folder

# Start times are computed from the boot time, which the clock's corrections may move a little.
_SAME_START_SECONDS = 2.0
_LOG_KEEP_BYTES = 5_000_000


@dataclass(frozen=True)
class Record:
    """The content of a pid file."""

    pid: int
    created: float
    log_offset: int


class ProcessBook:
    """The processes of one stack, by component name.

    Args:
        run_dir: folder of the pid files.
        logs_dir: folder of the logs, ``<name>.log`` each.
    """

    def __init__(self, run_dir: Path, logs_dir: Path) -> None:
        self.run_dir = run_dir
        self.logs_dir = logs_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log_path(self, name: str) -> Path:
        return self.logs_dir / f"{name}.log"

    def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], cwd: Path
    ) -> subprocess.Popen[bytes]:
        """Start a detached process whose output goes to its log, and remember it."""
        private_folder(self.run_dir)
        private_folder(self.logs_dir)
        log = self.log_path(name)
        if log.exists() and log.stat().st_size > _LOG_KEEP_BYTES:
            log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        with log.open("ab") as output:
            offset = output.tell()
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                cwd=cwd,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )
        self._children[name] = child
        try:
            created = psutil.Process(child.pid).create_time()
        except psutil.NoSuchProcess:  # died at once; the caller sees it by its exit code
            created = time.time()
        self._write(name, Record(child.pid, created, offset))
        return child

    def exit_code(self, name: str) -> int | None:
        """Exit code of a process that *this* command started, once it ended."""
        child = self._children.get(name)
        return None if child is None else child.poll()

    def find(self, name: str) -> psutil.Process | None:
        """The living process of a component, or None."""
        record = self.record(name)
        if record is None:
            return None
        child = self._children.get(name)
        if child is not None and child.pid == record.pid and child.poll() is not None:
            return None
        return _same_process(record)

    def record(self, name: str) -> Record | None:
        try:
            return Record(**json.loads(self._pid_file(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def names(self) -> list[str]:
        """Components with a pid file, alive or not."""
        return sorted(path.stem for path in self.run_dir.glob("*.pid"))

    def forget(self, name: str) -> None:
        self._pid_file(name).unlink(missing_ok=True)

    def log_tail(self, name: str, lines: int = 20) -> list[str]:
        """Last lines that the component wrote since it was last started."""
        record = self.record(name)
        try:
            with self.log_path(name).open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                offset = record.log_offset if record is not None else 0
                # A rotated log is shorter than the remembered offset; a huge one need not be read whole.
                log.seek(max(offset if offset <= size else 0, size - 200_000))
                return log.read().decode("utf-8", "replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def stop(self, names: Iterable[str], graces: Mapping[str, float]) -> list[str]:
        """Stop components together: SIGTERM, patience, SIGKILL; children included.

        Args:
            names: component names.
            graces: seconds that a component may take to stop before it is killed.

        Returns:
            The components that had to be killed.
        """
        names = list(names)
        families: dict[str, list[psutil.Process]] = {name: self._family(name) for name in names}
        for name in names:
            leader = self.find(name)
            # Without its leader a family cannot stop in order, so each member is asked.
            for process in [leader] if leader is not None else families[name]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        killed: list[str] = []
        waiting = set(names)
        while waiting:
            for name in sorted(waiting):
                leader = self.find(name)
                grace = graces.get(name, 10.0)
                elapsed = time.monotonic() - begun
                if leader is None:
                    members = _alive([*families[name], *self._family(name)])
                    if members and elapsed <= grace:
                        continue
                    _kill(members)
                elif elapsed > grace:
                    _kill(_alive([*families[name], *self._family(name)]))
                    killed.append(name)
                else:
                    continue
                waiting.discard(name)
                self.forget(name)
                self._children.pop(name, None)
            time.sleep(0.05)
        return killed

    def _family(self, name: str) -> list[psutil.Process]:
        """A component's process, its descendants, and the other processes of its session."""
        record = self.record(name)
        if record is None:
            return []
        leader = _same_process(record)
        if leader is None and psutil.pid_exists(record.pid) and not _is_zombie(record.pid):
            return []  # the pid is a stranger's now, and so may be a session of that number
        family: dict[int, psutil.Process] = {}
        if leader is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = {child.pid: child for child in leader.children(recursive=True)}
            family[leader.pid] = leader
        # The system gives a pid to nobody while a session of that number lives: its members are ours.
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
                if os.getsid(process.pid) == record.pid:
                    family.setdefault(process.pid, process)
        return _alive(family.values())

    def family(self, name: str) -> list[psutil.Process]:
        """Living processes of a component, children included."""
        return self._family(name)

    def _pid_file(self, name: str) -> Path:
        return self.run_dir / f"{name}.pid"

    def _write(self, name: str, record: Record) -> None:
        temporary = self._pid_file(name).with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(record)))
        temporary.replace(self._pid_file(name))


def _same_process(record: Record) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    unique = {process.pid: process for process in processes}
    return [process for process in unique.values() if process.is_running() and not _is_zombie(process.pid)]


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """Memory of processes together; pages that they share count once (PSS) where the system reports it."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            info = process.memory_full_info()
            total += getattr(info, "pss", 0) or info.rss
    return total
