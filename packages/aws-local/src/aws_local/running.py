"""Runs an endpoint until a signal comes."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable

from .server import AlreadyRunningError, Endpoint
from .settings import Settings


def prepare_logging(level: int = logging.INFO) -> None:
    """Log to standard error; libraries report warnings only."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("werkzeug", "botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run(
    settings: Settings, *, name: str = "aws-local", started: Callable[[Endpoint], None] | None = None
) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: the endpoint.
        name: the program's name in its messages.
        started: called when the endpoint listens.

    Returns:
        The exit code: 0, or 1 when the endpoint cannot start.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        endpoint = Endpoint(settings)
        endpoint.start()
    except (AlreadyRunningError, OSError) as error:
        print(f"{name} cannot start: {error}", file=sys.stderr)
        return 1
    logging.getLogger("aws_local").info("listening on %s, state in %s", settings.url, settings.folder)
    if started is not None:
        started(endpoint)
    ended.wait()
    endpoint.stop()
    return 0
