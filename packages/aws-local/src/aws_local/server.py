"""The endpoint: one port for every AWS service, chosen by the signature's service name.

A request is served when `aws_local.doors` accepts it (no web page sent it) and its signature is made with the
endpoint's key (`signatures`); nothing is done for any other. The health page needs no signature, and, as on AWS,
neither do the links that confirm or end a subscription of SNS, which carry a token.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import logging
import re
import threading
import time
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any

from cheroot import wsgi
from moto.core.exceptions import JsonRESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from . import spark
from .catalog import Catalog
from .cloudwatch import LogWriter
from .crawlers import CrawlerService
from .doors import door, wsgi_headers
from .drivers import Drivers, DriverSettings
from .errors import ApiError
from .faults import FaultSwitch
from .glue import GlueApi
from .jobs import JobService, RunSettings
from .moto_state import MotoState
from .mwaa import AirflowCaller, MwaaApi
from .mwaa_pip import ImagePip
from .private import private_folder
from .redshift_data import RedshiftDataApi
from .redshift_login import credentials
from .regions import Regions
from .s3 import S3Api
from .s3_messages import Response, request_from_environ
from .settings import ACCOUNT, REGION, Settings
from .signatures import Denied, Signatures, Signed, denial
from .state import Documents
from .store import ObjectStore
from .trail import Trail
from .wsgi_messages import Environ, StartResponse, buffered, held, not_served, note_repetition, send

log = logging.getLogger("aws_local")

_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
# docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html and API_Unsubscribe.html
_UNSIGNED_ACTIONS = re.compile(r"(?:^|&)Action=(?:ConfirmSubscription|Unsubscribe)(?:&|$)")


class AlreadyRunningError(RuntimeError):
    """Another endpoint uses the same folder."""


class Endpoint:
    """The WSGI application and the services behind it."""

    def __init__(self, settings: Settings, command: Sequence[str] | None = None, minute: float = 60.0) -> None:
        """Open the state under ``settings.folder``.

        Args:
            settings: the endpoint's address, keys and folders.
            command: what starts a job's script, in place of spark-submit (for tests).
            minute: seconds in a minute of a job's timeout (for tests).

        Raises:
            AlreadyRunningError: another endpoint has the state open.
        """
        self.settings = settings
        private_folder(settings.folder)
        self._lock_file = (settings.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"another endpoint already uses {settings.folder}") from None
        self.store = ObjectStore(settings.folder / "s3", REGION)
        self.documents = Documents(settings.folder / "glue.sqlite")
        self._logs = LogWriter(ACCOUNT, REGION)
        self.jobs = JobService(
            self.documents,
            self.store,
            RunSettings(
                # Asked for at each run: without Spark the endpoint still serves everything else.
                command=lambda: command or spark.submit_command(spark.runtime_of(settings)),
                environ=self._job_environ,
                work_dir=settings.folder / "runs",
                logs_dir=settings.logs / "glue",
                sink=self._job_output,
                minute=minute,
                drivers=None if command else self._drivers(),
            ),
        )
        self._signatures = Signatures(settings.access_key, settings.secret_key, settings.key_source)
        self._door = door(settings.host, settings.port, settings.allowed_hosts)
        self.s3 = S3Api(self.store)
        self.catalog = Catalog(self.documents, ACCOUNT, REGION)
        self.crawlers = CrawlerService(self.documents, self.store, self.catalog, self._logs.write)
        self.glue = GlueApi(self.jobs, self.crawlers)
        self.mwaa = self._mwaa()
        self.redshift_data = RedshiftDataApi(settings.redshift, self._secret)
        self.faults = FaultSwitch(settings.faults)
        self._trail = Trail(settings.trail)
        self.regions = Regions(settings.folder / "regions.json")
        self._moto = DomainDispatcherApplication(create_backend_app)
        # Moto imports its services when they are first asked for, and keeps their state in plain dictionaries: two
        # requests at once can end in a deadlock of imports (an internal error) or in half a change.
        self._moto_turn = threading.Lock()
        self._moto_state = MotoState(settings.folder, ACCOUNT, REGION)
        self._server: wsgi.Server | None = None
        self._thread: threading.Thread | None = None

    def _mwaa(self) -> MwaaApi | None:
        wanted = self.settings.mwaa
        if wanted is None:
            return None
        return MwaaApi(
            self.documents,
            self.store,
            ImagePip(wanted.image, self.settings.folder / "mwaa"),
            self._write_log,
            AirflowCaller(wanted.airflow_url, wanted.login),
            (ACCOUNT, REGION),
        )

    def _secret(self, name: str) -> str:
        """Value of a secret, as moto keeps it.

        Raises:
            ApiError: there is none of this name or ARN.
        """
        with self._moto_turn:
            self._moto_state.prepare("secretsmanager")
            try:
                found = self._moto_state.backend("secretsmanager").get_secret_value(name, "", "")
            except JsonRESTError as error:
                raise ApiError("ValidationException", f"{name}: {error.message}") from error
        return str(found.get("SecretString", ""))

    # -- job runs --------------------------------------------------------------------------------------------

    def _job_environ(self) -> dict[str, str]:
        return spark.spark_environ(self.settings, spark.write_conf_dir(self.settings))

    def _drivers(self) -> Drivers | None:
        runtime = self.settings.spark
        if runtime is None or not runtime.reuse:
            return None
        return Drivers(
            DriverSettings(
                command=lambda: spark.submit_command(runtime),
                python=str(runtime.python),
                environ=self._job_environ,
                folder=self.settings.folder / "drivers",
            )
        )

    def _job_output(self, job: str, run_id: str, stream: str, lines: list[str]) -> None:
        group = f"/aws-glue/jobs/{stream}"
        self._logs.write(group, run_id, lines, where=str(self.jobs.log_path(job, run_id)))

    def _write_log(self, group: str, stream: str, lines: list[str]) -> None:
        with self._moto_turn:
            self._moto_state.prepare("logs")
            self._logs.write(group, stream, lines)

    # -- WSGI ------------------------------------------------------------------------------------------------

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if why := self._door.refusal(environ["REQUEST_METHOD"], wsgi_headers(environ)):
            return self._refused(
                Response(403, {"Content-Type": "text/plain"}, f"{why}\n".encode()), environ, start_response
            )
        # PATH_INFO is decoded: %2F in a key would look like a slash in the path.
        uri = (
            environ.get("REQUEST_URI")
            or environ.get("RAW_URI")
            or urllib.parse.quote(environ["PATH_INFO"], "/%")
        )
        raw_path = re.sub(r"^https?://[^/]*", "", uri).partition("?")[0]
        path = urllib.parse.unquote(raw_path)
        if path == "/_local/health":
            return send(self._health(), environ, start_response)
        service, region = self._scope(environ)
        try:
            signed = self._signed(environ, raw_path, service)
        except Denied as denied:
            log.warning("%s %s %s: %s", service, environ["REQUEST_METHOD"], path, denied)
            return self._refused(denial(denied, service, environ), environ, start_response)
        self._trail.note(environ, service, region, path)
        note_repetition(environ, service, path)
        log.debug("%s %s %s %s", service, environ["REQUEST_METHOD"], path, environ.get("HTTP_X_AMZ_TARGET", ""))
        response = self.faults.strike(service, environ["REQUEST_METHOD"], path) or self.regions.refusal(
            service, region, {"content-type": environ.get("CONTENT_TYPE", "")}
        )
        if response is not None:
            environ["wsgi.input"].read()  # what a client still sends would be taken for its next request
        elif service == "account":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            response = self.regions.handle(path, body)
            environ["wsgi.input"] = io.BytesIO(body)
        elif service == "s3":
            request = request_from_environ(environ, path, signed)
            response = self.s3.handle(request)
            if response is None:
                response = held(environ, signed)
        elif service == "airflow":
            body = environ["wsgi.input"].getvalue()
            if self.mwaa is None:
                return send(
                    not_served("MWAA, which needs the files of its image", environ), environ, start_response
                )
            response = self.mwaa.handle(environ["REQUEST_METHOD"], raw_path, body)
        elif service == "redshift-data":
            action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
            response = self.redshift_data.handle(action, environ["wsgi.input"].getvalue())
        elif service == "redshift":
            response = credentials(environ["wsgi.input"].getvalue(), self.settings.redshift)
        elif service == "glue":
            body = environ["wsgi.input"].getvalue()
            action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
            response = self.glue.handle(action, body)
            if response is None:
                return self._catalog_request(action, body, environ, start_response)
        if response is None:
            return self._moto_request(service, path, environ, start_response)
        return send(response, environ, start_response)

    def _signed(self, environ: Environ, raw_path: str, service: str) -> Signed:
        """Check the signature; a body that it covers is read for that, except S3's.

        Raises:
            Denied: the signature is missing, wrong or too old.
        """
        if service == "s3":
            return self._signatures.check(environ, raw_path, "")
        if environ["REQUEST_METHOD"] == "GET" and _UNSIGNED_ACTIONS.search(environ.get("QUERY_STRING", "")):
            return Signed("")
        body = buffered(environ)
        return self._signatures.check(environ, raw_path, hashlib.sha256(body).hexdigest())

    @staticmethod
    def _refused(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request whose body nobody reads."""
        if environ.get("HTTP_TRANSFER_ENCODING"):  # the server skips a body of announced length
            environ["wsgi.input"].read()
        return send(response, environ, start_response)

    def _moto_request(
        self, service: str, path: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        try:
            with self._moto_turn:
                self._moto_state.prepare(service)
                if service == "s3":
                    self._mirror_bucket(path)
                answer = list(self._moto(environ, start_response))
        except NotImplementedError as error:
            return send(not_served(str(error), environ), environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            self._moto_state.touched(service)
        return answer

    def _mirror_bucket(self, path: str) -> None:
        """Let moto know a bucket whose settings it is asked about."""
        name = path.lstrip("/").partition("/")[0]
        backend = self._moto_state.backend("s3")
        held = {bucket: region for bucket, _, region in self.store.buckets()}
        if name in held and name not in backend.buckets:
            backend.create_bucket(name, held[name])
        elif name not in held and name in backend.buckets:
            backend.buckets.pop(name)

    def _catalog_request(
        self, action: str, body: bytes, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Let moto answer, then save what that changed, and only then let the answer out."""
        status = ""

        def note(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal status
            status = line
            return start_response(line, headers, *rest)

        try:
            with self._moto_turn:
                answer = list(self._moto(environ, note))
        except NotImplementedError as error:
            return send(not_served(f"{action}: {error}", environ), environ, start_response)
        if status.startswith("2"):
            self.catalog.after_request(action, json.loads(body or b"{}"))
        return answer

    @staticmethod
    def _scope(environ: Environ) -> tuple[str, str]:
        """Service and region that the request is signed for; S3 when it does not say, as its objects have addresses."""
        query = urllib.parse.unquote(environ.get("QUERY_STRING", "")).replace("X-Amz-Credential", "Credential")
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or _SCOPE.search(query)
        if scope:
            return scope.group(2).lower(), scope.group(1)
        other = (
            environ.get("HTTP_X_AMZ_TARGET") or "Action=" in query or "json" in environ.get("CONTENT_TYPE", "")
        )
        return ("" if other or "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "") else "s3"), ""

    def _health(self) -> Response:
        jobs, running = self.jobs.counts()
        body = {"status": "ok", "buckets": len(self.store.buckets()), "jobs": jobs, "running": running}
        return Response(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    # -- life ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Recover, then listen.

        Raises:
            OSError: the port is taken.
        """
        self.catalog.load()
        self.jobs.recover()
        self.crawlers.recover()
        if self.mwaa:
            self.mwaa.recover()
        server = wsgi.Server(
            (self.settings.host, self.settings.port),
            self,
            numthreads=16,
            max=64,
            request_queue_size=128,
            server_name="local-aws",
            timeout=65,
        )
        server.expiration_interval = 0.1  # how long a stop waits at most
        server.prepare()
        self._server = server
        self._thread = threading.Thread(target=server.serve, name="http", daemon=True)
        self._thread.start()
        threading.Thread(target=self.store.sweep, name="sweep", daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on, also when 0 was asked for."""
        return self._server.bind_addr[1] if self._server else 0

    def stop(self) -> None:
        """Stop runs, then the listener, then close the files."""
        began = time.monotonic()
        self.crawlers.close()
        if self.mwaa:
            self.mwaa.close()
        self.jobs.close()
        if self._server:
            self._server.stop()
        if self._thread:
            self._thread.join(timeout=10)
        self._moto_state.close()
        self.documents.close()
        self.store.close()
        self._lock_file.close()
        log.info("stopped in %.1f s", time.monotonic() - began)
