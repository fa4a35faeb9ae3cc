"""Brings the steps up in order, heals what died, takes everything down.

Components run detached: ``up`` returns when all of them work, and any later command finds them by their pid
files. There is no daemon that must itself be watched; running ``up`` again repairs a stack.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import psutil

from local.config import REPO, LocalConfig
from local.stack import ports
from local.stack.display import Reporter, Silent
from local.stack.processes import ProcessBook, memory_bytes
from local.stack.steps import Chore, Plan, Service, plan

_PAUSE = 0.1
# A living component that does not answer gets this long before it is taken for hung and replaced.
_HUNG_SECONDS = 20.0


class StackError(RuntimeError):
    """The stack cannot be brought up; the message says what failed, and the end of its log."""


@dataclass(frozen=True)
class ServiceStatus:
    """One line of ``status``."""

    name: str
    title: str
    state: str  # running, starting, stopped, crashed
    pid: int | None
    address: str
    memory: int
    uptime: float
    log: str


@dataclass
class _Progress:
    """Progress of one step of an ``up``."""

    step: Service | Chore
    state: str = "waiting"  # waiting, running, done
    since: float = 0.0
    started_here: bool = False


@dataclass
class Stack:
    """One local stack.

    Attributes:
        config: its ports and folders.
        steps: what belongs to it; by default everything.
    """

    config: LocalConfig
    steps: Plan | None = None
    book: ProcessBook = field(init=False)

    def __post_init__(self) -> None:
        self.book = ProcessBook(self.config.run_dir, self.config.logs_dir)
        self.plan: Plan = self.steps if self.steps is not None else plan(self.config)

    def up(self, report: Reporter | None = None) -> bool:
        """Start the components that do not run, and wait until all are ready.

        Returns:
            Whether anything had to be started.

        Raises:
            StackError: a step failed; the message ends with its log.
            PortTakenError: someone else listens on a port that is needed.
        """
        report = report or Silent()
        with self._exclusive():
            return self._bring_up(report)

    def down(self, report: Reporter | None = None) -> list[str]:
        """Stop everything, children included; safe after a crash.

        Returns:
            Names of the components that did not stop by themselves and were killed.
        """
        report = report or Silent()
        with self._exclusive():
            return self._take_down(report)

    def reset(self) -> None:
        """Stop everything and forget it: lake, warehouse, Airflow's history, mail, logs."""
        self.down()
        for folder in (
            self.config.aws_dir,
            self.config.postgres_dir,
            self.config.airflow_home,
            self.config.mail_dir,
            self.config.logs_dir,
            self.config.run_dir,
            self.config.home / "demo",
        ):
            shutil.rmtree(folder, ignore_errors=True)

    def status(self) -> list[ServiceStatus]:
        """The state of every component, in starting order."""
        return [self._status_of(service) for service in self.plan.services]

    def is_running(self) -> bool:
        """Whether any component is alive."""
        return any(self.book.find(service.name) for service in self.plan.services)

    def _status_of(self, service: Service) -> ServiceStatus:
        process = self.book.find(service.name)
        record = self.book.record(service.name)
        log = str(self.book.log_path(service.name))
        if process is None or record is None:
            state = "stopped" if record is None else "crashed"
            return ServiceStatus(service.name, service.title, state, None, service.address, 0, 0.0, log)
        state = "running" if self._is_ready(service, record.created) else "not answering"
        return ServiceStatus(
            service.name,
            service.title,
            state,
            process.pid,
            service.address,
            memory_bytes(self.book.family(service.name)),
            time.time() - record.created,
            log,
        )

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One command at a time changes a stack."""
        # Under root PostgreSQL's user passes through it (`redshift_local.postgres`), which its mode then says.
        self.config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.config.home / "stack.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(
                    f"Another command is starting or stopping the stack in {self.config.home}; "
                    "try again when it has finished."
                ) from None
            yield

    def _bring_up(self, report: Reporter) -> bool:
        dead = [service for service in self.plan.services if self.book.find(service.name) is None]
        for service in dead:
            self._clear_remains(service)
        for service in dead:
            for port in service.ports:
                ports.require_free(self.config.host, port)
        progress = {step.name: _Progress(step) for step in self.plan.steps}
        started = False
        try:
            while any(item.state != "done" for item in progress.values()) or self._fallen(progress.values()):
                for item in progress.values():
                    if item.state == "waiting" and all(progress[n].state == "done" for n in item.step.needs):
                        self._begin(item, report)
                    elif item.state == "running":
                        self._look(item, report)
                    started = started or item.started_here
                time.sleep(_PAUSE)
        except BaseException:
            for item in progress.values():
                if item.state == "running":
                    report.fail(item.step.name)
            raise
        return started

    def _fallen(self, items: Iterable[_Progress]) -> bool:
        """Whether a component that was ready first has died while the rest came up; it is to be started again.

        Raises:
            StackError: this very command had started it.
        """
        fallen = [i for i in items if isinstance(i.step, Service) and self.book.find(i.step.name) is None]
        for item in fallen:
            if item.started_here:
                raise self._died(item.step)
            item.state = "running"
        return bool(fallen)

    def _begin(self, item: _Progress, report: Reporter) -> None:
        step = item.step
        report.begin(step.name, step.title)
        item.since = time.monotonic()
        item.state = "running"
        if isinstance(step, Chore):
            if step.done():
                item.state = "done"
                report.done(step.name, "nothing to do")
                return
        elif self.book.find(step.name) is not None:
            return  # alive already; _look asks whether it answers
        else:
            self._clear_remains(step)  # it may have died just now
        self._launch(item)

    def _launch(self, item: _Progress) -> None:
        step = item.step
        try:
            self.book.start(step.name, step.command, step.environ, REPO)
        except OSError as error:
            raise StackError(f"{step.title} cannot start: {error}. Has `make setup` run?") from None
        item.started_here = True
        item.since = time.monotonic()

    def _look(self, item: _Progress, report: Reporter) -> None:
        step = item.step
        elapsed = time.monotonic() - item.since
        if isinstance(step, Chore):
            code = self.book.exit_code(step.name)
            if code == 0:
                step.finished()
                self.book.forget(step.name)
                item.state = "done"
                report.done(step.name)
            elif code is not None:
                raise self._died(step, code)
            elif elapsed > step.limit_seconds:
                self.book.stop([step.name], {})
                raise StackError(
                    self._with_log(f"{step.title} did not finish in {step.limit_seconds:.0f} s.", step)
                )
            return
        record = self.book.record(step.name)
        if record is None or self.book.find(step.name) is None:
            if item.started_here:
                raise self._died(step, self.book.exit_code(step.name))
            self._clear_remains(step)
            self._launch(item)
        elif self._is_ready(step, record.created):
            item.state = "done"
            report.done(step.name, "" if item.started_here else "running")
        elif not item.started_here and elapsed > _HUNG_SECONDS:
            self.book.stop([step.name], {step.name: step.grace_seconds})
            self._launch(item)
        elif item.started_here and elapsed > step.start_seconds:
            raise StackError(
                self._with_log(f"{step.title} was not ready after {step.start_seconds:.0f} s.", step)
            )

    def _is_ready(self, service: Service, since: float) -> bool:
        try:
            return service.ready(since)
        except Exception:
            return False

    def _clear_remains(self, service: Service) -> None:
        """Children that outlived their component would hold its port and its files."""
        if self.book.record(service.name) is not None:
            self.book.stop([service.name], {service.name: 2.0})

    def _died(self, step: Service | Chore, code: int | None = None) -> StackError:
        how = "" if code is None else f" with exit code {code}" if code >= 0 else f" by signal {-code}"
        return StackError(self._with_log(f"{step.title} ended{how} while the stack was starting.", step))

    def _with_log(self, sentence: str, step: Service | Chore) -> str:
        tail = self.book.log_tail(step.name, 20)
        path = self.book.log_path(step.name)
        return "\n".join([sentence, f"The end of {path}:", *(f"  {line}" for line in tail or ["(empty)"])])

    def _take_down(self, report: Reporter) -> list[str]:
        known = {step.name: step for step in self.plan.steps}
        graces = {name: getattr(step, "grace_seconds", 2.0) for name, step in known.items()}
        names = set(self.book.names())
        killed: list[str] = []
        for wave in self._waves():
            present = [name for name in wave if name in names]
            for name in present:
                report.begin(name, f"Stop {known[name].title}")
            killed += [
                name for name in self.book.stop(present, graces) if not getattr(known[name], "killable", False)
            ]
            for name in present:
                report.done(name, "killed" if name in killed else "")
        killed += self.book.stop(sorted(names - known.keys()), {})
        self._sweep()
        return killed

    def _waves(self) -> list[list[str]]:
        """Names in stopping order: nothing stops before what needs it."""
        steps = {step.name: step for step in self.plan.steps}

        def depth(name: str) -> int:
            return 1 + max((depth(need) for need in steps[name].needs), default=-1)

        depths = {name: depth(name) for name in steps}
        return [
            [name for name in steps if depths[name] == level]
            for level in sorted(set(depths.values()), reverse=True)
        ]

    def _sweep(self) -> None:
        """End processes that left their component's session, such as a Spark job of a dead endpoint."""
        home = str(self.config.home)
        mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        strays: list[psutil.Process] = []
        for process in psutil.process_iter():
            if process.pid in mine:
                continue
            with contextlib.suppress(psutil.Error, OSError):
                environ = process.environ()
                if environ.get("DWH_LOCAL_COMPONENT") and environ.get("DWH_LOCAL_HOME") == home:
                    process.terminate()
                    strays.append(process)
        _, alive = psutil.wait_procs(strays, timeout=5)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def run_foreground(command: list[str], environ: dict[str, str]) -> int:
    """Run a command of the stack at the terminal, such as psql; returns its exit code."""
    return subprocess.call(command, env=environ, cwd=REPO)
