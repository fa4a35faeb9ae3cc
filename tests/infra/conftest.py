"""What the infrastructure tests share: Terraform, a local AWS endpoint, and one applied dev environment."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from host_prefix import HostPrefixProxy
from policies import Document, documents
from terraform import INFRASTRUCTURE, OVERRIDE, REPO, Terraform, copy_tree, environ, point_at_endpoint

if TYPE_CHECKING:
    from walk import Walk

ACCOUNT = "123456789012"
REGION = "ap-south-1"
_VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")


def need(condition: bool, what: str) -> None:
    """Fail where something is missing: who asks for this suite wants to know, not to be spared."""
    if not condition:
        pytest.fail(what, pytrace=False)


def environment_python(name: str) -> Path:
    """Python of one of the repository's environments."""
    python = _VENVS / name / "bin" / "python"
    need(python.exists(), f"there is no environment {name}; `make setup setup-infra` builds it")
    return python


def python312() -> str:
    """A Python 3.12, as MWAA has; the one thing that a machine may lack, since its distribution may not have it."""
    installed = sorted((Path.home() / ".pyenv" / "versions").glob("3.12*/bin/python"))
    candidates = [
        os.environ.get("PYTHON312", ""),
        "python3.12",
        str(_VENVS / "airflow-312" / "bin" / "python"),
        *installed,
    ]
    for candidate in filter(None, map(str, candidates)):
        with contextlib.suppress(OSError):
            # A version manager's shim may stand for none.
            told = subprocess.run(
                [candidate, "-c", "import sys; print(sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=False,
            )
            if told.stdout.strip() == "(3, 12)":
                return candidate
    pytest.skip("there is no Python 3.12 here; install one, or name it: PYTHON312=/path/to/python3.12")


@pytest.fixture(scope="session")
def terraform_ready() -> None:
    need(shutil.which("terraform") is not None, "terraform is not on the PATH; the suite needs 1.11 or newer")


@dataclass(frozen=True)
class Endpoint:
    """The local AWS endpoint of a test session."""

    url: str
    home: Path
    airflow_port: int  # where the Airflow listens that MWAA's InvokeRestApi asks
    proxy: str  # where a client finds the endpoint by a name with MWAA's host prefix

    def calls(self) -> list[dict[str, Any]]:
        """Every request so far: service, region, operation, parameters."""
        path = self.home / "trail.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def environ(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "HTTP_PROXY": self.proxy,
            "NO_PROXY": "127.0.0.1",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 2},
                proxies={},
                inject_host_prefix=False,
            ),
        )


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A fresh endpoint with its own state, stopped at the end."""
    with serving(tmp_path_factory.mktemp("aws")) as found:
        yield found


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Endpoint]:
    """A local AWS endpoint with its state in a folder."""
    python = environment_python("local")
    port, airflow_port = free_port(), free_port()
    with HostPrefixProxy(port) as proxy:
        found = Endpoint(f"http://127.0.0.1:{port}", home, airflow_port, proxy.url)
        with _process(python, found, proxy.names):
            yield found


@contextlib.contextmanager
def _process(python: Path, endpoint: Endpoint, names: list[str]) -> Iterator[None]:
    """The endpoint's process, from its first answer on."""
    home = endpoint.home
    variables = {
        "DWH_LOCAL_HOME": str(home),
        "DWH_LOCAL_AWS_PORT": endpoint.url.rpartition(":")[2],
        "DWH_LOCAL_AIRFLOW_PORT": str(endpoint.airflow_port),
        "DWH_LOCAL_ALLOWED_HOSTS": ",".join(names),
        "PYTHONPATH": f"{REPO}:{REPO / 'plugins'}",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "DWH_LOCAL_VENVS": str(_VENVS),
        "DWH_LOCAL_AWS_TRAIL": str(home / "trail.jsonl"),
    }
    log = (home / "endpoint.log").open("w")
    process = subprocess.Popen(
        [str(python), "-m", "local.aws"], cwd=REPO, env=environ(variables), stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait_for(f"{endpoint.url}/_local/health", process, home / "endpoint.log")
        yield
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


@contextlib.contextmanager
def local_component(module: str, variables: Mapping[str, str], port: int | None = None) -> Iterator[None]:
    """One component of the local stack as a process, awaited on its port if it has one."""
    log = Path(variables["DWH_LOCAL_HOME"]) / f"{module}.log"
    paths = {"PYTHONPATH": f"{REPO}:{REPO / 'plugins'}", "DWH_LOCAL_VENVS": str(_VENVS)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(environment_python("local")), "-m", module],
            cwd=REPO,
            env=environ({**paths, **variables}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + 90
            while port is not None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"{module} does not answer:\n{log.read_text()[-3000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


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
    """An environment as Terraform made it on the endpoint."""

    terraform: Terraform
    endpoint: Endpoint
    variables: tuple[str, ...]
    outputs: dict[str, Any]


# MWAA is the one service that the endpoint has nothing of; `terraform test` covers its module. Both environments share
# an account here, as they may: prod leaves GitHub's OIDC provider and the trail to dev (docs/deployment.md).
_COMMON = (
    f"-var=account_id={ACCOUNT}",
    "-var=airflow_enabled=false",
    "-var=github_repository=company/ecommerce-dwh",
    "-var=github_environments_protected=true",
)
_VARIABLES = {
    "dev": (*_COMMON, "-var=disposable=true"),
    "prod": (*_COMMON, "-var=create_github_oidc_provider=false", "-var=cloudtrail=false"),
}


def _apply(endpoint: Endpoint, folder: Path, env: str) -> Applied:
    """`terraform apply` of an environment on the endpoint, state in the endpoint's S3 with native locking."""
    root = copy_tree(folder) / "environments" / env
    point_at_endpoint(root)
    bucket = f"ecommerce-dwh-tfstate-{ACCOUNT}"
    s3 = endpoint.client("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    terraform = Terraform(root, endpoint.environ())
    terraform.init(
        f"-backend-config=bucket={bucket}",
        "-backend-config=use_path_style=true",
        "-backend-config=skip_credentials_validation=true",
        "-backend-config=skip_metadata_api_check=true",
        "-backend-config=skip_requesting_account_id=true",
    )
    try:
        terraform.run("apply", "-auto-approve", "-input=false", "-no-color", *_VARIABLES[env])
    except AssertionError as error:
        # Whether a request came twice, which the provider's error does not tell.
        error.add_note(f"the endpoint's log:\n{(endpoint.home / 'endpoint.log').read_text()[-6000:]}")
        raise
    return Applied(terraform, endpoint, _VARIABLES[env], terraform.output())


def _apply_prod(first: Future[Any], endpoint: Endpoint, folder: Path) -> Applied:
    """Prod, once its second region is on."""
    first.result()
    return _apply(endpoint, folder, "prod")


# The bucket under a name that the applied environments do not use; the second region of prod switched on.
BOOTSTRAP = (f"-var=account_id={ACCOUNT}", "-var=suffix=-dr", "-var=replica_region=ap-south-2")


def _bootstrap(endpoint: Endpoint, folder: Path) -> Terraform:
    """`terraform apply` of what an account needs first."""
    root = copy_tree(folder) / "bootstrap"
    (root / "endpoint_override.tf").write_text(OVERRIDE)
    terraform = Terraform(root, endpoint.environ())
    terraform.init()
    terraform.run("apply", "-auto-approve", "-no-color", *BOOTSTRAP)
    return terraform


def _test_module(folder: Path, module: str) -> str:
    """`terraform test` of a module; returns what it says."""
    terraform = Terraform(copy_tree(folder) / "modules" / module)
    terraform.init("-backend=false")
    return terraform.run("test", "-no-color").stdout


def _checkov() -> dict[str, Any]:
    """Checkov's report of the environments and modules; the files of ``common`` are met in both environments."""
    checkov = Path(sys.executable).with_name("checkov")
    command = [
        str(checkov),
        "-d",
        str(INFRASTRUCTURE),
        "--framework",
        "terraform",
        "-o",
        "json",
        "--skip-download",
    ]
    done = subprocess.run(
        [*command, "--skip-path", "environments/common"],
        capture_output=True,
        text=True,
        check=False,
        env=environ({"LOG_LEVEL": "ERROR"}),
    )
    return dict(json.loads(done.stdout))


def _walk(stack: contextlib.ExitStack, folders: pytest.TempPathFactory) -> tuple[Any, ...]:
    """The walk through the pages as a function and its arguments; its servers run until the session's end."""
    from account_edge import AccountEdge  # late import: these modules import this one
    from airflow_behind import PackagedAirflow
    from walk import walk_pages

    endpoint = stack.enter_context(serving(folders.mktemp("walk-aws")))
    edge = stack.enter_context(AccountEdge())
    airflow = stack.enter_context(PackagedAirflow(endpoint, folders.mktemp("walk-airflow")))
    return walk_pages, endpoint, edge, airflow.ready, folders.mktemp("walk")


@pytest.fixture(scope="session")
def ahead(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Any]]]:
    """What takes long and mostly waits, started for the selected tests before the first of them needs it.

    An apply waits a minute for AWS's consistency; a module's test leaves one of two cores idle.
    `pytest_collection_modifyitems` puts the tests that need none of this first.
    """
    selected = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    modules = [
        item.callspec.params["module"] for item in request.session.items if "module_told" in item.fixturenames
    ]  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        work: dict[str, Future[Any]] = {}
        if "bootstrapped" in selected:
            endpoint = request.getfixturevalue("endpoint")
            work["bootstrap"] = pool.submit(_bootstrap, endpoint, tmp_path_factory.mktemp("bootstrap"))
        if "applied" in selected:
            endpoint = request.getfixturevalue("endpoint")
            work["dev"] = pool.submit(_apply, endpoint, tmp_path_factory.mktemp("tree"), "dev")
        if "walked" in selected:
            work["walk"] = pool.submit(*_walk(stack, tmp_path_factory))
        if "applied_prod" in selected:
            endpoint = request.getfixturevalue("endpoint")
            folder = tmp_path_factory.mktemp("prod")
            work["prod"] = pool.submit(_apply_prod, work["bootstrap"], endpoint, folder)
        if "checkov_report" in selected:
            work["checkov"] = pool.submit(_checkov)
        for module in modules:
            work[module] = pool.submit(_test_module, tmp_path_factory.mktemp(module), module)
        yield work
        for future in work.values():
            future.cancel()


# Fixtures that tests wait for, in the order in which they are ready. Tests of test_terraform_apply.py stay together,
# because their order is that of a deployment's life, and come after the others that look at the applied environments:
# the last of them destroys dev.
_READY = (
    {"checkov_report", "module_told"},
    {"bootstrapped"},
    {"applied", "applied_prod", "rendered"},
    {"walked"},
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait for nothing run first, while the applies go on beside them."""

    def place(item: pytest.Item) -> int:
        names = set(getattr(item, "fixturenames", ()))
        if item.path.name == "test_terraform_apply.py":
            return 3
        return max((number for number, group in enumerate(_READY, 1) if names & group), default=0)

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _start_early(request: pytest.FixtureRequest) -> None:
    if any("terraform_ready" in item.fixturenames for item in request.session.items):  # type: ignore[attr-defined]
        request.getfixturevalue("terraform_ready")
        request.getfixturevalue("ahead")


@pytest.fixture(scope="session")
def applied(terraform_ready: None, ahead: dict[str, Future[Any]]) -> Applied:
    """The dev environment, applied to the endpoint."""
    found: Applied = ahead["dev"].result()
    return found


@pytest.fixture(scope="session")
def applied_prod(bootstrapped: Terraform, ahead: dict[str, Future[Any]]) -> Applied:
    """The prod environment, applied to the same account of the endpoint."""
    found: Applied = ahead["prod"].result()
    return found


@pytest.fixture(scope="session")
def rendered(applied: Applied, applied_prod: Applied) -> dict[str, list[Document]]:
    """Every policy document of both environments, as it was applied."""
    states = {"dev": applied, "prod": applied_prod}
    return {
        env: documents(json.loads(made.terraform.run("show", "-json").stdout)) for env, made in states.items()
    }


@pytest.fixture(scope="session")
def bootstrapped(terraform_ready: None, ahead: dict[str, Future[Any]]) -> Terraform:
    """The state bucket's root module, applied to the endpoint."""
    found: Terraform = ahead["bootstrap"].result()
    return found


@pytest.fixture(scope="session")
def walked(terraform_ready: None, ahead: dict[str, Future[Any]]) -> Walk:
    """The first deployment, walked on an endpoint of its own."""
    need(shutil.which("aws") is not None, "the AWS CLI is not on the PATH; the pages' commands need it")
    found: Walk = ahead["walk"].result()
    return found


@pytest.fixture(scope="session")
def checkov_report(terraform_ready: None, ahead: dict[str, Future[Any]]) -> dict[str, Any]:
    """What checkov says of the infrastructure."""
    return dict(ahead["checkov"].result())


@pytest.fixture
def module_told(terraform_ready: None, ahead: dict[str, Future[Any]], module: str) -> str:
    """What `terraform test` says of a module."""
    return str(ahead[module].result())
