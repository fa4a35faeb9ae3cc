"""Amazon MWAA's environment API, with what the image does to requirements.txt when a component starts.

No container starts here. An environment goes through MWAA's states; at its start and at each update the image's pip
resolves requirements.txt against the image's packages and constraints, and its words go to CloudWatch. As on AWS, the
environment becomes AVAILABLE even when pip failed. ``InvokeRestApi`` asks the Airflow of the settings.

Rules: docs.aws.amazon.com/mwaa/latest/API (requests, errors), /userguide/access-mwaa-apache-airflow-rest-api.html (a
private web server answers inside its VPC only), /userguide/mwaa-s3-bucket.html.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from .errors import ApiError
from .mwaa_pip import ImagePip
from .s3_messages import Response
from .state import Document, Documents
from .store import ObjectStore
from .stored import StoreError

log = logging.getLogger("aws_local.mwaa")

_KIND = "mwaa"
_JSON = {"Content-Type": "application/json"}
_NAME = re.compile(r"[a-zA-Z][0-9a-zA-Z\-_]{0,79}")
_REQUIRED = ("DagS3Path", "ExecutionRoleArn", "NetworkConfiguration", "SourceBucketArn")
_FILES = ("PluginsS3Path", "RequirementsS3Path", "StartupScriptS3Path")
_STRATEGIES = {"FORCED", "GRACEFUL"}
# Components that install requirements.txt, by the log type that switches their log group on.
_COMPONENTS = {"SchedulerLogs": "Scheduler", "WorkerLogs": "Worker", "WebserverLogs": "WebServer"}
# The API's own defaults.
_DEFAULTS = {"AirflowVersion": "3.3.1", "EnvironmentClass": "mw1.small", "WebserverAccessMode": "PRIVATE_ONLY"}

LogWriter = Callable[[str, str, list[str]], None]


class MwaaApi:
    """Environments, their updates, and the way to Airflow's REST API.

    Args:
        documents: where environments are kept.
        store: the buckets that environments read.
        pip: the image's pip.
        write: appends lines to a stream of a CloudWatch log group.
        airflow: calls Airflow: method, path, query and body to status and document.
        identity: account and region.
    """

    def __init__(
        self,
        documents: Documents,
        store: ObjectStore,
        pip: ImagePip,
        write: LogWriter,
        airflow: Callable[[str, str, Document, Document | None], tuple[int, object]],
        identity: tuple[str, str],
    ) -> None:
        self._documents = documents
        self._store = store
        self._pip = pip
        self._write = write
        self._airflow = airflow
        self._account, self._region = identity
        self._lock = threading.Lock()
        self._work: list[threading.Thread] = []

    def recover(self) -> None:
        """Finish what a killed endpoint left unfinished."""
        for name, found in self._documents.load(_KIND).items():
            if found["Status"] in ("CREATING", "UPDATING"):
                self._start(name)

    def close(self) -> None:
        """Wait for updates that are under way."""
        for thread in self._work:
            thread.join(timeout=60)

    # -- requests --------------------------------------------------------------------------------------------

    def handle(self, method: str, path: str, body: bytes) -> Response:
        """Answer one request of MWAA's REST protocol."""
        try:
            return Response(
                200, _JSON, json.dumps(self._answer(method, path, json.loads(body or b"{}"))).encode()
            )
        except ApiError as error:
            status = {"ResourceNotFoundException": 404, "AccessDeniedException": 403}.get(error.code, 400)
            document = {"message": str(error), **getattr(error, "document", {})}
            return Response(status, {**_JSON, "x-amzn-ErrorType": error.code}, json.dumps(document).encode())

    def _answer(self, method: str, path: str, request: Document) -> Document:
        kind, _, name = path.strip("/").partition("/")
        name = urllib.parse.unquote(name)
        if kind == "environments" and not name and method == "GET":
            return {"Environments": sorted(self._documents.load(_KIND))}
        if kind == "environments" and method in _METHODS:
            return _METHODS[method](self, name, request)
        if kind == "restapi" and method == "POST":
            return self._rest(name, request)
        raise ApiError("ValidationException", f"the local endpoint does not serve {method} {path} of MWAA")

    def _found(self, name: str) -> Document:
        found = self._documents.load(_KIND).get(name)
        if found is None:
            raise ApiError("ResourceNotFoundException", f"Environment {name} not found")
        return found

    def create(self, name: str, request: Document) -> Document:
        """CreateEnvironment."""
        if not _NAME.fullmatch(name):
            raise ApiError("ValidationException", f"Environment name {name!r} must match {_NAME.pattern}")
        if missing := [key for key in _REQUIRED if not request.get(key)]:
            raise ApiError("ValidationException", f"missing {', '.join(missing)}")
        with self._lock:
            if name in self._documents.load(_KIND):
                raise ApiError("ValidationException", f"Environment {name} already exists")
            self._check_files(request)
            arn = f"arn:aws:airflow:{self._region}:{self._account}:environment/{name}"
            made = {
                **_DEFAULTS,
                **request,
                "Name": name,
                "Arn": arn,
                "Status": "CREATING",
                "CreatedAt": time.time(),
            }
            self._documents.put(_KIND, name, made)
        self._start(name)
        return {"Arn": arn}

    def get(self, name: str, _: Document) -> Document:
        """GetEnvironment."""
        return {"Environment": self._found(name)}

    def update(self, name: str, request: Document) -> Document:
        """UpdateEnvironment."""
        strategy = request.pop("WorkerReplacementStrategy", "FORCED")
        if strategy not in _STRATEGIES:
            raise ApiError(
                "ValidationException", f"WorkerReplacementStrategy must be one of {sorted(_STRATEGIES)}"
            )
        with self._lock:
            found = self._found(name)
            if found["Status"] not in ("AVAILABLE", "UPDATE_FAILED"):
                raise ApiError(
                    "ValidationException", f"Environment {name} is {found['Status']}; it takes no update"
                )
            changed = {**found, **request}
            self._check_files(changed)
            last = {"Status": "PENDING", "CreatedAt": time.time(), "WorkerReplacementStrategy": strategy}
            self._documents.put(_KIND, name, {**changed, "Status": "UPDATING", "LastUpdate": last})
        self._start(name)
        return {"Arn": found["Arn"]}

    def delete(self, name: str, _: Document) -> Document:
        """DeleteEnvironment."""
        self._found(name)
        self._documents.delete(_KIND, name)
        return {}

    def _check_files(self, request: Document) -> None:
        bucket = request["SourceBucketArn"].rpartition(":")[2]
        for key in _FILES:
            if not (path := request.get(key)):
                continue
            try:
                self._store.get(bucket, path)
            except StoreError as error:
                raise ApiError("ValidationException", f"{key} s3://{bucket}/{path}: {error}") from None

    # -- what a component does when it starts ------------------------------------------------------------------

    def _start(self, name: str) -> None:
        thread = threading.Thread(target=self._become_available, args=(name,), name=f"mwaa-{name}", daemon=True)
        self._work.append(thread)
        thread.start()

    def _become_available(self, name: str) -> None:
        found = self._found(name)
        bucket = found["SourceBucketArn"].rpartition(":")[2]
        began = time.time()
        lines: list[str] = []
        try:
            requirements = self._object(bucket, found.get("RequirementsS3Path"))
            if requirements is not None:
                lines = self._pip.install(requirements, self._object(bucket, found.get("PluginsS3Path")))
        except Exception as error:  # as the image: logged, and the component starts all the same
            log.exception("requirements of %s", name)
            lines = [f"[ERROR] - {error}"]
        for kind, component in _COMPONENTS.items():
            if lines and (found.get("LoggingConfiguration") or {}).get(kind, {}).get("Enabled"):
                stream = f"requirements_install_ip-10-0-0-1.{self._region}.compute.internal_{began}.log"
                self._write(f"airflow-{name}-{component}", stream, lines)
        with self._lock:
            if (now := self._documents.load(_KIND).get(name)) is None:
                return
            if last := now.get("LastUpdate"):
                now["LastUpdate"] = {**last, "Status": "SUCCESS"}
            self._documents.put(_KIND, name, {**now, "Status": "AVAILABLE"})

    def _object(self, bucket: str, key: str | None) -> bytes | None:
        return self._store.read(bucket, key) if key else None

    # -- Airflow -----------------------------------------------------------------------------------------------

    def _rest(self, name: str, request: Document) -> Document:
        found = self._found(name)
        if found["WebserverAccessMode"] == "PRIVATE_ONLY":
            raise ApiError("AccessDeniedException", "the web server is private; call from inside its VPC")
        if missing := [key for key in ("Path", "Method") if not request.get(key)]:
            raise ApiError("ValidationException", f"missing {', '.join(missing)}")
        query = request.get("QueryParameters") or {}
        status, document = self._airflow(request["Method"], request["Path"], query, request.get("Body"))
        if status < 400:
            return {"RestApiStatusCode": status, "RestApiResponse": document}
        error = ApiError(
            "RestApiServerException" if status >= 500 else "RestApiClientException", f"HTTP {status}"
        )
        error.document = {"RestApiStatusCode": status, "RestApiResponse": document}  # type: ignore[attr-defined]
        raise error


_METHODS: dict[str, Callable[[MwaaApi, str, Document], Document]] = {
    "PUT": MwaaApi.create,
    "GET": MwaaApi.get,
    "PATCH": MwaaApi.update,
    "DELETE": MwaaApi.delete,
}


class AirflowCaller:
    """Calls Airflow's REST API as an administrator.

    Args:
        url: the web server, for example ``http://127.0.0.1:8080``.
        login: user and password of Airflow's simple auth manager.
    """

    def __init__(self, url: str, login: tuple[str, str]) -> None:
        self._url = url
        self._login = login
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __call__(self, method: str, path: str, query: Document, body: Document | None) -> tuple[int, object]:
        """Status and document of the answer; 503 when no Airflow listens."""
        user, password = self._login
        try:
            status, token = self._send("POST", "/auth/token", {"username": user, "password": password}, {})
            if status >= 400:
                return status, token
            text = urllib.parse.urlencode(query, doseq=True)
            bearer = {"Authorization": f"Bearer {token['access_token']}"}  # type: ignore[index]
            return self._send(method, f"/api/v2{path}{'?' * bool(text)}{text}", body, bearer)
        except OSError as error:
            return 503, {"detail": f"no Airflow answers at {self._url}: {error}"}

    def _send(
        self, method: str, path: str, body: Document | None, headers: dict[str, str]
    ) -> tuple[int, object]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is of the settings
            self._url + path, data, {"Content-Type": "application/json", **headers}, method=method
        )
        try:
            with self._opener.open(request, timeout=10) as answer:  # MWAA breaks off after 10 seconds, too
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, {"detail": text.decode(errors="replace")}
