"""Dockerfile and compose file: linted, closed, pinned; and every service's command run here, without containers.

There is no container engine where these tests run. What a container would start is started natively instead, with the
compose file's own environment, under the files, owners and modes that the container would have (containers.py,
containers_run.py); only ports are moved to free ones.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import containers
import pytest
import yaml
from conftest import environment_python
from containers import Container, Image
from containers_run import Natively, forwarded
from terraform import REPO, environ

COMPOSE = REPO / "docker-compose.yaml"
DOCKERFILE = REPO / "Dockerfile"
_TOOLS = Path(sys.executable).parent
_PROFILES = ((), ("airflow",))


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


@pytest.fixture(scope="module")
def images() -> dict[str, Image]:
    return containers.images(DOCKERFILE.read_text())


# --- as they are written ---------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [str(_TOOLS / "hadolint"), str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


def test_compose_file_fits_its_schema() -> None:
    command = [str(_TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_images_are_small_by_construction_pinned_and_not_root() -> None:
    text = DOCKERFILE.read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 3
    for base in bases:
        assert re.search(r":\d+\.\d+\.\d+", base), f"{base} is not pinned to a patch release"
    stages = text.split("\nFROM ")[1:]
    for stage in stages[1:]:
        users = re.findall(r"^USER (\d+)", stage, re.MULTILINE)
        assert users and users[-1] != "0", "a final image runs as an ordinary user"
        assert "HEALTHCHECK" in stage
    assert "apache/airflow:3.3.1-python3.12" in bases


def test_every_file_that_is_copied_exists() -> None:
    for line in re.findall(r"^COPY (?!--from)(?:--ch\w+=\S+ )*(.+)$", DOCKERFILE.read_text(), re.MULTILINE):
        *sources, _target = line.split()
        for source in sources:
            assert (REPO / source).exists(), source
            assert any(
                source == rule[1:] or source.startswith(f"{rule[1:]}/")
                for rule in (REPO / ".dockerignore").read_text().splitlines()
                if rule.startswith("!")
            ), f".dockerignore keeps {source} out"


def test_only_this_machine_reaches_the_ports(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_services_are_confined_and_start_again(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"unless-stopped|on-failure:\d", service.get("restart", "")), name
        assert "healthcheck" in service, name


@pytest.mark.parametrize("profiles", _PROFILES, ids=lambda profiles: "+".join(profiles) or "none")
def test_up_wait_ends_well(services: dict[str, dict[str, Any]], profiles: tuple[str, ...]) -> None:
    assert len(containers.active(services, profiles)) >= 6
    assert containers.wait_fault(services, profiles) == ""


def test_the_waiting_rule_finds_what_is_wrong(services: dict[str, dict[str, Any]]) -> None:
    def broken(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
        other = copy.deepcopy(services)
        for name, change in changes.items():
            other[name] |= change
        return other

    # `provision` awaited only by services of the profile: without it, `up --wait` ends with exit code 1.
    alone = broken(redshift={"depends_on": {"postgres": {"condition": "service_healthy"}}})
    assert "provision ends" in containers.wait_fault(alone, ())
    assert "never ends" in containers.wait_fault(broken(provision={"restart": "unless-stopped"}), ())
    assert "no health check" in containers.wait_fault(broken(smtp={"healthcheck": {"disable": True}}), ())
    assert "do not start" in containers.wait_fault(broken(aws={"profiles": ["airflow"]}), ())


# Where each service writes, besides what its environment names.
_WRITES = {
    "aws": ["/var/lib/dwh", "/var/lib/dwh/aws"],
    "smtp": ["/var/lib/dwh"],
    "redshift": [],
    "provision": [],
    "airflow-database": ["/opt/airflow"],
    **{
        name: ["/opt/airflow", "/opt/airflow/logs"]
        for name in ("api-server", "scheduler", "dag-processor", "triggerer")
    },
}


def _written(name: str, service: dict[str, Any]) -> list[str]:
    """Paths that a service opens for writing; Airflow's simple auth manager its password file, in `init()`."""
    given = service["environment"]
    options = ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",) if name == "api-server" else ()
    return [*_WRITES[name], *(given[option] for option in options)]


def test_each_service_may_write_where_it_writes(
    services: dict[str, dict[str, Any]], images: dict[str, Image]
) -> None:
    ours = {name: service for name, service in services.items() if "build" in service}
    assert set(ours) == set(_WRITES)
    for name, service in ours.items():
        container = Container(service, images[service["build"]["target"]])
        assert container.user[0] != 0, name
        closed = [path for path in _written(name, service) if not container.may_write(path)]
        assert not closed, f"{name} cannot write {closed}"


@pytest.mark.parametrize(
    ("volumes", "writable"),
    [
        (["./docker/passwords.json:/opt/dwh/docker/passwords.json:ro"], False),
        (["./docker/passwords.json:/opt/dwh/docker/passwords.json"], False),  # the owner is another user
        (["./docker:/opt/dwh/docker:ro"], False),
        (["keys:/opt/dwh/docker"], False),  # root's: the image has no such folder to copy the owner from
        (["logs:/opt/airflow/logs"], True),
        ([], True),
    ],
)
def test_mounts_decide_what_can_be_written(
    services: dict[str, dict[str, Any]], images: dict[str, Image], volumes: list[str], writable: bool
) -> None:
    container = Container({**services["api-server"], "volumes": volumes}, images["airflow"])
    assert container.may_write("/opt/dwh/docker/passwords.json") is writable


def test_users_and_owners_are_read_from_the_dockerfile(images: dict[str, Image]) -> None:
    assert images["airflow"].user == (50000, 0)
    assert images["aws"].user == (10001, 10001)
    assert images["aws"].entries["/var/lib/dwh"].owner == (10001, 10001)
    text = DOCKERFILE.read_text()
    closed = containers.images(
        text.replace("--chown=airflow:root --chmod=0600 docker/pass", "--chmod=0600 docker/pass")
    )
    assert not Container({}, closed["airflow"]).may_write("/opt/dwh/docker/passwords.json")
    assert not Container({"read_only": True}, images["airflow"]).may_write("/opt/airflow")


def test_commands_are_those_of_the_native_stack(services: dict[str, dict[str, Any]]) -> None:
    """`make up` and compose must not drift apart."""
    code = (
        "import json\n"
        "from local.config import load_config\n"
        "from local.stack.steps import plan\n"
        "print(json.dumps({s.name: list(s.command) for s in plan(load_config()).steps}))\n"
    )
    python = environment_python("local")
    done = subprocess.run(
        [str(python), "-c", code],
        cwd=REPO,
        env=environ({"PYTHONPATH": f"{REPO}:{REPO / 'plugins'}"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    native = json.loads(done.stdout.splitlines()[-1])
    # The image of the AWS endpoint is built with Spark's connector; `make run` fetches it while the stack starts.
    assert set(native) - {"spark-connector"} == set(services) - {"net"}
    for name, service in services.items():
        if name in ("net", "postgres"):
            continue
        tail = [part for part in service["command"] if part != "python"]
        assert [str(part) for part in native[name]][-len(tail) :] == tail, name


# --- as they run -----------------------------------------------------------------------------------------------------

_SIGN_IN = """
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
SimpleAuthManager().init()
print("PASSWORDS", SimpleAuthManager.get_passwords())
"""


@pytest.mark.parametrize(
    ("volumes", "error"),
    [
        ([], ""),
        (
            ["./docker/passwords.json:/opt/dwh/docker/passwords.json:ro"],
            "Read-only file system|Permission denied",
        ),
    ],
)
def test_airflow_opens_its_passwords_in_the_container(
    services: dict[str, dict[str, Any]], images: dict[str, Image], volumes: list[str], error: str
) -> None:
    with scratch() as home:
        changed = {**services, "api-server": {**services["api-server"], "volumes": volumes}}
        done = Natively(changed, images, home).says("api-server", _SIGN_IN)
    if error:
        assert re.search(rf"({error}): '\S*/opt/dwh/docker/passwords.json'", done.stderr), done.stderr[-2000:]
    else:
        assert "PASSWORDS {'admin': 'admin'}" in done.stdout, done.stderr[-2000:]


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that the users whom PostgreSQL and the services run as may enter; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory(prefix="dwh-compose-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="module")
def natively(services: dict[str, dict[str, Any]], images: dict[str, Image]) -> Iterator[Natively]:
    with scratch() as home:
        runner = Natively(services, images, home)
        # The image of PostgreSQL is not ours; the embedded server of the laptop stands for it.
        local = str(environment_python("local"))
        embedded = environ({"DWH_LOCAL_HOME": str(home), "PYTHONPATH": f"{REPO}:{REPO / 'plugins'}"})
        with (home / "postgres.log").open("wb") as log:
            runner.running["postgres"] = subprocess.Popen(
                [local, "-m", "local.postgres"], cwd=REPO, env=embedded, stdout=log, stderr=subprocess.STDOUT
            )
        code = (
            "from local.config import load_config\nfrom local import postgres\nimport time\n"
            "c = load_config()\n"
            "while not postgres.answers(c): time.sleep(0.2)\n"
            "print(postgres.socket_dir(c) / f'.s.PGSQL.{postgres.SOCKET_PORT}')\n"
        )
        try:
            done = subprocess.run(
                [local, "-c", code],
                cwd=REPO,
                env=embedded,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            with forwarded(int(runner.ports["5432"]), done.stdout.strip()):
                yield runner
                runner.stop()
        finally:
            runner.stop()


def test_the_network_holder_is_healthy(services: dict[str, dict[str, Any]]) -> None:
    check = services["net"]["healthcheck"]["test"]
    assert check[0] == "CMD"
    assert subprocess.run(check[1:], check=False).returncode == 0
    assert subprocess.run([*check[1:-1], "/sys/class/net/no/flags"], check=False, stderr=-3).returncode != 0


@pytest.mark.slow
def test_every_service_becomes_healthy(natively: Natively) -> None:
    servers, once = ("aws", "smtp"), ("provision",)
    airflow = ("api-server", "scheduler", "dag-processor", "triggerer")
    # The other two run nothing of ours: `sleep`, and the image of PostgreSQL, which the embedded one stands for.
    assert {*servers, *once, *airflow, "redshift", "airflow-database"} == set(natively.services) - {
        "net",
        "postgres",
    }
    for name in servers:
        natively.start(name)
    for name in servers:
        natively.healthy(name)
    natively.once("provision")
    natively.start("redshift")
    natively.healthy("redshift")
    natively.once("airflow-database")
    for name in airflow:
        natively.start(name)
    for name in airflow:
        natively.healthy(name)
