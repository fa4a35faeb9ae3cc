"""What ecommerce_dwh_bootstrap would change in the warehouse: ``make plan``.

Reads the declarations of this folder and the catalogue of the running local stack, or, with ``ENV=dev`` and
``ACCOUNT=123456789012``, that of a deployed environment by the Redshift Data API; changes nothing. Exit code 1: a plan
that is refused, or no answer; else 0, or, with ``--detailed-exitcode`` as Terraform has it, 2 where something differs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import boto3
import redshift_connector

from ecommerce_dwh.changes import declared
from ecommerce_dwh.changes.apply import plan_changes
from ecommerce_dwh.changes.repairs import read_repairs
from ecommerce_dwh.settings import Settings
from ecommerce_dwh.warehouse.sql_files import SqlFileError
from local.config import load_config
from local.stack.summary import connect
from tools.aws_checks.aws import Aws, StoppedError
from tools.aws_checks.warehouse import Statements
from tools.preflight import signed_in

REPO = Path(__file__).resolve().parents[1]


class Reader:
    """A session that reads; each query by itself.

    Args:
        query: runs a statement and returns its rows.
    """

    def __init__(self, query: Callable[[str], Sequence[Sequence[Any]]]) -> None:
        self.query = query

    def transaction(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    def each(self, statements: Iterable[str]) -> None:
        raise NotImplementedError("a plan changes nothing")


def _local() -> Reader:
    try:
        connection = connect(load_config())
    except redshift_connector.InterfaceError as error:
        raise StoppedError("The local warehouse does not answer; start it: make up") from error
    connection.autocommit = True  # an open transaction would hold locks that a deployment waits for

    def query(statement: str) -> Sequence[Sequence[Any]]:
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())

    return Reader(query)


def _deployed(options: argparse.Namespace) -> Reader:
    settings = Settings(env=options.env, region=options.region, account_suffix=options.account_suffix)
    aws = Aws(options.region, boto3.Session())
    signed_in(aws, options.account)
    statements = Statements(aws, settings, poll_seconds=0.3)

    def query(statement: str) -> Sequence[Sequence[Any]]:
        rows, refusal = statements.answer(statement)
        if refusal:
            raise StoppedError(f"the warehouse refused {statement.splitlines()[-1]!r}: {refusal}")
        return rows

    return Reader(query)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make plan", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--env", choices=("dev", "prod"), help="a deployed environment; else the running local stack"
    )
    parser.add_argument("--account", default=os.environ.get("DWH_ACCOUNT_ID", ""), help="12 digits")
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument(
        "--account-suffix", default=os.environ.get("DWH_ACCOUNT_SUFFIX", ""), help="as in terraform.tfvars"
    )
    parser.add_argument(
        "--drop", nargs="*", default=[], metavar="NAME", help="what may go: schema.table[.column]"
    )
    parser.add_argument(
        "--overwrite", nargs="*", default=[], metavar="NAME", help="whose changes by hand may go"
    )
    parser.add_argument("--words", action="store_true", help="leave the SQL out")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 where something differs")
    options = parser.parse_args(arguments)
    sql_dir = REPO / "include" / "sql"
    try:
        wanted, repairs = declared.read(sql_dir), read_repairs(sql_dir)
        reader = _deployed(options) if options.env else _local()
        plan = plan_changes(reader, wanted, repairs, options.drop, options.overwrite)
    except (SqlFileError, StoppedError) as error:
        print(error, file=sys.stderr)
        return 1
    print(plan.text(with_sql=not options.words))
    if plan.refused:
        return 1
    return 2 if options.detailed_exitcode and not plan.empty else 0


if __name__ == "__main__":
    sys.exit(main())
