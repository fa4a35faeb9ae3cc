"""What the stack's start page shows: places with their logins, DAGs with their last runs, and commands."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from local.config import LocalConfig
from local.stack import airflow
from local.stack.steps import warehouse_database

COMMANDS = (
    ("make psql", "SQL prompt on the warehouse"),
    ("make load-sample SAMPLE=folder", "load source files"),
    ("make import SHOP=shopify FILE=orders_export.csv", "load a shop system's export"),
    ("make logs", "last lines of the components' logs"),
    ("make down", "stop; lake, warehouse and history are kept"),
)


@dataclass(frozen=True)
class Place:
    """A page or a server.

    Attributes:
        link: address for a browser; empty for what no browser opens.
        answers: whether its port takes connections.
        entry: login, or how to reach it.
    """

    name: str
    link: str
    answers: bool
    entry: str


@dataclass(frozen=True)
class DagState:
    """A DAG and the state of its last run; empty before the first."""

    id: str
    name: str
    link: str
    state: str
    paused: bool


@dataclass(frozen=True)
class Start:
    """Content of the page."""

    places: tuple[Place, ...]
    dags: tuple[DagState, ...]
    commands: tuple[tuple[str, str], ...] = COMMANDS


def read_start(config: LocalConfig) -> Start:
    """Look at the stack; an Airflow that does not answer has no DAGs."""

    def place(name: str, port: int, entry: str, link: str = "") -> Place:
        return Place(name, link, _answers(config.host, port), entry)

    login = f"login {airflow.LOGIN}, password {airflow.PASSWORD}"
    places = (
        place("Airflow", config.airflow_port, login, config.airflow_url),
        place("Data quality", config.airflow_port, "in Airflow's menu", f"{config.airflow_url}/data-quality/"),
        place("Mail", config.mail_port, "alerts of the warehouse arrive here", config.mail_url),
        place(
            "Warehouse (Redshift's protocol)",
            config.redshift_port,
            f"{config.host}:{config.redshift_port}, database {warehouse_database()}, "
            f"user {config.redshift_user}, password {config.redshift_password}",
        ),
        place("AWS (S3, Glue, …)", config.aws_port, f'{config.aws_url}; eval "$(make -s env)"'),
    )
    return Start(places, _dags(config) if places[0].answers else ())


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _dags(config: LocalConfig) -> tuple[DagState, ...]:
    client = airflow.AirflowClient(config.airflow_url)
    try:
        found = []
        for id_, dag in sorted(client.dags().items()):
            runs = client.get(f"/dags/{id_}/dagRuns", order_by="-run_after", limit=1)["dag_runs"]
            found.append(
                DagState(
                    id_,
                    str(dag.get("dag_display_name") or id_),
                    f"{config.airflow_url}/dags/{id_}",
                    str(runs[0]["state"]) if runs else "",
                    bool(dag["is_paused"]),
                )
            )
    except (airflow.AirflowError, OSError):
        return ()
    return tuple(found)
