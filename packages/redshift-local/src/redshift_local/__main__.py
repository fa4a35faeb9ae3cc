"""``python -m local.redshift``: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time

import psycopg

from local.config import LocalConfig, keep_private, load_config
from redshift_local import postgres, warehouse
from redshift_local.server import Front

_WAIT_SECONDS = 120


def main() -> int:
    """Run the endpoint; the exit code is 1 when it cannot start."""
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    config = load_config()
    database = warehouse.database_name(os.environ)
    try:
        _wait_for_postgres(config, database)
        warehouse.install(config, database)
        asyncio.run(_serve(config, database))
    except (OSError, psycopg.Error, TimeoutError) as error:
        print(f"local.redshift cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _wait_for_postgres(config: LocalConfig, database: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not postgres.answers(config, ()):
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not answer; start it with `python -m local.postgres`")
        time.sleep(0.1)
    postgres.ensure_databases(config, (database,))


async def _serve(config: LocalConfig, database: str) -> None:
    front = Front(config, database)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await front.start()
    await ended.wait()
    await front.stop()


if __name__ == "__main__":
    sys.exit(main())
