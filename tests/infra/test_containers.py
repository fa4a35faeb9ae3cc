"""Dockerfile and compose file: linted, closed, pinned; and every service's command run here, without containers.

There is no container engine where these tests run. What a container would start is started natively instead, with the
compose file's own environment; only folders and ports are moved to free ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import environment_python, free_port
from terraform import REPO, environ

COMPOSE = REPO / "docker-compose.yaml"
DOCKERFILE = REPO / "Dockerfile"
_TOOLS = Path(sys.executable).parent
_PORTS = {
    "5432": "postgres",
    "4566": "aws",
    "5439": "redshift",
    "2525": "smtp",
    "8025": "mail",
    "8080": "airflow",
}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


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
    for line in re.findall(r"^COPY (?!--from)(?:--chown=\S+ )?(.+)$", DOCKERFILE.read_text(), re.MULTILINE):
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


def test_services_are_confined_and_healthy_or_once(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        once = name in ("net", "provision", "airflow-database")
        assert once or "healthcheck" in service, name
        for needed in service.get("depends_on", {}):
            assert needed in services, f"{name} needs {needed}"


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
        [str(python), "-c", code], cwd=REPO, env=environ({"PYTHONPATH": f"{REPO}:{REPO / 'plugins'}"}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    native = json.loads(done.stdout.splitlines()[-1])
    assert set(native) == set(services) - {"net"}
    for name, service in services.items():
        if name in ("net", "postgres"):
            continue
        tail = [part for part in service["command"] if part != "python"]
        assert [str(part) for part in native[name]][-len(tail) :] == tail, name


# --- as they run -----------------------------------------------------------------------------------------------------


class Natively:
    """Runs compose services as processes of this machine."""

    def __init__(self, services: dict[str, dict[str, Any]], home: Path) -> None:
        self.services = services
        self.home = home
        self.ports = {number: str(free_port()) for number in _PORTS}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.airflow = environment_python("airflow")
        self.local = environment_python("local")
        self.postgres_url = ""

    def environ(self, service: str) -> dict[str, str]:
        """The service's own environment, with this machine's folders and ports."""
        values = {
            name: self._moved(str(value)) for name, value in self.services[service]["environment"].items()
        }
        paths = {
            "/var/lib/dwh": str(self.home),
            "/opt/dwh/docker/passwords.json": str(REPO / "docker" / "passwords.json"),
        }
        for inside, here in paths.items():
            values = {name: value.replace(inside, here) for name, value in values.items()}
        metadata = values.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
        if metadata:
            values["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = self._database(metadata)
        values["DWH_LOCAL_POSTGRES_URL"] = self.postgres_url
        image = {
            "PYTHONPATH": f"{REPO}:{REPO / 'plugins'}", "DWH_LOCAL_VENVS": str(self.local.parents[2]),
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        if "AIRFLOW__CORE__EXECUTOR" in values:
            image = {
                "AIRFLOW_HOME": str(self.home / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "dags"),
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
                "PATH": f"{self.airflow.parent}:{os.environ['PATH']}",
                "AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR": str(REPO / "include"),
            }  # fmt: skip
        plain = {k: v for k, v in environ({}).items() if not k.startswith(("AIRFLOW", "PYTHON", "DWH_LOCAL"))}
        return {**plain, **image, **values}

    def _moved(self, text: str) -> str:
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
        for number, port in self.ports.items():
            text = re.sub(rf"(?<!\d){number}(?!\d)", port, text)
        return text

    def _database(self, url: str) -> str:
        head, _, _ = self.postgres_url.partition("?")
        return url if not head else self.postgres_url.replace("postgresql://", "postgresql+psycopg2://", 1).replace(
            "/postgres?", "/airflow?"
        )  # fmt: skip

    def command(self, service: str) -> list[str]:
        given = [str(part) for part in self.services[service]["command"]]
        if given[0] == "python":
            return [str(self.local), *given[1:]]
        return [str(self.airflow), str(self.airflow.parent / "airflow"), *given]

    def start(self, service: str) -> None:
        log = (self.home / f"{service}.log").open("wb")
        self.running[service] = subprocess.Popen(
            self.command(service), cwd=REPO, env=self.environ(service), stdout=log, stderr=subprocess.STDOUT
        )

    def once(self, service: str) -> None:
        done = subprocess.run(
            self.command(service), cwd=REPO, env=self.environ(service), capture_output=True, text=True, check=False,
            timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, f"{service}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"

    def healthy(self, service: str, seconds: float = 300) -> None:
        """Wait until the service's own health check passes."""
        check = [self._moved(str(part)) for part in self.services[service]["healthcheck"]["test"]]
        assert check[:2] == ["CMD", "python"]
        until = time.monotonic() + seconds
        while subprocess.call([sys.executable, *check[2:]], cwd=REPO) != 0:
            process = self.running[service]
            told = (self.home / f"{service}.log").read_text(errors="replace")[-3000:]
            assert process.poll() is None, f"{service} ended with {process.returncode}:\n{told}"
            assert time.monotonic() < until, f"{service} is not healthy:\n{told}"
            time.sleep(0.5)

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def natively(
    services: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Natively]:
    runner = Natively(services, tmp_path_factory.mktemp("compose"))
    # The image of PostgreSQL is not ours; the embedded server of the laptop stands for it.
    embedded = {"DWH_LOCAL_HOME": str(runner.home), "PYTHONPATH": f"{REPO}:{REPO / 'plugins'}"}
    log = (runner.home / "postgres.log").open("wb")
    runner.running["postgres"] = subprocess.Popen(
        [str(runner.local), "-m", "local.postgres"],
        cwd=REPO,
        env=environ(embedded),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    code = (
        "from local.config import load_config\nfrom local import postgres\nimport time\n"
        "c = load_config()\n"
        "while not postgres.answers(c): time.sleep(0.2)\n"
        "print(postgres.url(c, 'postgres'))\n"
    )
    done = subprocess.run(
        [str(runner.local), "-c", code],
        cwd=REPO,
        env=environ(embedded),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    try:
        assert done.returncode == 0, done.stderr
        runner.postgres_url = done.stdout.strip()
        yield runner
    finally:
        runner.stop()


@pytest.mark.slow
def test_every_service_becomes_healthy(natively: Natively) -> None:
    servers, once = ("aws", "smtp", "redshift"), ("provision", "airflow-database")
    airflow = ("api-server", "scheduler", "dag-processor", "triggerer")
    # The other two run nothing of ours: `sleep`, and the image of PostgreSQL, which the embedded one stands for.
    assert {*servers, *once, *airflow} == set(natively.services) - {"net", "postgres"}
    for name in servers:
        natively.start(name)
    for name in servers:
        natively.healthy(name)
    for name in once:
        natively.once(name)
    for name in airflow:
        natively.start(name)
    for name in airflow:
        natively.healthy(name)
