"""Definition, environment and command line of a Glue job's run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import invalid
from .state import Document
from .store import BLOCK, ObjectStore
from .stored import StoreError

_JOB_FIELDS = (
    "JobMode",
    "JobRunQueuingEnabled",
    "Description",
    "LogUri",
    "Role",
    "ExecutionProperty",
    "Command",
    "DefaultArguments",
    "NonOverridableArguments",
    "Connections",
    "MaxRetries",
    "AllocatedCapacity",
    "Timeout",
    "MaxCapacity",
    "WorkerType",
    "NumberOfWorkers",
    "SecurityConfiguration",
    "NotificationProperty",
    "GlueVersion",
    "CodeGenConfigurationNodes",
    "ExecutionClass",
    "SourceControlDetails",
    "MaintenanceWindow",
)
# Read by Glue itself; the script does not see them.
_CONSUMED = ("--extra-py-files", "--extra-files", "--extra-jars", "--conf")


def job_definition(given: Mapping[str, Any]) -> Document:
    """A job definition with Glue's defaults filled in.

    Raises:
        ApiError: the role or the script is missing.
    """
    command = given.get("Command") or {}
    if not given.get("Role") or not command.get("ScriptLocation"):
        raise invalid("A job needs a Role and a Command with a ScriptLocation")
    job = {name: given[name] for name in _JOB_FIELDS if given.get(name) is not None}
    job.setdefault("ExecutionProperty", {"MaxConcurrentRuns": 1})
    job.setdefault("MaxRetries", 0)
    job.setdefault("GlueVersion", "5.1")
    job.setdefault("Timeout", 480)
    job.setdefault("JobMode", "SCRIPT")
    job.setdefault("ExecutionClass", "STANDARD")
    job["Command"] = {"PythonVersion": "3", **command}
    if "WorkerType" in job and "MaxCapacity" not in job:
        job["MaxCapacity"] = float(job.get("NumberOfWorkers", 2))
    job.setdefault("MaxCapacity", 10.0)
    job.setdefault("AllocatedCapacity", int(job["MaxCapacity"]))
    return job


def run_environ(run: Document, base: Mapping[str, str]) -> dict[str, str]:
    """Environment of a run: that of all runs, and the variables that its arguments ask for."""
    environ = dict(base)
    # "A=1,B=2": Glue sets these for the driver and admits only names that start with CUSTOMER_.
    for pair in run["Arguments"].get("--customer-driver-env-vars", "").split(","):
        name, _, value = pair.strip().partition("=")
        if name.startswith("CUSTOMER_"):
            environ[name] = value.strip('"')
    return environ


def run_command(
    start: Sequence[str], job: Document, run: Document, store: ObjectStore, folder: Path
) -> list[str]:
    """The command line of a run, with every file that it names fetched from S3.

    Args:
        start: the beginning of the command line, such as spark-submit.
        job: the job's definition.
        run: the run with its arguments.
        store: the buckets.
        folder: folder for the fetched files.

    Raises:
        StoreError: a file is not there.
    """
    arguments: dict[str, str] = run["Arguments"]
    command = [*start]
    for option, flag in (
        ("--extra-py-files", "--py-files"),
        ("--extra-files", "--files"),
        ("--extra-jars", "--jars"),
    ):
        urls = [url.strip() for url in arguments.get(option, "").split(",") if url.strip()]
        if urls:
            command += [flag, ",".join(str(_fetch(store, url, folder)) for url in urls)]
    for setting in re.split(r"\s+--conf\s+", arguments.get("--conf", "").strip()):
        if setting:
            command += ["--conf", shlex.split(setting)[0] if setting[0] in "'\"" else setting]
    script = _fetch(store, job["Command"]["ScriptLocation"], folder)
    command += ["--name", job["Name"], str(script)]
    for key, value in arguments.items():
        if key not in _CONSUMED:
            command += [key, value] if value != "" else [key]
    return [*command, "--JOB_ID", job["Name"], "--JOB_RUN_ID", run["Id"], "--JOB_NAME", job["Name"]]


def _fetch(store: ObjectStore, url: str, folder: Path) -> Path:
    found = re.fullmatch(r"s3[an]?://([^/]+)/(.+)", url)
    if not found:
        raise StoreError("InvalidURI", f"{url} is not an S3 location")
    bucket, key = found.groups()
    path = folder / Path(key).name
    try:
        with store.open(store.get(bucket, key)) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, BLOCK)
    except StoreError as error:
        raise StoreError(error.code, f"{url}: {error}") from None
    return path
