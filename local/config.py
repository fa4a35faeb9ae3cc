"""Ports, folders and credentials of the local stack, read by every other module of ``local/``.

Each value can be set by an environment variable ``DWH_LOCAL_<NAME>``, so that two stacks (a person's and a
test's) live side by side on one machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_local.private import PRIVATE_UMASK, keep_private, private_folder

__all__ = ["PRIVATE_UMASK", "REPO", "LocalConfig", "keep_private", "load_config", "private_folder"]

REPO = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class LocalConfig:
    """Ports, folders and credentials of one local stack.

    The credentials open nothing but servers bound to the loopback interface.
    """

    home: Path = REPO / ".local"
    host: str = "127.0.0.1"
    aws_port: int = 4566
    redshift_port: int = 5439
    smtp_port: int = 2525
    mail_port: int = 8025
    airflow_port: int = 8080
    # Further names by which clients reach the servers, beside those of the loopback interface: `name` or `name:port`,
    # separated by commas.
    allowed_hosts: str = ""
    mwaa_image: Path = REPO / "tests" / "infra" / "mwaa"  # constraints and packages of MWAA's image
    postgres_url: str = ""  # empty: the embedded PostgreSQL under home/postgres
    venvs: Path = REPO / ".venv"
    spark_driver_memory: str = "2g"
    # STV_DB_ISOLATION_LEVEL of the warehouse: snapshot, the default of new clusters, or serializable.
    redshift_isolation: str = "snapshot"
    redshift_user: str = "dwh_admin"
    redshift_password: str = "local-dwh-admin"  # noqa: S105 - loopback only
    aws_access_key: str = "local"
    aws_secret_key: str = "local"  # noqa: S105 - loopback only
    # C1 only: the jobs of a day are over before the optimising compiler pays off; clear it for heavy loads.
    spark_java_options: str = "-XX:TieredStopAtLevel=1"
    spark_codegen: bool = False  # whether Spark compiles queries: for days of millions of rows, as on Glue
    spark_reuse: bool = True  # whether one Java process serves several Glue runs, one after another
    lineage: bool = (
        False  # whether tasks write OpenLineage events to logs/openlineage.jsonl; costs a process per task
    )
    schedule: bool = False  # whether Airflow starts scheduled runs

    @property
    def aws_url(self) -> str:
        return f"http://{self.host}:{self.aws_port}"

    @property
    def airflow_url(self) -> str:
        return f"http://{self.host}:{self.airflow_port}"

    @property
    def mail_url(self) -> str:
        return f"http://{self.host}:{self.mail_port}"

    @property
    def aws_dir(self) -> Path:
        """S3 objects and Glue state, kept across restarts."""
        return self.home / "aws"

    @property
    def postgres_dir(self) -> Path:
        return self.home / "postgres"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @property
    def mail_dir(self) -> Path:
        return self.home / "mail"

    @property
    def logs_dir(self) -> Path:
        """One log per component, and ``glue/<job>/<run id>.log`` per Glue run."""
        return self.home / "logs"

    @property
    def run_dir(self) -> Path:
        """Process ids of the running components."""
        return self.home / "run"

    @property
    def airflow_python(self) -> Path:
        return self.venvs / "airflow" / "bin" / "python"

    @property
    def spark_python(self) -> Path:
        return self.venvs / "spark" / "bin" / "python"

    @property
    def local_python(self) -> Path:
        return self.venvs / "local" / "bin" / "python"

    @property
    def spark_jars(self) -> Path:
        """Folder with the S3A jars that ``make setup`` unpacks."""
        return self.venvs / "spark-jars"

    def aws_environ(self) -> dict[str, str]:
        """Environment that points boto3, the AWS CLI and Spark's S3A at the local endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ACCESS_KEY_ID": self.aws_access_key,
            "AWS_SECRET_ACCESS_KEY": self.aws_secret_key,
            "AWS_DEFAULT_REGION": "ap-south-1",
            "AWS_REGION": "ap-south-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def aws_client(self, service: str, **options: Any) -> Any:
        """The boto3 client of a service of the local endpoint.

        Args:
            service: boto3's name of it, for example ``s3``.
            options: further arguments of boto3's ``client``, for example ``config``; a region replaces the default one.
        """
        import boto3  # late import: takes a second, and most readers of the configuration need none

        return boto3.client(
            service,
            endpoint_url=self.aws_url,
            aws_access_key_id=self.aws_access_key,
            aws_secret_access_key=self.aws_secret_key,
            **{"region_name": "ap-south-1", **options},
        )


def _flag(text: str) -> bool:
    if text.strip().lower() not in {"1", "true", "yes", "on", "0", "false", "no", "off", ""}:
        raise ValueError(text)
    return text.strip().lower() in {"1", "true", "yes", "on"}


def load_config(environ: Mapping[str, str] = os.environ) -> LocalConfig:
    """Read the stack's configuration from ``DWH_LOCAL_*`` variables.

    Raises:
        ValueError: a port is not a number, or a switch is neither on nor off.
    """
    values: dict[str, object] = {}
    for name, default in LocalConfig.__dataclass_fields__.items():
        text = environ.get(f"DWH_LOCAL_{name.upper()}")
        if text is None:
            continue
        kind: Any = type(default.default)
        try:
            if kind is bool:
                values[name] = _flag(text)
            else:
                values[name] = Path(text).resolve() if issubclass(kind, Path) else kind(text)
        except ValueError:
            raise ValueError(f"DWH_LOCAL_{name.upper()} is {text!r}; it must be a {kind.__name__}") from None
    return LocalConfig(**values)  # type: ignore[arg-type]
