"""Ports of the stack, and the processes that listen on them."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.config import LocalConfig


@dataclass(frozen=True)
class Port:
    """A port that a component needs, and the environment variable that moves it elsewhere."""

    number: int
    purpose: str
    variable: str


class PortTakenError(RuntimeError):
    """A port that the stack needs belongs to someone else; the message says whose it is and how to move."""


def is_free(host: str, number: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As the servers do: connections in TIME_WAIT from the last run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return False
    return True


def answers(host: str, number: int, timeout: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, number), timeout=timeout):
            return True
    except OSError:
        return False


def holder(number: int) -> psutil.Process | None:
    """The process that listens on a port, where the system lets us see it."""
    with contextlib.suppress(psutil.AccessDenied, RuntimeError):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number and connection.pid:
                with contextlib.suppress(psutil.NoSuchProcess):
                    return psutil.Process(connection.pid)
    return None


def require_free(host: str, port: Port) -> None:
    """Refuse to start on a port that is taken.

    Raises:
        PortTakenError: someone listens there.
    """
    if is_free(host, port.number):
        return
    who = "another process"
    process = holder(port.number)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            command = " ".join(process.cmdline())
            who = f"process {process.pid} ({command[:100]})"
            with contextlib.suppress(psutil.AccessDenied):
                if home := process.environ().get("DWH_LOCAL_HOME"):
                    who += f", part of the local stack in {home}"
    raise PortTakenError(
        f"Port {port.number} for {port.purpose} is taken by {who}. "
        f"Stop it, or choose another port: {port.variable}={free_port(host)}"
    )


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def separate_config(home: Path) -> LocalConfig:
    """A stack with its own home on ports that nobody uses, beside any other stack of this machine."""
    return LocalConfig(
        home=home,
        aws_port=free_port(),
        redshift_port=free_port(),
        smtp_port=free_port(),
        mail_port=free_port(),
        airflow_port=free_port(),
    )
