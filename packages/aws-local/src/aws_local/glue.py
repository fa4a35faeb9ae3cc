"""Dispatches Glue's API: jobs and crawlers here, the Data Catalog at moto."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

from .errors import ApiError, invalid
from .jobs import JobService
from .s3_messages import Response
from .state import Document

log = logging.getLogger("aws_local.glue")

_JSON = {"Content-Type": "application/x-amz-json-1.1"}


def snake(action: str) -> str:
    """``StartJobRun`` to ``start_job_run``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()


class GlueApi:
    """Answers the Glue actions that moto does not answer truly."""

    def __init__(self, jobs: JobService, *services: Any) -> None:
        self._jobs = jobs
        self._services = (jobs, *services)

    def handler(self, action: str) -> Callable[[Document], Document] | None:
        """The method of an action, or None when it is moto's."""
        name = snake(action)
        if not re.match(r"(batch|create|update|delete|get|list|start|stop|reset|tag|untag)_", name):
            return None  # not an action: a service's other methods are not for callers
        if name in ("get_tags", "tag_resource", "untag_resource"):
            return getattr(self, name)
        for service in self._services:
            if method := getattr(service, name, None):
                return method
        return None

    def handle(self, action: str, body: bytes) -> Response | None:
        """Answer one request, or None when the action, or the resource, is moto's."""
        method = self.handler(action)
        if method is None:
            return None
        try:
            request = json.loads(body or b"{}")
            answer = method(request)
        except ApiError as error:
            text = {"__type": error.code, "Message": str(error), "message": str(error)}
            return Response(400, {**_JSON, "x-amzn-ErrorType": error.code}, json.dumps(text).encode())
        except KeyError as error:
            text = {"__type": "InvalidInputException", "Message": f"missing parameter {error}"}
            return Response(400, _JSON, json.dumps(text).encode())
        if answer is NotImplemented:
            return None
        return Response(200, _JSON, json.dumps(answer).encode())

    def _tagged(self, arn: str) -> tuple[Any, str] | None:
        found = re.fullmatch(r"arn:[^:]*:glue:[^:]*:[^:]*:(job|crawler)/(.+)", arn)
        if not found:
            return None
        kind, name = found.groups()
        for service in self._services:
            if type(service).__name__.lower().startswith(kind):
                return service, name
        raise invalid(f"cannot tag {arn}")

    def get_tags(self, request: Document) -> Document:
        target = self._tagged(request["ResourceArn"])
        return {"Tags": dict(target[0].tags(target[1]))} if target else NotImplemented

    def tag_resource(self, request: Document) -> Document:
        target = self._tagged(request["ResourceArn"])
        if target is None:
            return NotImplemented
        target[0].tags(target[1]).update(request["TagsToAdd"])
        target[0].save_tags(target[1])
        return {}

    def untag_resource(self, request: Document) -> Document:
        target = self._tagged(request["ResourceArn"])
        if target is None:
            return NotImplemented
        for key in request["TagsToRemove"]:
            target[0].tags(target[1]).pop(key, None)
        target[0].save_tags(target[1])
        return {}
