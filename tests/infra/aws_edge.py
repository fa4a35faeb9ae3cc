"""AWS as a deployment meets it over HTTP: S3 of the local endpoint, and an MWAA that plays the states it is given."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from conftest import REGION, Endpoint
from urllib3 import HTTPResponse

HEALTHY = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "healthy"},
    "triggerer": {"status": "healthy"},
}


class Mwaa(AbstractContextManager["Mwaa"]):
    """A server that speaks MWAA's API to a real client.

    Attributes:
        states: states of the environment in the order in which they are asked for, the last one stays; none: there is
            no environment.
        updates: bodies of the updates that were asked for.
        dags: Airflow's DAGs: file name to time of the last parse and source.
        import_errors: Airflow's import errors.
        on_update: called at each update, before it is answered.
    """

    def __init__(self, *states: str, error: str = "", health: Mapping[str, Any] | None = None) -> None:
        self.states = list(states)
        self.error = error
        self.health = dict(health or HEALTHY)
        self.dags: dict[str, tuple[str, str]] = {}
        self.import_errors: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.on_update: Callable[[], None] = lambda: None
        self.updated = 0.0
        mwaa = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*mwaa.environment(unquote(self.path.rpartition("/")[2])))

            def do_PATCH(self) -> None:
                mwaa.updated = time.time()
                mwaa.on_update()
                mwaa.updates.append({"Name": unquote(self.path.rpartition("/")[2]), **self._body()})
                self._answer(200, {"Arn": "arn:aws:airflow:ap-south-1:123456789012:environment/x"})

            def do_POST(self) -> None:
                self._answer(
                    200, {"RestApiStatusCode": 200, "RestApiResponse": mwaa.airflow(self._body()["Path"])}
                )

            def _body(self) -> dict[str, Any]:
                return dict(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"))

            def _answer(self, status: int, document: Mapping[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if status == 404:
                    self.send_header("x-amzn-ErrorType", "ResourceNotFoundException")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def airflow(self, path: str) -> dict[str, Any]:
        """Answers of Airflow's REST API; test_deploy_airflow.py holds their form against a real Airflow."""
        if path == "/importErrors":
            return {"import_errors": self.import_errors, "total_entries": len(self.import_errors)}
        if path == "/dags":
            rows = [
                {
                    "dag_id": name.removesuffix(".py"),
                    "is_stale": False,
                    "last_parsed_time": parsed,
                    "relative_fileloc": name,
                    "fileloc": f"/usr/local/airflow/dags/{name}",
                }
                for name, (parsed, _) in self.dags.items()
            ]
            return {"dags": rows, "total_entries": len(rows)}
        if path.startswith("/dagSources/"):
            return {"content": self.dags[f"{path.rpartition('/')[2]}.py"][1]}
        assert path == "/monitor/health", path
        return self.health

    def environment(self, name: str) -> tuple[int, dict[str, Any]]:
        if not self.states:
            return 404, {"message": f"no environment {name}"}
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        last = {
            "Status": state,
            "CreatedAt": self.updated,
            "Error": {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": self.error},
        }
        return 200, {"Environment": {"Name": name, "Status": state, "LastUpdate": last}}

    def client(self) -> Any:
        return boto3.client(
            "mwaa",
            endpoint_url=f"http://127.0.0.1:{self._server.server_port}",
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(inject_host_prefix=False, proxies={}, retries={"max_attempts": 0}),
        )

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Bucket:
    """S3 of the endpoint with one empty bucket.

    Attributes:
        client: a client that sees version ids, which the endpoint does not keep and a versioned bucket gives.
        log: what was put and deleted, in order.
    """

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self.client = endpoint.client("s3")
        self.logs = endpoint.client("logs")
        self.name = name
        self.log: list[str] = []
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key in self.held():
            self.client.delete_object(Bucket=name, Key=key)
        events = self.client.meta.events
        events.register(
            "provide-client-params.s3.PutObject", lambda params, **_: self.log.append(f"put {params['Key']}")
        )
        events.register(
            "provide-client-params.s3.DeleteObject",
            lambda params, **_: self.log.append(f"delete {params['Key']}"),
        )
        events.register("after-call.s3.PutObject", self._version)

    def _version(self, parsed: dict[str, Any], **_: object) -> None:
        parsed["VersionId"] = f"v{len(self.log)}"

    def held(self) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]

    def write_log(self, group: str, stream: str, line: str) -> None:
        """Append a line to a log stream, which is made when it is not there."""
        with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_group(logGroupName=group)
        with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": line}
        self.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])

    def belongs_to_somebody_else(self, name: str) -> None:
        """From now on S3 forbids a look at that bucket."""

        def forbid(request: Any, **_: object) -> AWSResponse | None:
            empty = HTTPResponse(body=io.BytesIO(), preload_content=False)
            return AWSResponse(request.url, 403, {}, empty) if name in request.url else None

        self.client.meta.events.register("before-send.s3.HeadBucket", forbid)
