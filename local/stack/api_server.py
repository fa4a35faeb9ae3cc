"""``python -m local.stack.api_server``: Airflow's own api-server, behind the stack's door (`local.doors`).

Airflow answers any ``Host``, and its own middleware runs before that of plugins, so the rule is applied around the
whole application. All else is `airflow api-server`: the same command, configuration and log.
"""

from __future__ import annotations

import sys

from local.config import keep_private, load_config
from local.doors import AsgiDoor, door


def main() -> None:
    """Serve until a signal comes; further arguments are those of ``airflow api-server``.

    Raises:
        SystemExit: more than one worker is configured; each further one would load the application without the door.
    """
    from airflow.__main__ import main as airflow_command  # late import: the Airflow environment alone has it
    from airflow.api_fastapi import main as api
    from airflow.configuration import conf

    if conf.getint("api", "workers") != 1:
        sys.exit("local.stack.api_server serves with one worker: set AIRFLOW__API__WORKERS=1")
    keep_private()
    config = load_config()
    rule = door(config.host, config.airflow_port, config.allowed_hosts, own_pages=True, links=True)
    api.app = AsgiDoor(api.app, rule)
    sys.argv = ["airflow", "api-server", *sys.argv[1:]]
    airflow_command()


if __name__ == "__main__":
    main()
