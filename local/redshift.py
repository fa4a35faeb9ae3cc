"""``python -m local.redshift``: the stack's Redshift endpoint with the product's database; runs until a signal."""

from __future__ import annotations

import os
import sys

from local import postgres
from local.config import LocalConfig, keep_private, load_config
from local.product import load_settings
from local.shop import READER
from local.stack import metadata
from redshift_local.running import prepare_logging, run
from redshift_local.settings import S3Access, Settings


def settings(config: LocalConfig, database: str) -> Settings:
    """The endpoint of a stack.

    Args:
        config: the stack.
        database: the warehouse's database.

    Raises:
        ValueError: DWH_LOCAL_REDSHIFT_ISOLATION is no isolation level.
    """
    try:
        return Settings(
            postgres=postgres.server_of(config),
            database=database,
            user=config.redshift_user,
            password=config.redshift_password,
            host=config.host,
            port=config.redshift_port,
            isolation=config.redshift_isolation,
            tls=config.home / "redshift-tls",
            s3=S3Access(
                config.aws_url,
                config.aws_access_key,
                config.aws_secret_key,
                config.aws_environ()["AWS_DEFAULT_REGION"],
            ),
            foreign_roles=(
                READER,
                metadata.ROLE,
            ),  # of the shop's and of Airflow's database, on the same PostgreSQL
        )
    except ValueError as error:
        raise ValueError(f"DWH_LOCAL_REDSHIFT_ISOLATION: {error}") from None


def main() -> int:
    """Run the endpoint; the exit code is 1 when it cannot start."""
    keep_private()
    prepare_logging()
    database = load_settings(os.environ).database
    advice = "; start it with `python -m local.postgres`"
    return run(settings(load_config(), database), name="local.redshift", advice=advice)


if __name__ == "__main__":
    sys.exit(main())
