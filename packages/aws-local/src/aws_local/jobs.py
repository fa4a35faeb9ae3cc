"""Glue jobs and job runs, as the API shows them; each run is a real process.

A run goes STARTING, RUNNING and then SUCCEEDED, FAILED, STOPPED, TIMEOUT or ERROR. What explains it later
(state, times, message) is written down at each step.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .drivers import Driver, Drivers
from .errors import ApiError, invalid, not_found
from .job_launch import job_definition, program_of, run_environ
from .runner import ProcessMark, RunProcess, exit_message, kill_tree
from .state import Document, Documents
from .store import ObjectStore
from .stored import StoreError

log = logging.getLogger("aws_local.jobs")

LIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_RUNS_KEPT = 1000  # per job; older ones are forgotten, as Glue forgets after 90 days


@dataclass
class _LiveRun:
    """State of a live run, kept in memory."""

    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


@dataclass(frozen=True)
class RunSettings:
    """Settings of job runs.

    Attributes:
        command: makes the start of the command line, for example ``[".../bin/spark-submit"]``.
        environ: makes the environment of a run.
        work_dir: scratch folders, one per run, deleted when it ends.
        logs_dir: ``<job>/<run id>.log``.
        sink: gets (job name, run id, ``output`` or ``error``, lines) for CloudWatch.
        minute: seconds in a minute; tests shorten it.
        drivers: Java processes that serve several runs; None: each run starts one of its own.
    """

    command: Callable[[], Sequence[str]]
    environ: Callable[[], Mapping[str, str]]
    work_dir: Path
    logs_dir: Path
    sink: Callable[[str, str, str, list[str]], None]
    minute: float = 60.0
    drivers: Drivers | None = None


class JobService:
    """The job half of Glue's API."""

    def __init__(self, documents: Documents, store: ObjectStore, settings: RunSettings) -> None:
        self._documents = documents
        self._store = store
        self._settings = settings
        self._lock = threading.RLock()
        self._jobs = documents.load("job")
        self._runs = documents.load("run")
        self._marks = documents.load("process")
        self._live: dict[str, _LiveRun] = {}
        self._closing = False

    # -- jobs ------------------------------------------------------------------------------------------------

    def _job(self, name: str) -> Document:
        if name not in self._jobs:
            raise not_found("Job", name)
        return self._jobs[name]

    def create_job(self, request: Document) -> Document:
        with self._lock:
            name = request["Name"]
            if name in self._jobs:
                raise ApiError("AlreadyExistsException", f"Job with name {name} already submitted")
            now = time.time()
            job = {"Name": name, **job_definition(request), "CreatedOn": now, "LastModifiedOn": now}
            job["Tags"] = dict(request.get("Tags") or {})
            self._save_job(job)
            return {"Name": name}

    def update_job(self, request: Document) -> Document:
        with self._lock:
            name = request["JobName"]
            old = self._job(name)
            # UpdateJob replaces the whole definition: what is not given goes back to its default.
            job = {"Name": name, **job_definition(request["JobUpdate"]), "CreatedOn": old["CreatedOn"]}
            job |= {"LastModifiedOn": time.time(), "Tags": old["Tags"]}
            self._save_job(job)
            return {"JobName": name}

    def _save_job(self, job: Document) -> None:
        self._jobs[job["Name"]] = job
        self._documents.put("job", job["Name"], job)

    def delete_job(self, request: Document) -> Document:
        with self._lock:
            name = request["JobName"]
            if self._jobs.pop(name, None) is not None:
                self._documents.delete("job", name)
            return {"JobName": name}

    @staticmethod
    def _shown(job: Document) -> Document:
        return {key: value for key, value in job.items() if key != "Tags"}

    def get_job(self, request: Document) -> Document:
        return {"Job": self._shown(self._job(request["JobName"]))}

    def get_jobs(self, request: Document) -> Document:
        return paged([self._shown(job) for job in self._jobs.values()], request, "Jobs")

    def list_jobs(self, request: Document) -> Document:
        wanted = request.get("Tags") or {}
        names = [name for name, job in self._jobs.items() if wanted.items() <= job["Tags"].items()]
        return paged(names, request, "JobNames")

    def batch_get_jobs(self, request: Document) -> Document:
        names = request["JobNames"]
        return {
            "Jobs": [self._shown(self._jobs[name]) for name in names if name in self._jobs],
            "JobsNotFound": [name for name in names if name not in self._jobs],
        }

    def tags(self, name: str) -> dict[str, str]:
        """The tags of a job, to be changed in place and saved."""
        return self._job(name)["Tags"]

    def save_tags(self, name: str) -> None:
        """Write a job's changed tags down."""
        self._save_job(self._job(name))

    # -- runs ------------------------------------------------------------------------------------------------

    def start_job_run(self, request: Document) -> Document:
        with self._lock:
            job = self._job(request["JobName"])
            live = [run for run in self._runs.values() if run["JobName"] == job["Name"] and _is_live(run)]
            limit = job["ExecutionProperty"].get("MaxConcurrentRuns", 1)
            if len(live) >= limit:
                raise ApiError(
                    "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job['Name']}: {limit}"
                )
            run = self._new_run(job, request)
            if previous := request.get("JobRunId"):
                run["PreviousRunId"] = previous
                run["Attempt"] = self._run(job["Name"], previous)["Attempt"] + 1
            self._launch(job, run)
            return {"JobRunId": run["Id"]}

    def _new_run(self, job: Document, request: Document) -> Document:
        arguments = {
            **(job.get("DefaultArguments") or {}),
            **(request.get("Arguments") or {}),
            **(job.get("NonOverridableArguments") or {}),
        }
        now = time.time()
        run = {
            "Id": f"jr_{secrets.token_hex(32)}",
            "Attempt": 0,
            "JobName": job["Name"],
            "StartedOn": now,
            "LastModifiedOn": now,
            "JobRunState": "STARTING",
            "Arguments": arguments,
            "PredecessorRuns": [],
            "ExecutionTime": 0,
            "Timeout": request.get("Timeout") or job["Timeout"],
            "LogGroupName": "/aws-glue/jobs",
            "GlueVersion": job["GlueVersion"],
            "JobMode": job["JobMode"],
        }
        for name in (
            "MaxCapacity",
            "AllocatedCapacity",
            "WorkerType",
            "NumberOfWorkers",
            "SecurityConfiguration",
            "NotificationProperty",
            "ExecutionClass",
        ):
            value = request.get(name, job.get(name))
            if value is not None:
                run[name] = value
        return run

    def _launch(self, job: Document, run: Document) -> None:
        self._runs[run["Id"]] = run
        self._save(run)
        self._forget_old(job["Name"])
        live = self._live[run["Id"]] = _LiveRun()
        live.thread = threading.Thread(
            target=self._execute, args=(dict(job), run, live), name=f"run-{run['Id'][:12]}", daemon=True
        )
        live.thread.start()

    def _forget_old(self, job: str) -> None:
        runs = [run for run in self._runs_of(job) if not _is_live(run)]
        for run in runs[_RUNS_KEPT:]:
            del self._runs[run["Id"]]
            self._documents.delete("run", run["Id"])

    def _save(self, run: Document, **changes: Any) -> None:
        with self._lock:
            run.update(changes, LastModifiedOn=time.time())
            self._documents.put("run", run["Id"], run)

    def _execute(self, job: Document, run: Document, live: _LiveRun) -> None:
        """The life of one run, in its own thread."""
        folder = self._settings.work_dir / run["Id"]
        try:
            state, message = self._run_process(job, run, live, folder)
        except StoreError as error:
            state, message = "ERROR", f"Failed to fetch the job's files: {error}"
        except Exception as error:
            log.exception("run %s of %s broke", run["Id"], job["Name"])
            state, message = "ERROR", f"{type(error).__name__}: {error}"
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            now = time.time()
            changes: Document = {"JobRunState": state, "CompletedOn": now}
            changes["ExecutionTime"] = max(0, round(now - run["StartedOn"]))
            if message:
                changes["ErrorMessage"] = message
            self._documents.delete("process", run["Id"])
            self._save(run, **changes)
            self._live.pop(run["Id"], None)
            if state == "FAILED" and run["Attempt"] < job["MaxRetries"] and not self._closing:
                self._retry(job, run)
        log.info(
            "job %s run %s: %s in %d s%s",
            job["Name"],
            run["Id"],
            state,
            run["ExecutionTime"],
            f" ({message.splitlines()[0]})" if message else "",
        )

    def _retry(self, job: Document, failed: Document) -> None:
        """Start the next attempt; Glue names it after the first one."""
        run = self._new_run(job, {"Arguments": failed["Arguments"], "Timeout": failed["Timeout"]})
        first = failed["Id"].partition("_attempt_")[0]
        run["Attempt"] = failed["Attempt"] + 1
        run["Id"] = f"{first}_attempt_{run['Attempt']}"
        run["PreviousRunId"] = failed["Id"]
        self._launch(job, run)

    def _run_process(
        self, job: Document, run: Document, live: _LiveRun, folder: Path
    ) -> tuple[str, str | None]:
        folder.mkdir(parents=True, exist_ok=True)
        program = program_of(job, run, self._store, folder)
        if live.stop.is_set():
            return "STOPPED", None
        drivers = self._settings.drivers if program.fits_any_driver else None
        if drivers is None:
            command = program.submitted(self._settings.command())
            return self._follow(run, live, folder, command, {"SPARK_LOCAL_DIRS": str(folder)})
        driver = drivers.take()
        run_file, clean = program.write(folder)
        try:
            return self._follow(run, live, folder, driver.command(run_file), driver.variables(program), driver)
        finally:
            drivers.give_back(driver, clean=clean.is_file())

    def _follow(
        self,
        run: Document,
        live: _LiveRun,
        folder: Path,
        command: Sequence[str],
        environ: Mapping[str, str],
        driver: Driver | None = None,
    ) -> tuple[str, str | None]:
        """Run a command until it ends or must end; returns state and message.

        Args:
            run: the run that the command executes.
            live: what asks it to stop.
            folder: its working directory.
            command: program and arguments.
            environ: variables beside those of all runs.
            driver: the Java process that serves it; None: one of its own.
        """
        name = run["JobName"]
        process = RunProcess(
            command,
            {**run_environ(run, self._settings.environ()), **environ},
            folder,
            self.log_path(name, run["Id"]),
            lambda stream, lines: self._settings.sink(name, run["Id"], stream, lines),
        )
        if driver is not None:
            driver.tell(process.note)
        mark = {"pid": process.mark.pid, "started": process.mark.started}
        self._documents.put("process", run["Id"], mark)
        with self._lock:
            if run["JobRunState"] == "STARTING":
                self._save(run, JobRunState="RUNNING")
        log.info("job %s run %s: RUNNING, pid %d", name, run["Id"], process.mark.pid)
        deadline = time.monotonic() + float(run["Timeout"]) * self._settings.minute
        ended: tuple[str, str | None] | None = None
        while ended is None and (code := process.wait(0.1)) is None:
            if live.stop.is_set():
                ended = ("STOPPED", None)
            elif time.monotonic() > deadline:
                ended = ("TIMEOUT", f"Job run exceeded its timeout of {run['Timeout']} minutes")
        if ended:
            process.kill()
        process.finish()
        if ended:
            return ended
        if code == 0:
            return "SUCCEEDED", None
        return "FAILED", exit_message(code or 0, process.error)

    def log_path(self, job: str, run_id: str) -> Path:
        """The log file of a run."""
        return self._settings.logs_dir / job / f"{run_id}.log"

    def _runs_of(self, job: str) -> list[Document]:
        runs = [run for run in self._runs.values() if run["JobName"] == job]
        return sorted(runs, key=lambda run: run["StartedOn"], reverse=True)

    def _run(self, job: str, run_id: str) -> Document:
        run = self._runs.get(run_id)
        if run is None or run["JobName"] != job:
            raise not_found("Job run", run_id)
        return run

    def get_job_run(self, request: Document) -> Document:
        with self._lock:
            self._job(request["JobName"])
            return {"JobRun": _shown_run(self._run(request["JobName"], request["RunId"]))}

    def get_job_runs(self, request: Document) -> Document:
        with self._lock:
            self._job(request["JobName"])
            return paged(
                [_shown_run(run) for run in self._runs_of(request["JobName"])], request, "JobRuns", 200
            )

    def batch_stop_job_run(self, request: Document) -> Document:
        successes, errors = [], []
        with self._lock:
            job = request["JobName"]
            self._job(job)
            for run_id in request["JobRunIds"]:
                run = self._runs.get(run_id)
                if run is None or run["JobName"] != job:
                    code, text = "EntityNotFoundException", f"Job run {run_id} not found"
                elif not _is_live(run) or run_id not in self._live:
                    code = (
                        "JobRunNotInTerminalStateException"
                        if _is_live(run)
                        else "JobRunCannotBeStoppedException"
                    )
                    text = f"Job run {run_id} is {run['JobRunState']} and cannot be stopped"
                else:
                    self._save(run, JobRunState="STOPPING")
                    self._live[run_id].stop.set()
                    successes.append({"JobName": job, "JobRunId": run_id})
                    continue
                detail = {"ErrorCode": code, "ErrorMessage": text}
                errors.append({"JobName": job, "JobRunId": run_id, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": successes, "Errors": errors}

    def get_job_bookmark(self, request: Document) -> Document:
        # Bookmarks are not kept here: no job has one.
        raise not_found("Job bookmark of", request["JobName"])

    def reset_job_bookmark(self, request: Document) -> Document:
        raise not_found("Job bookmark of", request["JobName"])

    # -- life of the service ---------------------------------------------------------------------------------

    def counts(self) -> tuple[int, int]:
        """Jobs, and runs that live."""
        return len(self._jobs), len(self._live)

    def recover(self) -> None:
        """Settle the runs of a server that was killed: end what still runs, report all as failed."""
        for run_id, mark in self._marks.items():
            orphan = ProcessMark(mark["pid"], mark["started"])
            if orphan.find():
                log.info("ending process %d, left by a server that was killed", orphan.pid)
                kill_tree(orphan)
            self._documents.delete("process", run_id)
        for run in self._runs.values():
            if _is_live(run):
                self._save(
                    run,
                    JobRunState="FAILED",
                    CompletedOn=time.time(),
                    ErrorMessage="Job run interrupted: the local endpoint was stopped while it ran",
                )
        with contextlib.suppress(OSError):
            shutil.rmtree(self._settings.work_dir)

    def close(self) -> None:
        """Stop every run and wait for it."""
        with self._lock:
            self._closing = True
            live = list(self._live.values())
            for run in live:
                run.stop.set()
        for run in live:
            if run.thread:
                run.thread.join(timeout=15)
        if self._settings.drivers:
            self._settings.drivers.close()


def _is_live(run: Document) -> bool:
    return run["JobRunState"] in LIVE


def _shown_run(run: Document) -> Document:
    if _is_live(run):
        return run | {"ExecutionTime": round(time.time() - run["StartedOn"])}
    return dict(run)


def paged(items: list[Any], request: Document, name: str, most: int = 1000) -> Document:
    """One page of a list under ``name``, with Glue's ``NextToken``."""
    try:
        start = int(request.get("NextToken") or 0)
    except ValueError:
        raise invalid("NextToken is not one that this API gave out") from None
    size = min(request.get("MaxResults") or most, most)
    page: Document = {name: items[start : start + size]}
    if start + size < len(items):
        page["NextToken"] = str(start + size)
    return page
