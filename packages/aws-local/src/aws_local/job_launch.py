"""Definition, environment and program of a Glue job's run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
_LIBRARIES = "--py-files"
# Properties that a Java process takes at its start alone.
_OF_THE_PROCESS = ("spark.driver.", "spark.executor.", "spark.jars", "spark.plugins", "spark.local.dir")
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


@dataclass(frozen=True)
class Program:
    """What a run executes; every file is fetched from S3.

    Attributes:
        name: the job's name.
        script: the job's script.
        arguments: of the script.
        files: paths by option of spark-submit: ``--py-files``, ``--files``, ``--jars``.
        properties: Spark's properties by name.
    """

    name: str
    script: Path
    arguments: Sequence[str]
    files: Mapping[str, Sequence[Path]]
    properties: Mapping[str, str]

    def submitted(self, start: Sequence[str]) -> list[str]:
        """The command line of a run with a Java process of its own.

        Args:
            start: the beginning of the command line, such as spark-submit.
        """
        command = [*start]
        for option, paths in self.files.items():
            command += [option, ",".join(map(str, paths))]
        for name, value in self.properties.items():
            command += ["--conf", f"{name}={value}"]
        return [*command, "--name", self.name, str(self.script), *self.arguments]

    @property
    def fits_any_driver(self) -> bool:
        """Whether a Java process that runs already can serve the run: nothing in it is about that process."""
        options = set(self.files) <= {_LIBRARIES}
        return options and not any(name.startswith(_OF_THE_PROCESS) for name in self.properties)

    @property
    def libraries(self) -> Sequence[Path]:
        """Python libraries of the script."""
        return self.files.get(_LIBRARIES, ())

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the run down for `driver_main`; returns the file, and the file that tells success."""
        run, clean = folder / "run.json", folder / "clean"
        properties = {
            **self.properties,
            "spark.app.name": self.name,
            "spark.submit.pyFiles": ",".join(map(str, self.libraries)),
        }
        content = {
            "script": str(self.script),
            "arguments": list(self.arguments),
            "properties": properties,
            "clean": str(clean),
        }
        run.write_text(json.dumps(content), encoding="utf-8")
        return run, clean


def program_of(job: Document, run: Document, store: ObjectStore, folder: Path) -> Program:
    """The program of a run, with every file that it names fetched from S3.

    Args:
        job: the job's definition.
        run: the run with its arguments.
        store: the buckets.
        folder: folder for the fetched files.

    Raises:
        StoreError: a file is not there.
    """
    arguments: dict[str, str] = run["Arguments"]
    files = {}
    for option, flag in (
        ("--extra-py-files", _LIBRARIES),
        ("--extra-files", "--files"),
        ("--extra-jars", "--jars"),
    ):
        urls = [url.strip() for url in arguments.get(option, "").split(",") if url.strip()]
        if urls:
            files[flag] = [_fetch(store, url, folder) for url in urls]
    properties = {}
    for setting in re.split(r"\s+--conf\s+", arguments.get("--conf", "").strip()):
        if setting:
            name, _, value = (shlex.split(setting)[0] if setting[0] in "'\"" else setting).partition("=")
            properties[name] = value
    script = _fetch(store, job["Command"]["ScriptLocation"], folder)
    given = []
    for key, value in arguments.items():
        if key not in _CONSUMED:
            given += [key, value] if value != "" else [key]
    given += ["--JOB_ID", job["Name"], "--JOB_RUN_ID", run["Id"], "--JOB_NAME", job["Name"]]
    return Program(job["Name"], script, given, files, properties)


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
