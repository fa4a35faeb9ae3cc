"""Whether an account is ready for an environment: ``python tools/preflight.py --env dev --account 123456789012``.

Read-only, before the first ``terraform apply`` (``make preflight``). Prints a table with a line per check, and what to
do for each red one; exit code 1 when a line is red. Which permissions it needs: docs/deployment.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins")]

from tools.aws_checks import aws as calls  # noqa: E402 - needs the repository on the path
from tools.aws_checks.aws import Aws, StoppedError, run  # noqa: E402
from tools.aws_checks.before import Before  # noqa: E402
from tools.aws_checks.rendered import Rendered, RenderError, render  # noqa: E402
from tools.aws_checks.report import Line, fail, ok, show, warn  # noqa: E402


def signed_in(aws: Aws, account: str) -> Line:
    """Whose credentials these are.

    Raises:
        StoppedError: nobody's, or another account's; no other check would say anything about the right one.
    """
    if not (len(account) == 12 and account.isdigit()):
        raise StoppedError(
            "Say which account: ACCOUNT=123456789012 (12 digits), or the variable DWH_ACCOUNT_ID."
        )
    try:
        identity = aws.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise calls.stopped(error) from None
    if identity["Account"] != account:
        raise StoppedError(
            f"These credentials are for account {identity['Account']}, not {account}: sign in to {account}, or name "
            "the right account."
        )
    if identity["Arn"].endswith(":root"):
        return warn(
            "account",
            f"{account}, as its root user",
            "sign in as an administrator of IAM Identity Center instead",
        )
    return ok("account", f"{account}, as {identity['Arn'].rpartition(':')[2]}")


def preflight(env: str, account: str, aws: Aws, rendered: Rendered) -> list[Line]:
    """All lines of the report.

    Raises:
        StoppedError: AWS cannot be reached, or the account is another one.
    """
    first = signed_in(aws, account)
    before = Before(env, account, aws, rendered)
    (state, *others) = before.checks()
    return [first, *run([state]), *run(others)]


def _suffix_line(rendered: Rendered) -> list[Line]:
    """The deployment tool reads the suffix of the bucket names from a variable, Terraform from its file."""
    planned, told = rendered.facts["account_suffix"], os.environ.get("DWH_ACCOUNT_SUFFIX", "")
    if planned == told:
        return []
    return [
        fail(
            "account_suffix",
            f"terraform.tfvars says {planned!r}, DWH_ACCOUNT_SUFFIX {told!r}",
            f"export DWH_ACCOUNT_SUFFIX={planned}, or make terraform.tfvars say the same",
        )
    ]


def main(argv: list[str] | None = None) -> int:
    """Run all checks; the exit code is 1 when one is red, 2 when they could not be run."""
    parser = argparse.ArgumentParser(prog="make preflight", description=__doc__.splitlines()[0])
    parser.add_argument("--env", required=True, choices=("dev", "prod"), help="ENV=dev or ENV=prod")
    parser.add_argument("--account", default="", help="12 digits; default DWH_ACCOUNT_ID")
    options = parser.parse_args(argv)
    account = options.account or os.environ.get("DWH_ACCOUNT_ID", "")
    console = Console(stderr=False)
    try:
        signed_in(Aws(os.environ.get("AWS_REGION", "ap-south-1")), account)
        with console.status("Terraform renders the names and policies …"):
            rendered = render(options.env, account)
        aws = Aws(str(rendered.facts["region"]), boto3.Session())
        with console.status("Asking AWS …"):
            lines = [*_suffix_line(rendered), *preflight(options.env, account, aws, rendered)]
    except RenderError as error:
        folder = f"infrastructure/environments/{options.env}"
        line = fail(
            "tfvars",
            str(error),
            f"cp {folder}/terraform.tfvars.example {folder}/terraform.tfvars, and fill it in",
        )
        return show(f"Preflight of {options.env} in account {account}", [line], console)
    except StoppedError as error:
        console.print(f"[red]✘[/] {error}", soft_wrap=True)
        return 2
    return show(f"Preflight of {options.env} in account {account}, {aws.region}", lines, console)


if __name__ == "__main__":
    sys.exit(main())
