"""Runs the services of docker-compose.yaml as processes of this machine, under their containers' files and users.

Where the tests run as root, each service gets a mount namespace in which its container's files stand at their own
paths with their own owners and modes, and runs as the image's user without capabilities. Elsewhere the files stand in
a scratch folder with the modes that the image's user has on them, and the service runs as the calling user.
Only ports are moved to free ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import environment_python, free_port
from containers import Container, Image
from terraform import REPO, environ

PORTS = ("5432", "4566", "5439", "2525", "8025", "8080")
AS_ROOT = os.geteuid() == 0


class Natively:
    """Services of a compose file as processes.

    Args:
        services: the compose file's services.
        images: the Dockerfile's stages.
        home: scratch folder.
    """

    def __init__(self, services: Mapping[str, Any], images: Mapping[str, Image], home: Path) -> None:
        self.services = services
        self.images = images
        self.home = home
        self.ports = {number: str(free_port()) for number in PORTS}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._trees: dict[str, Path] = {}
        if AS_ROOT:
            self._open_compiled_code()

    def _open_compiled_code(self) -> None:
        """Let the container's user list the compiled code of this machine's environments, as in an image.

        The local stack's processes write files for their own account alone, so the folders of compiled code that one
        of them was the first to write are closed to others; botocore lists every folder of a service's data.
        """
        closed = ["-type", "d", "-name", "__pycache__", "-not", "-perm", "-005"]
        subprocess.run(["find", "-L", self._venvs(), *closed, "-exec", "chmod", "a+rx", "{}", "+"], check=True)

    def container(self, service: str) -> Container:
        return Container(self.services[service], self.images[self.services[service]["build"]["target"]])

    def _named(self, service: str) -> list[tuple[Path, str]]:
        """The service's named volumes: a folder that its services share, and where it is mounted."""
        pairs = [str(text).split(":")[:2] for text in self.services[service].get("volumes", [])]
        return [(self.home / "volumes" / name, target) for name, target in pairs if name[0] not in "./"]

    def tree(self, service: str) -> Path:
        """Folder that stands for the container's ``/``; named volumes are shared by the services that mount them."""
        if service in self._trees:
            return self._trees[service]
        tree, container = self.home / "containers" / service, self.container(service)
        for shared, target in self._named(service):
            shared.mkdir(parents=True, exist_ok=True)
            (tree / target[1:]).parent.mkdir(parents=True, exist_ok=True)
            if not AS_ROOT:
                (tree / target[1:]).symlink_to(shared)
        container.build(tree, owners=AS_ROOT)
        for shared, target in self._named(service):
            state = (tree / target[1:]).stat()
            os.chown(shared, state.st_uid, state.st_gid)
            shared.chmod(state.st_mode & 0o777)
        self._trees[service] = tree
        return tree

    # --- environment and command ----------------------------------------------------------------------------------

    def environ(self, service: str) -> dict[str, str]:
        """The service's own environment, with this machine's ports."""
        container, given = self.container(service), self.services[service]["environment"]
        values = {name: self._moved(str(value)) for name, value in given.items()}
        python = environment_python("airflow" if "AIRFLOW__CORE__EXECUTOR" in given else "local")
        image = {
            **container.image.environ,
            "HOME": container.image.home,
            "USER": "container",
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "DWH_LOCAL_VENVS": str(python.parents[2]),
            "AIRFLOW_HOME": "/opt/airflow",
        }
        here = {**image, **values}
        if not AS_ROOT:
            tree = self.tree(service)
            inside = re.compile(r"(?<![\w.])(/(?:opt/dwh|opt/airflow|var/lib/dwh|home/\w+))(?=[/:]|$)")
            kept = ("PATH", "DWH_LOCAL_VENVS")
            here = {k: v if k in kept else inside.sub(rf"{tree}\1", v) for k, v in here.items()}
        plain = {k: v for k, v in environ({}).items() if not k.startswith(("AIRFLOW", "PYTHON", "DWH_LOCAL"))}
        return {**plain, **here}

    def _moved(self, text: str) -> str:
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
        for number, port in self.ports.items():
            text = re.sub(rf"(?<!\d){number}(?!\d)", port, text)
        return text

    def command(self, service: str) -> list[str]:
        given = [str(part) for part in self.services[service]["command"]]
        if given[0] == "python":
            built = self.services[service]["build"]["target"]
            given = [str(environment_python("airflow" if built == "airflow" else "local")), *given[1:]]
        else:
            python = environment_python("airflow")
            given = [str(python), str(python.parent / "airflow"), *given]
        return self._inside(service, given)

    def _inside(self, service: str, command: list[str]) -> list[str]:
        return ["sh", "-c", self._confined(service, command)] if AS_ROOT else command

    def _confined(self, service: str, command: list[str]) -> str:
        """A shell script that enters the container's namespace and becomes its user."""
        tree, container = self.tree(service), self.container(service)
        kept = {self._venvs(), *(Path(p) for p in self._interpreters())}
        return "\n".join(
            _namespace(tree, kept, self._named(service), container, command, self.home / "keep" / service)
        )

    @staticmethod
    def _venvs() -> Path:
        return environment_python("local").parents[2].resolve()

    @staticmethod
    def _interpreters() -> set[str]:
        """Where the environments' Pythons are installed, which may be in a folder that is closed to others."""
        code = "import sys; print(sys.base_prefix)"
        return {
            subprocess.run(
                [str(environment_python(name)), "-c", code], capture_output=True, text=True, check=True
            ).stdout.strip()
            for name in ("airflow", "local", "spark")
        }

    # --- running ----------------------------------------------------------------------------------------------------

    def _cwd(self, service: str) -> Path:
        return Path("/") if AS_ROOT else self.tree(service) / "opt" / "dwh"

    def start(self, service: str) -> None:
        log = (self.home / f"{service}.log").open("wb")
        self.running[service] = subprocess.Popen(
            self.command(service),
            cwd=self._cwd(service),
            env=self.environ(service),
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def once(self, service: str) -> None:
        done = subprocess.run(
            self.command(service),
            cwd=self._cwd(service),
            env=self.environ(service),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if done.returncode != 0:
            logs = "".join(f"\n{name}:\n{self._log_tail(name)}" for name in self.running)
            pytest.fail(f"{service}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}{logs}")

    def _log_tail(self, service: str) -> str:
        return (self.home / f"{service}.log").read_text(errors="replace")[-3000:]

    def says(self, service: str, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python code where the service would run."""
        environment = "airflow" if self.services[service]["build"]["target"] == "airflow" else "local"
        command = self._inside(service, [str(environment_python(environment)), "-c", code])
        return subprocess.run(
            command,
            cwd=self._cwd(service),
            env=self.environ(service),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def healthy(self, service: str, seconds: float = 300) -> None:
        """Wait until the service's own health check passes."""
        check = [self._moved(str(part)) for part in self.services[service]["healthcheck"]["test"]]
        assert check[:2] == ["CMD", "python"]
        until = time.monotonic() + seconds
        while subprocess.call([sys.executable, *check[2:]], cwd=REPO) != 0:
            process = self.running[service]
            told = self._log_tail(service)
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


def _namespace(
    tree: Path,
    kept: set[Path],
    volumes: list[tuple[Path, str]],
    container: Container,
    command: list[str],
    keep: Path,
) -> Iterator[str]:
    """Lines of a shell script for root: mounts, then the command as the container's user.

    ``kept`` are folders of this machine that the command needs although a mount or a closed folder hides them.
    """
    covers = {path: tree / path[1:] for path in ("/opt", "/var/lib", "/home") if (tree / path[1:]).exists()}
    closed = {str(parent) for path in kept for parent in path.parents if not parent.stat().st_mode & 1}
    closed = {path for path in closed if not any(path.startswith(f"{other}/") for other in closed)}
    hidden = [*covers, *closed]
    saved = {
        path: keep / str(number)
        for number, path in enumerate(sorted(kept))
        if any(str(path).startswith(f"{top}/") for top in hidden)
    }
    inner = ["set -eu"]
    for path, place in saved.items():
        place.mkdir(parents=True, exist_ok=True)
        inner.append(f"mount --rbind {path} {place}")
    for source, target in volumes:
        (tree / target[1:]).mkdir(parents=True, exist_ok=True)
        inner.append(f"mount --bind {source} {tree / target[1:]}")
    inner += [f"mount --rbind {here} {there}" for there, here in covers.items()]
    inner += [f"mount -t tmpfs -o mode=755 tmpfs {path}" for path in sorted(closed)]
    inner += [f"mkdir -p {path} && mount --rbind {place} {path}" for path, place in saved.items()]
    inner += [
        f"mount --bind {mount.target} {mount.target} && mount -o remount,bind,ro {mount.target}"
        for mount in container.mounts
        if mount.read_only
    ]
    uid, gid = container.user
    user = (
        f"setpriv --reuid {uid} --regid {gid} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
    )
    inner += ["cd /opt/dwh", f"exec {user} {shlex.join(command)}"]
    yield f"exec unshare --mount --propagation private sh -c {shlex.quote(chr(10).join(inner))}"


@contextlib.contextmanager
def forwarded(port: int, socket_path: str) -> Iterator[None]:
    """A TCP port of the loopback interface that leads to a Unix socket: the embedded PostgreSQL has no port."""
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back = await asyncio.open_unix_connection(socket_path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back[1]), pump(back[0], writer))

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
