"""Whether an MWAA environment runs what was uploaded: installed, parsed, imported, healthy.

MWAA says AVAILABLE when its components run, not when Airflow has the new code: pip may have failed (the image only logs
it), and DAG files come from S3 and are parsed some time later. So the requirements log and Airflow itself are asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

# MWAA copies the DAG folder from S3 every 30 seconds; a parse within this time may still have met the old files.
SYNC = timedelta(seconds=60)
# Log groups of the components that install requirements.txt, and the prefix of the streams they write it to
# (images/airflow/3.3.1/python/mwaa/logging/config.py in AWS's repository amazon-mwaa-docker-images).
_LOG_GROUPS = ("Scheduler", "Worker", "WebServer")
_STREAM = "requirements_install"
_REFUSED = {"AccessDeniedException", "403"}
_PAGE = 100


class HealthError(RuntimeError):
    """Airflow does not run what was uploaded; the message says what to do."""


class Airflow:
    """The Airflow of one environment.

    Args:
        mwaa: client of MWAA.
        logs: client of CloudWatch Logs.
        name: the environment.
        say: prints progress.
        poll_seconds: pause between two looks.
        patience: how long Airflow may take to parse new files, and CloudWatch to show a log.
        sync: how long after an upload Airflow may still meet the old files.
    """

    def __init__(
        self,
        mwaa: Any,
        logs: Any,
        name: str,
        say: Callable[[str], None] = print,
        poll_seconds: float = 20,
        patience: timedelta = timedelta(minutes=15),
        sync: timedelta = SYNC,
    ) -> None:
        self._mwaa = mwaa
        self._logs = logs
        self._name = name
        self._say = say
        self._poll_seconds = poll_seconds
        self._patience = patience
        self._sync = sync

    # --- requirements -------------------------------------------------------------------------------------------

    def check_requirements(self, since: datetime) -> None:
        """Read what pip said in each component since the update began.

        Raises:
            HealthError: pip failed in a component, or no component has written a log.
        """
        until = time.monotonic() + self._patience.total_seconds()
        while not (installed := self.pip_succeeded(since)) and time.monotonic() <= until:
            time.sleep(self._poll_seconds)
        if not installed:
            raise HealthError(
                f"no component has written a log {_STREAM}… since the update; without it nobody knows whether pip "
                f"succeeded. Are the scheduler's logs switched on (group airflow-{self._name}-Scheduler)?"
            )
        self._say("Every component has installed requirements.txt.")

    def pip_succeeded(self, since: datetime) -> bool:
        """Read what pip said in each component since a moment; False when no component has written a log.

        Raises:
            HealthError: pip failed in a component.
        """
        found = {part: list(self._requirements_log(part, since)) for part in _LOG_GROUPS}
        for part, lines in found.items():
            wrong = [line for line in lines if "ERROR" in line]
            if wrong:
                raise HealthError(
                    f"pip failed on MWAA's {part}, so Airflow runs without the package's requirements: "
                    f"{wrong[0].strip()[:500]}. Deploy the commit before; then correct requirements.txt "
                    f"(group airflow-{self._name}-{part}, stream {_STREAM}…)"
                )
        return any(found.values())

    def _requirements_log(self, part: str, since: datetime) -> Iterable[str]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"airflow-{self._name}-{part}",
            logStreamNamePrefix=_STREAM,
            startTime=int(since.timestamp() * 1000),
        )
        try:
            for page in pages:
                yield from (event["message"] for event in page["events"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise

    # --- DAGs ---------------------------------------------------------------------------------------------------

    def wait_until_parsed(self, files: Mapping[str, str], uploaded: datetime) -> None:
        """Wait until every DAG file was parsed after its upload, and shows the uploaded source.

        Args:
            files: source by file name; each defines at least one DAG.
            uploaded: when the last file of the DAG folder was written, by S3's clock.

        Raises:
            HealthError: a file cannot be imported, or is not parsed in time.
        """
        since = uploaded + self._sync
        until = time.monotonic() + self._patience.total_seconds()
        done: set[str] = set()
        while True:
            if wrong := [error for error in self._import_errors() if _time(error["timestamp"]) > since]:
                raise HealthError(_import_error(wrong))
            known = self._dags()
            for name in files.keys() - done:
                mine = [dag for dag in known if _file(dag) == name]
                parsed = mine and all(_time(dag["last_parsed_time"]) > since for dag in mine)
                if parsed and self._source(mine[0]["dag_id"]) == files[name]:
                    done.add(name)
            waiting = sorted(files.keys() - done)
            if not waiting:
                self._say(f"Airflow has parsed {len(files)} DAG files since the upload.")
                return
            if time.monotonic() > until:
                raise HealthError(
                    f"Airflow has not parsed {', '.join(waiting)} within {self._patience.total_seconds() / 60:.0f} "
                    f"minutes of the upload; look at the log group airflow-{self._name}-DAGProcessing, then ask again: "
                    "tools/deploy.py health"
                )
            time.sleep(self._poll_seconds)

    def _dags(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._rest("/dags", limit=_PAGE, offset=len(found))
            found += page["dags"]
            if not page["dags"] or len(found) >= page["total_entries"]:
                return [dag for dag in found if not dag["is_stale"]]

    def _import_errors(self) -> list[dict[str, Any]]:
        return list(self._rest("/importErrors", limit=_PAGE)["import_errors"])

    def _source(self, dag: str) -> str:
        return str(self._rest(f"/dagSources/{dag}").get("content"))

    # --- components ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Ask for the health of each component, and for import errors.

        Raises:
            HealthError: a component is not healthy, or a DAG file cannot be imported.
        """
        parts = self._rest("/monitor/health")
        states = {name: (part or {}).get("status") for name, part in parts.items()}
        if ill := sorted(name for name, state in states.items() if state not in ("healthy", None)):
            raise HealthError(f"Airflow is not healthy: {', '.join(ill)}")
        if errors := self._import_errors():
            raise HealthError(_import_error(errors))
        self._say(f"Airflow is healthy: {', '.join(sorted(states))}; every DAG can be imported.")

    def check_reachable(self) -> None:
        """Ask anything, before anything is changed.

        Raises:
            HealthError: AWS does not let this caller ask Airflow.
        """
        self._rest("/monitor/health")

    def _rest(self, path: str, **query: int) -> dict[str, Any]:
        try:
            answer = self._mwaa.invoke_rest_api(
                Name=self._name, Path=path, Method="GET", **({"QueryParameters": query} if query else {})
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                raise HealthError(
                    f"AWS does not ask the Airflow of {self._name} from here: a private web server answers inside its "
                    "VPC only (or airflow:InvokeRestApi is not allowed). Run this inside the VPC (GitHub: a runner "
                    "there, variable DWH_RUNNER_PROD), or deploy with --unchecked and look for yourself"
                ) from None
            raise HealthError(
                f"Airflow answers {error.response.get('RestApiStatusCode', '')} to {path}: "
                f"{error.response.get('RestApiResponse', error)}"
            ) from None
        return dict(answer["RestApiResponse"])


def _time(text: str | None) -> datetime:
    """A time of Airflow's API; before all others when there is none."""
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _file(dag: Mapping[str, Any]) -> str:
    return str(dag.get("relative_fileloc") or dag["fileloc"]).rpartition("/")[2]


def _import_error(errors: list[dict[str, Any]]) -> str:
    first = errors[0]
    reason = (str(first.get("stack_trace", "")).strip().splitlines() or ["no reason given"])[-1]
    return (
        f"{len(errors)} DAG file(s) cannot be imported; {first.get('filename')}: {reason}. Correct the file, or deploy "
        "the commit before"
    )
