"""Settings of one Redshift endpoint: its address, its warehouse, the PostgreSQL and the S3 behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from redshift_local.postgres import Postgres

# Isolation levels of a Redshift database and PostgreSQL's name of each. Both take the snapshot with the first statement
# that is not LOCK: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
ISOLATION_LEVELS = {"snapshot": "repeatable read", "serializable": "serializable"}


@dataclass(frozen=True)
class S3Access:
    """The S3 that COPY reads from. An empty field is boto3's default, which reads ``AWS_*`` variables and profiles.

    Attributes:
        endpoint_url: address of an S3 endpoint other than AWS's.
        access_key: access key id.
        secret_key: secret access key.
        region: region of the client.
    """

    endpoint_url: str = ""
    access_key: str = ""
    secret_key: str = ""
    region: str = ""


@dataclass(frozen=True)
class Settings:
    """One Redshift endpoint.

    Attributes:
        postgres: the server that keeps the warehouse.
        database: the warehouse's database.
        user: its admin, who is made when absent.
        password: the admin's password, set at each start.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        isolation: isolation level of the database, ``snapshot`` or ``serializable``.
        s3: the S3 that COPY reads from.
        foreign_roles: roles of the PostgreSQL server that do not belong to the warehouse and stay outside its admin's
            reach.
        tls: private folder of the endpoint's certificate; None: TLS is refused.

    Raises:
        ValueError: ``isolation`` is neither of the two.
    """

    postgres: Postgres
    database: str = "dev"
    user: str = "awsuser"
    password: str = "local"  # noqa: S105 - the endpoint listens on the loopback interface
    host: str = "127.0.0.1"
    port: int = 5439
    isolation: str = "snapshot"
    s3: S3Access = field(default_factory=S3Access)
    foreign_roles: tuple[str, ...] = ()
    tls: Path | None = None

    def __post_init__(self) -> None:
        if self.isolation not in ISOLATION_LEVELS:
            raise ValueError(
                f"isolation is {self.isolation!r}; it must be one of {', '.join(ISOLATION_LEVELS)}"
            )
