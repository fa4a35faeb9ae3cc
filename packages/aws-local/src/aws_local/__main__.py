"""``python -m local.aws``: serve until a signal comes."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from local.config import keep_private, load_config

from .server import AlreadyRunningError, Endpoint


def main() -> int:
    """Run the endpoint; the exit code is 1 when it cannot start."""
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("werkzeug", "botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    config = load_config()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        endpoint = Endpoint(config)
        endpoint.start()
    except (AlreadyRunningError, OSError) as error:
        print(f"local.aws cannot start: {error}", file=sys.stderr)
        return 1
    logging.getLogger("aws_local").info("listening on %s, state in %s", config.aws_url, config.aws_dir)
    ended.wait()
    endpoint.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
