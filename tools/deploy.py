"""Bring the package to AWS: ``python tools/deploy.py preflight|diff|apply|health --env dev --account 123456789012``.

``diff`` shows what ``apply`` would change and changes nothing. ``apply`` uploads what differs, tells MWAA about new
plugins, requirements or start-up script, waits until the environment is back, reads whether pip succeeded, removes
files that are gone, and ends when Airflow has parsed the new files, can import every DAG and is healthy. It refuses to
work in another account than the one named, or from a tree with uncommitted changes: what runs on AWS is always a
commit.

Order: plugins first, DAGs after MWAA has the new plugins, so that no DAG ever meets an older package.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "plugins")]

from ecommerce_dwh.settings import Settings  # noqa: E402 - needs the repository on the path
from tools.airflow_health import Airflow, HealthError  # noqa: E402
from tools.package import PackageError, build  # noqa: E402

# Objects that MWAA reads only by the version that an update names.
_VERSIONED = {
    "mwaa/plugins.zip": "PluginsS3ObjectVersion",
    "mwaa/requirements.txt": "RequirementsS3ObjectVersion",
    "mwaa/startup.sh": "StartupScriptS3ObjectVersion",
}
_OURS = ("mwaa/", "glue/")
_DIGEST = "sha256"
# Running tasks may hold a graceful update; the session of GitHub's deploy role ends after two hours.
_UPDATE_MINUTES = 100
# docs.aws.amazon.com/mwaa/latest/userguide/update-environment.html: graceful updates are not supported there yet.
_FORCED_ONLY = {"ca-west-1", "ap-southeast-5"}
_DAGS = "mwaa/dags/"
_WAITING = {"UPDATING", "CREATING", "CREATING_SNAPSHOT", "ROLLING_BACK", "PENDING", "MAINTENANCE"}
MISSING = {"404", "NoSuchKey", "NotFound", "ResourceNotFoundException"}


class DeployError(RuntimeError):
    """The deployment was refused or failed; the message says what to do."""


class ClientFactory(Protocol):
    """Makes a client of an AWS service."""

    def __call__(self, service: str) -> Any: ...


@dataclass(frozen=True)
class Plan:
    """Changes of a deployment, by object key."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0

    @property
    def uploads(self) -> list[str]:
        return sorted(self.added + self.changed)

    @property
    def updates_environment(self) -> bool:
        """Whether Airflow has to restart to see the change."""
        return any(key in _VERSIONED for key in self.uploads)

    def text(self) -> str:
        """One line per change, and a count."""
        lines = [f"  + {key}" for key in self.added]
        lines += [f"  ~ {key}" for key in self.changed]
        lines += [f"  - {key}" for key in self.removed]
        counts = f"{len(self.added)} new, {len(self.changed)} changed, {len(self.removed)} gone, {self.unchanged} same"
        note = (
            "\n  Airflow restarts its workers (20 to 30 minutes), each when its tasks have ended."
            if self.updates_environment
            else ""
        )
        return "\n".join([counts, *lines]) + note


class Deployment:
    """One deployment to one environment.

    Args:
        settings: names of the environment.
        client: makes clients; each test and dry run brings its own.
        say: prints progress.
        poll_seconds: pause between two looks at the environment.
        airflow: whom to ask whether the new code runs.
    """

    def __init__(
        self,
        settings: Settings,
        client: ClientFactory,
        say: Callable[[str], None] = print,
        poll_seconds: float = 20,
        airflow: Airflow | None = None,
    ) -> None:
        self.settings = settings
        self.bucket = settings.scripts_bucket
        self.environment = settings.prefix
        self.say = say
        self.poll_seconds = poll_seconds
        self.s3 = client("s3")
        self.mwaa = client("mwaa")
        self.airflow = airflow or Airflow(self.mwaa, client("logs"), self.environment, say, poll_seconds)

    # --- what differs -------------------------------------------------------------------------------------------

    def plan(self, files: Mapping[str, bytes]) -> Plan:
        """Compare the package with what is in the bucket.

        Raises:
            DeployError: the bucket is not there.
        """
        try:
            found = {key for prefix in _OURS for key, _ in self._objects(prefix)}
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchBucket", *MISSING}:
                raise DeployError(
                    f"there is no bucket {self.bucket}; create it first: terraform apply in "
                    f"infrastructure/environments/{self.settings.env} (docs/deployment.md)"
                ) from None
            raise
        added, changed = [], []
        for key, data in sorted(files.items()):
            if key not in found:
                added.append(key)
            elif self._digest(key) != hashlib.sha256(data).hexdigest():
                changed.append(key)
        removed = sorted(found - set(files))
        return Plan(added, changed, removed, len(files) - len(added) - len(changed))

    def _objects(self, prefix: str) -> list[tuple[str, dict[str, Any]]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [(item["Key"], item) for page in pages for item in page.get("Contents", ())]

    def _digest(self, key: str) -> str:
        """The digest that the last deployment left; under KMS an ETag says nothing about the content."""
        return str(self.s3.head_object(Bucket=self.bucket, Key=key).get("Metadata", {}).get(_DIGEST, ""))

    # --- doing it -----------------------------------------------------------------------------------------------

    def apply(self, files: Mapping[str, bytes], *, checked: bool = True) -> Plan:
        """Bring the package to AWS and wait until MWAA has it.

        Args:
            files: content by object key.
            checked: whether Airflow will be asked afterwards; if it cannot be asked, nothing is changed.

        Raises:
            DeployError: the environment refused the update.
            HealthError: Airflow cannot be asked from here, or its pip failed.
        """
        plan = self.plan(files)
        self.say(plan.text())
        if checked and self.status() == "AVAILABLE":
            self.airflow.check_reachable()
        dags = [key for key in plan.uploads if key.startswith(_DAGS)]
        versions = {key: self._upload(key, files[key]) for key in plan.uploads if key not in dags}
        self._update(
            {_VERSIONED[key]: version for key, version in versions.items() if key in _VERSIONED and version}
        )
        # The contracts and SQL beside the DAGs go before the DAG files that read them.
        for key in sorted(dags, key=lambda key: (key.endswith(".py"), key)):
            self._upload(key, files[key])
        for key in plan.removed:
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        return plan

    def _upload(self, key: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata={_DIGEST: digest})
        return str(answer.get("VersionId") or "")

    def _update(self, versions: Mapping[str, str]) -> None:
        if not versions:
            return
        status = self.status()
        if status == "ABSENT":
            self.say(
                f"There is no environment {self.environment} yet; it will find its code when Terraform makes it."
            )
            return
        if status not in {"AVAILABLE", "UPDATE_FAILED"}:
            self.say(f"The environment is {status}; waiting until it takes an update.")
            self._wait()
        # Tasks that run may end; without it MWAA stops them, and they start again from the beginning.
        strategy = "FORCED" if self.settings.region in _FORCED_ONLY else "GRACEFUL"
        self.mwaa.update_environment(Name=self.environment, WorkerReplacementStrategy=strategy, **versions)
        self.say("Airflow is being updated.")
        last = self._wait()
        if set(versions) & {_VERSIONED["mwaa/plugins.zip"], _VERSIONED["mwaa/requirements.txt"]}:
            self.airflow.check_requirements(last["CreatedAt"])

    def status(self) -> str:
        """State of the environment; ABSENT when there is none."""
        try:
            return str(self.mwaa.get_environment(Name=self.environment)["Environment"]["Status"])
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return "ABSENT"
            raise

    def _wait(self) -> dict[str, Any]:
        """Wait until the environment is available; returns its last update."""
        began = time.monotonic()
        while True:
            environment = self.mwaa.get_environment(Name=self.environment)["Environment"]
            status = environment["Status"]
            if status == "AVAILABLE":
                return dict(environment.get("LastUpdate") or {})
            if status not in _WAITING:
                detail = (environment.get("LastUpdate") or {}).get("Error") or {}
                raise DeployError(
                    f"the environment ended as {status}: {detail.get('ErrorMessage', 'MWAA gives no reason')}. Airflow "
                    "still runs the code from before; its scheduler and requirements logs in CloudWatch say more"
                )
            if time.monotonic() - began > _UPDATE_MINUTES * 60:
                raise DeployError(
                    f"the environment is still {status} after {_UPDATE_MINUTES} minutes. Running tasks hold a graceful "
                    "update for up to 12 hours; when it is AVAILABLE, deploy again: only what is missing is done"
                )
            time.sleep(self.poll_seconds)

    # --- is it well ---------------------------------------------------------------------------------------------

    def health(self) -> None:
        """Ask Airflow whether it runs the DAG files that are in the bucket.

        Raises:
            HealthError: it has not parsed them, cannot import one, or a component is not healthy.
        """
        if self.status() == "ABSENT":
            self.say("No environment, so nothing to be healthy.")
            return
        found = dict(self._objects(_DAGS))
        if not found:
            raise HealthError(f"there is no DAG in s3://{self.bucket}/{_DAGS}; deploy first: make deploy")
        uploaded: datetime = max(item["LastModified"] for item in found.values())
        sources = {
            key.removeprefix(_DAGS): self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
            for key in found
            if key.endswith(".py") and "/" not in key.removeprefix(_DAGS)
        }
        self.airflow.wait_until_parsed(sources, uploaded)
        self.airflow.check()

    # --- before anything ----------------------------------------------------------------------------------------

    def preflight(self) -> list[str]:
        """Bucket names that belong to somebody else in the world."""
        taken = []
        for purpose in ("raw", "processed", "scripts", "logs"):
            name = self.settings.bucket(purpose)
            try:
                self.s3.head_bucket(Bucket=name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in MISSING:  # 403: there, but not ours
                    taken.append(name)
        return taken


def check_tree(repo: Path = REPO) -> str:
    """The commit of a clean tree.

    Raises:
        DeployError: something is not committed.
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(repo), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeployError(f"git says: {done.stderr.strip()}; deploy from a checkout of the repository")
        return done.stdout.strip()

    if dirty := git("status", "--porcelain"):
        raise DeployError(
            f"the tree has uncommitted changes ({len(dirty.splitlines())} files); commit or stash them: "
            "what runs on AWS must be a commit that others can look at"
        )
    return git("rev-parse", "HEAD")


def check_account(sts: Any, expected: str) -> None:
    """Refuse to work in another account.

    Raises:
        DeployError: the credentials are those of another account.
    """
    if not (len(expected) == 12 and expected.isdigit()):
        raise DeployError(
            "say which account to deploy to: --account 123456789012, or the variable DWH_ACCOUNT_ID"
        )
    found = sts.get_caller_identity()["Account"]
    if found != expected:
        raise DeployError(
            f"these credentials are for account {found}, not {expected}; "
            f"sign in to {expected}, or name the right account"
        )


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit code is 1 when it was refused or failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("preflight", "diff", "apply", "health"))
    parser.add_argument("--env", required=True, choices=("dev", "prod"))
    parser.add_argument(
        "--account", default=os.environ.get("DWH_ACCOUNT_ID", ""), help="12 digits; default DWH_ACCOUNT_ID"
    )
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument(
        "--account-suffix", default=os.environ.get("DWH_ACCOUNT_SUFFIX", ""), help="as in terraform.tfvars"
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="apply without asking Airflow, which only its VPC may ask in prod",
    )
    options = parser.parse_args(argv)
    settings = Settings(env=options.env, region=options.region, account_suffix=options.account_suffix)
    config = Config(retries={"max_attempts": 5, "mode": "standard"})

    def client(service: str) -> Any:
        return boto3.client(service, region_name=options.region, config=config)

    try:
        return _run(options.command, settings, client, options.account, checked=not options.unchecked)
    except (DeployError, HealthError, PackageError) as error:
        print(f"Not deployed: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"Not deployed: AWS says: {error}", file=sys.stderr)
    return 1


def _run(command: str, settings: Settings, client: ClientFactory, account: str, *, checked: bool) -> int:
    check_account(client("sts"), account)
    deployment = Deployment(settings, client)
    if command == "preflight":
        if taken := deployment.preflight():
            raise DeployError(
                f"bucket names are taken by another account: {', '.join(taken)}. "
                f'Set account_suffix = "-{account}" in terraform.tfvars'
            )
        print("Account and bucket names are fine.")
        return 0
    if command == "health":
        deployment.health()
        return 0
    if command == "apply":
        print(f"Commit {check_tree()}")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "dist"
        document = build(target)
        names: Any = document["files"]
        files = {name: (target / name).read_bytes() for name in names}
    print(f"Release {document['release']} to {settings.prefix} in account {account}, {settings.region}")
    if command == "diff":
        print(deployment.plan(files).text())
        return 0
    deployment.apply(files, checked=checked)
    if checked:
        deployment.health()
    else:
        print("Airflow was not asked whether it runs the new code; look at its import errors.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
