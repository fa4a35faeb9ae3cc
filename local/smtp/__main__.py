"""``python -m local.smtp``: receive mail and show it until a signal comes."""

from __future__ import annotations

import signal
import threading

from local.config import keep_private, load_config
from local.smtp.objects import ObjectReader
from local.smtp.server import MailServer
from local.stack.start_page import read_start


def main() -> None:
    keep_private()
    config = load_config()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with MailServer(
        config.host,
        config.smtp_port,
        config.mail_port,
        config.mail_dir,
        config.allowed_hosts,
        ObjectReader(config),
        lambda: read_start(config),
    ) as server:
        print(f"SMTP on {config.host}:{config.smtp_port}, mailbox at {server.page_url}")
        print(f"files in {config.mail_dir}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
