"""What the infrastructure tests share: Terraform, a local AWS endpoint, and one applied dev environment."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from terraform import REPO, Terraform, copy_tree, environ, point_at_endpoint

ACCOUNT = "123456789012"
REGION = "ap-south-1"
_VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def need(condition: bool, what: str) -> None:
    """Skip on a laptop that lacks something; fail in CI, where it must be there."""
    if condition:
        return
    if in_ci():
        pytest.fail(f"{what}; CI must not leave this untested")
    pytest.skip(what)


def environment_python(name: str) -> Path:
    """Python of one of the repository's environments."""
    python = _VENVS / name / "bin" / "python"
    need(python.exists(), f"there is no environment {name}: make setup")
    return python


@pytest.fixture(scope="session")
def terraform_ready() -> None:
    need(shutil.which("terraform") is not None, "terraform is not installed")


@dataclass(frozen=True)
class Endpoint:
    """The local AWS endpoint of a test session."""

    url: str
    home: Path

    def environ(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

    def client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION,
            aws_access_key_id="local", aws_secret_access_key="local",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, proxies={}),
        )  # fmt: skip


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A fresh endpoint with its own state, stopped at the end."""
    python = environment_python("local")
    home = tmp_path_factory.mktemp("aws")
    port = free_port()
    variables = {
        "DWH_LOCAL_HOME": str(home), "DWH_LOCAL_AWS_PORT": str(port), "PYTHONPATH": f"{REPO}:{REPO / 'plugins'}",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "DWH_LOCAL_VENVS": str(_VENVS),
    }  # fmt: skip
    log = (home / "endpoint.log").open("w")
    process = subprocess.Popen(
        [str(python), "-m", "local.aws"], cwd=REPO, env=environ(variables), stdout=log, stderr=subprocess.STDOUT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_local/health", process, home / "endpoint.log")
        yield Endpoint(url, home)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[Any], log: Path, seconds: float = 90) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            opener.open(url, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"{url} did not answer:\n{log.read_text()[-3000:]}")


@dataclass
class Applied:
    """The dev environment as Terraform made it on the endpoint."""

    terraform: Terraform
    endpoint: Endpoint
    variables: tuple[str, ...]
    outputs: dict[str, Any]


# MWAA is the one service that the endpoint has nothing of; `terraform test` covers its module.
_VARIABLES = (
    f"-var=account_id={ACCOUNT}", "-var=airflow_enabled=false", "-var=disposable=true",
    "-var=github_repository=company/ecommerce-dwh",
)  # fmt: skip


@pytest.fixture(scope="session")
def applied(terraform_ready: None, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """`terraform apply` of environments/dev on the endpoint, state in the endpoint's S3 with native locking."""
    root = copy_tree(tmp_path_factory.mktemp("tree")) / "environments" / "dev"
    point_at_endpoint(root)
    bucket = f"ecommerce-dwh-tfstate-{ACCOUNT}"
    endpoint.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    terraform = Terraform(root, endpoint.environ())
    terraform.init(
        f"-backend-config=bucket={bucket}", "-backend-config=use_path_style=true",
        "-backend-config=skip_credentials_validation=true", "-backend-config=skip_metadata_api_check=true",
        "-backend-config=skip_requesting_account_id=true",
    )  # fmt: skip
    terraform.run("apply", "-auto-approve", "-input=false", "-no-color", *_VARIABLES)
    return Applied(terraform, endpoint, _VARIABLES, terraform.output())
