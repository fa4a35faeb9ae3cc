"""The containers of docker-compose.yaml as files: who owns what in them, and which of it a service may write.

Read from Dockerfile and compose file: users, copied files with their owners and modes, folders made, volumes. The two
base images are not read; what is known of them stands in ``_BASES``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from terraform import REPO

ROOT = (0, 0)


@dataclass(frozen=True)
class Entry:
    """A file or folder in an image.

    Attributes:
        owner: user and group, as numbers.
        mode: permission bits.
        source: where its content comes from on this machine; None for an empty folder.
    """

    owner: tuple[int, int]
    mode: int
    source: Path | None = None


@dataclass
class Image:
    """The last state of a build stage.

    Attributes:
        user: whom its processes run as: user and group.
        home: that user's home folder.
        environ: its ENV instructions.
        entries: by absolute path; a folder's entry holds for everything in it that has none of its own.
    """

    user: tuple[int, int] = ROOT
    home: str = "/root"
    environ: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)


# apache/airflow: https://github.com/apache/airflow/blob/main/Dockerfile (AIRFLOW_UID, AIRFLOW_HOME, chown, chmod g+x).
# The official Python image adds nothing that a service of ours writes to.
_BASES: Mapping[str, tuple[dict[str, tuple[int, int]], dict[str, str], dict[str, Entry]]] = {
    "apache/airflow": (
        {"airflow": (50000, 0)},
        {"airflow": "/home/airflow"},
        {
            path: Entry((50000, 0), 0o775)
            for path in ("/home/airflow", "/opt/airflow", "/opt/airflow/dags", "/opt/airflow/logs")
        },
    ),
    "python": ({}, {}, {}),
}


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", joined)
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()


def images(dockerfile: str) -> dict[str, Image]:
    """The named stages of a Dockerfile."""
    found: dict[str, Image] = {}
    image, users, homes = Image(), dict[str, tuple[int, int]](), dict[str, str]()
    for word, rest in _instructions(dockerfile):
        if word == "FROM":
            base, _, name = re.match(r"(\S+)(\s+AS\s+(\S+))?", rest, re.IGNORECASE).groups()  # type: ignore[union-attr]
            told = _BASES[base.partition(":")[0]]
            users, homes = {"root": ROOT, **told[0]}, {"root": "/root", **told[1]}
            image = Image(entries=dict(told[2]))
            if "airflow" in told[0]:
                image.user, image.home = told[0]["airflow"], told[1]["airflow"]
            found[name or base] = image
        elif word == "RUN":
            _run(image, rest, users, homes)
        elif word == "COPY":
            _copy(image, rest, users)
        elif word == "ENV":
            values = dict(part.split("=", 1) for part in shlex.split(rest))
            image.environ.update({key: value for key, value in values.items() if key != "PATH"})
        elif word == "USER":
            image.user = _owner(rest, users)
            names = [name for name, owner in users.items() if owner[0] == image.user[0]]
            image.home = homes[names[0]] if names else "/"
    return found


def _owner(text: str, users: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """``user[:group]`` by names or numbers; a user without a group brings its own."""
    user, _, group = text.partition(":")
    by_number = {owner[0]: owner for owner in users.values()}
    known = users[user] if user in users else by_number.get(int(user), (int(user), 0))
    groups = {name: owner[1] for name, owner in users.items()} | {"root": 0}
    return known[0], (groups[group] if group in groups else int(group)) if group else known[1]


def _run(image: Image, command: str, users: dict[str, tuple[int, int]], homes: dict[str, str]) -> None:
    """The users, folders and owners that a RUN instruction makes."""
    for part in re.split(r"&&", command):
        words = shlex.split(part)
        if words[:1] == ["groupadd"]:
            users[words[-1]] = (-1, int(words[words.index("--gid") + 1]))
        elif words[:1] == ["useradd"]:
            name, uid = words[-1], int(words[words.index("--uid") + 1])
            users[name] = (uid, users[words[words.index("--gid") + 1]][1])
            homes[name] = f"/home/{name}"
            image.entries[homes[name]] = Entry(users[name], 0o755)
        elif words[:1] == ["mkdir"]:
            image.entries.update({path: Entry(ROOT, 0o755) for path in words if path.startswith("/")})
        elif words[:1] == ["chown"]:
            for path in words[2:]:
                image.entries[path] = Entry(_owner(words[1], users), image.entries[path].mode)


def _copy(image: Image, rest: str, users: Mapping[str, tuple[int, int]]) -> None:
    words = shlex.split(rest)
    flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    if "from" in flags:
        return  # made in another stage, owned by root
    owner = _owner(flags["chown"], users) if "chown" in flags else ROOT
    for name in sources:
        path = str(PurePosixPath("/opt/dwh") / target)
        here = REPO / name
        mode = int(flags["chmod"], 8) if "chmod" in flags else 0o755 if here.is_dir() else 0o644
        image.entries[path] = Entry(owner, mode, here)


@dataclass(frozen=True)
class Mount:
    """A volume (``source`` is None) or a file or folder of the machine, mounted into a container."""

    target: str
    source: Path | None
    read_only: bool


class Container:
    """What one service sees and may do.

    Args:
        service: its part of the compose file.
        image: what it is made of.
    """

    def __init__(self, service: Mapping[str, Any], image: Image) -> None:
        self.image = image
        self.user = _owner(str(service["user"]), {}) if "user" in service else image.user
        self.read_only = bool(service.get("read_only"))
        self.mounts = [_mount(text) for text in service.get("volumes", [])]

    def _entry(self, path: str) -> tuple[str, Entry]:
        """The entry that says most about a path, and where it stands."""
        for parent in (PurePosixPath(path), *PurePosixPath(path).parents):
            if (found := self.image.entries.get(str(parent))) is not None:
                return str(parent), found
        return "/", Entry(ROOT, 0o755)

    def permissions(self, path: str) -> int:
        """What the service's user may do with a path: a sum of 4 (read), 2 (write) and 1 (enter)."""
        for mount in sorted(self.mounts, key=lambda mount: -len(mount.target)):
            if path == mount.target or path.startswith(f"{mount.target}/"):
                if mount.source is None:
                    # An empty volume takes owner and mode of the image's folder; where there is none, root owns it.
                    at, entry = self._entry(mount.target)
                    bits = _bits(entry if at == mount.target else Entry(ROOT, 0o755), self.user)
                else:
                    # Whoever checked the repository out owns it, and is not the container's user.
                    bits = (REPO / mount.source).stat().st_mode & 7
                return bits & ~2 if mount.read_only else bits
        bits = _bits(self._entry(path)[1], self.user)
        return bits & ~2 if self.read_only else bits

    def may_write(self, path: str) -> bool:
        return bool(self.permissions(path) & 2)

    def build(self, tree: Path, owners: bool) -> None:
        """Write the container's files under a folder.

        Args:
            tree: stands for the container's ``/``.
            owners: give them the container's owners and modes, which takes root; else the calling user may do with
                each what the container's user may.
        """
        for path, entry in sorted(self.image.entries.items()):
            here = tree / path[1:]
            if entry.source is None:
                here.mkdir(parents=True, exist_ok=True)
            elif entry.source.is_dir():
                shutil.copytree(
                    entry.source,
                    here,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__", ".venv"),
                )
            else:
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(entry.source, here)
        for mount in self.mounts:
            here = tree / mount.target[1:]
            if mount.source is not None and not (REPO / mount.source).is_dir():
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(REPO / mount.source, here)
            else:
                here.mkdir(parents=True, exist_ok=True)
        inside = [path for path in tree.rglob("*") if not path.is_symlink()]
        for here in sorted(inside, key=lambda path: -len(path.parts)):
            self._protect(here, f"/{here.relative_to(tree)}", owners)

    def _protect(self, here: Path, path: str, owners: bool) -> None:
        bits = self.permissions(path) | (1 if here.is_dir() else 0)
        mounted = any(path == m.target or path.startswith(f"{m.target}/") for m in self.mounts)
        at, entry = self._entry(path)
        if not owners:
            here.chmod(bits << 6)
        elif mounted:
            os.chown(here, *self.user)
            here.chmod(bits << 6)
        else:
            os.chown(here, *entry.owner)
            here.chmod(entry.mode if at == path else 0o755 if here.is_dir() else 0o644)


def _bits(entry: Entry, user: tuple[int, int]) -> int:
    """Permissions of a user on an entry; root of a container without capabilities is a user like any other."""
    if entry.owner[0] == user[0]:
        return entry.mode >> 6 & 7
    if entry.owner[1] == user[1]:
        return entry.mode >> 3 & 7
    return entry.mode & 7


def _mount(text: str) -> Mount:
    source, target, *options = text.split(":")
    bind = source.startswith((".", "/"))
    return Mount(target, Path(source) if bind else None, "ro" in options[0].split(",") if options else False)


# --- what `docker compose up --wait` does -----------------------------------------------------------------------------


def active(services: Mapping[str, Mapping[str, Any]], profiles: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The services that a set of profiles starts."""
    return {
        name: service
        for name, service in services.items()
        if not service.get("profiles") or set(service["profiles"]) & set(profiles)
    }


def wait_fault(services: Mapping[str, Mapping[str, Any]], profiles: Sequence[str]) -> str:
    """Why ``up --wait`` cannot end well; empty when it can.

    Compose waits until each service is running or, where it has a health check, healthy, and gives up when its
    container has exited. A service that another one needs as ``service_completed_successfully`` is awaited as
    completed instead.
    Source: docker/compose, pkg/compose/start.go, getDependencyCondition, and convergence.go, waitDependencies.
    """
    started = active(services, profiles)
    completed = {
        needed
        for service in started.values()
        for needed, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    for name, service in started.items():
        ends = service["restart"] not in ("always", "unless-stopped")
        if ends and name not in completed:
            return f"{name} ends, and no service of these profiles waits for its completion"
        if not ends and name in completed:
            return f"{name} never ends, and a service waits for its completion"
        if not ends and not service.get("healthcheck", {}).get("test"):
            return f"{name} has no health check: it counts as ready when its process starts"
        for needed, how in service.get("depends_on", {}).items():
            if needed not in started:
                return f"{name} needs {needed}, which these profiles do not start"
            if how["condition"] == "service_healthy" and not services[needed].get("healthcheck", {}).get(
                "test"
            ):
                return f"{name} waits for the health of {needed}, which has no check"
    return ""
