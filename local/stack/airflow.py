"""Airflow on a laptop: the environment its four components run in, and a client of its REST API.

Everything that differs from AWS is in this environment: the product's DAGs, plugins and SQL are read in place
and never changed. On Amazon MWAA the same options come from the environment's configuration and from Secrets
Manager.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.config import REPO, LocalConfig, private_folder

LOGIN = "admin"
PASSWORD = "admin"  # noqa: S105 - opens a server bound to the loopback interface

# Variables of the calling shell that would change what Airflow or boto3 do.
_FOREIGN_PREFIXES = ("AIRFLOW", "AWS_", "PYTHON", "VIRTUAL_ENV", "DWH_LOCAL_COMPONENT")


def clean_environ(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The calling shell's environment less what would leak into the components."""
    return {name: value for name, value in environ.items() if not name.startswith(_FOREIGN_PREFIXES)}


def product_options(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Options of the product: short poll intervals, and all that the calling shell sets for ``[ecommerce_dwh]``."""
    defaults = {
        "AIRFLOW__ECOMMERCE_DWH__ENV": "dev",
        "AIRFLOW__ECOMMERCE_DWH__POLL_SECONDS": "1",
        "AIRFLOW__ECOMMERCE_DWH__RETRY_DELAY_SECONDS": "2",
        # Longer than a laptop's Glue job of a day. A task that defers and is resumed before its first process is gone
        # (see MIN_HEARTBEAT_INTERVAL below) is taken for lost by the scheduler, and the job runs a second time.
        "AIRFLOW__ECOMMERCE_DWH__DEFER_AFTER_SECONDS": "45",
        "AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR": str(REPO / "include"),
        "AIRFLOW__ECOMMERCE_DWH__RUNBOOK_URL": (REPO / "docs" / "runbooks.md").as_uri(),
    }
    chosen = {name: value for name, value in environ.items() if name.startswith("AIRFLOW__ECOMMERCE_DWH__")}
    return {**defaults, **chosen}


def connections(config: LocalConfig, database: str) -> dict[str, str]:
    """The connections that the product names, pointing at the local servers."""
    from local import shop  # late import: brings the generator, which only a planned stack needs

    redshift = {
        "conn_type": "redshift",
        "host": config.host,
        "port": config.redshift_port,
        "schema": database,
        "login": config.redshift_user,
        "password": config.redshift_password,
        "extra": {"ssl": False},  # loopback; on AWS the driver's default (TLS, verified) holds
    }
    aws = {
        "conn_type": "aws",
        "login": config.aws_access_key,
        "password": config.aws_secret_key,
        "extra": {"endpoint_url": config.aws_url, "region_name": config.aws_environ()["AWS_DEFAULT_REGION"]},
    }
    smtp = {
        "conn_type": "smtp",
        "host": config.host,
        "port": config.smtp_port,
        "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@ecommerce-dwh.local"},
    }
    return {
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(smtp),
        "AIRFLOW_CONN_SHOP_POSTGRES": json.dumps(shop.connection(config)),
    }


def airflow_environ(config: LocalConfig, metadata_url: str, database: str) -> dict[str, str]:
    """Airflow's whole configuration as environment variables.

    Args:
        config: the local stack.
        metadata_url: SQLAlchemy URL of Airflow's own database.
        database: name of the warehouse's database.
    """
    home = config.airflow_home
    keys = _secret_keys(home)
    _write_login(home)
    options = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # Workers are forked at start and share memory; Spark, not Airflow, is what needs the cores.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{config.airflow_url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(config.logs_dir / "airflow"),
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__API__HOST": config.host,
        "AIRFLOW__API__PORT": str(config.airflow_port),
        "AIRFLOW__API__BASE_URL": config.airflow_url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": keys["api"],
        "AIRFLOW__API__INSTANCE_NAME": "ecommerce-dwh on a laptop",
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        # A task's supervisor may notice only after this time that the task's process has ended (default 5 s), and holds
        # one of the few workers until then.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "15",  # the same 15 s that 3 heartbeats of 5 s are
        # A step between two tasks waits at most this long; idle it costs a few percent of a core.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A killed scheduler takes its tasks along. The next one starts them again when the dead one's heartbeat, sent
        # every 5 s, is older than the threshold, and looks for them at its start and at the interval (by default 30
        # and 300 s: minutes of waiting after a restart). A task's own heartbeat timeout (300 s) plays no part in it.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        # No source delivers to a laptop: runs are started by hand, by backfill or by `run`, not at 02:00 UTC.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(config.schedule),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    lineage = {"type": "file", "log_file_path": str(config.logs_dir / "openlineage.jsonl"), "append": True}
    options["AIRFLOW__OPENLINEAGE__DISABLED"] = str(not config.lineage)
    options["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(lineage)
    options["AIRFLOW__OPENLINEAGE__NAMESPACE"] = "ecommerce-dwh-local"
    return {
        **clean_environ(),
        **options,
        **connections(config, database),
        # The endpoint gives an object only to a signed request; the mailbox's server signs for a person's browser.
        "AIRFLOW__ECOMMERCE_DWH__OBJECT_URL": f"{config.mail_url}/s3/{{bucket}}/{{key}}",
        **product_options(),
        **config.aws_environ(),
        "PATH": os.pathsep.join([str(config.airflow_python.parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }


def _write_login(home: Path) -> None:
    """Give the web UI a login that can be printed, instead of a generated one that must be looked up."""
    path = home / "passwords.json"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps({LOGIN: PASSWORD}))


def _secret_keys(home: Path) -> dict[str, str]:
    """Keys that components share and that must survive a restart; made once per stack."""
    path = private_folder(home) / "keys.json"
    if not path.exists():
        keys = {
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "api": secrets.token_urlsafe(32),
            "jwt": secrets.token_urlsafe(64),
        }
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(keys))
        temporary.replace(path)
    return dict(json.loads(path.read_text()))


# The api-server is one process: while a busy machine starts everything at once, an answer can take long.
_TIMEOUT_SECONDS = 120


class AirflowError(RuntimeError):
    """The REST API refused a request; the message has its words.

    Attributes:
        status: HTTP status of the answer; 0 where there is none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AirflowClient:
    """Airflow's REST API, as far as the local commands and tests need it.

    Args:
        url: address of the api-server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._token = ""

    def health(self) -> dict[str, Any]:
        """State and last heartbeat of each component; empty while the api-server is not up."""
        try:
            return dict(self._request("GET", "/api/v2/monitor/health", token=False))
        except (AirflowError, OSError):
            return {}

    def serves_tasks(self) -> bool:
        """Whether the API that tasks report to answers.

        Airflow builds the application behind ``/execution`` when its first request arrives. Building takes seconds of
        CPU, and the api-server answers nothing else meanwhile. A start that asks once keeps this out of the first run.
        """
        try:
            self._request("GET", "/execution/health", token=False)
        except (AirflowError, OSError):
            return False
        return True

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        text = urllib.parse.urlencode({k: v for k, v in query.items() if v is not None}, doseq=True)
        return dict(self._authorised("GET", f"/api/v2{path}" + (f"?{text}" if text else "")))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._authorised("POST", f"/api/v2{path}", body))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._authorised("PATCH", f"/api/v2{path}", body))

    def put(self, path: str) -> dict[str, Any]:
        return dict(self._authorised("PUT", f"/api/v2{path}"))

    def dags(self) -> dict[str, dict[str, Any]]:
        """Parsed DAGs by id."""
        return {dag["dag_id"]: dag for dag in self.get("/dags", limit=100, exclude_stale=True)["dags"]}

    def import_errors(self) -> list[dict[str, Any]]:
        return list(self.get("/importErrors")["import_errors"])

    def unpause(self, dag_id: str) -> None:
        self.patch(f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now; returns its run id."""
        run = self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return self.get(f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}/taskInstances"
        return list(self.get(path, limit=500)["task_instances"])

    def task_log(self, task: Mapping[str, Any], lines: int = 30) -> list[str]:
        """Last lines of a task's newest attempt."""
        run_id = urllib.parse.quote(task["dag_run_id"], safe="")
        path = (
            f"/dags/{task['dag_id']}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        )
        content = self.get(path, map_index=task.get("map_index", -1), full_content=True)["content"]
        return [line for entry in content for line in _log_lines(entry)][-lines:]

    def _authorised(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        if not self._token:
            reply = self._request("POST", "/auth/token", {"username": LOGIN, "password": PASSWORD}, token=False)
            self._token = str(reply["access_token"])
        return self._request(method, path, body)

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, token: bool = True
    ) -> Any:
        request = urllib.request.Request(self.url + path, method=method)  # noqa: S310 - our own http address
        request.add_header("Accept", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {self._token}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data=data, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
                return json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            detail = error.read().decode("utf-8", "replace")
            raise AirflowError(f"{method} {path}: HTTP {error.code}: {detail[:500]}", error.code) from None


def _log_lines(entry: Any) -> list[str]:
    """A structured log entry as the lines a person would read, traceback included."""
    if not isinstance(entry, dict):
        return str(entry).splitlines()
    event = str(entry.get("event", ""))
    # The log's place and the messages of a starting worker explain no failure.
    if event.startswith(("::group::", "::endgroup::", "/")) or "DeprecationWarning" in str(
        entry.get("category")
    ):
        return []
    lines = event.splitlines()
    for error in entry.get("error_detail") or []:
        frames = error.get("frames") or []
        lines += [
            f"  {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}" for frame in frames[-4:]
        ]
        lines.append(f"{error.get('exc_type')}: {error.get('exc_value')}")
    return lines
