"""The components to start, their order, and the test of each that it is ready.

```
postgres ─┬─ redshift ───────────┐
          └─ airflow-database ─┬─ api-server ── (its health page answers for the three below)
aws ──────── provision         ├─ scheduler
smtp                           ├─ dag-processor
spark-connector                └─ triggerer
```

Steps without an arrow between them start at the same time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from local import spark_setup
from local.config import REPO, LocalConfig
from local.product import load_settings
from local.stack import airflow, ports
from local.stack.ports import Port


@dataclass(frozen=True)
class Service:
    """A process that keeps running.

    Attributes:
        ready: whether it does its work; given the moment its process started, in epoch seconds.
        start_seconds: how long it may take to become ready.
        grace_seconds: how long it may take to stop.
        killable: whether ending it the hard way after that is a matter of course.
    """

    name: str
    title: str
    command: Sequence[str]
    environ: Mapping[str, str]
    ready: Callable[[float], bool]
    needs: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    address: str = ""
    start_seconds: float = 90
    grace_seconds: float = 10
    killable: bool = False


@dataclass(frozen=True)
class Chore:
    """A command that runs to its end on the way up.

    Attributes:
        done: whether there is nothing to do.
        finished: called when the command succeeded.
    """

    name: str
    title: str
    command: Sequence[str]
    environ: Mapping[str, str]
    needs: tuple[str, ...] = ()
    done: Callable[[], bool] = lambda: False
    finished: Callable[[], None] = lambda: None
    limit_seconds: float = 300


@dataclass(frozen=True)
class Plan:
    """All steps of a stack, in an order that respects what each needs."""

    steps: tuple[Service | Chore, ...]
    airflow_environ: Mapping[str, str] = field(default_factory=dict)
    local_environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def services(self) -> list[Service]:
        return [step for step in self.steps if isinstance(step, Service)]


def warehouse_database() -> str:
    """Name of the warehouse's database, as the product has it."""
    return load_settings(airflow.product_options()).database


def plan(config: LocalConfig) -> Plan:
    """The steps of one stack."""
    local_environ = _local_environ(config)
    airflow_environ = _marked(
        config, airflow.airflow_environ(config, _metadata_url(config), warehouse_database())
    )
    python = str(config.local_python)
    airflow_command = str(config.airflow_python.parent / "airflow")
    client = airflow.AirflowClient(config.airflow_url)

    def airflow_component(
        name: str,
        title: str,
        key: str,
        *arguments: str,
        ports: tuple[Port, ...] = (),
        module: tuple[str, ...] = (),
        **options: Any,
    ) -> Service:
        started = ["-m", *module] if module else [airflow_command, name]
        return Service(
            name,
            title,
            [str(config.airflow_python), *started, *arguments],
            airflow_environ,
            ready=lambda since: _component_healthy(client, key, since),
            needs=("airflow-database",),
            ports=ports,
            address=config.airflow_url if ports else "",
            start_seconds=180,
            **options,
        )

    steps: tuple[Service | Chore, ...] = (
        Service(
            "postgres",
            "Embedded PostgreSQL",
            [python, "-m", "local.postgres"],
            local_environ,
            ready=lambda _since: _postgres_answers(config),
            address="external" if config.postgres_url else str(config.postgres_dir),
            grace_seconds=20,
        ),
        Service(
            "aws",
            "AWS endpoint (S3, Glue, SNS …)",
            [python, "-m", "local.aws"],
            local_environ,
            ready=lambda _since: ports.answers(config.host, config.aws_port),
            ports=(Port(config.aws_port, "the AWS endpoint", "DWH_LOCAL_AWS_PORT"),),
            address=config.aws_url,
            grace_seconds=15,
        ),
        Service(
            "smtp",
            "SMTP server and mailbox page",
            [python, "-m", "local.smtp"],
            local_environ,
            ready=lambda _since: all(
                ports.answers(config.host, number) for number in (config.smtp_port, config.mail_port)
            ),
            ports=(
                Port(config.smtp_port, "the SMTP server", "DWH_LOCAL_SMTP_PORT"),
                Port(config.mail_port, "the mailbox page", "DWH_LOCAL_MAIL_PORT"),
            ),
            address=config.mail_url,
        ),
        Service(
            "redshift",
            "Redshift endpoint",
            [python, "-m", "local.redshift"],
            local_environ,
            ready=lambda _since: ports.answers(config.host, config.redshift_port),
            needs=("postgres",),
            ports=(Port(config.redshift_port, "the Redshift endpoint", "DWH_LOCAL_REDSHIFT_PORT"),),
            address=f"{config.host}:{config.redshift_port}",
        ),
        Chore(
            "airflow-database",
            "Airflow's own database",
            [
                python,
                "-m",
                "local.stack.metadata",
                str(config.airflow_python),
                airflow_command,
                "db",
                "migrate",
            ],
            airflow_environ,
            needs=("postgres",),
            done=lambda: _metadata_current(config),
            finished=lambda: _remember_metadata(config),
        ),
        Chore(
            "provision",
            "Buckets, crawler, Glue jobs, scripts",
            [python, "-m", "local.provision"],
            local_environ,
            needs=("aws",),
        ),
        # Fetched here when `make setup` has not: a first `make run` downloads while Airflow's components start.
        Chore(
            "spark-connector",
            "Spark's S3 connector",
            [python, "-m", "local.spark_setup"],
            local_environ,
            done=lambda: spark_setup.complete(config),
            limit_seconds=1200,
        ),
        airflow_component(
            "api-server",
            "Airflow web UI and API",
            "metadatabase",
            module=("local.stack.api_server",),
            ports=(Port(config.airflow_port, "the Airflow web UI", "DWH_LOCAL_AIRFLOW_PORT"),),
        ),
        # Logs are on this machine's disk, where the web UI reads them itself: two log servers less.
        airflow_component(
            "scheduler",
            "Airflow scheduler",
            "scheduler",
            "--skip-serve-logs",
            module=("local.stack.preloaded", "scheduler"),
        ),
        airflow_component(
            "dag-processor",
            "Airflow DAG processor",
            "dag_processor",
            module=("local.stack.preloaded", "dag-processor"),
        ),
        # The triggerer waits a fixed ten seconds after its last trigger before it ends.
        airflow_component(
            "triggerer", "Airflow triggerer", "triggerer", "--skip-serve-logs", grace_seconds=3, killable=True
        ),
    )
    return Plan(steps, airflow_environ, local_environ)


def _local_environ(config: LocalConfig) -> dict[str, str]:
    return _marked(
        config,
        {
            **airflow.clean_environ(),
            **airflow.product_options(),
            **config.aws_environ(),
            "PYTHONPATH": str(REPO),
            "PYTHONUNBUFFERED": "1",
        },
    )


def _marked(config: LocalConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with this stack's whole configuration in it, so that components agree on it.

    ``DWH_LOCAL_COMPONENT`` marks a process as the stack's even when its parent is gone.
    """
    values = {
        f"DWH_LOCAL_{name.upper()}": str(getattr(config, name)) for name in LocalConfig.__dataclass_fields__
    }
    return {**environ, **values, "DWH_LOCAL_COMPONENT": "1"}


def _metadata_url(config: LocalConfig) -> str:
    from local.stack.metadata import url  # late import: loads only when a stack is planned

    return url(config)


def _postgres_answers(config: LocalConfig) -> bool:
    from local.postgres import answers

    return answers(config)


def _component_healthy(client: airflow.AirflowClient, key: str, since: float) -> bool:
    """Whether a component sent a heartbeat after its process started (an older one is its predecessor's).

    The component without a heartbeat of its own, the api-server, must also answer the API that tasks report to.
    """
    state = client.health().get(key) or {}
    if state.get("status") != "healthy":
        return False
    beat = state.get(f"latest_{key}_heartbeat")
    if beat is None:
        return client.serves_tasks()
    return datetime.fromisoformat(beat).timestamp() >= since - 1


def _metadata_stamp(config: LocalConfig) -> str:
    """Hash of the pinned versions and the database cluster that Airflow's database was migrated for."""
    pins = (REPO / "requirements" / "airflow.txt").read_bytes()
    return hashlib.sha256(pins + _metadata_url(config).encode()).hexdigest()


def _metadata_current(config: LocalConfig) -> bool:
    """Whether the last migration still holds: same Airflow, and the database still has its tables."""
    stamp = _stamp_file(config)
    try:
        remembered = json.loads(stamp.read_text())
    except (FileNotFoundError, ValueError):
        return False
    return remembered.get("pins") == _metadata_stamp(config) and remembered.get("revision") == _revision(config)


def _remember_metadata(config: LocalConfig) -> None:
    stamp = _stamp_file(config)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(json.dumps({"pins": _metadata_stamp(config), "revision": _revision(config)}))


def _stamp_file(config: LocalConfig) -> Path:
    return config.airflow_home / "database.json"


def _revision(config: LocalConfig) -> str:
    """Schema revision of Airflow's database; empty when it has none."""
    import psycopg

    try:
        with psycopg.connect(_metadata_url(config).replace("+psycopg2", ""), connect_timeout=5) as connection:
            row = connection.execute("select version_num from alembic_version").fetchone()
            return str(row[0]) if row else ""
    except psycopg.Error:
        return ""
