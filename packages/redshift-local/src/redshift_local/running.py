"""Runs an endpoint until a signal comes."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable

import psycopg

from redshift_local import warehouse
from redshift_local.server import Front
from redshift_local.settings import Settings

_WAIT_SECONDS = 120


def prepare_logging(level: int = logging.INFO) -> None:
    """Log to standard error; libraries report warnings only."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run(
    settings: Settings,
    *,
    name: str = "redshift-local",
    advice: str = "",
    started: Callable[[Front], None] | None = None,
) -> int:
    """Make the warehouse and serve it until SIGTERM or SIGINT; PostgreSQL must run already or come up soon.

    Args:
        settings: the endpoint.
        name: the program's name in its messages.
        advice: end of the message that PostgreSQL does not answer.
        started: called when the endpoint listens.

    Returns:
        The exit code: 0, or 1 when the endpoint cannot start.
    """
    try:
        _wait_for_postgres(settings, advice)
        warehouse.install(settings)
        asyncio.run(_serve(settings, started))
    except (OSError, psycopg.Error, TimeoutError) as error:
        print(f"{name} cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _wait_for_postgres(settings: Settings, advice: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not settings.postgres.answers(()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL does not answer{advice}")
        time.sleep(0.1)
    settings.postgres.ensure_databases((settings.database,))


async def _serve(settings: Settings, started: Callable[[Front], None] | None) -> None:
    front = Front(settings)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await front.start()
    if started is not None:
        started(front)
    await ended.wait()
    await front.stop()
