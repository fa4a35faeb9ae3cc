"""Whether a deployed environment works: ``python tools/verify.py --env dev --account 123456789012`` (``make verify``).

After the first apply and deployment, and whenever something seems wrong. Reads, but for one product that it sends
through S3, Glue and Redshift and takes away again (``--no-run`` leaves that out). Prints a table with a line per check,
and what to do for each red one; exit code 1 when a line is red. Which permissions it needs: docs/deployment.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import boto3
from rich.console import Console

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins")]

from ecommerce_dwh.settings import Settings  # noqa: E402 - needs the repository on the path
from tools.aws_checks.after import After  # noqa: E402
from tools.aws_checks.aws import Aws, StoppedError, run  # noqa: E402
from tools.aws_checks.canary import Canary  # noqa: E402
from tools.aws_checks.report import Level, Line, show  # noqa: E402
from tools.preflight import signed_in  # noqa: E402


def verify(settings: Settings, account: str, aws: Aws, canary: Canary | None) -> list[Line]:
    """All lines of the report.

    Args:
        canary: the tiny run; None leaves it out. It is not started in an environment that a check found broken.

    Raises:
        StoppedError: AWS cannot be reached, or the account is another one.
    """
    lines = [signed_in(aws, account)]
    after = After(settings, account, aws)
    lines += run([("Airflow environment", after.first)])
    if not after.environment:
        return lines
    lines += run(after.checks())
    blocking = {line.name for line in lines if line.level is Level.FAIL} & {"warehouse", "code bucket", "key"}
    if canary is not None and not blocking:
        lines += run([("tiny run", canary.lines)])
    return lines


def main(argv: list[str] | None = None) -> int:
    """Run all checks; the exit code is 1 when one is red, 2 when they could not be run."""
    parser = argparse.ArgumentParser(prog="make verify", description=__doc__.splitlines()[0])
    parser.add_argument("--env", required=True, choices=("dev", "prod"), help="ENV=dev or ENV=prod")
    parser.add_argument("--account", default="", help="12 digits; default DWH_ACCOUNT_ID")
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument(
        "--account-suffix", default=os.environ.get("DWH_ACCOUNT_SUFFIX", ""), help="as in terraform.tfvars"
    )
    parser.add_argument("--no-run", action="store_true", help="leave the tiny run out: nothing is written")
    options = parser.parse_args(argv)
    account = options.account or os.environ.get("DWH_ACCOUNT_ID", "")
    settings = Settings(
        env=options.env,
        region=options.region,
        account_suffix=options.account_suffix,
        include_dir=REPO / "include",
    )
    aws, console = Aws(options.region, boto3.Session()), Console()
    try:
        with console.status("Asking AWS; the tiny run takes a few minutes …"):
            lines = verify(settings, account, aws, None if options.no_run else Canary(aws, settings))
    except StoppedError as error:
        console.print(f"[red]✘[/] {error}", soft_wrap=True)
        return 2
    return show(f"{settings.prefix} in account {account}, {options.region}", lines, console)


if __name__ == "__main__":
    sys.exit(main())
