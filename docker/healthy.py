"""Health check of the containers: ``python docker/healthy.py URL|HOST:PORT [component]``.

Exit code 0 when the address answers; with a component, when Airflow's health page calls it healthy.
"""

from __future__ import annotations

import json
import socket
import sys
import urllib.request


def healthy(address: str, component: str = "") -> bool:
    """Whether a URL or TCP address answers, and the component is well."""
    try:
        if "://" not in address:
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=3).close()
            return True
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=5) as answer:
            if not component:
                return True
            return bool(json.load(answer)[component]["status"] == "healthy")
    except (OSError, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(*sys.argv[1:3]) else 1)
